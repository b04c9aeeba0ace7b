//! The rows of the ledgers: what each tool writes of what it has applied.

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::migrations::sql::load::repeatable_id;
use crate::migrations::sql::version::Version;
use crate::migrations::{AppliedMigration, Covers, Tool};

/// Takes the rows of one ledger.
pub(super) struct Reader {
    tool: Tool,
    applied: Vec<AppliedMigration>,
    /// Why what was applied is not known.
    doubt: Option<String>,
}

impl Reader {
    pub(super) const fn new(tool: Tool) -> Self {
        Self { tool, applied: Vec::new(), doubt: None }
    }

    pub(super) fn take(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        let applied = match self.tool {
            Tool::Sqlx => Some(of_sqlx(row)?),
            Tool::Flyway => self.of_flyway(row)?,
            Tool::GolangMigrate => Some(AppliedMigration {
                success: !row.try_get::<bool, _>("dirty")?,
                covers: Covers::Older,
                ..of_version(row)?
            }),
            Tool::Alembic => {
                Some(AppliedMigration { covers: Covers::Ancestors, ..of_version(row)? })
            }
            Tool::Diesel | Tool::Numbered | Tool::Command => Some(of_version(row)?),
        };
        self.applied.extend(applied);
        Ok(())
    }

    /// Returns the rows.
    ///
    /// # Errors
    ///
    /// Why they do not tell what was applied; it follows the table's name.
    pub(super) fn finish(self) -> Result<Vec<AppliedMigration>, String> {
        match self.doubt {
            Some(doubt) => Err(doubt),
            None => Ok(self.applied),
        }
    }

    /// Source: `flyway_schema_history`; a row without a version is one of a repeatable
    /// migration, which is there once for each time.
    fn of_flyway(&mut self, row: &PgRow) -> Result<Option<AppliedMigration>, sqlx::Error> {
        let kind: String = row.try_get("type")?;
        let version: Option<String> = row.try_get("version")?;
        let description: String = row.try_get("description")?;
        let checksum: Option<i32> = row.try_get("checksum")?;
        let id = match (&version, kind.as_str()) {
            (_, "SCHEMA") => return Ok(None),
            (_, "DELETE" | "UNDO_SQL" | "UNDO_JDBC") => {
                let doubt = "has rows of what was undone or deleted: `flyway info` tells more";
                self.doubt = Some(doubt.to_owned());
                return Ok(None);
            }
            (Some(version), _) => {
                Version::read(version).map_or_else(|| version.clone(), |read| read.to_string())
            }
            (None, _) => repeatable_id(&description),
        };
        if version.is_none() {
            self.applied.retain(|earlier| earlier.id != id);
        }
        Ok(Some(AppliedMigration {
            id,
            description,
            installed_on: None,
            success: row.try_get("success")?,
            checksum: checksum.map(|sum| sum.to_be_bytes().to_vec()).unwrap_or_default(),
            covers: match kind.as_str() {
                "BASELINE" => Covers::OlderAsBaseline,
                "SQL_BASELINE" => Covers::Older,
                _ => Covers::Itself,
            },
        }))
    }
}

fn of_sqlx(row: &PgRow) -> Result<AppliedMigration, sqlx::Error> {
    Ok(AppliedMigration {
        id: row.try_get::<i64, _>("version")?.to_string(),
        description: row.try_get("description")?,
        installed_on: Some(row.try_get("installed_on")?),
        success: row.try_get("success")?,
        checksum: row.try_get("checksum")?,
        covers: Covers::Itself,
    })
}

fn of_version(row: &PgRow) -> Result<AppliedMigration, sqlx::Error> {
    Ok(AppliedMigration { id: row.try_get("version")?, success: true, ..Default::default() })
}
