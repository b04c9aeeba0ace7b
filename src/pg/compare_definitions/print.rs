//! One view in one transaction that is rolled back: prints it, makes temporary views of
//! queries, and prints those until nothing changes.

use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Column, Row};

use super::desk::Tried;
use super::look::{Around, Known};
use crate::definitions::{
    Definition, End, FoundIndex, MOST_ROUNDS, Refused, Shown, Stored, ViewColumn,
};
use crate::ident::{Identifier, QualifiedName};
use crate::pg::server_error;
use crate::pg::session::{LockTimeout, Session, no_answer};
use crate::pg::statement::definitions as statement;
use crate::snapshot::ServerFacts;

/// What the server made of a statement.
#[derive(Debug)]
pub(super) enum Made<T> {
    Printed(T),
    /// A lock was in the way.
    Busy,
    /// It did not take the statement.
    Refused(Refused),
}

/// What the server prints of one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Printed {
    pub(super) definition: String,
    pub(super) pretty: String,
    /// Nothing stood behind the query, such as WITH CHECK OPTION.
    pub(super) is_bare: bool,
    columns: Vec<ViewColumn>,
}

impl Printed {
    /// Makes a definition of this print alone.
    pub(super) fn definition(&self, end: End, server_major: i32) -> Definition {
        Definition {
            rounds: vec![self.definition.clone()],
            end,
            pretty: self.pretty.clone(),
            columns: self.columns.clone(),
            server_major,
        }
    }

    pub(super) fn shown(&self) -> Shown {
        Shown::from(&self.definition(End::Settled, 0))
    }
}

/// A view that is looked at, within its transaction.
pub(super) struct Viewing<'a> {
    session: &'a mut Session,
    pub(super) server: &'a ServerFacts,
    pub(super) around: &'a Around,
    pub(super) known: &'a Known,
    /// What is printed of the view as it stands.
    pub(super) first: Printed,
}

impl<'a> Viewing<'a> {
    /// Opens the transaction; `None`: the view is gone. Whoever called it rolls back.
    pub(super) async fn begin(
        session: &'a mut Session,
        server: &'a ServerFacts,
        around: &'a Around,
        known: &'a Known,
        wait: LockTimeout,
    ) -> Result<Made<Option<Self>>, sqlx::Error> {
        let message = statement::begin_and_print(&session.limits(), wait, known.oid);
        let rows = match session.rows_within(message, session.answer_limit()).await {
            Ok(rows) => rows,
            Err(error) => return fault(error, session, 0),
        };
        let viewing = match rows.iter().find(|row| row.column(0).name() == "definition") {
            Some(row) => printed(row)?.map(|first| Self { session, server, around, known, first }),
            None => None,
        };
        Ok(Made::Printed(viewing))
    }

    /// Makes a temporary view of a query that somebody wrote, and prints it.
    pub(super) async fn read(
        &mut self,
        query: &str,
        zone: &str,
    ) -> Result<Made<Printed>, sqlx::Error> {
        let settings = statement::read_as(&self.known.name.schema, zone);
        match self.session.run_within(settings, self.session.answer_limit()).await {
            Ok(()) => self.make(0, query).await,
            Err(error) => fault(error, self.session, 0),
        }
    }

    /// Follows the prints of a temporary view that [`Viewing::read`] made to their end; `None`:
    /// a lock was in the way.
    pub(super) async fn settle(
        &mut self,
        first: Printed,
    ) -> Result<Option<Definition>, sqlx::Error> {
        let mut definition = first.definition(End::Settled, self.server.major());
        for round in 1..=MOST_ROUNDS {
            let text = definition.text().to_owned();
            match self.make(round, &text).await? {
                Made::Printed(next) if next.definition == text => {
                    definition.pretty = next.pretty;
                    return Ok(Some(definition));
                }
                Made::Printed(next) => {
                    definition.pretty = next.pretty;
                    definition.rounds.push(next.definition);
                }
                Made::Busy => return Ok(None),
                Made::Refused(refused) => {
                    definition.end = End::Open(self.own_print_refused(&refused, &text));
                    return Ok(Some(definition));
                }
            }
        }
        let reason =
            format!("what the server prints of it still changes after {MOST_ROUNDS} times");
        definition.end = End::Open(reason);
        Ok(Some(definition))
    }

    /// Follows the prints of the view itself to their end, as [`Viewing::settle`].
    pub(super) async fn settle_own(&mut self) -> Result<Option<Definition>, sqlx::Error> {
        self.session.run_within(statement::FORGET, self.session.answer_limit()).await?;
        self.settle(self.first.clone()).await
    }

    /// Reads all that the server prints of the view.
    pub(super) async fn stored(&mut self) -> Result<Tried<Stored>, sqlx::Error> {
        let indexes = statement::print_indexes(self.known.oid);
        let rows = match self.session.rows_within(indexes, self.session.answer_limit()).await {
            Ok(rows) => rows,
            Err(error) => {
                return Ok(match fault::<()>(error, self.session, 0)? {
                    Made::Refused(refused) => Tried::Refused(refused),
                    Made::Busy | Made::Printed(()) => Tried::Busy,
                });
            }
        };
        let mut indexes = rows.iter().map(index).collect::<Result<Vec<_>, _>>()?;
        indexes.sort();
        let definition = match self.around.why_not(&self.known.name.schema) {
            Some(reason) => Some(self.first.definition(End::Open(reason), self.server.major())),
            None => self.settle_own().await?,
        };
        let stored = definition.map(|definition| Stored { definition, indexes });
        Ok(stored.map_or(Tried::Busy, Tried::Done))
    }

    async fn make(&mut self, number: usize, query: &str) -> Result<Made<Printed>, sqlx::Error> {
        let limit = self.session.answer_limit();
        // Not a simple query: the server then takes one statement and no second one. Unnamed,
        // and inside a transaction: a pooler cannot mix it up.
        let making = sqlx::query(statement::make(number, query)).persistent(false);
        let making = making.execute(self.session.connection());
        let made = match tokio::time::timeout(limit, making).await {
            Ok(made) => made,
            Err(_elapsed) => return Err(no_answer()),
        };
        if let Err(error) = made {
            return fault(error, self.session, statement::before_the_query(number));
        }
        let rows = match self.session.rows_within(statement::print_made(number), limit).await {
            Ok(rows) => rows,
            Err(error) => return fault(error, self.session, 0),
        };
        let printed = rows.last().map(printed).transpose()?.flatten();
        printed.map(Made::Printed).ok_or(sqlx::Error::RowNotFound)
    }

    fn own_print_refused(&self, refused: &Refused, text: &str) -> String {
        let grants = match refused.sqlstate.as_str() {
            "42501" => self.around.grants_for(text),
            _ => String::new(),
        };
        format!("the server does not take its own print of it: {}{grants}", refused.words())
    }
}

/// Sorts out why a statement failed: what the server said of it is told apart from what
/// ended the session, which stays an error. `before`: how many characters of the statement
/// are not the query's.
fn fault<T>(error: sqlx::Error, session: &Session, before: usize) -> Result<Made<T>, sqlx::Error> {
    let Some(said) = server_error::said(&error) else { return Err(error) };
    match said.sqlstate {
        "55P03" | "40P01" => return Ok(Made::Busy),
        "25P03" | "25P04" => return Err(error),
        code if code.starts_with("57P") || code.starts_with("08") => return Err(error),
        _ => {}
    }
    let position = server_error::position(&error);
    Ok(Made::Refused(Refused {
        sqlstate: said.sqlstate.to_owned(),
        message: session.endpoint().resolved.redactor.redact(said.message),
        position: position.and_then(|position| position.checked_sub(before)).filter(|at| *at > 0),
    }))
}

/// Reads a print; `None`: the view went while it was printed.
fn printed(row: &PgRow) -> Result<Option<Printed>, sqlx::Error> {
    let text = |name| row.try_get::<Option<String>, _>(name);
    let (Some(definition), Some(pretty)) = (text("definition")?, text("pretty")?) else {
        return Ok(None);
    };
    let columns: Option<Json<Vec<ColumnRow>>> = row.try_get("columns")?;
    let columns = columns.map(|columns| columns.0).unwrap_or_default();
    Ok(Some(Printed {
        definition: definition.trim().to_owned(),
        pretty: pretty.trim().to_owned(),
        is_bare: row.try_get("is_bare")?,
        columns: columns.into_iter().map(column).collect(),
    }))
}

/// Name, type, and schema and name of the collation.
type ColumnRow = (String, String, Option<String>, Option<String>);

fn column((name, type_name, schema, collation): ColumnRow) -> ViewColumn {
    ViewColumn {
        name: Identifier::from_catalog(name),
        type_name,
        collation: schema
            .zip(collation)
            .map(|(schema, name)| QualifiedName::from_catalog(schema, name)),
    }
}

fn index(row: &PgRow) -> Result<FoundIndex, sqlx::Error> {
    Ok(FoundIndex {
        text: row.try_get("text")?,
        name: Identifier::from_catalog(row.try_get::<String, _>("name")?),
    })
}
