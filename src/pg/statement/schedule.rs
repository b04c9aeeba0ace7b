//! The statements of schedules: claiming a tick, guarding a class, and their records.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::milliseconds;
use crate::ident::literal;
use crate::lock_key::LockKey;
use crate::pg::schedule::Ask;
use crate::pg::session::Limits;
use crate::schedule::pace::LOOKED_AT;

/// Tells whether this role may claim ticks and put their end on record.
pub(in crate::pg) const MAY_CLAIM: &str = "SELECT has_table_privilege(t.oid, 'INSERT') \
    AND has_column_privilege(t.oid, 'outcome', 'UPDATE') \
    AND has_column_privilege(t.oid, 'ended_at', 'UPDATE') \
    AND has_column_privilege(t.oid, 'message', 'UPDATE') AS may_claim \
    FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace \
    WHERE n.nspname = 'driftgate' AND t.relname = 'ticks' AND t.relkind = 'r'";

/// Returns the message that claims the newest tick which is due, in a transaction of its own.
///
/// The server's clock is read once. Where it stands beyond the last tick that was asked
/// about, nothing is claimed: a newer one may be due.
pub(in crate::pg) fn claim(ask: &Ask<'_>, limits: &Limits) -> AssertSqlSafe<String> {
    let class = literal(ask.class);
    let candidates: Vec<String> = ask
        .window
        .candidates
        .iter()
        .map(|one| format!("({}, {})", instant(one.tick), instant(one.due)))
        .collect();
    let (first, last) = match &ask.window.candidates[..] {
        [first, .., last] => (instant(first.tick), instant(last.due)),
        _ => ("'infinity'::timestamptz".to_owned(), "'-infinity'::timestamptz".to_owned()),
    };
    AssertSqlSafe(format!(
        "{}; WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS at), \
         candidates (tick, due) AS (VALUES {}), \
         picked AS (SELECT max(c.tick) AS tick FROM candidates c, clock \
                    WHERE c.due <= clock.at AND clock.at < {last}), \
         previous AS (SELECT max(t.tick) AS tick FROM driftgate.ticks t, picked \
                      WHERE t.class = {class} AND t.tick < picked.tick), \
         claimed AS (INSERT INTO driftgate.ticks \
             (class, tick, run_id, scheduler_id, missed, tool_version) \
             SELECT {class}, picked.tick, '{}'::uuid, '{}'::uuid, \
                    CASE WHEN previous.tick IS NULL THEN 0 ELSE \
                         (SELECT count(*) FROM candidates c \
                           WHERE c.tick > previous.tick AND c.tick < picked.tick) \
                         + CASE WHEN previous.tick < {first} THEN {} ELSE 0 END END, {} \
               FROM picked, previous WHERE picked.tick IS NOT NULL \
             ON CONFLICT (class, tick) DO NOTHING RETURNING tick, missed) \
         SELECT clock.at, picked.tick AS newest, claimed.tick, claimed.missed, \
                CASE WHEN claimed.tick IS NOT NULL THEN \
                    (SELECT string_agg(coalesce(b.outcome, ''), ',' ORDER BY b.tick DESC) \
                       FROM (SELECT t.tick, t.outcome FROM driftgate.ticks t \
                              WHERE t.class = {class} AND t.tick < claimed.tick \
                              ORDER BY t.tick DESC LIMIT {LOOKED_AT}) b) END AS before \
           FROM clock CROSS JOIN picked LEFT JOIN claimed ON true; COMMIT",
        begin(limits),
        candidates.join(", "),
        ask.run_id,
        ask.scheduler_id,
        ask.window.skipped,
        literal(env!("CARGO_PKG_VERSION")),
    ))
}

/// Returns the message that opens the transaction of a class at work, and tries to take its
/// lock; the last row tells whether it was free.
///
/// It holds no snapshot between statements, so that nothing is kept from being cleaned up.
pub(in crate::pg) fn guard(key: LockKey) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; \
         SET LOCAL idle_in_transaction_session_timeout = 0; \
         SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5; \
         SET LOCAL tcp_keepalives_count = 3; \
         SELECT CASE WHEN current_setting('server_version_num')::int4 >= 170000 \
         THEN set_config('transaction_timeout', '0', true) END; \
         SELECT pg_try_advisory_xact_lock({key}) AS is_taken"
    ))
}

/// Returns the statements that open the transaction of a record.
pub(in crate::pg) fn begin_record(limits: &Limits) -> AssertSqlSafe<String> {
    AssertSqlSafe(begin(limits))
}

/// Vouches for the statement of a task: running it as the registry has it was asked for.
pub(in crate::pg) fn task(sql: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql.to_owned())
}

/// Puts the end of a tick on record.
pub(in crate::pg) const END_TICK: &str = "UPDATE driftgate.ticks \
    SET ended_at = pg_catalog.clock_timestamp(), outcome = $4, message = $5 \
    WHERE class = $1 AND tick = $2 AND run_id = $3";

/// Puts a run of a task on record.
pub(in crate::pg) const RECORD_TASK: &str = "INSERT INTO driftgate.task_runs \
    (id, run_id, task, outcome, started_at, finished_at, duration_ms, lock_key, sqlstate, \
     message, role_name, tool_version) \
    VALUES ($1, $2, $3, $4, $5, pg_catalog.clock_timestamp(), $6, $7, $8, $9, current_user, $10)";

/// Counts the ticks and runs of tasks before the instant `$1`, but for each class's newest.
pub(in crate::pg) const COUNT_OLD: &str = "SELECT ((SELECT count(*) FROM driftgate.ticks t \
    WHERE t.claimed_at < $1::timestamptz AND EXISTS (SELECT FROM driftgate.ticks n \
          WHERE n.class = t.class AND n.tick > t.tick)) \
    + (SELECT count(*) FROM driftgate.task_runs k WHERE k.finished_at < $1::timestamptz))::int8 \
    AS old";

/// Removes at most `$2` of what [`COUNT_OLD`] counts, the oldest first.
pub(in crate::pg) const REMOVE_OLD: [&str; 2] = [
    "DELETE FROM driftgate.ticks d WHERE (d.class, d.tick) IN (\
     SELECT t.class, t.tick FROM driftgate.ticks t WHERE t.claimed_at < $1::timestamptz \
     AND EXISTS (SELECT FROM driftgate.ticks n WHERE n.class = t.class AND n.tick > t.tick) \
     ORDER BY t.claimed_at LIMIT $2)",
    "DELETE FROM driftgate.task_runs d WHERE d.id IN (\
     SELECT k.id FROM driftgate.task_runs k WHERE k.finished_at < $1::timestamptz \
     ORDER BY k.finished_at LIMIT $2)",
];

fn begin(limits: &Limits) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL search_path = ''; \
         SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = 10000; \
         SET LOCAL idle_in_transaction_session_timeout = 10000",
        milliseconds(limits.lock.0),
    )
}

/// Writes an instant to the microsecond; a number keeps clear of DateStyle and TimeZone.
fn instant(time: DateTime<Utc>) -> String {
    format!("'{}'::timestamptz", time.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
}
