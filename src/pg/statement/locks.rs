//! The statements about locks and those who hold them.

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::AssertSqlSafe;

use super::begin_read_only;
use crate::lock_key::LockPlace;
use crate::lock_status::release::Signal;
use crate::pg::session::{Limits, SearchPath};

/// Returns one message: the one of [`begin_read_only`], queries behind it, and the end.
pub(in crate::pg) fn read_at_once(
    limits: &Limits,
    path: SearchPath,
    queries: &'static str,
) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("{} {queries} ROLLBACK", begin_read_only(limits, path).0))
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

/// Returns the query that tells whether there is a materialized view of a name: schema and
/// name are its parameters.
pub(in crate::pg) const IS_MATVIEW: &str = "SELECT true AS is_there FROM pg_class c \
     JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind = 'm' AND n.nspname = $1 AND c.relname = $2";
