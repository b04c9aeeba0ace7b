//! What the questions cost: each goes by its index, however many rows there are.

use super::with_views;
use crate::support::TestDatabase;

/// Makes a history of many views and many rows of each, as a busy year leaves it.
fn busy() -> TestDatabase {
    let database = with_views();
    database.session().run(
        "INSERT INTO driftgate.refreshes
                (id, run_id, correlation_id, view_schema, view_name, view_oid, view_xmin,
                 outcome, mode, started_at, as_of, finished_at, duration_ms, waited_ms,
                 lock_scheme, lock_key, lock_name, tool_version)
         SELECT gen_random_uuid(), md5((n / 50)::text)::uuid, '', 'public', 'mv_' || n % 200, 1,
                '3', CASE WHEN n % 20 = 0 THEN 'FAILED' ELSE 'SUCCESS' END, 'plain', t.at, t.at,
                t.at, 1, 0, 'int64', '{1}', '', '0.1.0'
           FROM generate_series(1, 40000) n,
                LATERAL (SELECT now() - n * interval '1 minute' AS at) t;
         UPDATE driftgate.refreshes SET view_xmin = NULL WHERE outcome <> 'SUCCESS';
         ANALYZE driftgate.refreshes",
    );
    database
}

#[track_caller]
fn goes_by(database: &TestDatabase, index: &str, query: &str) {
    let plan = database.session().column(&format!("EXPLAIN {query}")).join("\n");
    let by_index = plan.contains(index) && !plan.contains("Seq Scan on refreshes");
    assert!(by_index, "{index} in:\n{plan}");
}

#[test]
fn every_question_goes_by_an_index() {
    let database = busy();
    goes_by(
        &database,
        "refreshes_success_idx",
        "SELECT as_of FROM driftgate.refreshes WHERE view_schema = 'public'
            AND view_name = 'mv_7' AND outcome = 'SUCCESS' ORDER BY finished_at DESC LIMIT 1",
    );
    goes_by(
        &database,
        "refreshes_failure_idx",
        "SELECT * FROM driftgate.refreshes
          WHERE true AND (view_schema = 'public' AND view_name = 'mv_7' AND outcome = 'SUCCESS'
             OR view_schema = 'public' AND view_name = 'mv_7' AND outcome <> 'SUCCESS')
          ORDER BY finished_at DESC, id DESC LIMIT 51",
    );
    goes_by(
        &database,
        "refreshes_run_idx",
        "SELECT * FROM driftgate.refreshes WHERE run_id = md5('7')::uuid ORDER BY finished_at",
    );
    goes_by(
        &database,
        "refreshes_finished_idx",
        "SELECT * FROM driftgate.refreshes WHERE true
          ORDER BY finished_at DESC, id DESC LIMIT 51",
    );
}

#[test]
fn what_is_read_of_every_view_goes_by_an_index() {
    let database = busy();
    let query = include_str!("../../../src/pg/sql/history_read.sql").replace("$1", "10");
    let plan = database.session().column(&format!("EXPLAIN {query}")).join("\n");
    for index in ["refreshes_success_idx", "refreshes_failure_idx"] {
        assert_eq!(plan.matches(index).count(), 1, "{plan}");
    }
    assert!(!plan.contains("Seq Scan on refreshes") && !plan.contains("finished_idx"), "{plan}");
}

#[test]
fn what_a_refresh_asks_goes_by_an_index() {
    let database = busy();
    let query = include_str!("../../../src/pg/sql/history_fresh_as_of.sql")
        .replace("$1", "'public'")
        .replace("$2", "'mv_a'");
    goes_by(&database, "refreshes_success_idx", &query);
}
