//! The rows of `lock-status`: who holds and who waits for which lock, and what came of a
//! release.

use chrono::{DateTime, Utc};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::ident::{QualifiedName, RoleName};
use crate::lock_key::LockKey;
use crate::lock_status::decode::key_at;
use crate::lock_status::mode::LockMode;
use crate::lock_status::release::{ReleaseOutcome, Signal};
use crate::lock_status::{Elsewhere, Lock, LockStatus, Owner, Subject};
use crate::registry::LockScheme;
use crate::report::{serialize_optional_time, serialize_time};

/// What `lock-status` found, and did where it was told to.
#[derive(Debug, Clone, PartialEq)]
pub struct LockRows {
    /// What was read.
    pub status: LockStatus,
    /// What came of `--release`.
    pub release: Option<ReleaseRow>,
}

impl Serialize for LockRows {
    /// Makes each row when it is written: there may be very many.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Rows<'s>(&'s LockStatus);
        impl Serialize for Rows<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.locks.iter().map(|lock| row(self.0, lock)))
            }
        }
        struct Time(DateTime<Utc>);
        impl Serialize for Time {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_time(&self.0, serializer)
            }
        }
        let mut rows = serializer.serialize_struct("LockRows", 4)?;
        rows.serialize_field("locks", &Rows(&self.status))?;
        rows.serialize_field("readers_not_listed", &self.status.readers_not_listed)?;
        rows.serialize_field("read_at", &Time(self.status.read_at))?;
        rows.serialize_field("release", &self.release)?;
        rows.end()
    }
}

/// Whether a lock is a key or on a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockKind {
    /// An advisory lock.
    Advisory,
    /// A lock on a materialized view itself.
    Relation,
}

/// One lock that is held or waited for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LockRow<'s> {
    /// Whether it is a key or on a relation.
    pub kind: LockKind,
    /// View and tenant, as a reader would name it; `None`: foreign.
    pub name: Option<String>,
    /// The view.
    pub view: Option<&'s QualifiedName>,
    /// The tenant; `None`: the view as a whole.
    pub tenant: Option<&'s str>,
    /// Whether it is the key of the one that waits to refresh next.
    pub next_in_line: bool,
    /// Other names of the same key: they collide.
    pub also: Vec<String>,
    /// The scheme that makes the key from the name.
    pub scheme: Option<LockScheme>,
    /// The arguments of the server's lock functions.
    pub key: Option<LockKey>,
    /// As in `pg_locks`.
    pub classid: Option<u32>,
    /// As in `pg_locks`.
    pub objid: Option<u32>,
    /// As in `pg_locks`: 1 for a bigint, 2 for two int4.
    pub objsubid: Option<i16>,
    /// The server process; `None`: a prepared transaction.
    pub pid: Option<i32>,
    /// The name of the prepared transaction.
    pub prepared: Option<&'s str>,
    /// Whether it is held.
    pub granted: bool,
    /// As in `pg_locks`; of the modes in which one session holds a view, the strongest.
    pub mode: LockMode,
    /// What the session calls itself.
    pub application_name: Option<&'s str>,
    /// The session's role.
    pub user: Option<&'s RoleName>,
    /// Where it connects from; `None`: a socket, or it may not be seen.
    pub client_addr: Option<&'s str>,
    /// Such as `active`; `None`: it may not be seen.
    pub state: Option<&'s str>,
    /// Since when it is in that state.
    #[serde(serialize_with = "serialize_optional_time")]
    pub state_change: Option<DateTime<Utc>>,
    /// The age of its transaction in whole seconds, by the server's clock; `None`: it is in
    /// none, or it may not be seen.
    pub held_seconds: Option<u64>,
    /// How long it has waited, in whole seconds; `None`: it holds the lock, or the server is
    /// older than PostgreSQL 14.
    pub waiting_seconds: Option<u64>,
    /// The statement that it runs, or ran last; `None`: it may not be seen.
    pub query: Option<&'s str>,
    /// The sessions in front of it.
    pub blocked_by: &'s [i32],
    /// The sessions that wait for this very thing behind it.
    pub blocks: &'s [i32],
    /// What the session waits for where that is no row of this list.
    pub waits_elsewhere: Option<&'s Elsewhere>,
    /// Whether it has a name; else it is foreign.
    pub known: bool,
    /// Why it looks as if nobody will let go of it.
    pub stranded: Option<&'s str>,
    /// The next command that is safe to run.
    pub next: Option<&'s str>,
}

/// Returns the row of a lock.
pub fn row<'s>(status: &'s LockStatus, lock: &'s Lock) -> LockRow<'s> {
    let seconds =
        |since: DateTime<Utc>| (status.read_at - since).num_seconds().max(0).unsigned_abs();
    let session = status.session_of(lock);
    let details = session.and_then(|session| session.details.as_ref());
    let prepared = match &lock.owner {
        Owner::Prepared(prepared) => Some(prepared),
        Owner::Session(_) => None,
    };
    let (place, names) = match &lock.subject {
        Subject::Key(place, names) => (Some(*place), names.as_ref()),
        Subject::View(_) => (None, &[][..]),
    };
    let xact_start = match prepared {
        Some(prepared) => prepared.at,
        None => details.and_then(|details| details.xact_start),
    };
    LockRow {
        kind: if place.is_some() { LockKind::Advisory } else { LockKind::Relation },
        name: match names.first() {
            Some(name) => Some(name.to_string()),
            None => lock.view().map(ToString::to_string),
        },
        view: lock.view(),
        tenant: lock.tenant(),
        next_in_line: names.first().is_some_and(|name| name.next_in_line),
        also: names.iter().skip(1).map(ToString::to_string).collect(),
        scheme: names.first().map(|name| name.scheme),
        key: place.map(key_at),
        classid: place.map(|place| place.classid),
        objid: place.map(|place| place.objid),
        objsubid: place.map(|place| place.objsubid),
        pid: match lock.owner {
            Owner::Session(pid) => Some(pid),
            Owner::Prepared(_) => None,
        },
        prepared: prepared.map(|prepared| prepared.gid.as_str()),
        granted: lock.wait.is_none(),
        mode: lock.mode,
        application_name: session.and_then(|session| session.application_name.as_deref()),
        user: match prepared {
            Some(prepared) => prepared.user.as_ref(),
            None => session.and_then(|session| session.user.as_ref()),
        },
        client_addr: details.and_then(|details| details.client_addr.as_deref()),
        state: details.and_then(|details| details.state.as_deref()),
        state_change: details.and_then(|details| details.state_change),
        held_seconds: xact_start.map(seconds),
        waiting_seconds: lock.wait.as_ref().and_then(|wait| wait.since).map(seconds),
        query: details.and_then(|details| details.query.as_deref()),
        blocked_by: lock.wait.as_ref().map_or(&[], |wait| &wait.blocked_by),
        blocks: &lock.blocks,
        waits_elsewhere: session.and_then(|session| session.waits_elsewhere.as_ref()),
        known: lock.is_known(),
        stranded: lock.advice.as_ref().and_then(|advice| advice.stranded.as_deref()),
        next: lock.advice.as_ref().and_then(|advice| advice.next.as_deref()),
    }
}

/// What came of `--release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseRow {
    /// The view whose key it was about.
    pub view: QualifiedName,
    /// The tenant, where one was named.
    pub tenant: Option<String>,
    /// The session that held the key and was shown; `None`: nobody did.
    pub pid: Option<i32>,
    /// What was sent to it.
    pub signal: Signal,
    /// What came of it.
    pub outcome: ReleaseOutcome,
    /// Who holds the key now: process ids; 0 is a prepared transaction.
    pub held_by: Vec<i32>,
    /// Whether the locks were shown already, with a question.
    #[serde(skip)]
    pub is_shown: bool,
}
