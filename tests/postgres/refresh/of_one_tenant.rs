//! Views of one tenant each: refreshed alone, under the tenant's key and setting, and held
//! against rows of anybody else.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{Scene, message, only, outcome, outcomes, results};
use crate::support::poll::within;

/// The views of each tenant, by the name in its schema.
const VIEWS: [&str; 5] = ["mv_a", "mv_b", "mv_c", "mv_d", "mv_e"];

const TENANCY: &str = "
    [database]
    schemas = ['*']
    [tenancy]
    setting = 'app.tenant'
    tenants = 'SELECT id, slug FROM public.tenants ORDER BY id'";

fn templates() -> String {
    let entry = |view: &str| {
        format!(
            "[[matview]]\nname = 'tenant_{{slug}}.{view}'\ntenant_column = 'tenant_id'
             unique_key = ['tenant_id', 'day']\n"
        )
    };
    format!("{TENANCY}\n{}", VIEWS.map(entry).concat())
}

/// Makes tenants `t1` to `tN`, each with a schema and five views of its own rows; `mv_b`
/// reads `mv_a`. Each tenant has two rows.
fn tenants(many: usize) -> Scene {
    let mut sql = format!(
        "CREATE TABLE public.tenants (id text PRIMARY KEY, slug text);
         INSERT INTO public.tenants SELECT 't' || n, 's' || n FROM generate_series(1, {many}) n;
         CREATE TABLE public.sales (tenant_id text, day int, cents int);
         INSERT INTO public.sales SELECT id, d, 1 FROM public.tenants, generate_series(1, 2) d;
         CREATE INDEX ON public.sales (tenant_id);"
    );
    for n in 1..=many {
        sql += &format!("CREATE SCHEMA tenant_s{n};");
        for view in VIEWS {
            let of = match view {
                "mv_b" => format!("tenant_s{n}.mv_a"),
                _ => format!("public.sales WHERE tenant_id = 't{n}'"),
            };
            sql += &format!(
                "CREATE MATERIALIZED VIEW tenant_s{n}.{view} AS SELECT tenant_id, day, cents FROM {of};
                 CREATE UNIQUE INDEX ON tenant_s{n}.{view} (tenant_id, day);"
            );
        }
    }
    Scene::new(&sql, &templates())
}

/// Returns the version of every view in the catalog, by schema.
fn versions(scene: &Scene) -> Vec<String> {
    scene.session().column(
        "SELECT n.nspname || ' ' || string_agg(c.xmin::text, ',' ORDER BY c.relname)
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'm' GROUP BY n.nspname ORDER BY n.nspname",
    )
}

/// Returns the schemas whose views were refreshed between two looks.
fn refreshed(before: &[String], after: &[String]) -> Vec<String> {
    let schema = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
    after.iter().filter(|line| !before.contains(line)).map(schema).collect()
}

#[test]
fn a_tenants_five_views_are_refreshed_alone() {
    let scene = tenants(3).with_history();
    scene.run("UPDATE public.sales SET cents = 2");
    let before = versions(&scene);
    let report = scene.refreshes(["--tenant", "t2"], 0);
    assert_eq!(outcomes(&report), VIEWS.map(|view| format!("tenant_s2.{view} SUCCESS")));
    assert_eq!(refreshed(&before, &versions(&scene)), ["tenant_s2"]);
    for result in results(&report) {
        assert_eq!(result["tenant"], "t2");
        assert_eq!((&result["tenants_before"], &result["tenants_after"]), (&json!(1), &json!(1)));
        let name = result["lock"]["name"].as_str().expect("a name");
        assert!(name.ends_with("for tenant t2"), "{name}");
        assert_eq!(result["serves"], Value::Null);
    }
    assert_eq!(scene.value("SELECT sum(cents) FROM tenant_s2.mv_b"), "4");
    assert_eq!(scene.value("SELECT sum(cents) FROM tenant_s1.mv_b"), "2");
    assert_eq!(
        scene.value("SELECT string_agg(DISTINCT tenant, ',') FROM driftgate.refreshes"),
        "t2"
    );
    scene.assert_nothing_is_left();
}

#[test]
fn a_selection_may_name_a_view_a_template_or_all_tenants() {
    let scene = tenants(2);
    let views = |arguments: &[&str]| {
        let run = scene.refresh([]).args(arguments).json().exits(0);
        outcomes(&run.document()).len()
    };
    assert_eq!(views(&["--all"]), 10);
    assert_eq!(views(&["--all", "--all-tenants"]), 10);
    assert_eq!(views(&["--all-tenants"]), 10);
    assert_eq!(views(&["tenant_{slug}.mv_c"]), 2);
    assert_eq!(views(&["tenant_{slug}.mv_c", "--tenant", "t1"]), 1);
    assert_eq!(views(&["tenant_s2.mv_c"]), 1);
    assert_eq!(views(&["--tenant", "t1", "--tenant", "t2"]), 10);
    scene.refresh(["tenant_s2.mv_c", "--tenant", "t1"]).run().exits(2);
    scene.refresh(["--tenant", "s1"]).run().exits(2).says("lists no tenant s1");
}

#[test]
fn two_tenants_keys_do_not_exclude_each_other() {
    let scene = tenants(2);
    let report = scene.refreshes(["tenant_{slug}.mv_a", "--tenant", "t1", "--dry-run"], 0);
    let lock = &report["data"]["plan"]["steps"][0]["locks"];
    assert_eq!(lock.as_array().map(Vec::len), Some(1));
    let mut worker = scene.session();
    worker.run(&format!("SELECT pg_advisory_lock({})", lock[0]["key"][0]));
    let report = scene.refreshes(["tenant_{slug}.mv_a"], 0);
    let mut outcomes = outcomes(&report);
    outcomes.sort();
    assert_eq!(outcomes, ["tenant_s1.mv_a SKIPPED_LOCK_HELD", "tenant_s2.mv_a SUCCESS"]);
}

#[test]
fn a_tenant_without_its_view_is_refused_and_the_others_are_refreshed() {
    let scene = tenants(2);
    scene.run("DROP SCHEMA tenant_s1 CASCADE");
    let report = scene.refreshes(["tenant_{slug}.mv_c"], 1);
    let mut outcomes = outcomes(&report);
    outcomes.sort();
    assert_eq!(outcomes, ["tenant_s1.mv_c REFUSED_UNFIT", "tenant_s2.mv_c SUCCESS"]);
}

#[test]
fn the_stalest_tenant_comes_first_and_a_tenants_views_stay_together() {
    let scene = tenants(3).with_history();
    let tenants_in_order = |report: &Value| {
        let mut tenants: Vec<String> = Vec::new();
        for result in results(report) {
            let tenant = result["tenant"].as_str().expect("a tenant").to_owned();
            if tenants.last() != Some(&tenant) {
                tenants.push(tenant);
            }
        }
        tenants
    };
    let started = |path: &std::path::Path| {
        let text = std::fs::read_to_string(path).expect("events");
        let mut tenants: Vec<String> = Vec::new();
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).expect("JSON");
            if event["event"] == "refresh-started" {
                let tenant = event["tenant"].as_str().expect("a tenant").to_owned();
                if tenants.last() != Some(&tenant) {
                    tenants.push(tenant);
                }
            }
        }
        tenants
    };
    scene.refreshes(["--tenant", "t1"], 0);
    scene.refreshes(["--tenant", "t3"], 0);
    let events = scene.project.path().join("events");
    let path = events.to_str().expect("UTF-8");
    let report = scene.refreshes(["--all-tenants", "--events", path], 0);
    // Never refreshed, then the one whose refresh is longest ago.
    assert_eq!(started(&events), ["t2", "t1", "t3"]);
    assert_eq!(tenants_in_order(&report).len(), 3);
}

/// A view of one tenant that the policy of its table filters, as the setting says.
fn filtered() -> Scene {
    let mut scene = Scene::new(
        "CREATE TABLE public.tenants (id text, slug text);
         INSERT INTO public.tenants VALUES ('t1', 's1'), ('t2', 's2');
         CREATE TABLE public.sales (tenant_id text, day int, cents int);
         INSERT INTO public.sales SELECT id, d, 1 FROM public.tenants, generate_series(1, 2) d;
         ALTER TABLE public.sales ENABLE ROW LEVEL SECURITY;
         CREATE POLICY p ON public.sales USING (tenant_id = current_setting('app.tenant', true));
         CREATE SCHEMA tenant_s1; CREATE SCHEMA tenant_s2;
         CREATE MATERIALIZED VIEW tenant_s1.mv AS SELECT * FROM public.sales WITH NO DATA;
         CREATE MATERIALIZED VIEW tenant_s2.mv AS SELECT * FROM public.sales WITH NO DATA;
         CREATE UNIQUE INDEX ON tenant_s1.mv (tenant_id, day);
         CREATE UNIQUE INDEX ON tenant_s2.mv (tenant_id, day);",
        &format!(
            "{TENANCY}\n[[matview]]\nname = 'tenant_{{slug}}.mv'\ntenant_column = 'tenant_id'"
        ),
    );
    let owner = scene.database.role("bound");
    scene.run(&format!(
        "GRANT SELECT ON public.sales TO {owner};
         GRANT CREATE, USAGE ON SCHEMA tenant_s1, tenant_s2, public TO {owner};
         ALTER MATERIALIZED VIEW tenant_s1.mv OWNER TO {owner};
         ALTER MATERIALIZED VIEW tenant_s2.mv OWNER TO {owner}"
    ));
    scene
}

fn tenants_in(scene: &Scene, view: &str) -> String {
    scene.value(&format!(
        "SELECT coalesce(string_agg(DISTINCT tenant_id, ',' ORDER BY tenant_id), '') FROM {view}"
    ))
}

#[test]
fn a_filtered_view_of_one_tenant_is_refreshed_under_its_setting() {
    let scene = filtered();
    for _ in 0..2 {
        // First the fill, then concurrently; both tenants on one connection.
        let report = scene.refreshes(["--all-tenants"], 0);
        assert_eq!(outcomes(&report), ["tenant_s1.mv SUCCESS", "tenant_s2.mv SUCCESS"]);
        for (view, tenant) in [("tenant_s1.mv", "t1"), ("tenant_s2.mv", "t2")] {
            assert_eq!(tenants_in(&scene, view), tenant);
        }
    }
    scene.run("UPDATE public.sales SET cents = 5");
    let before = versions(&scene);
    scene.refreshes(["--tenant", "t1"], 0);
    assert_eq!(refreshed(&before, &versions(&scene)), ["tenant_s1"]);
    assert_eq!(scene.value("SELECT sum(cents) FROM tenant_s1.mv"), "10");
}

#[test]
fn rows_of_another_tenant_take_the_refresh_back() {
    let scene = filtered();
    scene.refreshes(["--all-tenants"], 0);
    // The policy lets another tenant's rows through now.
    scene.run("ALTER POLICY p ON public.sales USING (current_setting('app.tenant', true) <> '')");
    let before = [scene.rows("tenant_s1.mv"), scene.rows("tenant_s2.mv")];
    let report = scene.refreshes(["--tenant", "t1"], 1);
    assert_eq!(outcome(&report), "ROLLED_BACK");
    assert!(message(&report).contains("the view is t1's"), "{report:#}");
    assert!(message(&report).contains("t2"), "{report:#}");
    assert_eq!(only(&report)["tenants_after"], 2);
    assert_eq!([scene.rows("tenant_s1.mv"), scene.rows("tenant_s2.mv")], before);
    scene.assert_nothing_is_left();
}

#[test]
fn the_first_fill_with_another_tenants_rows_is_taken_back_too() {
    let scene = filtered();
    scene.run("ALTER POLICY p ON public.sales USING (current_setting('app.tenant', true) <> '')");
    assert_eq!(outcome(&scene.refreshes(["--tenant", "t1"], 1)), "ROLLED_BACK");
    assert_eq!(
        scene.value("SELECT bool_or(relispopulated) FROM pg_class WHERE relkind = 'm'"),
        "f"
    );
}

#[test]
fn a_clear_view_of_one_tenant_that_holds_all_of_them_is_taken_back() {
    let scene = tenants(2);
    scene.run(
        "DROP MATERIALIZED VIEW tenant_s1.mv_c;
         CREATE MATERIALIZED VIEW tenant_s1.mv_c AS SELECT tenant_id, day FROM public.sales;
         CREATE UNIQUE INDEX ON tenant_s1.mv_c (tenant_id, day)",
    );
    let report = scene.refreshes(["tenant_s1.mv_c"], 1);
    assert_eq!(outcome(&report), "ROLLED_BACK");
}

#[test]
fn without_a_column_or_a_setting_a_filtered_view_is_refused() {
    let scene = filtered();
    let registry = scene.project.file("registry.toml");
    for missing in ["tenant_column = 'tenant_id'", "setting = 'app.tenant'"] {
        scene.project.write("registry.toml", &registry.replace(missing, ""));
        let report = scene.refreshes(["--tenant", "t1"], 1);
        assert_eq!(outcome(&report), "REFUSED_UNSAFE", "{missing}");
    }
}

#[test]
fn a_tenants_rows_that_are_gone_take_a_filtered_refresh_back() {
    // A filter that hides everything looks the same as a tenant who has nothing left.
    let scene = filtered();
    scene.refreshes(["--all-tenants"], 0);
    scene.run("DELETE FROM public.sales WHERE tenant_id = 't1'");
    let before = scene.rows("tenant_s1.mv");
    assert_eq!(outcome(&scene.refreshes(["--tenant", "t1"], 1)), "ROLLED_BACK");
    assert_eq!(scene.rows("tenant_s1.mv"), before);
    scene.project.change(
        "registry.toml",
        "tenant_column = 'tenant_id'",
        "tenant_column = 'tenant_id'\ntenants_may_vanish = true",
    );
    assert_eq!(outcome(&scene.refreshes(["--tenant", "t1"], 0)), "SUCCESS");
    assert_eq!(scene.value("SELECT count(*) FROM tenant_s1.mv"), "0");
}

#[test]
fn names_that_a_tenant_chose_are_quoted() {
    let slug = "it's; DROP \"x\"";
    let quoted = "\"tenant_it's; DROP \"\"x\"\"\"";
    let scene = Scene::new(
        &format!(
            "CREATE TABLE public.tenants (id text, slug text);
             INSERT INTO public.tenants VALUES ('o''brien \\ co', $s${slug}$s$);
             CREATE SCHEMA {quoted};
             CREATE MATERIALIZED VIEW {quoted}.mv AS SELECT 'o''brien \\ co'::text AS tenant_id;
             CREATE UNIQUE INDEX ON {quoted}.mv (tenant_id)"
        ),
        &format!(
            "{TENANCY}\n[[matview]]\nname = 'tenant_{{slug}}.mv'\ntenant_column = 'tenant_id'"
        ),
    )
    .with_history();
    let report = scene.refreshes(["--tenant", "o'brien \\ co"], 0);
    assert_eq!(outcomes(&report), [format!("{quoted}.mv SUCCESS")]);
    assert_eq!(only(&report)["tenant"], "o'brien \\ co");
}

#[test]
fn a_thousand_tenants_take_a_handful_of_connections() {
    let many = 1_000;
    let mut sql = format!(
        "CREATE TABLE public.tenants (id text PRIMARY KEY, slug text);
         INSERT INTO public.tenants SELECT 't' || n, 's' || n FROM generate_series(1, {many}) n;"
    );
    sql += &format!(
        "DO $$BEGIN FOR n IN 1..{many} LOOP
           EXECUTE format('CREATE SCHEMA tenant_s%1$s;
             CREATE MATERIALIZED VIEW tenant_s%1$s.mv AS SELECT ''t%1$s''::text AS tenant_id;
             CREATE UNIQUE INDEX ON tenant_s%1$s.mv (tenant_id)', n);
         END LOOP; END$$"
    );
    let scene = Scene::new(
        &sql,
        &format!(
            "{TENANCY}\n[[matview]]\nname = 'tenant_{{slug}}.mv'\ntenant_column = 'tenant_id'"
        ),
    );
    // To a file: nobody reads a pipe while it runs.
    let told = scene.project.path().join("report.json");
    let command = scene.refresh(["--all-tenants", "--jobs", "4", "--format", "json", "--quiet"]);
    let file = std::fs::File::create(&told).expect("the file can be made");
    let mut running = command.stdout(file).start();
    let (mut most, mut pids) = (0, BTreeSet::new());
    let mut watching = scene.session();
    within(Duration::from_secs(120), "at the end of the run", || {
        let sessions = watching.column(
            "SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND application_name LIKE 'driftgate%'",
        );
        most = most.max(sessions.len());
        pids.extend(sessions);
        running.has_ended().then_some(())
    });
    running.wait().exits(0);
    let report = std::fs::read_to_string(&told).expect("it was written");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(results(&report).len(), many);
    assert!(results(&report).iter().all(|result| result["outcome"] == "SUCCESS"));
    assert!((1..=8).contains(&most), "{most} connections at once");
    assert!(pids.len() <= 16, "{} connections one after the other", pids.len());
    scene.assert_nothing_is_left();
}
