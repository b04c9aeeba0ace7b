//! The statements about locks and those who hold them.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::AssertSqlSafe;

use super::{begin_read_only, local_settings};
use crate::lock_key::LockPlace;
use crate::lock_status::release::Signal;
use crate::pg::session::{Limits, SearchPath};

/// Returns one message: that of [`begin_read_only`], the query for the locks, and the end.
pub(in crate::pg) fn read_locks(limits: &Limits) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "{} {} ROLLBACK",
        begin_read_only(limits, SearchPath::Empty).0,
        include_str!("../sql/read_locks.sql"),
    ))
}

/// What is asked of the owners of locks.
#[derive(Debug, Default)]
pub(in crate::pg) struct Asked {
    /// Sessions, by process id.
    pub(in crate::pg) pids: Vec<i32>,
    /// Relations, by object id.
    pub(in crate::pg) relations: Vec<i64>,
    /// Whether prepared transactions are among them.
    pub(in crate::pg) prepared: bool,
}

/// Returns one message that asks for sessions, relations and prepared transactions; the
/// first column of each row tells which it is.
///
/// What is beyond the process id, role and name of a session is told to its own role and
/// to members of `pg_read_all_stats`; to others `backend_start` is null.
pub(in crate::pg) fn read_owners(limits: &Limits, asked: &Asked) -> AssertSqlSafe<String> {
    let mut message = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''; {};",
        local_settings(limits)
    );
    if !asked.pids.is_empty() {
        write!(
            message,
            "SELECT 'session' AS kind, s.pid, pg_get_userbyid(s.usesysid)::text, \
             s.application_name, s.backend_start, host(s.client_addr), s.state, \
             s.state_change, s.xact_start, s.query \
             FROM pg_stat_get_activity(NULL) s WHERE s.pid IN ({});",
            list(&asked.pids)
        )
        .expect("writing to a string cannot fail");
    }
    if !asked.relations.is_empty() {
        write!(
            message,
            "SELECT 'relation' AS kind, c.oid::int8, n.nspname::text, c.relname::text, \
             c.relkind = 'm' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid IN ({});",
            list(&asked.relations)
        )
        .expect("writing to a string cannot fail");
    }
    if asked.prepared {
        message += include_str!("../sql/read_prepared_locks.sql");
    }
    AssertSqlSafe(message + " ROLLBACK")
}

fn list(numbers: &[impl ToString]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Returns the statement that signals a session, if it is still the one that was shown and
/// still holds the key; it returns no row where that is no longer so.
///
/// `backend_start` is not told to every role; a session that holds the very key at this
/// moment is then taken for the one that was shown by its process id.
pub(in crate::pg) fn signal_holder(
    signal: Signal,
    place: LockPlace,
    pid: i32,
    backend_start: Option<DateTime<Utc>>,
) -> AssertSqlSafe<String> {
    let function = signal.function();
    let start = match backend_start {
        Some(at) => format!("'{}'", at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        None => "NULL".to_owned(),
    };
    AssertSqlSafe(format!(
        "SELECT {function}(l.pid) AS is_sent FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
         WHERE {} AND l.pid = {pid} \
         AND a.backend_start IS NOT DISTINCT FROM {start}::timestamptz",
        held(place)
    ))
}

/// Returns the query for the process ids of those who hold a key; null for a prepared
/// transaction.
pub(in crate::pg) fn key_holders(place: LockPlace) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT l.pid FROM pg_locks l WHERE {} ORDER BY l.pid", held(place)))
}

fn held(place: LockPlace) -> String {
    format!(
        "l.locktype = 'advisory' AND l.granted AND l.classid = {} AND l.objid = {} \
         AND l.objsubid = {} \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        place.classid, place.objid, place.objsubid
    )
}

/// The query that tells whether there is a materialized view of a name: schema and name are
/// its parameters.
pub(in crate::pg) const IS_MATVIEW: &str = "SELECT true AS is_there FROM pg_class c \
     JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind = 'm' AND n.nspname = $1 AND c.relname = $2";
