//! The statements of the history that depend on what was asked for.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::history::{FAILED, Filter};
use crate::ident::{RoleName, literal};
use crate::lock_key::normal_tenant;
use crate::pg::session::Limits;

/// Returns the statements that open the transaction of an installation, and wait for the
/// lock that keeps a second one away; it ends with the transaction.
///
/// READ COMMITTED is named, whatever the role's default is: what the other one has done
/// must be seen.
pub(in crate::pg) fn begin_install(limits: &Limits, key: i64) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "{}; SET LOCAL search_path = ''; SELECT pg_advisory_xact_lock({key})",
        super::begin_migration(limits).0
    ))
}

/// Returns the statements that let a role read and add to the history, and no more.
pub(in crate::pg) fn grant(role: &RoleName) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "GRANT USAGE ON SCHEMA driftgate TO {role}; \
         GRANT SELECT ON driftgate.versions TO {role}; \
         GRANT SELECT, INSERT ON driftgate.refreshes, driftgate.ticks, driftgate.task_runs \
         TO {role}; \
         GRANT UPDATE (ended_at, outcome, message) ON driftgate.ticks TO {role}"
    ))
}

/// Returns the query that lists refreshes, newest first, and one more than was asked for,
/// which tells that there are more.
pub(in crate::pg) fn list(filter: &Filter) -> AssertSqlSafe<String> {
    let mut conditions = vec!["true".to_owned()];
    let either = |conditions: Vec<String>| format!("({})", conditions.join(" OR "));
    if !filter.views.is_empty() {
        // Each way of ending has an index of its own.
        let views = filter.views.iter().flat_map(|view| {
            ["= 'SUCCESS'", "<> 'SUCCESS'"].map(|outcome| {
                format!(
                    "view_schema = {} AND view_name = {} AND outcome {outcome}",
                    literal(view.schema.as_str()),
                    literal(view.name.as_str())
                )
            })
        });
        conditions.push(either(views.collect()));
    }
    if let Some(run) = filter.run {
        conditions.push(format!("run_id = '{run}'"));
    }
    if let Some(tenant) = &filter.tenant {
        conditions.push(format!("tenant = {}", literal(&normal_tenant(tenant))));
    }
    if filter.failed {
        conditions.push(format!("outcome IN ({})", failed_outcomes()));
    }
    if let Some(since) = filter.since {
        conditions.push(format!("finished_at >= {}", ago(since)));
    }
    AssertSqlSafe(format!(
        "SELECT id::text AS id, run_id::text AS run_id, correlation_id, view_schema, view_name, \
         tenant, outcome, mode, started_at, as_of, finished_at, duration_ms, waited_ms, rows_before, \
         rows_after, tenants_before, tenants_after, lock_scheme, lock_key, lock_name, sqlstate, \
         message, hint, role_name, server_version, tool_version \
         FROM driftgate.refreshes WHERE {} ORDER BY finished_at DESC, id DESC LIMIT {}",
        conditions.join(" AND "),
        u64::from(filter.limit) + 1,
    ))
}

/// Returns the query that tells the instant before which rows are old, as text.
pub(in crate::pg) fn old_before(age: Duration) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT ({})::text AS old_before", ago(age)))
}

/// The last success of each view, of those before the instant `$1`: they stay.
pub(in crate::pg) const KEPT: &str = "SELECT id::text AS id FROM (\
     SELECT DISTINCT ON (view_schema, view_name) id, finished_at FROM driftgate.refreshes \
     WHERE outcome = 'SUCCESS' ORDER BY view_schema, view_name, finished_at DESC, id DESC\
     ) last WHERE finished_at < $1::timestamptz";

/// Counts the rows before the instant `$1`.
pub(in crate::pg) const COUNT_OLD: &str = "SELECT count(*)::int8 AS old \
     FROM driftgate.refreshes WHERE finished_at < $1::timestamptz";

/// Removes at most `$3` rows before the instant `$1`, the oldest first, but for those with
/// the ids `$2`.
pub(in crate::pg) const REMOVE_OLD: &str = "DELETE FROM driftgate.refreshes WHERE id IN (\
     SELECT r.id FROM driftgate.refreshes r WHERE r.finished_at < $1::timestamptz \
     AND NOT EXISTS (SELECT FROM unnest($2::uuid[]) AS kept(id) WHERE kept.id = r.id) \
     ORDER BY r.finished_at LIMIT $3)";

fn failed_outcomes() -> String {
    FAILED.map(|outcome| literal(outcome.word())).join(", ")
}

/// Returns the instant so long ago, by the clock of the server when the transaction began.
fn ago(age: Duration) -> String {
    // The server's time begins in 4713 BC.
    const LONGEST: u64 = 6_000 * 365 * 86_400;
    format!("now() - {} * interval '1 second'", age.as_secs().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_stays_inside_its_literal() {
        let filter = Filter {
            views: vec!["\"a'b\".\"c\\d\"".parse().expect("a name")],
            tenant: Some("x' OR true --".to_owned()),
            limit: u32::MAX,
            ..Filter::default()
        };
        let sql = list(&filter).0;
        assert!(sql.contains("view_schema = 'a''b' AND view_name = E'c\\\\d'"), "{sql}");
        assert!(sql.contains("tenant = 'x'' OR true --'"), "{sql}");
        assert!(sql.ends_with("LIMIT 4294967296"), "{sql}");
    }

    #[test]
    fn no_age_is_older_than_the_servers_time() {
        assert_eq!(ago(Duration::MAX), "now() - 189216000000 * interval '1 second'");
        assert_eq!(ago(Duration::from_secs(60)), "now() - 60 * interval '1 second'");
    }

    #[test]
    fn what_the_history_reads_as_failed_is_what_is_listed_as_failed() {
        let sql = include_str!("../sql/history_read.sql");
        let squeezed = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&format!("IN ({})", failed_outcomes())), "{squeezed}");
    }
}
