//! The rows of `migrate`: the project's migrations against the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::migrations::alembic::lines::{self, Revision};
use crate::migrations::graph::Graph;
use crate::migrations::{AppliedMigration, Ledger, MigrationFile, MigrationState, Tool};
use crate::report::timestamp;

/// What `migrate` found and did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrateRows {
    /// Files against ledger.
    pub migrations: MigrationRows,
}

/// The project's migrations against the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationRows {
    /// The kind that the registry names: `sql`, `alembic` or `command`.
    pub kind: &'static str,
    /// The tool whose files and ledger these are, such as `sqlx` or `Flyway`.
    pub tool: &'static str,
    /// The newest migrations of the project: files, or Alembic's revisions; exactly one
    /// when all is well.
    pub heads: Vec<String>,
    /// The files of each version or revision that several of them claim; none when all is
    /// well.
    pub shared: Vec<Vec<String>>,
    /// Why Alembic's revisions have no order; none when all is well.
    pub problems: Vec<String>,
    /// What of the files could not be read without running them.
    pub doubts: Vec<String>,
    /// What the database is at: the newest version that was applied, or the revisions of
    /// Alembic's ledger; `None`: not known.
    pub current: Option<Vec<String>>,
    /// Files that were not applied, in order; `None`: not known.
    pub pending: Option<Vec<MigrationRow>>,
    /// What the ledger has and the project does not; `None`: not known.
    pub unknown: Option<Vec<MigrationRow>>,
    /// Files that were edited after they had been applied; `None`: not known, as wherever
    /// the ledger keeps no checksum.
    pub changed: Option<Vec<MigrationRow>>,
    /// Every migration of the project, oldest first.
    pub history: Vec<MigrationRow>,
    /// What `migrate up` applied in this run, in order.
    pub applied: Vec<MigrationRow>,
    /// `ok`, `missing`, `unreadable` or `none`.
    pub ledger: &'static str,
    /// The run of the project's own program by `migrate up`; `None` where there was none.
    pub run: Option<ToolRow>,
}

/// A run of the project's own program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolRow {
    /// The command line.
    pub command: String,
    /// How long it took.
    pub duration_ms: u64,
    /// What it wrote, without passwords, and without the middle where it is long.
    pub output: String,
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationRow {
    /// The version, as the file's name spells it, or the revision.
    pub id: String,
    /// The words behind the version, or the docstring's first paragraph.
    pub description: String,
    /// The file; `None` when the project has none.
    pub file: Option<String>,
    /// When it was applied, RFC 3339 in UTC by the server's clock; `None`: not applied, or
    /// the ledger does not say.
    pub applied_at: Option<String>,
    /// Whether it ran to its end; `None`: not applied, or not known.
    pub success: Option<bool>,
    /// How long it took in this run; `None` outside `migrate up`, and where another
    /// program applied it.
    pub duration_ms: Option<u64>,
    /// What Alembic says of it; `None` for other tools.
    pub revision: Option<RevisionRow>,
}

/// A revision of Alembic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevisionRow {
    /// What it follows.
    pub parents: Vec<String>,
    /// What it depends on besides.
    pub depends_on: Vec<String>,
    /// The branches that it is on, by their labels.
    pub branches: Vec<String>,
    /// Whether nothing follows it.
    pub head: bool,
    /// Whether several follow it.
    pub branch_point: bool,
    /// Whether it follows several.
    pub merge_point: bool,
    /// The revision as `alembic heads`, `current` and `history` print it.
    #[serde(skip)]
    pub printed: Revision,
}

/// Returns the rows for a state; `applied` is what this run applied, and how long each took
/// where that is known.
pub fn rows(state: &MigrationState, applied: Vec<(String, Option<Duration>)>) -> MigrateRows {
    let (project, rows) = (&state.project, Rows::of(state));
    let is_alembic = project.tool == Tool::Alembic;
    let heads = project.heads();
    let problems = match is_alembic {
        true => Graph::of(&project.files).problems().iter().map(ToString::to_string).collect(),
        false => Vec::new(),
    };
    let of_files =
        |files: Vec<&MigrationFile>| files.into_iter().map(|file| rows.file(file)).collect();
    MigrateRows {
        migrations: MigrationRows {
            kind: project.tool.kind(),
            tool: project.tool.name(),
            heads: match is_alembic {
                true => heads.iter().map(|head| head.id.clone()).collect(),
                false => names(&heads),
            },
            shared: project.shared_versions().iter().map(|files| names(files)).collect(),
            problems,
            doubts: project.doubts.iter().map(ToString::to_string).collect(),
            current: state.current().ok().map(|ids| ids.into_iter().map(str::to_owned).collect()),
            pending: state.pending().ok().map(of_files),
            unknown: state.unknown().ok().map(|unknown| {
                unknown.into_iter().map(|applied| rows.row(None, Some(applied))).collect()
            }),
            changed: state
                .changed()
                .ok()
                .filter(|_| project.tool.keeps_checksums())
                .map(|changed| changed.into_iter().map(|(file, _)| rows.file(file)).collect()),
            history: of_files(project.in_order()),
            applied: applied.iter().map(|(id, took)| rows.applied(id, *took)).collect(),
            ledger: match state.ledger {
                Ledger::Missing => "missing",
                Ledger::Read(_) => "ok",
                Ledger::Unreadable(_) => "unreadable",
                Ledger::None(_) => "none",
            },
            run: None,
        },
    }
}

fn names(files: &[&MigrationFile]) -> Vec<String> {
    files.iter().map(|file| file.file.clone()).collect()
}

/// What rows are made of.
struct Rows<'a> {
    state: &'a MigrationState,
    ledger: BTreeMap<&'a str, &'a AppliedMigration>,
    /// What counts as applied.
    covered: BTreeSet<&'a str>,
    revisions: BTreeMap<String, Revision>,
}

impl<'a> Rows<'a> {
    fn of(state: &'a MigrationState) -> Self {
        let applied = state.applied().unwrap_or_default();
        let is_alembic = state.project.tool == Tool::Alembic;
        let files = if is_alembic { &state.project.files[..] } else { &[] };
        Self {
            state,
            ledger: applied.iter().map(|applied| (applied.id.as_str(), applied)).collect(),
            covered: state.applied_ids().unwrap_or_default(),
            revisions: lines::revisions(files)
                .into_iter()
                .map(|one| (one.id.clone(), one))
                .collect(),
        }
    }

    fn file(&self, file: &MigrationFile) -> MigrationRow {
        self.row(Some(file), self.ledger.get(file.id.as_str()).copied())
    }

    fn applied(&self, id: &str, took: Option<Duration>) -> MigrationRow {
        let mut row = self.row(self.state.project.file(id), self.ledger.get(id).copied());
        row.duration_ms = took.and_then(|took| u64::try_from(took.as_millis()).ok());
        row
    }

    fn row(
        &self,
        file: Option<&MigrationFile>,
        applied: Option<&AppliedMigration>,
    ) -> MigrationRow {
        let id = file.map(|file| &file.id).or(applied.map(|applied| &applied.id));
        let id = id.cloned().unwrap_or_default();
        let description = file
            .map(|file| file.description.clone())
            .or_else(|| applied.map(|applied| applied.description.clone()));
        let covered = self.covered.contains(id.as_str()).then_some(true);
        MigrationRow {
            description: description.unwrap_or_default(),
            file: file.map(|file| file.file.clone()),
            applied_at: applied.and_then(|applied| applied.installed_on).map(timestamp),
            success: applied.map(|applied| applied.success).or(covered),
            duration_ms: None,
            revision: self.revisions.get(&id).map(RevisionRow::of),
            id,
        }
    }
}

impl RevisionRow {
    fn of(revision: &Revision) -> Self {
        Self {
            parents: revision.parents.clone(),
            depends_on: revision.depends_on.clone(),
            branches: revision.branches.clone(),
            head: revision.is_head,
            branch_point: revision.is_branch_point,
            merge_point: revision.is_merge_point,
            printed: revision.clone(),
        }
    }
}
