//! Reads who holds and who waits for which lock of one database, with no right beyond
//! CONNECT: one round trip for the locks, and one more for their owners where there are any.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::session::{Endpoint, SearchPath, Session};
use super::statement::locks::{self, Asked};
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
/// The sessions are read after the locks: one that has been idle since before was idle when
/// its locks were read.
///
/// # Errors
///
/// When the server refuses or does not answer; the session is of no use then.
pub async fn read_locks(session: &mut Session) -> Result<(LocksRead, ServerFacts), Failure> {
    let mut rows = Rows::default();
    let message = locks::read_locks(&session.limits());
    let server = session.read_with_facts(message, DOING, |row| rows.take(row)).await?;
    let asked = rows.asked();
    let mut owners = Owners::default();
    if !asked.pids.is_empty() || asked.prepared {
        let redactor = session.endpoint().resolved.redactor.clone();
        let message = locks::read_owners(&session.limits(), &asked);
        session.read_at_once(message, DOING, |row| owners.take(row, &redactor)).await?;
    }
    Ok((rows.joined(owners, server.read_at), server))
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

/// The rows of `pg_locks`, as far as they are wanted.
#[derive(Default)]
struct Rows {
    keys: Vec<ReadLock>,
    others: Vec<Other>,
}

/// A lock that is no advisory one.
struct Other {
    locktype: String,
    relation: Option<i64>,
    owner: Owner,
    mode: LockMode,
    wait: Option<Box<Wait>>,
}

impl Rows {
    /// Columns are taken by their places: there may be very many rows.
    fn take(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        // A mode that a later version brings is not guessed at.
        let Some(mode) = LockMode::of_word(row.try_get(2)?) else { return Ok(()) };
        let wait = match row.try_get(3)? {
            true => None,
            false => Some(Box::new(wait(row)?)),
        };
        let owner = match row.try_get::<Option<i32>, _>(1)? {
            Some(pid) => Owner::Session(pid),
            None => {
                // Its name is put in place of its transaction later on.
                let gid = row.try_get(10)?;
                Owner::Prepared(Box::new(Prepared { gid, at: None, user: None }))
            }
        };
        let half = |at: usize| {
            Ok::<_, sqlx::Error>(u32::try_from(row.try_get::<i64, _>(at)?).unwrap_or_default())
        };
        match row.try_get::<&str, _>(0)? {
            "advisory" => {
                let place =
                    LockPlace { classid: half(4)?, objid: half(5)?, objsubid: row.try_get(6)? };
                self.keys.push(ReadLock { target: Target::Key(place), owner, mode, wait });
            }
            locktype => {
                let (locktype, relation) = (locktype.to_owned(), row.try_get(7)?);
                self.others.push(Other { locktype, relation, owner, mode, wait });
            }
        }
        Ok(())
    }

    /// Returns what is to be asked of the owners of the locks.
    fn asked(&self) -> Asked {
        let owners = || {
            let keys = self.keys.iter().map(|lock| &lock.owner);
            keys.chain(self.others.iter().map(|lock| &lock.owner))
        };
        let pids: BTreeSet<i32> = owners()
            .filter_map(|owner| match owner {
                Owner::Session(pid) => Some(*pid),
                Owner::Prepared(_) => None,
            })
            .collect();
        let relations: BTreeSet<i64> =
            self.others.iter().filter_map(|lock| lock.relation).collect();
        Asked {
            pids: pids.into_iter().collect(),
            relations: relations.into_iter().collect(),
            prepared: owners().any(|owner| matches!(owner, Owner::Prepared(_))),
        }
    }

    /// Puts locks and owners together.
    fn joined(self, mut owners: Owners, read_at: DateTime<Utc>) -> LocksRead {
        let mut locks = self.keys;
        for other in self.others {
            let relation = other.relation.and_then(|oid| owners.relations.get(&oid));
            match (relation, other.wait) {
                (Some((view, true)), wait) if other.locktype == "relation" => {
                    let target = Target::View(Box::new(view.clone()));
                    locks.push(ReadLock { target, owner: other.owner, mode: other.mode, wait });
                }
                (relation, Some(wait)) => {
                    let Owner::Session(pid) = other.owner else { continue };
                    let what = match relation {
                        Some((name, _)) => format!("{} {name}", other.locktype),
                        None => other.locktype,
                    };
                    if let Some(session) = owners.sessions.get_mut(&pid) {
                        let blocked_by = wait.blocked_by;
                        session.waits_elsewhere = Some(Elsewhere { what, blocked_by });
                    }
                }
                // The relation is gone, and the lock with it.
                (_, None) => {}
            }
        }
        for lock in &mut locks {
            if let Owner::Prepared(prepared) = &mut lock.owner {
                let ended = Prepared { gid: String::new(), at: None, user: None };
                **prepared = owners.prepared.get(&prepared.gid).cloned().unwrap_or(ended);
            }
        }
        LocksRead { read_at, locks, sessions: owners.sessions }
    }
}

fn wait(row: &PgRow) -> Result<Wait, sqlx::Error> {
    let mut blocked_by: Vec<i32> = row.try_get::<Option<_>, _>(8)?.unwrap_or_default();
    blocked_by.sort_unstable();
    // A process is named once for each lock by which it blocks.
    blocked_by.dedup();
    Ok(Wait { blocked_by, since: row.try_get(9)? })
}

/// Those who hold locks and wait for them.
#[derive(Default)]
struct Owners {
    sessions: HashMap<i32, SessionState>,
    /// By object id; and whether it is a materialized view.
    relations: HashMap<i64, (QualifiedName, bool)>,
    /// By their transactions, as `pg_locks` spells them.
    prepared: HashMap<String, Prepared>,
}

impl Owners {
    fn take(&mut self, row: &PgRow, redactor: &Redactor) -> Result<(), sqlx::Error> {
        match row.try_get::<&str, _>(0)? {
            "session" => {
                self.sessions.insert(row.try_get(1)?, session(row, redactor)?);
            }
            "relation" => {
                let (schema, name): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
                let relation = (QualifiedName::from_catalog(schema, name), row.try_get(4)?);
                self.relations.insert(row.try_get(1)?, relation);
            }
            _ => {
                let prepared = Prepared {
                    gid: row.try_get(2)?,
                    at: row.try_get(3)?,
                    user: row.try_get::<Option<String>, _>(4)?.map(RoleName::from_catalog),
                };
                self.prepared.insert(row.try_get(1)?, prepared);
            }
        }
        Ok(())
    }
}

fn session(row: &PgRow, redactor: &Redactor) -> Result<SessionState, sqlx::Error> {
    let text = |at: usize| row.try_get::<Option<String>, _>(at);
    let time = |at: usize| row.try_get::<Option<DateTime<Utc>>, _>(at);
    let details = match time(4)? {
        None => None,
        Some(backend_start) => Some(SessionDetails {
            backend_start,
            client_addr: text(5)?,
            state: text(6)?,
            state_change: time(7)?,
            xact_start: time(8)?,
            query: text(9)?.filter(|query| !query.is_empty()).map(|query| redactor.redact(&query)),
        }),
    };
    Ok(SessionState {
        user: text(2)?.map(RoleName::from_catalog),
        application_name: text(3)?.filter(|name| !name.is_empty()),
        details,
        waits_elsewhere: None,
    })
}
