//! Removes what runs that were killed have left on a server: databases and roles with our
//! marker that are older than an hour, and in which nobody is.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::failure::Failure;
use crate::fresh::Marker;
use crate::ident::{Identifier, RoleName};
use crate::pg::session::Session;
use crate::pg::statement::fresh as statement;

/// Removes what is left over at a time of the server; returns what was, and what could not
/// be, as sentences.
///
/// # Errors
///
/// When the server cannot be asked. What it does not let go of is only told: it stays for
/// somebody who may remove it.
pub(super) async fn remove(
    session: &mut Session,
    now: DateTime<Utc>,
) -> Result<Vec<String>, Failure> {
    let rows = session.rows(include_str!("../sql/find_leftovers.sql")).await;
    let left = rows.and_then(|rows| rows.iter().map(leftover).collect::<Result<Vec<_>, _>>());
    let left = left.map_err(|error| session.failure(&error, "look for what earlier runs left"))?;
    let mut notes = Vec::new();
    // Somebody is at work, whose roles these may be.
    let is_busy = left.iter().any(|one| matches!(one, Leftover::Database { connected: 1.., .. }));
    let may_go = |one: &&Leftover| one.may_go(now) && !(is_busy && one.is_role());
    // Databases come first: a role can go when nothing of it is left in them.
    for leftover in left.iter().filter(may_go) {
        let (what, removed) = match leftover {
            Leftover::Database { name, .. } => {
                // Not by force: whoever came meanwhile keeps it.
                let dropping = session.run(statement::drop_database(name, false));
                (format!("the database {name}"), dropping.await)
            }
            Leftover::Role { name, .. } => {
                (format!("the role {name}"), session.run(statement::drop_role(name)).await)
            }
        };
        notes.push(match removed {
            Ok(()) => format!("{what}, which a run that was killed had left, was removed"),
            Err(error) => {
                let failure = session.failure(&error, "remove it");
                let why = failure.causes.join(": ");
                format!("{what}, which a run that was killed had left, stays: {why}")
            }
        });
    }
    Ok(notes)
}

/// What may be left over.
enum Leftover {
    Database { name: Identifier, comment: Option<String>, connected: i64 },
    Role { name: RoleName, comment: Option<String> },
}

impl Leftover {
    const fn is_role(&self) -> bool {
        matches!(self, Self::Role { .. })
    }

    fn may_go(&self, now: DateTime<Utc>) -> bool {
        let marker: Option<Marker> = match self {
            Self::Database { connected, .. } if *connected > 0 => None,
            Self::Database { name, comment, .. } => {
                Marker::of_database(name.as_str(), comment.as_deref())
            }
            Self::Role { comment, .. } => {
                comment.as_deref().and_then(|comment| comment.parse().ok())
            }
        };
        marker.is_some_and(|marker| marker.is_left_over(now))
    }
}

fn leftover(row: &PgRow) -> Result<Leftover, sqlx::Error> {
    let name: String = row.try_get("name")?;
    let comment = row.try_get("comment")?;
    Ok(match row.try_get::<String, _>("kind")?.as_str() {
        "role" => Leftover::Role { name: RoleName::from_catalog(name), comment },
        _ => Leftover::Database {
            name: Identifier::from_catalog(name),
            comment,
            connected: row.try_get("connected")?,
        },
    })
}
