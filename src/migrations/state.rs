//! The project's migrations against the ledger: what is pending, unknown, changed.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use super::sql::version::Version;
use super::{AppliedMigration, Covers, Ledger, MigrationFile, Migrations, Tool};

/// The project's migrations against the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// The migrations.
    pub project: Migrations,
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
            Ledger::Unreadable(reason) | Ledger::None(reason) => Err(reason),
        }
    }

    /// Returns what the database is at: the rows of Alembic's ledger, else the newest
    /// version that was applied.
    ///
    /// # Errors
    ///
    /// The reason why the ledger could not be read.
    pub fn current(&self) -> Result<Vec<&str>, &str> {
        let mut ids: Vec<&str> = self.applied()?.iter().map(|row| row.id.as_str()).collect();
        if self.project.tool == Tool::Alembic {
            ids.sort_unstable();
            return Ok(ids);
        }
        let newest = ids.into_iter().filter_map(|id| Some((Version::read(id)?, id))).max();
        Ok(newest.map(|(_, id)| id).into_iter().collect())
    }

    /// Returns the migrations that were not applied, in order.
    ///
    /// # Errors
    ///
    /// The reason why that is not known: the ledger could not be read, or has what the
    /// project's branches would have to be followed from.
    pub fn pending(&self) -> Result<Vec<&MigrationFile>, String> {
        let rows = self.applied()?;
        let is_graph = self.project.tool == Tool::Alembic;
        if let Some(doubt) = self.project.doubt() {
            return Err(doubt);
        }
        if is_graph && let Some(unknown) = self.unknown()?.first() {
            return Err(format!("the database is at {}, which no file has", unknown.id));
        }
        let applied = self.covered(rows);
        if is_graph {
            let graph = Graph::of(&self.project.files);
            let ids: Vec<&str> = applied.into_iter().collect();
            let pending = graph.pending(&graph.ancestors(&ids)).into_iter();
            return Ok(pending.map(|at| &self.project.files[at]).collect());
        }
        let is_pending = |file: &&MigrationFile| {
            !applied.contains(file.id.as_str())
                || file.repeatable && rows.iter().all(|row| !is_same_repeatable(file, row))
        };
        Ok(self.project.files.iter().filter(is_pending).collect())
    }

    /// Returns what the ledger has and the project does not.
    ///
    /// # Errors
    ///
    /// The reason why that is not known.
    pub fn unknown(&self) -> Result<Vec<&AppliedMigration>, String> {
        let rows = self.applied()?;
        if self.project.tool == Tool::Alembic
            && let Some(doubt) = self.project.doubt()
        {
            return Err(doubt);
        }
        let known: BTreeSet<&str> = self.project.files.iter().map(|file| &*file.id).collect();
        let is_unknown = |row: &&AppliedMigration| {
            row.covers != Covers::OlderAsBaseline && !known.contains(row.id.as_str())
        };
        Ok(rows.iter().filter(is_unknown).collect())
    }

    /// Returns the files that were edited after they had been applied; a file that is
    /// applied again when it has changed is not among them.
    ///
    /// # Errors
    ///
    /// The reason why the ledger could not be read.
    pub fn changed(&self) -> Result<Vec<(&MigrationFile, &AppliedMigration)>, &str> {
        if !self.project.tool.keeps_checksums() {
            return self.applied().map(|_| Vec::new());
        }
        let applied = self.by_id()?;
        Ok(self
            .project
            .files
            .iter()
            .filter(|file| !file.repeatable)
            .filter_map(|file| Some((file, *applied.get(file.id.as_str())?)))
            .filter(|(_, row)| self.project.tool == Tool::Sqlx || !row.checksum.is_empty())
            .filter(|(file, row)| file.checksum != row.checksum)
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

    /// Returns the ids of all migrations that count as applied.
    ///
    /// # Errors
    ///
    /// The reason why that is not known.
    pub fn applied_ids(&self) -> Result<BTreeSet<&str>, String> {
        let rows = self.applied()?;
        Ok(self.covered(rows))
    }

    fn covered<'a>(&'a self, rows: &'a [AppliedMigration]) -> BTreeSet<&'a str> {
        let mut ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let covered = |row: &AppliedMigration| {
            matches!(row.covers, Covers::Older | Covers::OlderAsBaseline)
                .then(|| Version::read(&row.id))?
        };
        if let Some(newest) = rows.iter().filter_map(covered).max() {
            let older = self.project.files.iter().filter(|file| {
                !file.repeatable && Version::read(&file.id).is_some_and(|one| one <= newest)
            });
            ids.extend(older.map(|file| file.id.as_str()));
        }
        if rows.iter().any(|row| row.covers == Covers::Ancestors) {
            let graph = Graph::of(&self.project.files);
            let of: Vec<&str> = ids.iter().copied().collect();
            ids.extend(graph.ancestors(&of).into_iter().map(|at| &*self.project.files[at].id));
        }
        ids
    }

    fn by_id(&self) -> Result<BTreeMap<&str, &AppliedMigration>, &str> {
        Ok(self.applied()?.iter().map(|applied| (applied.id.as_str(), applied)).collect())
    }
}

/// Tells whether a row says that a repeatable file was applied as it is now.
fn is_same_repeatable(file: &MigrationFile, row: &AppliedMigration) -> bool {
    row.id == file.id && row.checksum == file.checksum
}
