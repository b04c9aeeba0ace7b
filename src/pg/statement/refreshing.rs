//! The statements of a refresh's transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::milliseconds;
use crate::ident::{Identifier, QualifiedName};
use crate::lock_key::LockKey;
use crate::pg::session::Limits;
use crate::registry::RefreshMode;

/// The name of the column that tells whether the n-th key was taken.
pub(in crate::pg) fn taken_column(place: usize) -> String {
    format!("taken_{place}")
}

/// Returns the message that opens the transaction of a refresh, settles everything that its
/// outcome could depend on, and tries to take the keys; the last row tells which.
///
/// A client that is gone is noticed by the server: in mid-statement on 14 and later, and
/// over TCP by what goes unanswered.
pub(in crate::pg) fn begin_refresh(
    limits: &Limits,
    settings: &BTreeMap<String, String>,
    keys: &[LockKey],
) -> AssertSqlSafe<String> {
    let mut message = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {}; \
         SET LOCAL idle_in_transaction_session_timeout = 60000; \
         SET LOCAL \"TimeZone\" = 'UTC'; SET LOCAL \"DateStyle\" = 'ISO, MDY'; \
         SET LOCAL \"IntervalStyle\" = 'postgres'; SET LOCAL extra_float_digits = 1; \
         SET LOCAL bytea_output = 'hex'; SET LOCAL quote_all_identifiers = off; \
         SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5; \
         SET LOCAL tcp_keepalives_count = 3; \
         SELECT CASE WHEN current_setting('server_version_num')::int4 >= 140000 \
         THEN set_config('client_connection_check_interval', '1s', true) END; ",
        limit(limits.lock.0, limits.statement.0),
    );
    for (name, value) in settings {
        message += &format!("SELECT set_config({}, {}, true); ", literal(name), literal(value));
    }
    message += &try_keys(keys);
    AssertSqlSafe(message)
}

/// Returns the query that tries to take keys, in the transaction that is open.
pub(in crate::pg) fn try_to_take(keys: &[LockKey]) -> AssertSqlSafe<String> {
    AssertSqlSafe(try_keys(keys))
}

/// Returns the message that waits for a key; a wait of zero is without limit.
pub(in crate::pg) fn wait_for(key: LockKey, wait: Duration) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "{}; SELECT pg_advisory_xact_lock({})",
        limit(wait, Duration::ZERO),
        arguments(key)
    ))
}

/// Returns the statements that settle the limits of the transaction that is open.
pub(in crate::pg) fn limit_again(limits: &Limits) -> AssertSqlSafe<String> {
    AssertSqlSafe(limit(limits.lock.0, limits.statement.0))
}

/// Returns the query for the digests of what the safety of some views rests on.
pub(in crate::pg) fn read_safety_inputs(views: &[u32]) -> AssertSqlSafe<String> {
    AssertSqlSafe(safety_inputs(views))
}

/// Returns the message that looks at a view under its key: the query of
/// [`read_safety_inputs`] under an empty search path, which ends with it.
///
/// It goes by indexes alone: for one view the planner would read the catalog whole, and a
/// refresh of one view of many would cost more, the more there are.
pub(in crate::pg) fn look_under_key(view: u32) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SAVEPOINT looking; SET LOCAL search_path = ''; SET LOCAL jit = off; \
         SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
         SET LOCAL enable_seqscan = off; {}; \
         ROLLBACK TO SAVEPOINT looking; RELEASE SAVEPOINT looking",
        safety_inputs(&[view])
    ))
}

/// Returns the query for rows by tenant, or for all rows where there is no such column.
pub(in crate::pg) fn count_rows(
    view: &QualifiedName,
    column: Option<&Identifier>,
) -> AssertSqlSafe<String> {
    AssertSqlSafe(match column {
        Some(column) => format!(
            "SELECT v.{column}::text AS tenant, count(*)::int8 AS rows FROM {view} v \
             GROUP BY v.{column}"
        ),
        None => format!("SELECT NULL::text AS tenant, count(*)::int8 AS rows FROM {view}"),
    })
}

/// Returns the message that refreshes a view with or without the guard, and tells the
/// transaction's id and the time just before.
pub(in crate::pg) fn refresh_guarded(
    view: &QualifiedName,
    mode: RefreshMode,
    guard: bool,
) -> AssertSqlSafe<String> {
    let guard = if guard { "off" } else { "on" };
    let how = match mode {
        RefreshMode::Concurrently => "CONCURRENTLY ",
        RefreshMode::Plain => "",
    };
    AssertSqlSafe(format!(
        "SET LOCAL row_security = {guard}; \
         SELECT clock_timestamp() AS as_of, pg_current_xact_id()::text AS transaction; \
         REFRESH MATERIALIZED VIEW {how}{view}"
    ))
}

/// Returns the statement that analyzes a view.
pub(in crate::pg) fn analyze(view: &QualifiedName, limits: &Limits) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {}; ANALYZE {view}; COMMIT",
        limit(limits.lock.0, limits.statement.0)
    ))
}

/// Returns the query that tells who holds a key.
pub(in crate::pg) fn holders_of(key: LockKey) -> AssertSqlSafe<String> {
    let place = key.place();
    AssertSqlSafe(format!(
        "SELECT a.pid, coalesce(a.usename, '')::text AS role, \
         coalesce(a.application_name, '') AS application \
         FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = {} \
         AND l.classid = {} AND l.objid = {} AND a.pid <> pg_backend_pid() \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         ORDER BY a.pid LIMIT 1",
        place.objsubid, place.classid, place.objid,
    ))
}

/// The query for the advisory locks that are held in this database.
pub(in crate::pg) const KEYS_HELD: &str = "SELECT l.classid::int8 AS classid, \
    l.objid::int8 AS objid, l.objsubid, l.pid FROM pg_locks l \
    WHERE l.locktype = 'advisory' AND l.granted \
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Returns the query that tells how a server process stands with its locks on relations:
/// whether it waits, how many others wait behind it, and whether it is still there.
pub(in crate::pg) fn watch(pid: i32) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid}) AS is_there, \
         EXISTS (SELECT FROM pg_locks WHERE pid = {pid} AND NOT granted \
                 AND locktype <> 'advisory') AS waits, \
         (SELECT count(*) FROM pg_locks l WHERE NOT l.granted AND l.locktype = 'relation' \
          AND l.pid <> {pid} AND {pid} = ANY (pg_blocking_pids(l.pid)))::int8 AS behind"
    ))
}

/// Returns the statement that cancels a server process, as long as it still waits for a
/// lock on a relation.
pub(in crate::pg) fn cancel_waiting(pid: i32) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT pg_cancel_backend({pid}) FROM pg_locks WHERE pid = {pid} AND NOT granted \
         AND locktype <> 'advisory' LIMIT 1"
    ))
}

/// Returns the statement that ends a server process which has sat idle in a transaction for
/// so long: that very transaction, and no other that the process may have begun since.
pub(in crate::pg) fn end_idle(pid: i32, transaction: i64, idle: Duration) -> AssertSqlSafe<String> {
    // The catalog has the low half of the id alone.
    let id = transaction & 0xffff_ffff;
    AssertSqlSafe(format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = {pid} \
         AND backend_xid::text = '{id}' AND state = 'idle in transaction' \
         AND state_change <= clock_timestamp() - {} * interval '1 ms'",
        milliseconds(idle)
    ))
}

/// Returns the query for who would delay a refresh that keeps readers out: the sessions
/// that use the view now, and the age of their oldest transaction in seconds.
///
/// `but` is a server process that does not count: the one that would refresh.
pub(in crate::pg) fn readers_of(view: u32, but: i32) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT count(*)::int8 AS readers, \
         extract(epoch FROM max(clock_timestamp() - a.xact_start))::float8 AS oldest, \
         (array_agg(l.pid ORDER BY a.xact_start))[1] AS oldest_pid \
         FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'relation' \
               AND relation = {view} AND pid NOT IN (pg_backend_pid(), {but}) \
               AND database = (SELECT oid FROM pg_database \
                               WHERE datname = current_database())) l \
         LEFT JOIN pg_stat_activity a USING (pid)"
    ))
}

fn safety_inputs(views: &[u32]) -> String {
    let list = views.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    include_str!("../sql/read_safety_inputs.sql").replace(":oids)", &format!("{list})"))
}

fn try_keys(keys: &[LockKey]) -> String {
    let tries: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(place, key)| {
            format!("pg_try_advisory_xact_lock({}) AS {}", arguments(*key), taken_column(place))
        })
        .collect();
    format!("SELECT pg_backend_pid() AS pid, {}", tries.join(", "))
}

/// Writes a key with its types: the smallest number of a type is not a literal of it.
fn arguments(key: LockKey) -> String {
    match key {
        LockKey::One([key]) => format!("'{key}'::int8"),
        LockKey::Two([first, second]) => format!("'{first}'::int4, '{second}'::int4"),
    }
}

fn limit(lock: Duration, statement: Duration) -> String {
    format!(
        "SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}",
        milliseconds(lock),
        milliseconds(statement)
    )
}

/// Writes a text as a literal that means the same whatever `standard_conforming_strings`
/// says.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_ends_where_it_should() {
        assert_eq!(literal(r"it's \ here"), r"E'it''s \\ here'");
        assert_eq!(literal(r"\'; DROP"), r"E'\\''; DROP'");
    }

    #[test]
    fn the_oids_stand_where_the_query_names_them() {
        assert!(safety_inputs(&[1, 2]).contains("c.oid IN (1,2)"));
    }
}
