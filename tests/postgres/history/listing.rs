//! `history list`.

use serde_json::{Value, json};

use super::{ODD, ODD_SPELT, with_views};
use crate::support::history::{RUN, Refreshed, on_record, success};
use crate::support::{TestDatabase, driftgate};

const OTHER_RUN: &str = "0192f0c1-0000-7000-8000-00000000000b";
const TENANT: &str = "123e4567-e89b-12d3-a456-426614174000";

fn some_rows(database: &TestDatabase) {
    on_record(
        &mut database.session(),
        &[
            success("mv_a", "3 days"),
            Refreshed { outcome: "TIMED_OUT", ..success("mv_a", "2 days") },
            Refreshed { run: OTHER_RUN, tenant: Some(TENANT), ..success("mv_b", "3 hours") },
            Refreshed { outcome: "SKIPPED_FRESH", ..success("mv_b", "2 hours") },
            Refreshed { view: ODD, outcome: "REFUSED_UNSAFE", ..success("", "1 hour") },
            Refreshed { view: ODD, ..success("", "30 minutes") },
        ],
    );
}

fn list(database: &TestDatabase, options: &[&str]) -> Value {
    driftgate(["history", "list"])
        .args(options)
        .database(&database.url())
        .json()
        .exits(0)
        .document()
}

/// Returns view and outcome of each row.
fn told(report: &Value) -> Vec<String> {
    let rows = report["data"]["refreshes"].as_array().expect("rows");
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    rows.iter().map(|row| format!("{} {}", word(&row["view"]), word(&row["outcome"]))).collect()
}

#[test]
fn rows_come_newest_first_and_are_whole() {
    let database = with_views();
    some_rows(&database);
    let report = list(&database, &[]);
    let odd = |outcome| format!("{ODD_SPELT} {outcome}");
    assert_eq!(
        told(&report),
        [
            odd("SUCCESS").as_str(),
            &odd("REFUSED_UNSAFE"),
            "public.mv_b SKIPPED_FRESH",
            "public.mv_b SUCCESS",
            "public.mv_a TIMED_OUT",
            "public.mv_a SUCCESS",
        ]
    );
    assert_eq!(report["data"]["has_more"], false);
    assert_eq!(report["gates"], json!([]));
    let row = &report["data"]["refreshes"][4];
    assert_eq!(
        row["error"],
        json!({ "sqlstate": "57014", "message": "canceling statement", "hint": null })
    );
    assert_eq!(row["lock"], json!({ "scheme": "int64", "key": [1], "name": "mv_a" }));
    assert_eq!(row["run_id"], RUN);
    assert_eq!(row["correlation_id"], "ticket 7");
    assert_eq!(row["duration_ms"], 1_500);
    assert_eq!(row["role"], "postgres");
    assert_eq!(row["tenant"], Value::Null);
    for time in ["started_at", "as_of", "finished_at"] {
        let text = row[time].as_str().expect("a time");
        assert!(text.ends_with('Z') && text.len() == 24, "{text}");
    }
    assert_eq!(report["data"]["refreshes"][3]["tenant"], TENANT);
    assert_eq!(report["data"]["refreshes"][3]["error"], Value::Null);
}

#[test]
fn each_filter_lets_through_what_it_says() {
    let database = with_views();
    some_rows(&database);
    let upper = TENANT.to_uppercase();
    for (options, count) in [
        (vec!["public.mv_a"], 2),
        (vec!["public.mv_a", ODD_SPELT], 4),
        (vec!["public.nothing"], 0),
        (vec!["--run", OTHER_RUN], 1),
        (vec!["--tenant", upper.as_str()], 1),
        (vec!["--tenant", "' OR true --"], 0),
        (vec!["--failed"], 2),
        (vec!["--since", "4h"], 4),
        (vec!["--since", "4h", "--failed"], 1),
        (vec!["--since", "1000000years"], 6),
        (vec!["--limit", "3"], 3),
        (vec!["--limit", "4294967295"], 6),
    ] {
        let report = list(&database, &options);
        assert_eq!(told(&report).len(), count, "{options:?}");
        assert_eq!(report["data"]["has_more"], options.contains(&"3"), "{options:?}");
    }
}

#[test]
fn a_reader_sees_what_happened_and_why() {
    let database = with_views();
    driftgate(["history", "list"])
        .database(&database.url())
        .run()
        .exits(0)
        .shows("No such refresh is on record.");
    some_rows(&database);
    let human = |options: &[&str]| {
        driftgate(["history", "list"]).args(options).database(&database.url()).run().exits(0)
    };
    human(&["--limit", "2"]).shows(ODD_SPELT).shows("2 refreshes, the newest; --limit shows more");
    human(&["--failed", "-v"])
        .shows("TIMED_OUT (concurrently)")
        .shows("canceling statement (57014)")
        .shows(RUN);
}

#[test]
fn without_the_tables_or_the_right_it_says_what_to_do() {
    let mut database = TestDatabase::empty();
    let reader = database.role("reader");
    let run = |arguments: &[&str], url: &str| driftgate(arguments).database(url).run().exits(3);
    for arguments in [&["history", "list"][..], &["history", "prune", "--older-than", "1h"]] {
        run(arguments, &database.url())
            .says("the history of refreshes is not installed")
            .says("`driftgate history install` makes it");
    }
    crate::support::history::install(&database);
    run(&["history", "list"], &database.url_as(&reader))
        .says(&format!("{reader} may not read the history of refreshes"))
        .says(&format!("GRANT USAGE ON SCHEMA driftgate TO {reader}"));
    database.session().run(&format!(
        "GRANT USAGE ON SCHEMA driftgate TO {reader};
         GRANT SELECT ON ALL TABLES IN SCHEMA driftgate TO {reader}"
    ));
    driftgate(["history", "list"]).database(&database.url_as(&reader)).run().exits(0);
}

#[test]
fn what_cannot_be_asked_for_is_refused_before_anything_is_contacted() {
    for arguments in [
        &["history", "list", "--limit", "0"][..],
        &["history", "list", "mv_a"],
        &["history", "list", "--run", "yesterday"],
        &["history", "list", "--since", "soon"],
        &["history", "prune"],
        &["history"],
    ] {
        driftgate(arguments).run().exits(2);
    }
}
