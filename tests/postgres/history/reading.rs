//! What the library reads of the history, for those who plan and judge.

use driftgate::history::{FailedRefresh, History, Records};
use driftgate::ident::QualifiedName;
use driftgate::pg::history::{find, read_history};
use uuid::Uuid;

use super::{ODD, endpoint, endpoint_of, with_views};
use crate::support::TestDatabase;
use crate::support::history::{Refreshed, on_record, success};

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(future)
}

fn records(database: &TestDatabase) -> Records {
    match wait(read_history(&endpoint(database))).expect("it can be read") {
        History::Known(records) => records,
        other => panic!("{other:?}"),
    }
}

fn named((schema, name): (&str, &str)) -> QualifiedName {
    QualifiedName::from_catalog(schema, name)
}

#[test]
fn how_long_it_takes_is_the_middle_of_the_last_ten_successes() {
    let database = with_views();
    let mut session = database.session();
    // The oldest three took very long; of the last ten, one did, and one failed between them.
    let took = [90_000, 90_000, 90_000, 10, 20, 30, 40, 50, 60, 70, 80, 90, 50_000];
    for (hours, took) in (1..=took.len()).rev().zip(took) {
        let ago = format!("{hours} hours");
        on_record(&mut session, &[Refreshed { took, view: ODD, ..success("", &ago) }]);
    }
    let failed = Refreshed { took: 1, outcome: "FAILED", view: ODD, ..success("", "90 minutes") };
    on_record(&mut session, &[failed]);
    let records = records(&database);
    let last = &records.last_success[&named(ODD)];
    assert_eq!((last.duration_ms, last.typical_ms), (50_000, 55));
    assert_eq!(last.touched_since, Some(false));
    assert_eq!(records.age(last).as_secs() / 60, 60);
    assert!(records.failed_since.is_empty(), "a success came after it: {records:?}");
}

#[test]
fn what_happened_since_is_told_apart() {
    let database = with_views();
    let mut session = database.session();
    session.run("CREATE MATERIALIZED VIEW mv_c AS SELECT 1 AS id");
    on_record(
        &mut session,
        &[
            success("mv_a", "3 hours"),
            success("mv_b", "3 hours"),
            success("mv_c", "3 hours"),
            Refreshed { outcome: "SKIPPED_FRESH", ..success("mv_a", "2 hours") },
            Refreshed { outcome: "ROLLED_BACK", ..success("mv_b", "2 hours") },
            Refreshed { outcome: "CANCELLED", ..success("mv_b", "1 hour") },
            success("gone", "1 hour"),
        ],
    );
    session.run(
        "REFRESH MATERIALIZED VIEW mv_b;
         DROP MATERIALIZED VIEW mv_c; CREATE MATERIALIZED VIEW mv_c AS SELECT 1 AS id",
    );
    let records = records(&database);
    let touched = |name| records.last_success[&named(("public", name))].touched_since;
    assert_eq!(
        [touched("mv_a"), touched("mv_b"), touched("mv_c")],
        [Some(false), Some(true), None]
    );
    assert_eq!(records.last_success.len(), 3, "a view that is gone is left out");
    let failed: Vec<_> = records.failed_since.iter().collect();
    let [(view, FailedRefresh { outcome, sqlstate, .. })] = &failed[..] else {
        panic!("{failed:?}")
    };
    assert_eq!((view.to_string().as_str(), outcome.as_str()), ("public.mv_b", "CANCELLED"));
    assert_eq!(sqlstate.as_deref(), Some("57014"));
}

#[test]
fn who_may_not_add_is_told_before_anything_is_tried() {
    let mut database = with_views();
    assert_eq!(records(&database).writable, Ok(()));
    let reader = database.role("reader");
    database.session().run(&format!(
        "GRANT USAGE ON SCHEMA driftgate TO {reader};
         GRANT SELECT ON ALL TABLES IN SCHEMA driftgate TO {reader}"
    ));
    let history = wait(read_history(&endpoint_of(&database.url_as(&reader))));
    let History::Known(records) = history.expect("it can be read") else { panic!("it is known") };
    let reason = records.writable.expect_err("it may not add");
    assert!(reason.contains("history install --grant-to"), "{reason}");
}

#[test]
fn a_refresh_is_found_by_the_id_of_its_row() {
    let database = with_views();
    let mut session = database.session();
    on_record(&mut session, &[success("mv_a", "1 hour")]);
    let id = session.value("SELECT id FROM driftgate.refreshes").parse().expect("a uuid");
    let found = |id| wait(find(&endpoint(&database), id)).expect("it can be asked");
    assert_eq!(found(id).as_deref(), Some("SUCCESS"));
    assert_eq!(found(Uuid::nil()), None);
    let nowhere = TestDatabase::empty();
    let failure = wait(find(&endpoint(&nowhere), id)).expect_err("there is no history");
    assert_eq!(failure.message, "the history of refreshes is not installed");
}
