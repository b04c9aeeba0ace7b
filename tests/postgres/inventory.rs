//! `inventory`: every row whole, with no right but CONNECT, whatever the names.

use serde_json::json;

use crate::support::driftgate::matview;
use crate::support::{Project, TestDatabase, driftgate};

#[test]
fn rows_of_the_reference_project_are_whole() {
    let database = TestDatabase::reference();
    let report = driftgate(["inventory"])
        .project(&Project::reference())
        .database(&database.url())
        .json()
        .exits(0)
        .document();
    let major: i32 =
        database.session().value("SHOW server_version_num").parse::<i32>().expect("a number")
            / 10_000;
    let names: Vec<&str> = report["data"]["matviews"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "public.mv_allocation_summary",
            "public.mv_channel_performance",
            "public.mv_daily_revenue_summary",
            "public.mv_realtime_revenue",
            "public.mv_reconciliation_status",
        ]
    );
    let row = matview(&report, "public.mv_channel_performance");
    assert_eq!(row["owner"], "matview_owner");
    assert_eq!(row["populated"], true);
    assert_eq!(row["status"], "ok");
    assert_eq!(row["concurrent_ready"], true);
    assert_eq!(row["registered"], true);
    assert_eq!(row["depends_on"], json!(["public.mv_allocation_summary"]));
    assert_eq!(row["dependents"], json!([]));
    assert_eq!(row["comment"], "Events and credited revenue of each channel.");
    assert_eq!(
        row["indexes"],
        json!([{
            "name": "mv_channel_performance_key",
            "columns": ["tenant_id", "channel_code"],
            "unique": true,
            "valid": true,
            "usable_for_concurrent": true,
        }])
    );
    assert!(row["size_bytes"].as_i64().expect("a size") > 0);
    assert!(row["rows_estimate"].as_f64().expect("an estimate") > 0.0);
    let fingerprint = &row["fingerprint"];
    let digits = fingerprint["sha256"].as_str().expect("a digest");
    assert!(digits.len() == 64 && digits.bytes().all(|one| one.is_ascii_hexdigit()), "{digits}");
    assert_eq!(fingerprint["server_major"], major);
    let upstream = matview(&report, "public.mv_allocation_summary");
    assert_eq!(upstream["dependents"], json!(["public.mv_channel_performance"]));
}

#[test]
fn dependencies_go_through_plain_views_at_any_depth() {
    let database = TestDatabase::empty();
    database.session().run(
        "CREATE TABLE base (id int, v text);
         CREATE MATERIALIZED VIEW low AS SELECT id, v FROM base;
         CREATE VIEW first AS SELECT id FROM low;
         CREATE VIEW second AS SELECT id FROM first;
         CREATE MATERIALIZED VIEW middle AS SELECT id FROM second;
         CREATE VIEW third AS SELECT m.id FROM middle m JOIN second USING (id);
         CREATE MATERIALIZED VIEW high AS SELECT id FROM third WITH NO DATA",
    );
    let report = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    let (low, middle, high) = (
        matview(&report, "public.low"),
        matview(&report, "public.middle"),
        matview(&report, "public.high"),
    );
    assert_eq!(low["depends_on"], json!([]));
    assert_eq!(low["dependents"], json!(["public.high", "public.middle"]));
    assert_eq!(middle["depends_on"], json!(["public.low"]));
    assert_eq!(high["depends_on"], json!(["public.low", "public.middle"]));
    assert_eq!(high["dependents"], json!([]));
    assert_eq!(high["populated"], false);
    assert_eq!(low["rows_estimate"], json!(null));
    assert_eq!(low["comment"], json!(null));
}

#[test]
fn registered_is_null_without_a_registry_and_false_for_what_it_does_not_name() {
    let database = TestDatabase::empty();
    database.session().run(
        "CREATE MATERIALIZED VIEW known AS SELECT 1 AS a;
         CREATE MATERIALIZED VIEW other AS SELECT 1 AS a;
         CREATE MATERIALIZED VIEW tmp_1 AS SELECT 1 AS a",
    );
    let nowhere = Project::without_registry();
    let report = driftgate(["inventory"])
        .project(&nowhere)
        .database(&database.url())
        .json()
        .exits(0)
        .document();
    assert_eq!(report["project"], json!(null));
    assert_eq!(matview(&report, "public.known")["registered"], json!(null));

    let project = Project::new(
        "version = 1\n[database]\nignore = ['public.tmp_*']\n\
         [[matview]]\nname = 'public.known'\n",
    );
    let report = driftgate(["inventory"])
        .project(&project)
        .database(&database.url())
        .json()
        .exits(0)
        .document();
    assert_eq!(matview(&report, "public.known")["registered"], true);
    assert_eq!(matview(&report, "public.other")["registered"], false);
    assert_eq!(
        report["data"]["ignored"],
        json!([{ "name": "public.tmp_1", "pattern": "public.tmp_*" }])
    );
}

#[test]
fn a_role_with_no_right_but_connect_reads_what_a_superuser_reads() {
    let mut database = TestDatabase::reference();
    let reader = database.role("reader");
    database.close_to_the_public();
    database.session().run(&format!(
        "CREATE SCHEMA closed;
         CREATE MATERIALIZED VIEW closed.mv AS SELECT id FROM public.tenants;
         GRANT CONNECT ON DATABASE {} TO {reader}",
        database.name()
    ));
    let project = Project::reference();
    let rows = |url: &str| {
        let run = driftgate(["inventory"]).project(&project).database(url).json();
        run.exits(0).document()["data"].clone()
    };
    assert_eq!(rows(&database.url_as(&reader)), rows(&database.url()));
}

#[test]
fn an_empty_database_has_no_rows_and_that_is_no_failure() {
    let database = TestDatabase::empty();
    let report = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    assert_eq!(report["data"]["matviews"], json!([]));
    driftgate(["inventory"])
        .database(&database.url())
        .run()
        .exits(0)
        .shows("The database has no materialized view.");
}
