//! Reads sqlx's ledger of applied migrations; creates nothing.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::session::{ReadTransaction, SearchPath, Session};
use super::statement;
use crate::failure::{Failure, FailureKind};
use crate::ident::{Identifier, QualifiedName};
use crate::migrations::{AppliedMigration, Ledger};
use crate::snapshot::ServerFacts;

/// The name of the table.
pub(super) const TABLE: &str = "_sqlx_migrations";

/// Reads the ledger of the database that a session is connected to, and what the server
/// says of itself.
///
/// A table that is there but may not be read, or that only another search path finds, is
/// unreadable: that nothing was applied would be a guess.
///
/// # Errors
///
/// When the server cannot be asked at all.
pub async fn read_ledger(session: &mut Session) -> Result<(Ledger, ServerFacts), Failure> {
    let mut transaction = session.begin_read_only(SearchPath::OfTheRole).await?;
    let server = transaction.server().clone();
    let ledger = match find(&mut transaction).await? {
        Place::Nowhere => Ledger::Missing,
        Place::Hidden(reason) => Ledger::Unreadable(reason),
        Place::At(table) => {
            let mut applied = Vec::new();
            let reading = transaction
                .rows(statement::read_ledger(&table), "read the ledger of migrations", |row| {
                    applied.push(applied_migration(row)?);
                    Ok(())
                })
                .await;
            match reading {
                Ok(()) => Ledger::Read(applied),
                Err(error) if error.sqlstate.is_some() => Ledger::Unreadable(format!(
                    "{table} cannot be read: {}",
                    error.failure.causes.join(": ")
                )),
                Err(error) => return Err(error.failure),
            }
        }
    };
    transaction.finish().await?;
    Ok((ledger, server))
}

/// Returns where the ledger is; it must be there and readable.
pub(super) async fn place(session: &mut Session) -> Result<QualifiedName, Failure> {
    let mut transaction = session.begin_read_only(SearchPath::OfTheRole).await?;
    let place = find(&mut transaction).await?;
    transaction.finish().await?;
    match place {
        Place::At(table) => Ok(table),
        Place::Hidden(reason) => Err(unreadable(&reason)),
        Place::Nowhere => Err(unreadable("it is gone again after it was made")),
    }
}

/// Where the ledger is.
enum Place {
    Nowhere,
    Hidden(String),
    At(QualifiedName),
}

async fn find(transaction: &mut ReadTransaction<'_>) -> Result<Place, Failure> {
    let role = transaction.server().role.clone();
    let mut place = Place::Nowhere;
    transaction
        .rows(include_str!("sql/find_ledger.sql"), "look for the ledger", |row| {
            if !matches!(place, Place::Nowhere) {
                return Ok(());
            }
            let table = QualifiedName {
                schema: Identifier::from_catalog(row.try_get::<String, _>("schema")?),
                name: Identifier::from_catalog(TABLE),
            };
            let in_path = row.try_get::<Option<i32>, _>("path_position")?.is_some();
            let may_use: bool = row.try_get("may_use_schema")?;
            let may_read: bool = row.try_get("may_read")?;
            place = match (may_use, in_path, may_read) {
                (false, ..) => Place::Hidden(format!(
                    "{role} may not see {table}; GRANT USAGE ON SCHEMA {} TO {role} would let it",
                    table.schema
                )),
                (true, false, _) => Place::Hidden(format!(
                    "{table} is there, but outside the search path of {role}"
                )),
                (true, true, false) => Place::Hidden(format!(
                    "{role} may not read {table}; GRANT SELECT ON {table} TO {role} would let it"
                )),
                (true, true, true) => Place::At(table),
            };
            Ok(())
        })
        .await?;
    Ok(place)
}

fn applied_migration(row: &PgRow) -> Result<AppliedMigration, sqlx::Error> {
    Ok(AppliedMigration {
        version: row.try_get("version")?,
        description: row.try_get("description")?,
        installed_on: row.try_get("installed_on")?,
        success: row.try_get("success")?,
        checksum: row.try_get("checksum")?,
    })
}

/// Returns the failure for a ledger that cannot be read, where one is needed to go on.
pub fn unreadable(reason: &str) -> Failure {
    Failure::new(FailureKind::Permission, "could not read the ledger of migrations")
        .cause(reason)
        .hint("name the role that migrates with --migration-database-url")
}
