//! The rows of `migrate`: the project's migrations against the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::migrations::{AppliedMigration, Ledger, MigrationFile, MigrationState};
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
    /// The tool whose files and ledger these are: `sql`.
    pub kind: &'static str,
    /// The newest migrations of the project; exactly one when all is well.
    pub heads: Vec<String>,
    /// The files of each version that several of them claim; none when all is well.
    pub shared: Vec<Vec<String>>,
    /// What the database is at: the newest version that was applied; `None`: not known.
    pub current: Option<Vec<String>>,
    /// Files that were not applied, in order; `None`: not known.
    pub pending: Option<Vec<MigrationRow>>,
    /// What the ledger has and the project does not; `None`: not known.
    pub unknown: Option<Vec<MigrationRow>>,
    /// Files that were edited after they had been applied; `None`: not known.
    pub changed: Option<Vec<MigrationRow>>,
    /// Every migration of the project, oldest first.
    pub history: Vec<MigrationRow>,
    /// What `migrate up` applied in this run, in order.
    pub applied: Vec<MigrationRow>,
    /// `ok`, `missing` or `unreadable`.
    pub ledger: &'static str,
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationRow {
    /// The version, as the file's name spells it.
    pub id: String,
    /// The words behind the version.
    pub description: String,
    /// The file; `None` when the project has none.
    pub file: Option<String>,
    /// When it was applied, RFC 3339 in UTC by the server's clock; `None`: not applied.
    pub applied_at: Option<String>,
    /// Whether it ran to its end; `None`: not applied.
    pub success: Option<bool>,
    /// How long it took in this run; `None` outside `migrate up`.
    pub duration_ms: Option<u64>,
}

/// Returns the rows for a state; `applied` is what this run applied, and how long it took.
pub fn rows(state: &MigrationState, applied: Vec<(i64, Duration)>) -> MigrateRows {
    let ledger: BTreeMap<i64, &AppliedMigration> = state
        .applied()
        .unwrap_or_default()
        .iter()
        .map(|applied| (applied.version, applied))
        .collect();
    let file_row = |file: &MigrationFile| row(Some(file), ledger.get(&file.version).copied());
    let took = |version: i64, took: Duration| {
        let mut row = row(state.file(version), ledger.get(&version).copied());
        row.duration_ms = u64::try_from(took.as_millis()).ok();
        row
    };
    MigrateRows {
        migrations: MigrationRows {
            kind: "sql",
            heads: names(&state.heads()),
            shared: state.shared_versions().iter().map(|files| names(files)).collect(),
            current: state.applied().ok().map(|applied| {
                let newest = applied.iter().map(|applied| applied.version).max();
                newest.map(|version| version.to_string()).into_iter().collect()
            }),
            pending: state.pending().ok().map(|files| files.into_iter().map(file_row).collect()),
            unknown: state.unknown().ok().map(|unknown| {
                unknown.into_iter().map(|applied| row(None, Some(applied))).collect()
            }),
            changed: state.changed().ok().map(|changed| {
                changed.into_iter().map(|(file, applied)| row(Some(file), Some(applied))).collect()
            }),
            history: state.files.iter().map(file_row).collect(),
            applied: applied.into_iter().map(|(version, time)| took(version, time)).collect(),
            ledger: match state.ledger {
                Ledger::Missing => "missing",
                Ledger::Read(_) => "ok",
                Ledger::Unreadable(_) => "unreadable",
            },
        },
    }
}

fn names(files: &[&MigrationFile]) -> Vec<String> {
    files.iter().map(|file| file.file.clone()).collect()
}

fn row(file: Option<&MigrationFile>, applied: Option<&AppliedMigration>) -> MigrationRow {
    let version = file.map(|file| file.version).or(applied.map(|applied| applied.version));
    let description = file
        .map(|file| file.description.clone())
        .or_else(|| applied.map(|applied| applied.description.clone()));
    MigrationRow {
        id: version.unwrap_or_default().to_string(),
        description: description.unwrap_or_default(),
        file: file.map(|file| file.file.clone()),
        applied_at: applied.map(|applied| timestamp(applied.installed_on)),
        success: applied.map(|applied| applied.success),
        duration_ms: None,
    }
}
