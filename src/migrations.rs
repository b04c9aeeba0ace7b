//! Migrations: what the project's files say, what the ledger says, and what follows from
//! the two. Pure; files are read by `migrations/sql.rs`, the ledger by `pg`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

pub mod sql;

/// A migration file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationFile {
    /// The number in front of the file's name; the order of migrations.
    pub version: i64,
    /// The words behind the number, with spaces for underscores.
    pub description: String,
    /// The file, as the report names it.
    pub file: String,
    /// What the ledger keeps to notice an edit: SHA-384 of the file's bytes.
    pub checksum: Vec<u8>,
    /// Whether the file asks to run outside a transaction.
    pub no_transaction: bool,
    /// The statements.
    pub sql: String,
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// The version that was applied.
    pub version: i64,
    /// Its description when it was applied.
    pub description: String,
    /// When, by the server's clock, in UTC.
    pub installed_on: DateTime<Utc>,
    /// Whether it ran to its end.
    pub success: bool,
    /// The checksum of the file as it was applied.
    pub checksum: Vec<u8>,
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
}

/// The project's migrations against the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// The folder, as the report names it.
    pub folder: String,
    /// The files, by version and name; a version should be there once.
    pub files: Vec<MigrationFile>,
    /// The ledger.
    pub ledger: Ledger,
}

impl MigrationState {
    /// Returns the rows of the ledger.
    ///
    /// # Errors
    ///
    /// The reason why it could not be read.
    pub fn applied(&self) -> Result<&[AppliedMigration], &str> {
        match &self.ledger {
            Ledger::Missing => Ok(&[]),
            Ledger::Read(applied) => Ok(applied),
            Ledger::Unreadable(reason) => Err(reason),
        }
    }

    /// Returns the newest migrations of the project: one when all is well, several when
    /// they share a version, none when there is no file.
    pub fn heads(&self) -> Vec<&MigrationFile> {
        let newest = self.files.last().map(|file| file.version);
        self.files.iter().filter(|file| Some(file.version) == newest).collect()
    }

    /// Returns the files that share their version with another: no order can apply them.
    pub fn shared_versions(&self) -> Vec<Vec<&MigrationFile>> {
        self.files
            .chunk_by(|a, b| a.version == b.version)
            .filter(|files| files.len() > 1)
            .map(|files| files.iter().collect())
            .collect()
    }

    /// Returns the files that were not applied, in order.
    ///
    /// # Errors
    ///
    /// The reason why the ledger could not be read.
    pub fn pending(&self) -> Result<Vec<&MigrationFile>, &str> {
        let applied = self.by_version()?;
        Ok(self.files.iter().filter(|file| !applied.contains_key(&file.version)).collect())
    }

    /// Returns what the ledger has and the project does not.
    ///
    /// # Errors
    ///
    /// The reason why the ledger could not be read.
    pub fn unknown(&self) -> Result<Vec<&AppliedMigration>, &str> {
        let is_known = |version| self.file(version).is_some();
        Ok(self.applied()?.iter().filter(|applied| !is_known(applied.version)).collect())
    }

    /// Returns the files that were edited after they had been applied.
    ///
    /// # Errors
    ///
    /// The reason why the ledger could not be read.
    pub fn changed(&self) -> Result<Vec<(&MigrationFile, &AppliedMigration)>, &str> {
        let applied = self.by_version()?;
        Ok(self
            .files
            .iter()
            .filter_map(|file| Some((file, *applied.get(&file.version)?)))
            .filter(|(file, applied)| file.checksum != applied.checksum)
            .collect())
    }

    /// Returns what the ledger says has not run to its end.
    ///
    /// # Errors
    ///
    /// The reason why the ledger could not be read.
    pub fn half_applied(&self) -> Result<Vec<&AppliedMigration>, &str> {
        Ok(self.applied()?.iter().filter(|applied| !applied.success).collect())
    }

    /// Returns the file of a version.
    pub fn file(&self, version: i64) -> Option<&MigrationFile> {
        let at = self.files.binary_search_by_key(&version, |file| file.version).ok()?;
        Some(&self.files[at])
    }

    fn by_version(&self) -> Result<BTreeMap<i64, &AppliedMigration>, &str> {
        Ok(self.applied()?.iter().map(|applied| (applied.version, applied)).collect())
    }
}
