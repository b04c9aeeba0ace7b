//! Who holds and who waits for which lock, as plain data: what was read of one instant, and
//! what an operator is told of it. `pg/read_locks.rs` reads; nothing here waits.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::ident::{QualifiedName, RoleName};
use crate::lock_key::LockPlace;

pub mod advice;
pub mod decode;
pub mod mode;
mod queue;
pub mod release;

use decode::{KeyName, KeyNames};
use mode::LockMode;

/// What was read of the locks of one database at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct LocksRead {
    /// The server's clock just before, in UTC.
    pub read_at: DateTime<Utc>,
    /// Advisory locks, and locks on materialized views.
    pub locks: Vec<ReadLock>,
    /// The sessions of the database by their process ids.
    pub sessions: HashMap<i32, SessionState>,
}

/// One row of `pg_locks`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadLock {
    /// What is locked.
    pub target: Target,
    /// Who holds it or waits for it.
    pub owner: Owner,
    /// How.
    pub mode: LockMode,
    /// The waiting; `None`: it is held.
    pub wait: Option<Box<Wait>>,
}

/// What is locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An advisory key.
    Key(LockPlace),
    /// A materialized view.
    View(Box<QualifiedName>),
}

/// Who holds a lock or waits for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A session, by its process id.
    Session(i32),
    /// A prepared transaction: nobody is connected to it, and it ends by a command alone.
    Prepared(Box<Prepared>),
}

/// A prepared transaction.
///
/// Source: `pg_prepared_xacts`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prepared {
    /// What COMMIT PREPARED and ROLLBACK PREPARED call it; empty: it ended meanwhile.
    pub gid: String,
    /// When it was prepared, by the server's clock.
    pub at: Option<DateTime<Utc>>,
    /// Who prepared it.
    pub user: Option<RoleName>,
}

/// How a lock is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The sessions in front of it, sorted: those that hold what it conflicts with, and
    /// those that wait for such before it. 0 is a prepared transaction.
    /// Source: `pg_blocking_pids`.
    pub blocked_by: Vec<i32>,
    /// Since when, by the server's clock; `None` before PostgreSQL 14.
    pub since: Option<DateTime<Utc>>,
}

/// A session as the server tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// The role.
    pub user: Option<RoleName>,
    /// What it calls itself.
    pub application_name: Option<String>,
    /// The rest; `None`: this role may not see it.
    pub details: Option<SessionDetails>,
    /// What it waits for where that is neither a key nor a materialized view.
    pub waits_elsewhere: Option<Elsewhere>,
}

/// What is told of a session only to its own role, and to members of `pg_read_all_stats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDetails {
    /// When it connected, by the server's clock.
    pub backend_start: DateTime<Utc>,
    /// Where it connects from; `None`: through a socket, or none of a client.
    pub client_addr: Option<String>,
    /// Such as `active` or `idle in transaction`.
    pub state: Option<String>,
    /// Since when it is in that state.
    pub state_change: Option<DateTime<Utc>>,
    /// When its transaction began; `None`: it is in none.
    pub xact_start: Option<DateTime<Utc>>,
    /// The statement that it runs, or ran last.
    pub query: Option<String>,
}

/// What a session waits for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Elsewhere {
    /// In words, such as `table public.orders`.
    pub what: String,
    /// Those in front of it.
    pub blocked_by: Vec<i32>,
}

/// What an operator is told.
#[derive(Debug, Clone, PartialEq)]
pub struct LockStatus {
    /// The server's clock, in UTC.
    pub read_at: DateTime<Utc>,
    /// The locks: those with a name first, by view; the foreign ones behind them, by session.
    pub locks: Vec<Lock>,
    /// The sessions that hold or wait for them.
    pub sessions: BTreeMap<i32, SessionState>,
    /// How many locks of ordinary readers, whom nobody waits for, are not among them.
    pub readers_not_listed: usize,
}

/// A lock that an operator is told of.
#[derive(Debug, Clone, PartialEq)]
pub struct Lock {
    /// What is locked.
    pub subject: Subject,
    /// Who holds it or waits for it.
    pub owner: Owner,
    /// How; of the locks that one session holds on a view, the strongest.
    pub mode: LockMode,
    /// The waiting; `None`: it is held.
    pub wait: Option<Box<Wait>>,
    /// The sessions that wait for this very thing behind this owner, sorted.
    pub blocks: Box<[i32]>,
    /// What there is to say of it.
    pub advice: Option<Box<advice::Advice>>,
}

/// What is locked, in names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An advisory key with its names; without one it is foreign, with several they collide.
    Key(LockPlace, Box<[KeyName]>),
    /// A materialized view, with the tenant whose view it is.
    View(Box<(QualifiedName, Option<String>)>),
}

impl Lock {
    /// Tells whether it has a name.
    pub fn is_known(&self) -> bool {
        !matches!(&self.subject, Subject::Key(_, names) if names.is_empty())
    }

    /// Returns the view that it is about.
    pub fn view(&self) -> Option<&QualifiedName> {
        match &self.subject {
            Subject::Key(_, names) => names.first().map(|name| &name.view),
            Subject::View(view) => Some(&view.0),
        }
    }

    /// Returns the tenant that it is about.
    pub fn tenant(&self) -> Option<&str> {
        match &self.subject {
            Subject::Key(_, names) => names.first().and_then(|name| name.tenant.as_deref()),
            Subject::View(view) => view.1.as_deref(),
        }
    }

    /// Returns the names of the key, where it is one; with several they collide.
    pub fn key_names(&self) -> &[KeyName] {
        match &self.subject {
            Subject::Key(_, names) => names,
            Subject::View(_) => &[],
        }
    }

    /// Returns the name of the key, where it is one and has a name.
    pub fn key_name(&self) -> Option<&KeyName> {
        self.key_names().first()
    }

    /// Tells whether it is the key of a refresh, and held.
    pub fn is_held_key(&self) -> bool {
        self.key_name().is_some() && self.wait.is_none()
    }
}

impl LockStatus {
    /// Returns the session that holds a lock or waits for it.
    pub fn session_of(&self, lock: &Lock) -> Option<&SessionState> {
        match &lock.owner {
            Owner::Session(pid) => self.sessions.get(pid),
            Owner::Prepared(_) => None,
        }
    }

    /// Tells whether something of a session may not be seen by the role that looked.
    pub fn hides_something(&self) -> bool {
        self.sessions.values().any(|session| session.details.is_none())
    }
}

/// Returns what an operator is told of what was read.
///
/// `tenant_of` knows whose view a view is, where it is one tenant's.
pub fn tell(
    read: LocksRead,
    names: &KeyNames,
    tenant_of: impl Fn(&QualifiedName) -> Option<String>,
) -> LockStatus {
    let LocksRead { read_at, locks, mut sessions } = read;
    // A session that began later has the process id of one that ended, and none of its locks.
    sessions.retain(|_, session| {
        session.details.as_ref().is_none_or(|details| details.backend_start <= read_at)
    });
    let queued = queue::listed(locks);
    let mut locks: Vec<Lock> = queued
        .locks
        .into_iter()
        .map(|(lock, blocks)| Lock {
            subject: match lock.target {
                Target::View(view) => {
                    let tenant = tenant_of(&view);
                    Subject::View(Box::new((*view, tenant)))
                }
                Target::Key(place) => {
                    let names = names.get(&place).map(Vec::as_slice).unwrap_or_default();
                    Subject::Key(place, names.into())
                }
            },
            owner: lock.owner,
            mode: lock.mode,
            wait: lock.wait,
            blocks,
            advice: None,
        })
        .collect();
    locks.sort_by(queue::by_view);
    let pids = locks.iter().filter_map(|lock| match lock.owner {
        Owner::Session(pid) => Some(pid),
        Owner::Prepared(_) => None,
    });
    let sessions =
        pids.filter_map(|pid| Some((pid, sessions.remove(&pid)?))).collect::<BTreeMap<_, _>>();
    let mut status =
        LockStatus { read_at, locks, sessions, readers_not_listed: queued.readers_left_out };
    advice::advise(&mut status);
    status
}

#[cfg(test)]
mod tests;
