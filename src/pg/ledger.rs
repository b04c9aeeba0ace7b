//! Reads the ledger of applied migrations, whichever tool keeps it; creates nothing.

use sqlx::Row;

use super::session::{ReadTransaction, SearchPath, Session};
use super::statement::ledgers;
use crate::failure::{Failure, FailureKind};
use crate::ident::{Identifier, QualifiedName};
use crate::migrations::{Ledger, LedgerName, Migrations, Tool, command};
use crate::snapshot::ServerFacts;

mod rows;

/// The name of sqlx's table.
pub(super) const TABLE: &str = "_sqlx_migrations";

/// A ledger as it was found.
#[derive(Debug)]
pub struct LedgerRead {
    /// The ledger.
    pub ledger: Ledger,
    /// Whose it is: files may be named as those of two tools.
    pub tool: Tool,
    /// What the server says of itself.
    pub server: ServerFacts,
    /// What the reader should know; sentences without a full stop.
    pub notes: Vec<String>,
}

/// Reads the ledger of the database that a session is connected to, and what the server
/// says of itself.
///
/// A table that is there but may not be read, or that only another search path finds, is
/// unreadable: that nothing was applied would be a guess.
///
/// # Errors
///
/// When the server cannot be asked at all.
pub async fn read_ledger(
    session: &mut Session,
    migrations: &Migrations,
) -> Result<LedgerRead, Failure> {
    let mut transaction = session.begin_read_only(SearchPath::OfTheRole).await?;
    let server = transaction.server().clone();
    let mut tool = migrations.tool;
    let mut notes = Vec::new();
    let ledger = match find(&mut transaction, migrations).await? {
        Place::None(reason) => Ledger::None(reason),
        Place::Nowhere => Ledger::Missing,
        Place::Hidden(reason) => Ledger::Unreadable(reason),
        Place::At { table, whose, note } => {
            tool = whose;
            notes.extend(note);
            read(&mut transaction, tool, &table).await?
        }
    };
    transaction.finish().await?;
    Ok(LedgerRead { ledger, tool, server, notes })
}

async fn read(
    transaction: &mut ReadTransaction<'_>,
    tool: Tool,
    table: &QualifiedName,
) -> Result<Ledger, Failure> {
    let Some(query) = ledgers::read_ledger(tool, table) else { return Ok(Ledger::Missing) };
    let mut reader = rows::Reader::new(tool);
    let reading =
        transaction.rows(query, "read the ledger of migrations", |row| reader.take(row)).await;
    Ok(match reading {
        Ok(()) => match reader.finish() {
            Ok(applied) => Ledger::Read(applied),
            Err(why) => Ledger::Unreadable(format!("{table} {why}")),
        },
        Err(error) if error.sqlstate.is_some() => Ledger::Unreadable(format!(
            "{table} cannot be read: {}",
            error.failure.causes.join(": ")
        )),
        Err(error) => return Err(error.failure),
    })
}

/// Returns where sqlx's ledger is; it must be there and readable.
pub(super) async fn place(session: &mut Session) -> Result<QualifiedName, Failure> {
    let mut transaction = session.begin_read_only(SearchPath::OfTheRole).await?;
    let migrations = Migrations::new(Tool::Sqlx, String::new(), Vec::new());
    let place = find(&mut transaction, &migrations).await?;
    transaction.finish().await?;
    match place {
        Place::At { table, .. } => Ok(table),
        Place::Hidden(reason) | Place::None(reason) => Err(unreadable(&reason)),
        Place::Nowhere => Err(unreadable("it is gone again after it was made")),
    }
}

/// Where the ledger is.
enum Place {
    /// The tool has none.
    None(String),
    Nowhere,
    Hidden(String),
    At {
        table: QualifiedName,
        whose: Tool,
        note: Option<String>,
    },
}

/// A table of the right name.
struct Found {
    table: QualifiedName,
    in_path: bool,
    may_use: bool,
    may_read: bool,
    columns: Vec<String>,
}

async fn find(
    transaction: &mut ReadTransaction<'_>,
    migrations: &Migrations,
) -> Result<Place, Failure> {
    let Some(usual) = migrations.tool.ledger() else {
        return Ok(Place::None(match migrations.tool {
            Tool::Command => command::NO_LEDGER.to_owned(),
            _ => format!(
                "there is no ledger to read: the files in {} are named as those of no tool that \
                 is known",
                migrations.folder
            ),
        }));
    };
    let role = transaction.server().role.to_string();
    let (table, schema) = match &migrations.ledger {
        LedgerName::Named { schema, table } => (table.as_str(), schema.as_deref()),
        LedgerName::Usual | LedgerName::Computed(_) => (usual, None),
    };
    let other = Tool::GolangMigrate.ledger().filter(|_| has_ways_back(migrations));
    let names: Vec<&str> = std::iter::once(table).chain(other).collect();
    let found = tables(transaction, &names).await?;
    let is_of = |one: &&Found, name: &str| one.table.name.as_str() == name;
    let is_wanted = |one: &&Found| {
        is_of(one, table) && schema.is_none_or(|schema| one.table.schema.as_str() == schema)
    };
    let own: Vec<&Found> = found
        .iter()
        .filter(is_wanted)
        .filter(|one| migrations.tool != Tool::GolangMigrate || is_golang(one))
        .collect();
    if let Some(first) = own.first() {
        return Ok(chosen(first, own.len(), migrations, schema, &role));
    }
    let theirs =
        found.iter().find(|one| other.is_some_and(|name| is_of(one, name)) && is_golang(one));
    if let Some(theirs) = theirs {
        let migrations = Migrations { tool: Tool::GolangMigrate, ..migrations.clone() };
        return Ok(chosen(theirs, 1, &migrations, None, &role));
    }
    if let LedgerName::Computed(line) = migrations.ledger {
        return Ok(Place::Hidden(format!(
            "env.py computes the name of the ledger in its line {line}, and {table} is not there"
        )));
    }
    Ok(Place::Nowhere)
}

/// Asks for the tables of some names, those in the search path first.
async fn tables(
    transaction: &mut ReadTransaction<'_>,
    names: &[&str],
) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    transaction
        .rows_for(
            include_str!("sql/find_ledger.sql"),
            &[&names.join("\n")],
            "look for the ledger",
            |row| {
                found.push(Found {
                    table: QualifiedName {
                        schema: Identifier::from_catalog(row.try_get::<String, _>("schema")?),
                        name: Identifier::from_catalog(row.try_get::<String, _>("name")?),
                    },
                    in_path: row.try_get::<Option<i32>, _>("path_position")?.is_some(),
                    may_use: row.try_get("may_use_schema")?,
                    may_read: row.try_get("may_read")?,
                    columns: row.try_get("columns")?,
                });
                Ok(())
            },
        )
        .await?;
    Ok(found)
}

/// Settles whether a table that was found may be read for the ledger.
fn chosen(
    found: &Found,
    of_this_name: usize,
    migrations: &Migrations,
    schema: Option<&str>,
    role: &str,
) -> Place {
    let (table, whose) = (&found.table, migrations.tool);
    let mut note = None;
    if let LedgerName::Computed(line) = migrations.ledger {
        note = Some(format!("env.py computes the ledger's name in its line {line}; read: {table}"));
    }
    if !found.may_use {
        return Place::Hidden(format!(
            "{role} may not see {table}; GRANT USAGE ON SCHEMA {} TO {role} would let it",
            table.schema
        ));
    }
    if !found.in_path && schema.is_none() {
        // Of Alembic's, env.py may say the schema in ways that cannot be read; there is no
        // mistaking the only one of its name.
        if whose != Tool::Alembic || of_this_name > 1 {
            return Place::Hidden(format!(
                "{table} is there, but outside the search path of {role}"
            ));
        }
        note = Some(format!("the ledger is outside the search path of {role}: {table}"));
    }
    if !found.may_read {
        return Place::Hidden(format!(
            "{role} may not read {table}; GRANT SELECT ON {table} TO {role} would let it"
        ));
    }
    Place::At { table: table.clone(), whose, note }
}

/// Tells whether a table has the columns of golang-migrate's: others call theirs the same.
fn is_golang(found: &Found) -> bool {
    found.columns == ["dirty", "version"]
}

/// Tells whether files are named as golang-migrate names them too.
fn has_ways_back(migrations: &Migrations) -> bool {
    let files = &migrations.files;
    migrations.tool == Tool::Sqlx
        && !files.is_empty()
        && files.iter().all(|file| file.file.ends_with(".up.sql"))
}

/// Returns the failure for a ledger that cannot be read, where one is needed to go on.
pub fn unreadable(reason: &str) -> Failure {
    Failure::new(FailureKind::Permission, "could not read the ledger of migrations")
        .cause(reason)
        .hint("name the role that migrates with --migration-database-url")
}
