//! The statements of the proof that refreshes keep each other out.

use sqlx::AssertSqlSafe;

use crate::lock_key::LockKey;

/// The name of the setting that marks a connection of the proof.
pub(in crate::pg) const MARKER: &str = "driftgate.probe";

/// Returns the query that counts who holds or awaits a key.
pub(in crate::pg) fn count_holds(key: LockKey) -> AssertSqlSafe<String> {
    let place = key.place();
    AssertSqlSafe(format!(
        "SELECT count(*)::int8 AS holds FROM pg_locks l \
         WHERE l.locktype = 'advisory' AND l.classid = {} AND l.objid = {} AND l.objsubid = {} \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        place.classid, place.objid, place.objsubid,
    ))
}
