//! What a database holds, so that one which was empty can be left as it was found: what came
//! is dropped, and what was changed around it is set back.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::failure::Failure;
use crate::pg::session::{Endpoint, Session};
use crate::pg::statement::fresh as statement;

/// Everything in a database that migrations may add or change.
#[derive(Debug, Clone, Default)]
pub(in crate::pg) struct Contents(BTreeMap<String, Content>);

#[derive(Debug, Clone)]
struct Content {
    rank: i32,
    what: What,
    name: String,
    /// The statement that undoes it.
    undo: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// An object that an empty database does not have.
    Object,
    /// A schema or an extension: a database with these alone is empty.
    Frame,
    /// A right, an owner, a setting or a comment; its key is the statement that makes it so.
    State,
}

impl Contents {
    /// Reads what is there.
    pub(super) async fn read(session: &mut Session) -> Result<Self, Failure> {
        let rows = session.rows(include_str!("../sql/read_contents.sql")).await;
        let read = rows.and_then(|rows| rows.iter().map(content).collect());
        read.map(Self).map_err(|error| session.failure(&error, "see what the database holds"))
    }

    /// Returns the names of what an empty database does not have.
    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        let objects = self.0.values().filter(|content| content.what == What::Object);
        objects.map(|content| content.name.as_str())
    }

    /// Returns the statements that bring this back to what it was before, in order.
    fn undoing(&self, before: &Self) -> Vec<String> {
        let mut statements: Vec<(i32, &str)> = Vec::new();
        for (_, content) in self.0.iter().filter(|(key, _)| !before.0.contains_key(*key)) {
            statements.extend(content.undo.as_deref().map(|undo| (content.rank, undo)));
        }
        for (key, content) in before.0.iter().filter(|(key, _)| !self.0.contains_key(*key)) {
            if content.what == What::State {
                statements.push((content.rank, key));
            }
        }
        // Stable: within a rank, what is taken away goes before what is given back.
        statements.sort_by_key(|(rank, _)| *rank);
        statements.into_iter().map(|(_, statement)| statement.to_owned()).collect()
    }

    /// Returns what is not as it was before, for a reader.
    fn differences(&self, before: &Self) -> Vec<String> {
        let more = self.0.iter().filter(|(key, _)| !before.0.contains_key(*key));
        let fewer = before.0.iter().filter(|(key, _)| !self.0.contains_key(*key));
        more.map(|(_, content)| format!("{} is there", content.name))
            .chain(fewer.map(|(_, content)| format!("{} is gone", content.name)))
            .collect()
    }
}

/// How often what depends on something else is tried again.
const ROUNDS: usize = 10;

/// Brings a database back to what it held before; returns what could not be, for a reader.
///
/// # Errors
///
/// When the database cannot be reached or asked.
pub(in crate::pg) async fn restore(
    endpoint: &Endpoint,
    before: &Contents,
) -> Result<Vec<String>, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let _at_work = session.note_backend().await?;
    let mut now = Contents::read(&mut session).await?;
    for _round in 0..ROUNDS {
        let statements = now.undoing(before);
        if statements.is_empty() {
            break;
        }
        for sql in statements {
            // What is gone with something else, or has to wait for it, is seen afterwards.
            let _ = session.run(statement::vouch_for_undoing(sql)).await;
        }
        let was = now.differences(before);
        now = Contents::read(&mut session).await?;
        if now.differences(before) == was {
            break;
        }
    }
    session.close().await;
    Ok(now.differences(before))
}

fn content(row: &PgRow) -> Result<(String, Content), sqlx::Error> {
    let what = match row.try_get::<String, _>("what")?.as_str() {
        "object" => What::Object,
        "schema" | "extension" => What::Frame,
        _ => What::State,
    };
    let key = row.try_get("key")?;
    let undo = row.try_get("undo")?;
    Ok((key, Content { rank: row.try_get("rank")?, what, name: row.try_get("name")?, undo }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(rows: &[(i32, What, &str, Option<&str>)]) -> Contents {
        let content = |(rank, what, key, undo): &(i32, What, &str, Option<&str>)| {
            let undo = undo.map(str::to_owned);
            (
                (*key).to_owned(),
                Content { rank: *rank, what: *what, name: format!("<{key}>"), undo },
            )
        };
        Contents(rows.iter().map(content).collect())
    }

    #[test]
    fn what_came_goes_and_what_changed_is_set_back_in_order() {
        let before = contents(&[
            (2, What::Frame, "1 2200", Some("DROP SCHEMA public CASCADE")),
            (6, What::State, "ALTER SCHEMA public OWNER TO a", None),
            (7, What::State, "GRANT CREATE ON SCHEMA public TO PUBLIC", Some("REVOKE …")),
        ]);
        let after = contents(&[
            (2, What::Frame, "1 2200", Some("DROP SCHEMA public CASCADE")),
            (2, What::Frame, "1 90000", Some("DROP SCHEMA rpt CASCADE")),
            (3, What::Object, "2 90001", Some("DROP TABLE public.t CASCADE")),
            (6, What::State, "ALTER SCHEMA public OWNER TO b", None),
            (7, What::State, "GRANT USAGE ON SCHEMA public TO x", Some("REVOKE USAGE")),
        ]);
        assert_eq!(
            after.undoing(&before),
            [
                "DROP SCHEMA rpt CASCADE",
                "DROP TABLE public.t CASCADE",
                "ALTER SCHEMA public OWNER TO a",
                "REVOKE USAGE",
                "GRANT CREATE ON SCHEMA public TO PUBLIC",
            ]
        );
        assert_eq!(before.undoing(&before), Vec::<String>::new());
        assert_eq!(after.objects().collect::<Vec<_>>(), ["<2 90001>"]);
        assert_eq!(before.objects().count(), 0);
    }
}
