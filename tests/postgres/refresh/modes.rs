//! How a view is refreshed: concurrently, plain or for the first time; and that one which
//! cannot be refreshed as declared is refused, never refreshed in another way.

use serde_json::{Value, json};

use super::scene::{MV, SALES, Scene, message, only, outcome, outcomes};

const MORE: &str = "INSERT INTO public.sales VALUES ('d', 1, 100)";

#[test]
fn a_view_is_refreshed_concurrently_and_the_result_tells_all_about_it() {
    let scene = Scene::of_sales();
    scene.run(MORE);
    let report = scene.refreshes(["public.mv", "--count"], 0);
    let result = only(&report);
    assert_eq!(result["view"], "public.mv");
    assert_eq!(result["outcome"], "SUCCESS");
    assert_eq!(result["mode"], "concurrently");
    assert_eq!(result["error"], Value::Null);
    assert_eq!(result["tenant"], Value::Null);
    assert_eq!((&result["rows_before"], &result["rows_after"]), (&json!(9), &json!(10)));
    assert_eq!((&result["tenants_before"], &result["tenants_after"]), (&json!(3), &json!(4)));
    assert_eq!(result["lock"]["scheme"], "int64");
    assert_eq!(result["lock"]["name"], "public.mv");
    assert_eq!(result["lock"]["key"].as_array().map(Vec::len), Some(1));
    assert_eq!(result["correlation_id"], report["run_id"]);
    assert_eq!(report["target"]["database"], scene.database.name());
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
    scene.assert_nothing_is_left();
}

#[test]
fn what_is_not_counted_is_null() {
    let scene = Scene::of_sales();
    let report = scene.refreshes(["public.mv"], 0);
    for field in ["rows_before", "rows_after", "tenants_before", "tenants_after"] {
        assert_eq!(only(&report)[field], Value::Null, "{field}");
    }
}

#[test]
fn a_view_without_a_tenant_column_is_counted_by_its_rows_alone() {
    let scene = Scene::new(&format!("{SALES}{MV}"), "[[matview]]\nname = 'public.mv'");
    let report = scene.refreshes(["--all", "--count"], 0);
    assert_eq!(only(&report)["rows_after"], 9);
    assert_eq!(only(&report)["tenants_after"], Value::Null);
}

#[test]
fn a_concurrent_refresh_needs_no_reader_to_go_away_and_a_plain_one_does() {
    let scene = Scene::of_sales();
    let mut reading = scene.session();
    reading.run("BEGIN; SELECT count(*) FROM public.mv");
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
    scene.project.change(
        "registry.toml",
        "name = 'public.mv'",
        "name = 'public.mv'\nrefresh = 'plain'",
    );
    let waiting = scene.command(["refresh", "--all", "--lock-timeout", "200ms"]);
    let report = waiting.json().exits(4).document();
    assert_eq!((outcome(&report), &only(&report)["mode"]), ("LOCK_TIMEOUT", &json!("plain")));
    assert_eq!(only(&report)["error"]["sqlstate"], "55P03");
    reading.run("COMMIT");
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
}

#[test]
fn a_plain_refresh_replaces_the_relation_and_a_concurrent_one_does_not() {
    let scene = Scene::of_sales();
    let file = || scene.value("SELECT pg_relation_filenode('public.mv')");
    let before = file();
    scene.refreshes(["--all"], 0);
    assert_eq!(file(), before);
    scene.project.change(
        "registry.toml",
        "name = 'public.mv'",
        "name = 'public.mv'\nrefresh = 'plain'",
    );
    assert_eq!(only(&scene.refreshes(["--all"], 0))["mode"], "plain");
    assert_ne!(file(), before);
}

#[test]
fn the_first_fill_is_plain_and_said_to_be() {
    let scene = Scene::of_sales();
    scene.run("REFRESH MATERIALIZED VIEW public.mv WITH NO DATA");
    let report = scene.refreshes(["--all", "--count"], 0);
    let result = only(&report);
    assert_eq!(result["mode"], "first-fill");
    assert_eq!((&result["rows_before"], &result["rows_after"]), (&json!(0), &json!(9)));
    assert_eq!(only(&scene.refreshes(["--all"], 0))["mode"], "concurrently");
}

#[test]
fn a_view_with_no_usable_index_is_refused_with_the_index_that_makes_it_fit() {
    let scene = Scene::of_sales();
    scene.run(
        "DROP INDEX public.mv_tenant_id_day_idx;
         CREATE INDEX ON public.mv (tenant_id, day);
         CREATE UNIQUE INDEX ON public.mv (tenant_id, day) WHERE day > 0;
         CREATE UNIQUE INDEX ON public.mv (tenant_id, (day + 1))",
    );
    scene.run(MORE);
    let before = scene.rows("public.mv");
    let report = scene.refreshes(["--all"], 1);
    assert_eq!(outcome(&report), "REFUSED_UNFIT");
    assert_eq!(scene.rows("public.mv"), before);

    // Outside a transaction, as an operator would paste it.
    let index = only(&report)["error"]["hint"].as_str().expect("the index").to_owned();
    scene.run(&index);
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
}

#[test]
fn the_index_of_an_odd_name_works_too() {
    let scene = Scene::new(
        "CREATE SCHEMA \"Sales Data\";
         CREATE MATERIALIZED VIEW \"Sales Data\".\"By \"\"Day\"\"\" AS
         SELECT 1 AS \"Tenant Id\", 2 AS \"select\"",
        "[database]\nschemas = ['*']\n[[matview]]\nname = '\"Sales Data\".\"By \"\"Day\"\"\"'
         unique_key = ['\"Tenant Id\"', '\"select\"']",
    );
    let report = scene.refreshes(["--all"], 1);
    let index = only(&report)["error"]["hint"].as_str().expect("the index").to_owned();
    scene.run(&index);
    assert_eq!(
        outcomes(&scene.refreshes(["\"Sales Data\".\"By \"\"Day\"\"\""], 0)),
        ["\"Sales Data\".\"By \"\"Day\"\"\" SUCCESS"]
    );
}

#[test]
fn an_invalid_index_is_no_use() {
    let scene = Scene::of_sales();
    scene.run("UPDATE pg_index SET indisvalid = false WHERE indrelid = 'public.mv'::regclass");
    assert_eq!(outcome(&scene.refreshes(["--all"], 1)), "REFUSED_UNFIT");
}

#[test]
fn a_view_that_is_not_there_is_refused_and_the_others_are_refreshed() {
    let scene = Scene::of_sales();
    scene.project.register("[[matview]]\nname = 'public.gone'");
    let report = scene.refreshes(["--all"], 1);
    assert_eq!(outcomes(&report), ["public.gone REFUSED_UNFIT", "public.mv SUCCESS"]);
}

#[test]
fn what_is_no_materialized_view_is_not_there() {
    let scene = Scene::of_sales();
    scene.project.register("[[matview]]\nname = 'public.sales'");
    let report = scene.refreshes(["public.sales"], 1);
    assert_eq!(outcome(&report), "REFUSED_UNFIT");
    assert!(message(&report).contains("no materialized view public.sales"), "{report:#}");
}

#[test]
fn the_reference_project_is_refreshed_by_the_role_that_is_meant_to() {
    let scene = Scene::reference();
    let worker = scene.database.url_as("refresh_worker");
    let run = scene.refresh(["--all"]).database(&worker).json().exits(0);
    let report = run.document();
    assert_eq!(report["target"]["role"], "refresh_worker");
    assert_eq!(
        outcomes(&report),
        [
            "public.mv_allocation_summary SUCCESS",
            "public.mv_channel_performance SUCCESS",
            "public.mv_daily_revenue_summary SUCCESS",
            "public.mv_realtime_revenue SUCCESS",
            "public.mv_reconciliation_status SUCCESS",
        ]
    );
    scene.assert_nothing_is_left();
}

#[test]
fn a_role_that_may_not_refresh_fails_and_changes_nothing() {
    let mut scene = Scene::of_sales();
    let stranger = scene.database.role("stranger");
    scene.run(MORE);
    let before = scene.rows("public.mv");
    let url = scene.database.url_as(&stranger);
    let report = scene.refresh(["--all"]).database(&url).json().exits(1).document();
    assert_eq!(outcome(&report), "FAILED");
    assert_eq!(only(&report)["error"]["sqlstate"], "42501");
    assert_eq!(scene.rows("public.mv"), before);
}

#[test]
fn a_role_that_may_maintain_the_view_and_nothing_else_refreshes_it() {
    let mut scene = Scene::of_sales();
    let worker = scene.database.role("worker");
    scene.run(MORE);
    let grant = format!("GRANT MAINTAIN ON public.mv TO {worker}");
    let version: u32 = scene.value("SHOW server_version_num").parse().expect("a number");
    if version < 170_000 {
        // The right came with 17: before it nobody has it, and the owner's are needed.
        assert!(scene.session().try_run(&grant).is_err());
        scene.run(&format!("ALTER MATERIALIZED VIEW public.mv OWNER TO {worker}"));
        scene.run(&format!("GRANT SELECT ON public.sales TO {worker}"));
    } else {
        scene.run(&grant);
    }
    let run = scene.refresh(["--all"]).database(&scene.database.url_as(&worker)).json();
    assert_eq!(outcome(&run.exits(0).document()), "SUCCESS");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
}
