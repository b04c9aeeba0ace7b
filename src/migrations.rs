//! Migrations: what the project's files say, what the ledger says, and what follows from
//! the two, for every tool in one model. Pure, but for the loading of files in `load`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::failure::{Failure, FailureKind};
use crate::ident::Identifier;

pub mod alembic;
pub mod command;
pub mod graph;
pub mod load;
pub mod sql;
mod state;
pub mod tool;

use graph::Graph;

pub use state::MigrationState;

/// The tool whose files and whose ledger these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// sqlx; this program applies its files too.
    Sqlx,
    /// Numbered files in no tool's own naming.
    Numbered,
    /// Flyway.
    Flyway,
    /// Diesel.
    Diesel,
    /// golang-migrate.
    GolangMigrate,
    /// Alembic.
    Alembic,
    /// Any program, which alone knows.
    Command,
}

impl Tool {
    /// Returns the kind in the registry that stands for it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Alembic => "alembic",
            Self::Command => "command",
            _ => "sql",
        }
    }

    /// Returns its name, as a reader knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlx => "sqlx",
            Self::Numbered => "no tool that is known",
            Self::Flyway => "Flyway",
            Self::Diesel => "Diesel",
            Self::GolangMigrate => "golang-migrate",
            Self::Alembic => "Alembic",
            Self::Command => "the project's own program",
        }
    }

    /// Returns the name of its ledger; `None` where there is none to be read.
    pub const fn ledger(self) -> Option<&'static str> {
        match self {
            Self::Sqlx => Some("_sqlx_migrations"),
            Self::Flyway => Some("flyway_schema_history"),
            Self::Diesel => Some("__diesel_schema_migrations"),
            Self::GolangMigrate => Some("schema_migrations"),
            Self::Alembic => Some("alembic_version"),
            Self::Numbered | Self::Command => None,
        }
    }

    /// Tells whether its ledger keeps what shows an edit: a checksum of each file.
    pub const fn keeps_checksums(self) -> bool {
        matches!(self, Self::Sqlx | Self::Flyway)
    }
}

/// A migration of the project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MigrationFile {
    /// What the ledger calls it: the version without leading zeros, or the revision.
    pub id: String,
    /// What it is for: the words of the file's name, or the first paragraph of its docstring.
    pub description: String,
    /// The file, as the report names it.
    pub file: String,
    /// The line that says the id, counted from 1.
    pub line: usize,
    /// The line that says what it follows, counted from 1.
    pub parents_line: usize,
    /// The revisions that it follows; empty for files that are ordered by their version.
    pub parents: Vec<String>,
    /// Further revisions, or their labels, that have to be there before it.
    pub depends_on: Vec<String>,
    /// Names that it gives to its branch.
    pub labels: Vec<String>,
    /// What the ledger keeps to notice an edit; empty where it keeps nothing.
    pub checksum: Vec<u8>,
    /// Whether it is applied again whenever it has changed, after all others.
    pub repeatable: bool,
    /// What it does, where that is SQL.
    pub script: Option<Script>,
}

/// The SQL of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// The statements.
    pub sql: String,
    /// Whether it asks to run outside a transaction.
    pub no_transaction: bool,
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppliedMigration {
    /// What was applied.
    pub id: String,
    /// Its description when it was applied; empty where the ledger keeps none.
    pub description: String,
    /// When, by the server's clock, in UTC; `None` where the ledger does not say.
    pub installed_on: Option<DateTime<Utc>>,
    /// Whether it ran to its end.
    pub success: bool,
    /// The checksum of the file as it was applied; empty where the ledger keeps none.
    pub checksum: Vec<u8>,
    /// What the row says of other migrations.
    pub covers: Covers,
}

/// What a row of a ledger says besides that its own migration was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Covers {
    /// Nothing.
    #[default]
    Itself,
    /// Every older version was applied too.
    Older,
    /// Every older version counts as applied, and the row itself is no migration.
    OlderAsBaseline,
    /// Everything that it follows or depends on was applied too.
    Ancestors,
}

/// The table of applied migrations, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ledger {
    /// There is no such table: nothing was ever applied.
    Missing,
    /// The rows, by version.
    Read(Vec<AppliedMigration>),
    /// The table is there, or may be, and could not be read; with the reason.
    Unreadable(String),
    /// The tool keeps none that can be read; with the reason.
    None(String),
}

/// Something in the project's files that cannot be known without running them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The file, as the report names it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What cannot be known, as a sentence without a full stop.
    pub reason: String,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// The project's migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations {
    /// The tool that they are for.
    pub tool: Tool,
    /// The folder, as the report names it; of Alembic its configuration.
    pub folder: String,
    /// The migrations: those with a version in the order in which a new database gets them,
    /// those that follow one another as their folder lists them.
    pub files: Vec<MigrationFile>,
    /// What of the files could not be read without running them.
    pub doubts: Vec<Doubt>,
    /// What the reader should know; sentences without a full stop.
    pub notes: Vec<String>,
    /// How the project calls the ledger.
    pub ledger: LedgerName,
}

/// How a project calls its ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LedgerName {
    /// As the tool does.
    #[default]
    Usual,
    /// In its own way.
    Named {
        /// The schema; `None`: the first of the search path that has it.
        schema: Option<String>,
        /// The table.
        table: String,
    },
    /// By a name that is computed in this line of Alembic's `env.py`, counted from 1.
    Computed(usize),
}

impl MigrationFile {
    /// Makes a file that is ordered by its version.
    pub fn of_version(
        id: impl Into<String>,
        description: impl Into<String>,
        file: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            description: description.into(),
            file: file.into(),
            line: 1,
            parents_line: 1,
            ..Self::default()
        }
    }

    /// Returns the statements; empty where it is no SQL.
    pub fn sql(&self) -> &str {
        self.script.as_ref().map_or("", |script| &script.sql)
    }

    /// Tells whether it asks to run outside a transaction.
    pub fn no_transaction(&self) -> bool {
        self.script.as_ref().is_some_and(|script| script.no_transaction)
    }
}

impl Migrations {
    /// Makes migrations without doubts and notes.
    pub fn new(tool: Tool, folder: impl Into<String>, files: Vec<MigrationFile>) -> Self {
        let (folder, ledger) = (folder.into(), LedgerName::Usual);
        Self { tool, folder, files, doubts: Vec::new(), notes: Vec::new(), ledger }
    }

    /// Returns the migrations in the order in which a new database gets them.
    pub fn in_order(&self) -> Vec<&MigrationFile> {
        if self.tool != Tool::Alembic {
            return self.files.iter().collect();
        }
        let mut newest_first = Graph::of(&self.files).newest_first();
        // Files that another of the same revision hides are in no order; they are kept.
        let ordered: BTreeSet<usize> = newest_first.iter().copied().collect();
        newest_first.extend((0..self.files.len()).filter(|at| !ordered.contains(at)));
        newest_first.into_iter().rev().map(|at| &self.files[at]).collect()
    }

    /// Returns the newest migrations of the project: one when all is well, several when
    /// branches were not merged or files share a version, none when there is no file.
    pub fn heads(&self) -> Vec<&MigrationFile> {
        if self.tool == Tool::Alembic {
            return Graph::of(&self.files).heads().map(|at| &self.files[at]).collect();
        }
        let newest = self.files.iter().rfind(|file| !file.repeatable).or(self.files.last());
        self.files.iter().filter(|file| newest.is_some_and(|one| one.id == file.id)).collect()
    }

    /// Returns the files that share their version or revision with another: no order can
    /// apply them.
    pub fn shared_versions(&self) -> Vec<Vec<&MigrationFile>> {
        let mut by_id: BTreeMap<&str, Vec<&MigrationFile>> = BTreeMap::new();
        for file in &self.files {
            by_id.entry(&file.id).or_default().push(file);
        }
        let mut order: Vec<&str> = Vec::new();
        for file in &self.files {
            if by_id[file.id.as_str()].len() > 1 && !order.contains(&file.id.as_str()) {
                order.push(&file.id);
            }
        }
        order.into_iter().filter_map(|id| by_id.remove(id)).collect()
    }

    /// Returns the scripts to run on a new database, in order.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Refused`] where files claim the same version, and
    /// [`FailureKind::Project`] for migrations that are no SQL.
    pub fn scripts(&self) -> Result<Vec<&MigrationFile>, Failure> {
        if let Some(files) = self.shared_versions().first() {
            let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
            let message = format!("{} claim the same version", names.join(" and "));
            return Err(Failure::new(FailureKind::Refused, message)
                .hint("give all but one of them, those that no database has seen, a free number"));
        }
        match self.files.iter().find(|file| file.script.is_none()) {
            None if self.tool.kind() == "sql" => Ok(self.files.iter().collect()),
            _ => Err(Failure::new(
                FailureKind::Project,
                format!("the migrations of {} are no SQL", self.folder),
            )),
        }
    }

    /// Returns why the files do not say everything; `None` when they do.
    pub fn doubt(&self) -> Option<String> {
        let first = self.doubts.first()?;
        Some(match self.doubts.len() - 1 {
            0 => first.to_string(),
            more => format!("{first} (and {more} more)"),
        })
    }

    /// Returns the name of the ledger, as SQL spells it; empty where there is none.
    pub fn ledger_name(&self) -> String {
        let name = |name: &str| Identifier::from_catalog(name).to_string();
        match &self.ledger {
            LedgerName::Named { schema: Some(schema), table } => {
                format!("{}.{}", name(schema), name(table))
            }
            LedgerName::Named { schema: None, table } => name(table),
            LedgerName::Usual | LedgerName::Computed(_) => {
                self.tool.ledger().unwrap_or_default().to_owned()
            }
        }
    }

    /// Returns the migration of an id.
    pub fn file(&self, id: &str) -> Option<&MigrationFile> {
        self.files.iter().find(|file| file.id == id)
    }
}

#[cfg(test)]
mod tests;
