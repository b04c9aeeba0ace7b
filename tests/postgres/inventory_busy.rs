//! `inventory` beside sessions that lock, change and drop what it reads: it does not wait,
//! and what it says of a view is what the view was at one moment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::driftgate::matview;
use crate::support::poll::until;
use crate::support::{Run, TestDatabase, driftgate};

fn inventory(database: &TestDatabase, exit: i32) -> Value {
    driftgate(["inventory"]).database(&database.url()).json().exits(exit).document()
}

/// Returns the views whose status is `busy`, after a look at what busy means.
fn busy(report: &Value) -> BTreeSet<&str> {
    let rows = report["data"]["matviews"].as_array().expect("rows");
    for row in rows {
        let is_busy = row["status"] == "busy";
        assert_eq!(row["fingerprint"].is_null(), is_busy, "{row:#}");
        assert_eq!(row["size_bytes"].is_null(), is_busy, "{row:#}");
    }
    rows.iter()
        .filter(|row| row["status"] == "busy")
        .filter_map(|row| row["name"].as_str())
        .collect()
}

#[test]
fn a_view_in_the_middle_of_a_plain_refresh_is_busy_and_so_is_what_names_it() {
    let database = TestDatabase::reference();
    let mut refreshing = database.session();
    refreshing.run("BEGIN; REFRESH MATERIALIZED VIEW public.mv_allocation_summary");
    let report = inventory(&database, 3);
    assert_eq!(
        busy(&report),
        BTreeSet::from(["public.mv_allocation_summary", "public.mv_channel_performance"])
    );
    // What needs no lock is told of a busy view too.
    let row = matview(&report, "public.mv_allocation_summary");
    assert_eq!(row["owner"], "matview_owner");
    assert_eq!(row["dependents"], json!(["public.mv_channel_performance"]));
    assert_eq!(row["concurrent_ready"], true);
    driftgate(["inventory"]).database(&database.url()).run().exits(3).shows("2 busy");

    refreshing.run("COMMIT");
    assert!(busy(&inventory(&database, 0)).is_empty());
}

#[test]
fn a_concurrent_refresh_hides_nothing() {
    let database = TestDatabase::reference();
    let mut refreshing = database.session();
    refreshing.run("BEGIN; REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_allocation_summary");
    assert!(busy(&inventory(&database, 0)).is_empty());
}

#[test]
fn a_refresh_that_only_waits_for_its_lock_makes_the_view_busy() {
    let database = TestDatabase::reference();
    let mut reading = database.session();
    reading.run("BEGIN; SELECT count(*) FROM public.mv_realtime_revenue");
    let waiting =
        database.session().run_aside("REFRESH MATERIALIZED VIEW public.mv_realtime_revenue");
    until("a refresh that waits", || {
        let waits = "SELECT count(*) FROM pg_locks
                      WHERE NOT granted AND relation = 'public.mv_realtime_revenue'::regclass";
        (database.session().value(waits) == "1").then_some(())
    });
    assert_eq!(busy(&inventory(&database, 3)), BTreeSet::from(["public.mv_realtime_revenue"]));
    reading.run("COMMIT");
    let (_session, refreshed) = waiting.join().expect("the thread ends");
    assert_eq!(refreshed, Ok(()));
}

#[test]
fn a_table_under_an_exclusive_lock_makes_the_views_that_name_it_busy() {
    let database = TestDatabase::reference();
    let mut locking = database.session();
    locking.run("BEGIN; LOCK TABLE public.revenue_ledger IN ACCESS EXCLUSIVE MODE");
    assert_eq!(
        busy(&inventory(&database, 3)),
        BTreeSet::from(["public.mv_daily_revenue_summary", "public.mv_realtime_revenue"])
    );
}

#[test]
fn a_locked_index_makes_its_view_busy() {
    let database = TestDatabase::reference();
    let mut locking = database.session();
    locking.run("BEGIN; ALTER INDEX public.mv_realtime_revenue_key SET (fillfactor = 80)");
    locking.run("REINDEX INDEX public.mv_realtime_revenue_key");
    assert_eq!(busy(&inventory(&database, 3)), BTreeSet::from(["public.mv_realtime_revenue"]));
}

#[test]
fn locks_in_another_database_make_nothing_busy() {
    let (database, other) = (TestDatabase::reference(), TestDatabase::reference());
    let mut refreshing = other.session();
    refreshing.run("BEGIN; REFRESH MATERIALIZED VIEW public.mv_allocation_summary");
    assert!(busy(&inventory(&database, 0)).is_empty());
}

/// Another session goes to and fro between two definitions, each with a comment that tells
/// which it is; a fingerprint beside the other one's comment would be wrong.
#[track_caller]
fn assert_fingerprints_fit_comments(make: &str, to_two: &str, to_one: &str) {
    let database = TestDatabase::empty();
    let mut changing = database.session();
    changing.run(make);
    let fingerprint = || {
        let report = inventory(&database, 0);
        matview(&report, "public.mv")["fingerprint"].clone()
    };
    let one = fingerprint();
    changing.run(to_two);
    let two = fingerprint();
    changing.run(to_one);
    assert_ne!(one, two);
    assert_eq!(fingerprint(), one);

    let is_enough = AtomicBool::new(false);
    let runs: Vec<Run> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_enough.load(Ordering::Relaxed) {
                changing.run(to_two);
                changing.run(to_one);
            }
        });
        let read = || driftgate(["inventory"]).database(&database.url()).json();
        let runs = (0..15).map(|_| read()).collect();
        is_enough.store(true, Ordering::Relaxed);
        runs
    });
    for run in runs {
        let report = run.document();
        assert!(report["data"]["matviews"].is_array(), "{report:#}");
        let row = matview(&report, "public.mv");
        let (expected, unread) =
            (if row["comment"] == "one" { &one } else { &two }, row["fingerprint"].is_null());
        assert!(unread || row["fingerprint"] == *expected, "{row:#}");
        assert_eq!(run.code, Some(if unread { 3 } else { 0 }), "{row:#}");
    }
}

#[test]
fn a_column_renamed_while_it_reads_never_gives_a_wrong_fingerprint() {
    assert_fingerprints_fit_comments(
        "CREATE TABLE t (a int);
         CREATE MATERIALIZED VIEW mv AS SELECT a FROM t;
         COMMENT ON MATERIALIZED VIEW mv IS 'one'",
        "BEGIN; ALTER TABLE t RENAME COLUMN a TO b;
         COMMENT ON MATERIALIZED VIEW mv IS 'two'; COMMIT",
        "BEGIN; ALTER TABLE t RENAME COLUMN b TO a;
         COMMENT ON MATERIALIZED VIEW mv IS 'one'; COMMIT",
    );
}

#[test]
fn a_view_made_anew_while_it_reads_never_gives_a_wrong_fingerprint() {
    let make = |number: &str, word: &str| {
        format!(
            "CREATE MATERIALIZED VIEW mv AS SELECT {number} AS a;
             COMMENT ON MATERIALIZED VIEW mv IS '{word}'"
        )
    };
    let replace =
        |number, word| format!("BEGIN; DROP MATERIALIZED VIEW mv; {}; COMMIT", make(number, word));
    assert_fingerprints_fit_comments(&make("1", "one"), &replace("2", "two"), &replace("1", "one"));
}

#[test]
fn a_function_renamed_while_it_reads_never_gives_a_wrong_fingerprint() {
    assert_fingerprints_fit_comments(
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
         CREATE MATERIALIZED VIEW mv AS SELECT f() AS a;
         COMMENT ON MATERIALIZED VIEW mv IS 'one'",
        "BEGIN; ALTER FUNCTION f() RENAME TO g;
         COMMENT ON MATERIALIZED VIEW mv IS 'two'; COMMIT",
        "BEGIN; ALTER FUNCTION g() RENAME TO f;
         COMMENT ON MATERIALIZED VIEW mv IS 'one'; COMMIT",
    );
}
