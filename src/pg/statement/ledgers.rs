//! Statements about the ledgers of applied migrations.

use sqlx::AssertSqlSafe;

use crate::ident::QualifiedName;
use crate::migrations::Tool;

/// Returns the query that reads the ledger of a tool; `None` for a tool without one.
pub(in crate::pg) fn read_ledger(
    tool: Tool,
    table: &QualifiedName,
) -> Option<AssertSqlSafe<String>> {
    Some(AssertSqlSafe(match tool {
        Tool::Sqlx => format!(
            "SELECT version, description, installed_on, success, checksum FROM {table} \
             ORDER BY version"
        ),
        Tool::Flyway => format!(
            "SELECT version::text AS version, description::text AS description, \
             type::text AS type, checksum::int4 AS checksum, success FROM {table} \
             ORDER BY installed_rank"
        ),
        Tool::Diesel => format!("SELECT version::text AS version FROM {table} ORDER BY 1"),
        Tool::GolangMigrate => {
            format!("SELECT version::text AS version, dirty FROM {table} ORDER BY 1")
        }
        Tool::Alembic => format!("SELECT version_num::text AS version FROM {table} ORDER BY 1"),
        Tool::Numbered | Tool::Command => return None,
    }))
}

/// Returns the statement that adds a migration to sqlx's ledger: version, description,
/// checksum, and nanoseconds that it took.
pub(in crate::pg) fn record_migration(ledger: &QualifiedName) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "INSERT INTO {ledger} (version, description, success, checksum, execution_time) \
         VALUES ($1, $2, true, $3, $4)"
    ))
}
