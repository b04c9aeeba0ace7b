//! What a run tells: events as they happen, the plan of `--dry-run`, the words on a page.

use std::fs;

use serde_json::{Value, json};

use super::scene::{MV_ENTRY, SALES, Scene, only, outcome, outcomes, results};
use crate::support::{Project, driftgate};

/// Returns the lines of a file of events.
fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn events_tell_every_step_in_order_and_are_added_to_what_is_there() {
    let scene = Scene::reference();
    let file = scene.project.path().join("events.jsonl");
    let path = file.to_str().expect("UTF-8");
    let report = scene.refreshes(["--all", "--events", path], 0);
    let told = events(&fs::read_to_string(&file).expect("it was written"));
    let words: Vec<&str> = told.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(words.len(), 12, "{words:?}");
    assert_eq!(words[..3], ["run-started", "refresh-started", "refresh-ended"]);
    assert_eq!(words.last(), Some(&"run-ended"));
    assert_eq!(told[0]["refreshes"], 5);
    assert_eq!(told[1]["view"], "public.mv_allocation_summary");
    assert_eq!(told[2]["result"], results(&report)[0]);
    assert_eq!(told[11]["outcomes"], json!({ "SUCCESS": 5 }));
    for event in &told {
        assert_eq!(event["run_id"], report["run_id"]);
        let at = event["at"].as_str().expect("a time");
        assert!(at.ends_with('Z') && at.contains('T'), "{at}");
    }
    assert!(told.windows(2).all(|two| two[0]["at"].as_str() <= two[1]["at"].as_str()));

    scene.refreshes(["public.mv_realtime_revenue", "--events", path], 0);
    assert_eq!(events(&fs::read_to_string(&file).expect("it is there")).len(), 16);
}

#[test]
fn events_that_cannot_be_written_stop_no_refresh() {
    let scene = Scene::of_sales();
    let run = scene.refresh(["--all", "--events", "/dev/full"]).json().exits(0);
    let report = run.document();
    assert_eq!(outcome(&report), "SUCCESS");
    assert!(report.to_string().contains("events to /dev/full ended early"), "{report:#}");
}

#[test]
fn a_file_of_events_that_cannot_be_opened_refreshes_nothing() {
    let scene = Scene::of_sales();
    let before = scene.xmin("public.mv");
    let run = scene.refresh(["--all", "--events", "/nowhere/events"]).run();
    assert_ne!(run.code, Some(0));
    run.says("nothing was refreshed");
    assert_eq!(scene.xmin("public.mv"), before);
}

#[test]
fn the_callers_id_is_in_the_result_and_on_record() {
    let scene = Scene::of_sales().with_history();
    let report = scene.refreshes(["--all", "--correlation-id", "ticket 12 / it's"], 0);
    assert_eq!(only(&report)["correlation_id"], "ticket 12 / it's");
    let recorded = "SELECT correlation_id || '|' || run_id FROM driftgate.refreshes";
    let run_id = report["run_id"].as_str().expect("an id");
    assert_eq!(scene.value(recorded), format!("ticket 12 / it's|{run_id}"));
}

#[test]
fn history_and_result_agree() {
    let scene = Scene::of_sales().with_history();
    let report = scene.refreshes(["--all", "--count"], 0);
    let result = only(&report);
    let row = scene.value(
        "SELECT row_to_json(r) FROM (
           SELECT concat(view_schema, '.', view_name) AS view, outcome, mode, rows_before,
                  rows_after, tenants_before, tenants_after, lock_scheme, lock_key, lock_name,
                  tenant, to_char(as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') AS as_of,
                  view_xmin::text = (SELECT xmin::text FROM pg_class
                                      WHERE oid = 'public.mv'::regclass) AS is_last,
                  finished_at >= as_of AS is_after, role_name
             FROM driftgate.refreshes) r",
    );
    let row: Value = serde_json::from_str(&row).expect("JSON");
    for field in [
        "view",
        "outcome",
        "mode",
        "rows_before",
        "rows_after",
        "tenants_before",
        "tenants_after",
        "tenant",
    ] {
        assert_eq!(row[field], result[field], "{field}");
    }
    assert_eq!(row["lock_key"], result["lock"]["key"]);
    assert_eq!(row["lock_scheme"], result["lock"]["scheme"]);
    assert_eq!(row["lock_name"], result["lock"]["name"]);
    let as_of = result["as_of"].as_str().expect("a time");
    assert!(as_of.starts_with(row["as_of"].as_str().expect("a time")), "{as_of} {row:#}");
    assert_eq!((&row["is_last"], &row["is_after"]), (&json!(true), &json!(true)));
    assert_eq!(row["role_name"], "postgres");
}

#[test]
fn a_plan_changes_nothing_and_tells_order_keys_and_limits() {
    let scene = Scene::reference().with_history();
    let look = || {
        scene.session().column(
            "SELECT c.relname || ' ' || c.xmin FROM pg_class c
              WHERE c.relkind IN ('m', 'r') AND c.relnamespace <> 'pg_catalog'::regnamespace
              ORDER BY 1",
        )
    };
    let rows = || scene.rows("public.mv_channel_performance");
    scene.run("DELETE FROM public.attribution_allocations");
    let before = (look(), rows());
    let report = scene.refresh(["--all", "--dry-run", "--max-convoy", "2s"]).json();
    let report = report.exits(0).document();
    assert_eq!((look(), rows()), before);
    assert_eq!(scene.on_record(), Vec::<String>::new());
    let plan = &report["data"]["plan"];
    assert_eq!(report["data"]["refreshes"], json!([]));
    assert_eq!(plan["limits"]["max_convoy_ms"], 2_000);
    assert_eq!(plan["limits"]["lock_timeout_ms"], 30_000);
    let steps = plan["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 5);
    assert_eq!(steps[0]["view"], "public.mv_allocation_summary");
    assert_eq!(
        (&steps[1]["view"], &steps[1]["after"]),
        (&json!("public.mv_channel_performance"), &json!([1]))
    );
    for step in steps {
        assert_eq!(step["mode"], "concurrently");
        assert_eq!(step["class"], "clear");
        assert_eq!(step["expected_ms"], Value::Null);
        assert_eq!(step["hindrances"], json!([]));
    }
    scene.refreshes(["--all"], 0);
    let report = scene.refreshes(["--all", "--dry-run"], 0);
    assert!(report["data"]["plan"]["steps"][0]["expected_ms"].is_number(), "{report:#}");
    scene.assert_nothing_is_left();
}

#[test]
fn a_plan_tells_what_would_stand_in_the_way() {
    let scene = Scene::of_sales();
    scene.project.change(
        "registry.toml",
        "name = 'public.mv'",
        "name = 'public.mv'\nrefresh = 'plain'",
    );
    let (mut reading, mut holding) = (scene.session(), scene.session());
    reading.run("BEGIN; SELECT count(*) FROM public.mv");
    let key = &scene.refreshes(["--all", "--dry-run"], 0)["data"]["plan"]["steps"][0]["locks"][0];
    holding.run(&format!("SELECT pg_advisory_lock({})", key["key"][0]));
    let report = scene.refreshes(["--all", "--dry-run"], 0);
    let step = &report["data"]["plan"]["steps"][0];
    assert_eq!(step["blocks_readers"], true);
    let hindrances = step["hindrances"].to_string();
    assert!(hindrances.contains(&format!("held by process {}", holding.pid())), "{hindrances}");
    assert!(
        hindrances.contains(&format!("process {}, is in a transaction", reading.pid())),
        "{hindrances}"
    );
    let run = scene.refresh(["--all", "--dry-run"]).run().exits(0);
    run.shows("Nothing was refreshed").shows("readers wait while it runs");
}

#[test]
fn a_plan_tells_what_would_be_refused() {
    let scene = Scene::of_sales();
    scene.run("DROP INDEX public.mv_tenant_id_day_idx");
    let report = scene.refreshes(["--all", "--dry-run"], 1);
    assert_eq!(report["data"]["plan"]["steps"][0]["refusal"]["outcome"], "REFUSED_UNFIT");
    scene.refresh(["--all", "--dry-run"]).run().exits(1).shows("REFUSED_UNFIT");
}

#[test]
fn a_page_fits_80_columns_and_names_every_view_in_full() {
    let long = "mv_of_a_name_that_is_as_long_as_names_may_be_on_the_server_at_all";
    let name = &long[..63];
    let scene = Scene::new(
        &format!(
            "{SALES}
             CREATE MATERIALIZED VIEW public.{name} AS SELECT tenant_id, day FROM public.sales;
             CREATE UNIQUE INDEX ON public.{name} (tenant_id, day);"
        ),
        &format!("[[matview]]\nname = 'public.{name}'\ntenant_column = 'tenant_id'"),
    );
    for arguments in [&["--all", "--count"][..], &["--all", "--dry-run"], &["--all", "-v"]] {
        let run = scene.refresh([]).args(arguments).run().exits(0);
        assert!(run.stdout.contains(name), "{}", run.stdout);
        for line in run.stdout.lines().filter(|line| !line.contains("://")) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn every_outcome_exits_as_it_is_told_and_reads_as_one_document() {
    let scene = Scene::of_sales();
    scene.project.register("[[matview]]\nname = 'public.gone'");
    let run = scene.refresh(["--all"]).json();
    let report = run.document();
    assert_eq!(run.code, Some(1));
    assert_eq!((&report["exit_code"], &report["verdict"]), (&json!(1), &json!("fail")));
    assert_eq!(outcomes(&report), ["public.gone REFUSED_UNFIT", "public.mv SUCCESS"]);
    scene.refresh(["--all"]).run().exits(1).shows("1 REFUSED_UNFIT").shows("1 SUCCESS");
}

#[test]
fn a_server_that_cannot_be_reached_is_undecided_and_one_document() {
    let project = Project::new(&format!("version = 1\n{MV_ENTRY}\n"));
    let nowhere = "postgresql://postgres@/none?host=/nowhere";
    let run = driftgate(["refresh", "--all"]).project(&project).database(nowhere).json();
    let report = run.exits(3).document();
    assert_eq!(report["exit_code"], 3);
}

#[test]
fn reports_in_files_hold_the_same_refreshes() {
    let scene = Scene::of_sales();
    let file = scene.project.path().join("report.json");
    let to = format!("json={}", file.display());
    scene.refresh(["--all", "--report", &to]).run().exits(0).shows("SUCCESS");
    let report = fs::read_to_string(&file).expect("it was written");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(outcome(&report), "SUCCESS");
}
