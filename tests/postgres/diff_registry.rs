//! `diff-registry`: each way in which registry and database can drift apart, planted in a
//! real database, found, and shown by a query that its reader can run.

use serde_json::{Value, json};

use crate::support::driftgate::{findings, verdict};
use crate::support::session::Session;
use crate::support::{Project, Run, TestDatabase, driftgate};

fn diff(project: &Project, database: &TestDatabase) -> Run {
    driftgate(["diff-registry"]).project(project).database(&database.url()).json()
}

/// Runs each finding's own query against the database; each must show something.
#[track_caller]
pub(crate) fn assert_evidence(report: &Value, session: &mut Session) {
    for finding in report["findings"].as_array().expect("findings") {
        let Some(query) = finding["evidence"]["query"].as_str() else {
            assert_ne!(finding["severity"], "error", "no query: {finding:#}");
            continue;
        };
        assert!(!session.rows(query).is_empty(), "nothing to see: {finding:#}");
    }
}

/// Plants a fault in the reference project's database and returns what is found.
#[track_caller]
fn found_after(fault: &str, exit: i32) -> (Value, Vec<String>) {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let mut session = database.session();
    session.run(fault);
    let report = diff(&project, &database).exits(exit).document();
    assert_evidence(&report, &mut session);
    let expected = if exit == 0 { "pass" } else { "fail" };
    assert_eq!(verdict(&report, "EG-3"), expected, "{report:#}");
    let found = findings(&report);
    (report, found)
}

/// Returns the row of a view.
fn view<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["data"]["views"].as_array().expect("rows");
    rows.iter().find(|row| row["name"] == name).expect("the view has a row")
}

#[test]
fn the_reference_project_is_in_sync() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let report = diff(&project, &database).exits(0).document();
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["exit_code"], 0);
    assert_eq!(verdict(&report, "EG-3"), "pass");
    assert_eq!(report["findings"], json!([]));
    let rows = report["data"]["views"].as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert_eq!(
            (&row["registry"], &row["migrations"], &row["live"], &row["presence"]),
            (&json!(true), &json!(null), &json!(true), &json!("in-sync"))
        );
    }
}

#[test]
fn a_view_that_was_dropped_is_missing() {
    let (report, found) =
        found_after("DROP MATERIALIZED VIEW public.mv_channel_performance CASCADE", 1);
    assert_eq!(found, ["view-missing public.mv_channel_performance"]);
    let row = view(&report, "public.mv_channel_performance");
    assert_eq!((&row["live"], &row["presence"]), (&json!(false), &json!("view-missing")));
    assert_eq!(report["findings"][0]["location"]["file"], "registry.toml");
    assert!(report["findings"][0]["location"]["line"].as_i64().expect("a line") > 1);
}

#[test]
fn a_view_made_by_hand_is_unregistered() {
    let (report, found) =
        found_after("CREATE MATERIALIZED VIEW public.mv_by_hand AS SELECT 1 AS a", 1);
    assert_eq!(found, ["view-unregistered public.mv_by_hand"]);
    let row = view(&report, "public.mv_by_hand");
    assert_eq!((&row["registry"], &row["presence"]), (&json!(false), &json!("view-unregistered")));
}

#[test]
fn a_hostile_name_is_reported_as_sql_spells_it_and_its_query_is_sound() {
    let (_, found) = found_after(
        r#"CREATE MATERIALIZED VIEW public."mv'; DROP TABLE ""x"" \" AS SELECT 1 AS a"#,
        1,
    );
    assert_eq!(found, [r#"view-unregistered public."mv'; DROP TABLE ""x"" \""#]);
}

#[test]
fn a_view_given_to_another_owner_is_drift() {
    let (report, found) =
        found_after("ALTER MATERIALIZED VIEW public.mv_realtime_revenue OWNER TO postgres", 1);
    assert_eq!(found, ["owner-drift public.mv_realtime_revenue"]);
    let evidence = &report["findings"][0]["evidence"];
    assert_eq!(evidence["declared"]["owner"], "matview_owner");
    assert_eq!(evidence["observed"]["owner"], "postgres");
}

#[test]
fn an_emptied_view_is_unpopulated() {
    let (_, found) =
        found_after("REFRESH MATERIALIZED VIEW public.mv_realtime_revenue WITH NO DATA", 1);
    assert_eq!(found, ["view-unpopulated public.mv_realtime_revenue"]);
}

#[test]
fn a_dropped_index_takes_the_key_and_the_concurrent_refresh() {
    let (_, found) = found_after("DROP INDEX public.mv_realtime_revenue_key", 1);
    assert_eq!(
        found,
        [
            "concurrent-unfit public.mv_realtime_revenue",
            "unique-key-drift public.mv_realtime_revenue",
        ]
    );
}

#[test]
fn a_partial_index_in_its_place_keeps_no_key() {
    let (report, found) = found_after(
        "DROP INDEX public.mv_realtime_revenue_key;
         CREATE UNIQUE INDEX mv_realtime_revenue_key ON public.mv_realtime_revenue (tenant_id)
             WHERE entries > 0",
        1,
    );
    assert_eq!(
        found,
        [
            "concurrent-unfit public.mv_realtime_revenue",
            "unique-key-drift public.mv_realtime_revenue",
        ]
    );
    let remedies: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|finding| finding["remedy"]["sql"][0].as_str())
        .collect();
    let remedy = "CREATE UNIQUE INDEX CONCURRENTLY ON public.mv_realtime_revenue (tenant_id)";
    assert_eq!(remedies, [remedy, remedy]);
}

#[test]
fn another_key_is_drift_though_a_concurrent_refresh_can_use_it() {
    let (_, found) = found_after(
        "DROP INDEX public.mv_realtime_revenue_key;
         CREATE UNIQUE INDEX ON public.mv_realtime_revenue (tenant_id, revenue_day)",
        1,
    );
    assert_eq!(found, ["unique-key-drift public.mv_realtime_revenue"]);
}

#[test]
fn the_remedy_of_a_missing_key_makes_the_findings_go_away() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    database.session().run("DROP INDEX public.mv_realtime_revenue_key");
    let report = diff(&project, &database).exits(1).document();
    let remedy = report["findings"][0]["remedy"]["sql"][0].as_str().expect("a remedy");
    database.session().run(remedy);
    assert_eq!(findings(&diff(&project, &database).exits(0).document()), Vec::<String>::new());
}

#[test]
fn a_cycle_through_plain_views_is_a_warning_and_traps_nobody() {
    let fault = "CREATE VIEW public.between AS SELECT NULL::uuid AS tenant_id;
         CREATE MATERIALIZED VIEW public.mv_ring AS SELECT tenant_id FROM public.between;
         CREATE UNIQUE INDEX ON public.mv_ring (tenant_id);
         CREATE OR REPLACE VIEW public.between AS SELECT tenant_id FROM public.mv_ring";
    let (database, project) = (TestDatabase::reference(), Project::reference());
    project.register("[[matview]]\nname = \"public.mv_ring\"");
    let mut session = database.session();
    session.run(fault);
    let report = diff(&project, &database).exits(0).document();
    assert_eq!(findings(&report), ["dependency-drift public.mv_ring"]);
    assert_eq!(report["findings"][0]["severity"], "warning");
    assert_evidence(&report, &mut session);
    let run = driftgate(["diff-registry", "--fail-on", "warning"]);
    let report = run.project(&project).database(&database.url()).json().exits(1).document();
    assert_eq!(verdict(&report, "EG-3"), "fail");
}

#[test]
fn a_cycle_of_two_views_is_told_once_with_both_names() {
    let (database, project) = (TestDatabase::empty(), Project::new("version = 1\n"));
    for name in ["a", "b"] {
        project.register(&format!("[[matview]]\nname = \"public.{name}\"\nrefresh = \"plain\""));
    }
    let mut session = database.session();
    session.run(
        "CREATE VIEW between AS SELECT 1 AS n;
         CREATE MATERIALIZED VIEW a AS SELECT n FROM between;
         CREATE MATERIALIZED VIEW b AS SELECT n FROM a;
         CREATE OR REPLACE VIEW between AS SELECT n FROM b",
    );
    let report = diff(&project, &database).exits(0).document();
    assert_eq!(findings(&report), ["dependency-drift public.a"]);
    let message = report["findings"][0]["message"].as_str().expect("a message");
    assert!(message.contains("public.a, public.b"), "{message}");
    assert_evidence(&report, &mut session);
}

#[test]
fn a_view_outside_the_schemas_is_listed_and_fails_nothing() {
    let (report, found) = found_after(
        "CREATE SCHEMA elsewhere; CREATE MATERIALIZED VIEW elsewhere.mv AS SELECT 1 AS a",
        0,
    );
    assert_eq!(found, ["view-outside-schemas elsewhere.mv"]);
    assert_eq!(report["findings"][0]["severity"], "info");
}

#[test]
fn an_ignored_view_is_listed_as_ignored_and_never_dropped_silently() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    project.change("registry.toml", "[database]\n", "[database]\nignore = [\"public.tmp_*\"]\n");
    database.session().run("CREATE MATERIALIZED VIEW public.tmp_1 AS SELECT 1 AS a");
    let report = diff(&project, &database).exits(0).document();
    assert_eq!(findings(&report), Vec::<String>::new());
    let ignored = json!([{ "name": "public.tmp_1", "pattern": "public.tmp_*" }]);
    assert_eq!(report["data"]["ignored"], ignored);
    driftgate(["diff-registry"])
        .project(&project)
        .database(&database.url())
        .run()
        .exits(0)
        .shows("ignored: public.tmp_1 (matches public.tmp_*)");
}

#[test]
fn fail_on_never_prints_the_finding_and_exits_0() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    database.session().run("DROP INDEX public.mv_realtime_revenue_key");
    let run = || {
        driftgate(["diff-registry", "--fail-on", "never"])
            .project(&project)
            .database(&database.url())
    };
    let report = run().json().exits(0).document();
    assert_eq!((&report["verdict"], &report["exit_code"]), (&json!("fail"), &json!(0)));
    assert_eq!(report["findings"].as_array().expect("findings").len(), 2);
    run().run().exits(0).shows("[unique-key-drift] public.mv_realtime_revenue");
}

#[test]
fn a_view_that_is_locked_does_not_keep_it_from_judging_what_needs_no_lock() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let mut refreshing = database.session();
    refreshing.run("BEGIN; REFRESH MATERIALIZED VIEW public.mv_allocation_summary");
    assert_eq!(diff(&project, &database).exits(0).document()["verdict"], "pass");
}
