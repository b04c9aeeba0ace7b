//! Statements that are put together at run time: the only place that may vouch for text
//! which is not a constant. It takes numbers and quoted names, never raw text.

pub(super) mod definitions;
pub(super) mod exclusion;
pub(super) mod fresh;
pub(super) mod history;
pub(super) mod ledgers;
pub(super) mod locks;
pub(super) mod refreshing;
pub(super) mod schedule;

use std::fmt::Write as _;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::session::{Limits, SearchPath};
use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::registry::RefreshMode;

/// Returns the statements that open a read-only transaction and settle its limits, with
/// the query that describes the server behind them: one round trip.
pub(super) fn begin_read_only(limits: &Limits, path: SearchPath) -> AssertSqlSafe<String> {
    let path = match path {
        SearchPath::Empty => "SET LOCAL search_path = '';",
        SearchPath::OfTheRole => "",
    };
    AssertSqlSafe(format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {path} {}; {}",
        local_settings(limits),
        include_str!("sql/read_server.sql"),
    ))
}

/// Returns one message of many statements that reads sizes and definitions of views.
///
/// Printing a definition locks what it names until the end of the transaction; the
/// savepoint lets go of a chunk's locks before the next one is read, so that neither the
/// server's lock table overflows nor a migration waits for all of it.
pub(super) fn read_whole(oids: &[u32], chunk: usize) -> AssertSqlSafe<String> {
    let mut message = String::from("SAVEPOINT chunk;");
    for chunk in oids.chunks(chunk) {
        let list = chunk.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        write!(
            message,
            "SELECT c.oid::int8 AS oid, \
             encode(sha256(convert_to(pg_get_viewdef(c.oid), 'UTF8')), 'hex') AS digest, \
             pg_total_relation_size(c.oid) AS size_bytes \
             FROM pg_class c WHERE c.relkind = 'm' AND c.oid IN ({list}); \
             ROLLBACK TO SAVEPOINT chunk;"
        )
        .expect("writing to a string cannot fail");
    }
    AssertSqlSafe(message)
}

/// Returns the query that counts the tenants which the registry's own query lists; it is
/// sent so that it can be one statement alone, in a transaction that cannot write.
pub(super) fn count_listed(tenants: &str) -> AssertSqlSafe<String> {
    // The line break ends a comment that the registry's text may end with.
    AssertSqlSafe(format!("SELECT count(*)::int8 AS tenants FROM ({tenants}\n) AS listed"))
}

/// Returns the query that reads the tenants which the registry's own query lists: for each
/// row its columns with their values as text, both in order; it is sent as
/// [`count_listed`] is.
pub(super) fn read_tenants(tenants: &str) -> AssertSqlSafe<String> {
    let tenants = tenants.trim_end().trim_end_matches(';');
    // `listed.*` is the row, even where a column is named like the alias. As JSON: it keeps
    // what an array of texts in the driver's hands would not, a value "NULL".
    AssertSqlSafe(format!(
        "SELECT c.columns FROM ({tenants}\n) AS listed CROSS JOIN LATERAL \
         (SELECT json_agg(json_build_array(e.key, e.value) ORDER BY e.ordinality) AS columns \
         FROM json_each_text(row_to_json(listed.*)) WITH ORDINALITY AS e) AS c"
    ))
}

/// Returns the query that counts a view's rows by tenant, most rows first.
pub(super) fn count_by_tenant(
    view: &QualifiedName,
    column: &Identifier,
    most: usize,
) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT v.{column}::text AS tenant, count(*)::int8 AS rows FROM {view} v \
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {most}"
    ))
}

/// Returns the statement that cancels what one server process is doing.
pub(super) fn cancel_backend(pid: i32) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT pg_cancel_backend({pid})"))
}

/// Returns the message that tries to take the lock on migrating, in a transaction that then
/// holds it; the last row tells whether it was free.
///
/// It never waits in the server: a waiting statement holds a snapshot, and a CREATE INDEX
/// CONCURRENTLY of the run that has the lock would wait for that snapshot to go. READ
/// COMMITTED is named, whatever the role's default is, because such a transaction holds no
/// snapshot between its statements.
pub(super) fn try_migration_lock(key: i64) -> AssertSqlSafe<String> {
    // No limit on idling or on the whole (17+) may end it while migrations are applied.
    AssertSqlSafe(format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; \
         SET LOCAL idle_in_transaction_session_timeout = 0; \
         SELECT CASE WHEN current_setting('server_version_num')::int4 >= 170000 \
         THEN set_config('transaction_timeout', '0', true) END; \
         SELECT pg_try_advisory_xact_lock({key}) AS is_taken"
    ))
}

/// Returns the query that tells who holds an advisory lock.
pub(super) fn lock_holder(key: i64) -> AssertSqlSafe<String> {
    let bits = key.cast_unsigned();
    AssertSqlSafe(format!(
        "SELECT a.pid, coalesce(a.usename, '')::text AS role, \
         coalesce(a.application_name, '') AS application \
         FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.classid = {} AND l.objid = {} \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        bits >> 32,
        bits & 0xffff_ffff,
    ))
}

/// Returns the statements that open the transaction of a migration.
pub(super) fn begin_migration(limits: &Limits) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {}",
        migration_settings(limits, Scope::Transaction)
    ))
}

/// Returns the statements that settle the session for a file outside a transaction.
pub(super) fn settle_session(limits: &Limits) -> AssertSqlSafe<String> {
    AssertSqlSafe(migration_settings(limits, Scope::Session))
}

/// Returns the statements that undo, within a file's own transaction, the role and the
/// settings that it left, so that its row of the ledger is written as if it had set none.
pub(super) fn resettle_migration(limits: &Limits) -> AssertSqlSafe<String> {
    // What the file deferred to the commit still runs under its role and settings.
    AssertSqlSafe(format!(
        "SET CONSTRAINTS ALL IMMEDIATE; {RESET_SESSION}; {}",
        migration_settings(limits, Scope::Transaction)
    ))
}

/// Gives a session back as it was when it was opened.
pub(super) const RESET_SESSION: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL";

/// Returns the query that tells how a transaction ended, by its id.
pub(super) fn transaction_fate(id: i64) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT pg_xact_status('{id}'::xid8) AS fate"))
}

/// Returns the statements that open the transaction of a trial, which is rolled back.
pub(super) fn begin_trial(limits: &Limits) -> AssertSqlSafe<String> {
    begin_migration(limits)
}

/// Returns the statement that takes on a role until the transaction ends.
pub(super) fn become_locally(role: &RoleName) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SET LOCAL ROLE {role}"))
}

/// Returns the statement that refreshes a view.
pub(super) fn refresh(view: &QualifiedName, mode: RefreshMode) -> AssertSqlSafe<String> {
    let how = match mode {
        RefreshMode::Concurrently => "CONCURRENTLY ",
        RefreshMode::Plain => "",
    };
    AssertSqlSafe(format!("REFRESH MATERIALIZED VIEW {how}{view}"))
}

/// Vouches for a migration of the project: running it as it stands is what was asked for.
pub(super) fn vouch_for_migration(sql: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql.to_owned())
}

fn local_settings(limits: &Limits) -> String {
    // jit: compiling costs more than all of these queries together.
    format!(
        "SET LOCAL jit = off; SET LOCAL \"TimeZone\" = 'UTC'; \
         SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}; \
         SET LOCAL idle_in_transaction_session_timeout = 60000",
        milliseconds(limits.lock.0),
        milliseconds(limits.statement.0),
    )
}

/// How long a setting lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Transaction,
    Session,
}

/// Returns the statements that limit a migration, and have the server notice when its
/// client is gone (14+).
fn migration_settings(limits: &Limits, scope: Scope) -> String {
    let (set, is_local) = match scope {
        Scope::Transaction => ("SET LOCAL", "true"),
        Scope::Session => ("SET", "false"),
    };
    format!(
        "{set} lock_timeout = {}; {set} statement_timeout = {}; \
         SELECT CASE WHEN current_setting('server_version_num')::int4 >= 140000 \
         THEN set_config('client_connection_check_interval', '1s', {is_local}) END",
        milliseconds(limits.lock.0),
        milliseconds(limits.statement.0),
    )
}

/// Returns whole milliseconds as the server's settings count them.
///
/// A duration that is not zero never becomes 0, which would mean "no limit".
fn milliseconds(duration: Duration) -> u32 {
    let exact = u32::try_from(duration.as_millis()).unwrap_or(i32::MAX as u32);
    if duration.is_zero() { 0 } else { exact.clamp(1, i32::MAX as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_set_never_becomes_no_limit() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_micros(10)), 1);
        assert_eq!(milliseconds(Duration::from_secs(5)), 5_000);
        assert_eq!(milliseconds(Duration::MAX), i32::MAX as u32);
    }
}
