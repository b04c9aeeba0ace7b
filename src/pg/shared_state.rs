//! Keeps what belongs to a whole server as it is while migrations are tried on it: a role
//! that a migration makes is noted and marked, and any other change is not committed.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use sqlx::postgres::{PgDatabaseError, PgRow};
use sqlx::types::Json;

use super::session::Session;
use super::statement::fresh as statement;
use crate::failure::{Failure, FailureKind};
use crate::fresh::Marker;
use crate::ident::RoleName;

/// What is needed to watch over a server.
#[derive(Debug)]
pub(super) struct Keeper {
    superuser: bool,
    version_num: i32,
    marker: Marker,
    /// What was there before something that cannot be kept from committing.
    remembered: Option<State>,
    /// The roles that are marked, and go with the new database.
    marked: BTreeSet<RoleName>,
}

/// How often the two sides are compared before a difference counts as the transaction's own.
const ATTEMPTS: usize = 3;

/// What one look at a server sees that another does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Changes {
    /// The roles that are new.
    pub(super) made: Vec<RoleName>,
    /// Whatever else is different, for a reader.
    pub(super) others: Vec<String>,
}

impl Keeper {
    pub(super) async fn start(session: &mut Session) -> Result<Self, Failure> {
        let asking = session.rows(
            "SELECT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) AS superuser, \
             current_setting('server_version_num')::int4 AS version_num, clock_timestamp() AS now",
        );
        let rows = asking.await;
        let read = rows.and_then(|rows| {
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            Ok(Self {
                superuser: row.try_get("superuser")?,
                version_num: row.try_get("version_num")?,
                marker: Marker { made_at: row.try_get("now")? },
                remembered: None,
                marked: BTreeSet::new(),
            })
        });
        read.map_err(|error| session.failure(&error, "ask what the server is"))
    }

    /// Compares what a transaction sees with what everybody else does: what it would change
    /// for good. `accounts`: it wrote to roles.
    pub(super) async fn compare(
        &self,
        own: &mut Session,
        other: &mut Session,
        accounts: bool,
    ) -> Result<Changes, Failure> {
        let mut changes = Changes::default();
        for _attempt in 0..ATTEMPTS {
            let seen_by_all = self.read(other).await?;
            let seen = self.read(own).await?;
            changes = self::changes(&seen, &seen_by_all);
            if changes.others.is_empty() {
                break;
            }
            // What somebody else committed between the two looks is seen by both the next time.
        }
        // A password that was changed shows to superusers alone.
        if accounts && !self.superuser && changes.others.is_empty() {
            changes.others.push("a role, in a way that only a superuser sees".to_owned());
        }
        Ok(changes)
    }

    /// Marks roles as ours in the transaction that makes them.
    pub(super) async fn mark(
        &mut self,
        own: &mut Session,
        roles: &[RoleName],
    ) -> Result<(), Failure> {
        self.marked.extend(roles.iter().cloned());
        for role in roles {
            let marked = own.run(statement::mark_role(role, &self.marker)).await;
            marked
                .map_err(|error| own.failure(&error, &format!("mark the role {role} as ours")))?;
        }
        Ok(())
    }

    /// Notes what is there, the first time.
    pub(super) async fn remember(&mut self, session: &mut Session) -> Result<(), Failure> {
        if self.remembered.is_none() {
            self.remembered = Some(self.read(session).await?);
        }
        Ok(())
    }

    /// Returns what has changed since it was noted: by the migrations, or by somebody else.
    pub(super) async fn changed_since(
        &self,
        session: &mut Session,
    ) -> Result<Vec<String>, Failure> {
        let Some(before) = &self.remembered else { return Ok(Vec::new()) };
        let now = self.read(session).await?;
        let told = |what: String| {
            format!(
                "meanwhile {what} on the server, by the migrations or by somebody else; that was \
                 not taken back"
            )
        };
        let changes = changes(&now, before);
        let made = changes.made.iter().filter(|role| !self.marked.contains(*role));
        let mut notes: Vec<String> =
            made.map(|role| told(format!("the role {role} was made"))).collect();
        if !changes.others.is_empty() {
            notes.push(told(format!("{} changed", changes.others.join(", "))));
        }
        Ok(notes)
    }

    async fn read(&self, session: &mut Session) -> Result<State, Failure> {
        let rows = session.rows(statement::read_shared(self.superuser, self.version_num)).await;
        let read = rows.and_then(|rows| rows.iter().map(shared).collect());
        read.map_err(|error| session.failure(&error, "see what belongs to the whole server"))
    }
}

/// What belongs to a server: each row, with the roles that it is about.
type State = BTreeMap<(String, String, String), BTreeSet<String>>;

/// Returns what is different, but for what is about a role that is new.
fn changes(seen: &State, seen_by_all: &State) -> Changes {
    let roles_of = |state: &State| -> BTreeSet<String> {
        let roles = state.keys().filter(|(what, ..)| what == "role");
        roles.map(|(_, name, _)| name.clone()).collect()
    };
    let made: BTreeSet<String> =
        roles_of(seen).difference(&roles_of(seen_by_all)).cloned().collect();
    let more = seen.iter().filter(|(key, _)| !seen_by_all.contains_key(*key));
    let fewer = seen_by_all.iter().filter(|(key, _)| !seen.contains_key(*key));
    let others: BTreeSet<String> = more
        .chain(fewer)
        .filter(|(_, roles)| roles.is_disjoint(&made))
        .map(|((what, name, _), _)| match what.as_str() {
            "setting" | "password" => format!("the {what} {name}"),
            "comment" => "a comment on a role or database".to_owned(),
            what => format!("the {what} {name}"),
        })
        .collect();
    Changes {
        made: made.into_iter().map(RoleName::from_catalog).collect(),
        others: others.into_iter().collect(),
    }
}

type Shared = ((String, String, String), BTreeSet<String>);

fn shared(row: &PgRow) -> Result<Shared, sqlx::Error> {
    let text = |column| row.try_get::<Option<String>, _>(column).map(Option::unwrap_or_default);
    let roles: Option<Json<BTreeSet<String>>> = row.try_get("roles")?;
    let roles = roles.map(|roles| roles.0).unwrap_or_default();
    Ok(((text("what")?, text("name")?, text("detail")?), roles))
}

/// Returns the failure for a step that would change more than the new database.
pub(super) fn refused(file: &str, changes: &[String]) -> Failure {
    Failure::new(FailureKind::Database, format!("could not try {file} on a server that is shared"))
        .cause(format!("it changes what is not the new database's alone: {}", changes.join(", ")))
        .hint("--fresh local tries it on a server of its own; nothing was changed here")
}

/// Tells whether a role could not be made because it is there.
///
/// Source: the place in the server that reports the error, which tells this kind of object
/// from all others.
pub(super) fn is_role_that_is_there(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let error: Option<&PgDatabaseError> = error.try_downcast_ref();
    error.is_some_and(|error| error.code() == "42710" && error.routine() == Some("CreateRole"))
}

/// Returns the failure for a migration that makes a role which the server has already.
pub(super) fn role_is_there(file: &str, failure: Failure) -> Failure {
    let mut told = Failure::new(FailureKind::Database, format!("could not try {file} here"));
    told.causes = failure.causes;
    told.sqlstate = failure.sqlstate;
    told.cause("roles belong to the whole server, and this one was there before")
        .hint("--fresh local has no roles but those of the registry")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(rows: &[(&str, &str, &str, &[&str])]) -> State {
        let row = |(what, name, detail, roles): &(&str, &str, &str, &[&str])| {
            let key = ((*what).to_owned(), (*name).to_owned(), (*detail).to_owned());
            (key, roles.iter().map(|role| (*role).to_owned()).collect())
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn a_new_role_with_all_that_is_about_it_may_be_made() {
        let before = state(&[("role", "app", "login", &["app"])]);
        let after = state(&[
            ("role", "app", "login", &["app"]),
            ("role", "fresh", "nologin", &["fresh"]),
            ("membership", "fresh of app", "", &["fresh", "app"]),
            ("setting", "fresh", "x=1", &["fresh"]),
        ]);
        let made = vec![RoleName::from_catalog("fresh")];
        assert_eq!(changes(&after, &before), Changes { made, others: vec![] });
        assert_eq!(changes(&before, &before), Changes::default());
    }

    #[test]
    fn whatever_was_there_before_may_not_change() {
        let before = state(&[
            ("role", "app", "login", &["app"]),
            ("database", "prod", "acl", &[]),
            ("membership", "a of app", "", &["a", "app"]),
        ]);
        for (after, told) in [
            (
                state(&[
                    ("role", "app", "nologin", &["app"]),
                    ("database", "prod", "acl", &[]),
                    ("membership", "a of app", "", &["a", "app"]),
                ]),
                "the role app",
            ),
            (
                state(&[
                    ("role", "app", "login", &["app"]),
                    ("role", "fresh", "", &["fresh"]),
                    ("database", "prod", "other acl", &[]),
                    ("membership", "a of app", "", &["a", "app"]),
                ]),
                "the database prod",
            ),
            (
                state(&[("role", "app", "login", &["app"]), ("database", "prod", "acl", &[])]),
                "the membership a of app",
            ),
        ] {
            assert_eq!(changes(&after, &before).others, [told]);
        }
    }
}
