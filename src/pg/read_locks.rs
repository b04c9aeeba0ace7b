//! Reads who holds and who waits for which lock of one database, in one round trip and with
//! no right beyond CONNECT.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::session::{Endpoint, SearchPath, Session};
use super::statement::locks;
use crate::failure::Failure;
use crate::ident::{QualifiedName, RoleName};
use crate::lock_key::LockPlace;
use crate::lock_status::mode::LockMode;
use crate::lock_status::{
    Elsewhere, LocksRead, Owner, Prepared, ReadLock, SessionDetails, SessionState, Target, Wait,
};
use crate::snapshot::ServerFacts;
use crate::target::Redactor;

const DOING: &str = "read the locks";

/// Reads the locks; the session can be used again.
///
/// # Errors
///
/// When the server refuses or does not answer; the session is of no use then.
pub async fn read_locks(session: &mut Session) -> Result<(LocksRead, ServerFacts), Failure> {
    let redactor = session.endpoint().resolved.redactor.clone();
    let mut reading = Reading { redactor: Some(&redactor), ..Reading::default() };
    let server = session
        .read_at_once(include_str!("sql/read_locks.sql"), DOING, |row| reading.take(row))
        .await?;
    let Reading { mut locks, mut sessions, elsewhere, prepared, .. } = reading;
    for (pid, wait) in elsewhere {
        if let Some(session) = sessions.get_mut(&pid) {
            session.waits_elsewhere = Some(wait);
        }
    }
    if !prepared.is_empty() {
        name_prepared(session, &mut locks, &prepared).await?;
    }
    Ok((LocksRead { read_at: server.read_at, locks, sessions }, server))
}

/// Tells whether the database has a materialized view of a name.
///
/// # Errors
///
/// When the server cannot be reached.
pub async fn is_matview(endpoint: &Endpoint, view: &QualifiedName) -> Result<bool, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let name = [view.schema.as_str(), view.name.as_str()];
    let mut is_there = false;
    let looking = transaction.rows_for(locks::IS_MATVIEW, &name, "look for the view", |_row| {
        is_there = true;
        Ok(())
    });
    looking.await?;
    transaction.finish().await?;
    session.close().await;
    Ok(is_there)
}

/// What has been read so far.
#[derive(Default)]
struct Reading<'r> {
    redactor: Option<&'r Redactor>,
    locks: Vec<ReadLock>,
    sessions: HashMap<i32, SessionState>,
    elsewhere: HashMap<i32, Elsewhere>,
    /// The places of locks without a process, with their transactions.
    prepared: Vec<(usize, String)>,
}

impl Reading<'_> {
    fn take(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        match row.try_get::<&str, _>(0)? {
            "session" => self.take_session(row),
            kind => self.take_lock(kind, row),
        }
    }

    /// Columns are taken by their places: there may be very many rows.
    fn take_lock(&mut self, kind: &str, row: &PgRow) -> Result<(), sqlx::Error> {
        // A mode that a later version brings is not guessed at.
        let Some(mode) = LockMode::of_word(row.try_get(2)?) else { return Ok(()) };
        let pid: Option<i32> = row.try_get(1)?;
        let wait = match row.try_get(3)? {
            true => None,
            false => Some(Box::new(wait(row)?)),
        };
        let target = match kind {
            "key" => Target::Key(LockPlace {
                classid: row.try_get::<i64, _>(4)?.try_into().unwrap_or_default(),
                objid: row.try_get::<i64, _>(5)?.try_into().unwrap_or_default(),
                objsubid: row.try_get(6)?,
            }),
            "view" => Target::View(Box::new(relation(row)?)),
            _ => {
                if let (Some(pid), Some(wait)) = (pid, wait) {
                    let what = match row.try_get::<Option<&str>, _>(8)? {
                        Some(_) => format!("{} {}", row.try_get::<&str, _>(9)?, relation(row)?),
                        None => row.try_get(9)?,
                    };
                    self.elsewhere.insert(pid, Elsewhere { what, blocked_by: wait.blocked_by });
                }
                return Ok(());
            }
        };
        let owner = match pid {
            Some(pid) => Owner::Session(pid),
            None => {
                self.prepared.push((self.locks.len(), row.try_get(12)?));
                Owner::Prepared(Box::new(Prepared { gid: String::new(), at: None, user: None }))
            }
        };
        self.locks.push(ReadLock { target, owner, mode, wait });
        Ok(())
    }

    fn take_session(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        let text = |at: usize| row.try_get::<Option<String>, _>(at);
        let time = |at: usize| row.try_get::<Option<DateTime<Utc>>, _>(at);
        let redacted = |text: String| match self.redactor {
            Some(redactor) => redactor.redact(&text),
            None => text,
        };
        let details = match time(4)? {
            None => None,
            Some(backend_start) => Some(SessionDetails {
                backend_start,
                client_addr: text(5)?,
                state: text(6)?,
                state_change: time(7)?,
                xact_start: time(8)?,
                query: text(9)?.filter(|query| !query.is_empty()).map(redacted),
            }),
        };
        let session = SessionState {
            user: text(2)?.map(RoleName::from_catalog),
            application_name: text(3)?.filter(|name| !name.is_empty()),
            details,
            waits_elsewhere: None,
        };
        self.sessions.insert(row.try_get(1)?, session);
        Ok(())
    }
}

fn relation(row: &PgRow) -> Result<QualifiedName, sqlx::Error> {
    Ok(QualifiedName::from_catalog(row.try_get::<&str, _>(7)?, row.try_get::<&str, _>(8)?))
}

fn wait(row: &PgRow) -> Result<Wait, sqlx::Error> {
    let mut blocked_by: Vec<i32> = row.try_get::<Option<_>, _>(10)?.unwrap_or_default();
    blocked_by.sort_unstable();
    // A process is named once for each lock by which it blocks.
    blocked_by.dedup();
    Ok(Wait { blocked_by, since: row.try_get(11)? })
}

/// Puts names to the prepared transactions behind locks without a process.
async fn name_prepared(
    session: &mut Session,
    locks: &mut [ReadLock],
    places: &[(usize, String)],
) -> Result<(), Failure> {
    let mut named: HashMap<String, Prepared> = HashMap::new();
    session
        .read_at_once(include_str!("sql/read_prepared_locks.sql"), DOING, |row| {
            let prepared = Prepared {
                gid: row.try_get(1)?,
                at: row.try_get(2)?,
                user: row.try_get::<Option<String>, _>(3)?.map(RoleName::from_catalog),
            };
            named.insert(row.try_get(0)?, prepared);
            Ok(())
        })
        .await?;
    for (at, transaction) in places {
        if let Some(prepared) = named.get(transaction) {
            locks[*at].owner = Owner::Prepared(Box::new(prepared.clone()));
        }
    }
    Ok(())
}
