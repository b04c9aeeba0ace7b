//! Views of which a refresh would lose tenants' rows: refused with or without a tenant,
//! whatever stands on the command line, and with not one row changed.

use serde_json::Value;

use super::scene::{SALES, Scene, message, only, outcome, results};

/// What an operator might hope to get past the refusal with.
const HOPES: [&[&str]; 9] = [
    &[],
    &["--tenant", "a"],
    &["--tenant", "a", "--tenant", "b"],
    &["--all-tenants"],
    &["--count"],
    &["--coalesce"],
    &["--wait", "1s"],
    &["--jobs", "4", "--analyze"],
    &["--if-older-than", "1ms"],
];

const TENANCY: &str = "
    [tenancy]
    setting = 'app.tenant'
    tenants = 'SELECT DISTINCT tenant_id FROM public.sales ORDER BY 1'";

fn entry(more: &str) -> String {
    format!(
        "{TENANCY}\n[[matview]]\nname = 'public.mv'\nunique_key = ['tenant_id', 'day']\n{more}\n"
    )
}

/// Makes a view whose owner the policy of the table binds; it holds every tenant's rows.
fn filtered() -> Scene {
    let mut scene = Scene::new(
        &format!(
            "{SALES}
             ALTER TABLE public.sales ENABLE ROW LEVEL SECURITY;
             CREATE POLICY p ON public.sales USING (tenant_id = current_setting('app.tenant', true));
             CREATE MATERIALIZED VIEW public.mv AS SELECT tenant_id, day, cents FROM public.sales;
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day);"
        ),
        &entry("tenant_column = 'tenant_id'"),
    );
    let owner = scene.database.role("bound");
    scene.run(&format!(
        "GRANT SELECT ON public.sales TO {owner}; GRANT CREATE, USAGE ON SCHEMA public TO {owner};
         ALTER MATERIALIZED VIEW public.mv OWNER TO {owner}"
    ));
    scene
}

/// Makes a view whose query asks for the tenant.
fn by_setting() -> Scene {
    Scene::new(
        &format!(
            "{SALES}
             SET app.tenant = '';
             CREATE MATERIALIZED VIEW public.mv AS
               SELECT tenant_id, day, cents FROM public.sales
                WHERE current_setting('app.tenant', true) IN ('', tenant_id);
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day);"
        ),
        &entry("tenant_column = 'tenant_id'"),
    )
}

/// Asserts that nothing gets past the refusal, nor changes a row or the view.
#[track_caller]
fn assert_refused_whatever_is_asked(scene: &Scene, class: &str) {
    let look = || (scene.rows("public.mv"), scene.xmin("public.mv"));
    let before = look();
    assert!(before.0.starts_with("9 "), "it holds all tenants: {}", before.0);
    for hope in HOPES {
        let run = scene.refresh(["public.mv"]).args(hope).json().exits(1);
        let report = run.document();
        assert_eq!(outcome(&report), "REFUSED_UNSAFE", "{hope:?}");
        assert!(message(&report).contains(&format!("class {class}")), "{report:#}");
        assert!(only(&report)["error"]["hint"].is_string(), "{report:#}");
        assert_eq!(look(), before, "{hope:?}");
    }
    scene.assert_nothing_is_left();
}

#[test]
fn a_view_that_row_level_security_filters_is_refused_and_keeps_every_row() {
    let scene = filtered();
    assert_refused_whatever_is_asked(&scene, "rls");
    // What it is spared from: the server itself would refresh it to nothing.
    let mut session = scene.session();
    session.run("BEGIN; REFRESH MATERIALIZED VIEW public.mv");
    assert_eq!(session.value("SELECT count(*) FROM public.mv"), "0");
    session.run("ROLLBACK");
}

#[test]
fn a_view_whose_query_asks_for_the_tenant_is_refused_and_keeps_every_row() {
    let scene = by_setting();
    assert_refused_whatever_is_asked(&scene, "setting");
    let mut session = scene.session();
    session.run("BEGIN; SET LOCAL app.tenant = 'a'; REFRESH MATERIALIZED VIEW public.mv");
    assert_eq!(session.value("SELECT count(DISTINCT tenant_id) FROM public.mv"), "1");
    session.run("ROLLBACK");
}

#[test]
fn declaring_less_about_it_does_not_make_it_safe() {
    for scene in [filtered(), by_setting()] {
        let before = scene.rows("public.mv");
        for declared in
            ["", "tenant_column = 'tenant_id'\ntenants_may_vanish = true", "refresh = 'plain'"]
        {
            scene.project.write("registry.toml", &format!("version = 1\n{}", entry(declared)));
            let report = scene.refreshes(["--all"], 1);
            assert_eq!(outcome(&report), "REFUSED_UNSAFE", "{declared}");
        }
        assert_eq!(scene.rows("public.mv"), before);
    }
}

#[test]
fn an_unsafe_view_that_was_never_filled_is_refused_too() {
    let scene = filtered();
    scene.run("REFRESH MATERIALIZED VIEW public.mv WITH NO DATA");
    assert_eq!(outcome(&scene.refreshes(["--all"], 1)), "REFUSED_UNSAFE");
    assert_eq!(
        scene.value("SELECT relispopulated FROM pg_class WHERE oid = 'public.mv'::regclass"),
        "f"
    );
}

#[test]
fn a_view_that_reads_an_unsafe_one_is_refused_with_it() {
    let scene = filtered();
    scene.run(
        "CREATE MATERIALIZED VIEW public.above AS SELECT tenant_id, sum(cents) AS cents
           FROM public.mv GROUP BY 1;
         CREATE UNIQUE INDEX ON public.above (tenant_id)",
    );
    scene.project.register("[[matview]]\nname = 'public.above'\ntenant_column = 'tenant_id'");
    let before = scene.rows("public.above");
    let report = scene.refreshes(["public.above"], 1);
    assert_eq!(outcome(&report), "REFUSED_UNSAFE");
    assert!(message(&report).contains("public.mv"), "{report:#}");
    assert_eq!(scene.rows("public.above"), before);
}

#[test]
fn an_owner_that_the_policies_do_not_bind_makes_it_safe() {
    let scene = filtered();
    scene.run("ALTER MATERIALIZED VIEW public.mv OWNER TO postgres");
    scene.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
}

#[test]
fn what_is_refused_is_on_record_and_the_safe_ones_are_refreshed() {
    let scene = filtered().with_history();
    scene.run(
        "CREATE MATERIALIZED VIEW public.safe AS SELECT 1 AS id;
         CREATE UNIQUE INDEX ON public.safe (id)",
    );
    scene.project.register("[[matview]]\nname = 'public.safe'");
    let report = scene.refreshes(["--all"], 1);
    let outcomes: Vec<&Value> = results(&report).iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["REFUSED_UNSAFE", "SUCCESS"]);
    assert_eq!(scene.on_record(), ["mv REFUSED_UNSAFE", "safe SUCCESS"]);
}

#[test]
fn the_guard_stands_behind_the_class() {
    // A clear view is refreshed with `row_security = off`, which the server takes at its word.
    let scene = Scene::of_sales();
    scene.run(
        "CREATE TABLE public.told (setting text);
         CREATE FUNCTION public.tell() RETURNS event_trigger LANGUAGE plpgsql AS
           $$BEGIN INSERT INTO public.told VALUES (current_setting('row_security')); END$$;
         CREATE EVENT TRIGGER tell ON ddl_command_start
           WHEN TAG IN ('REFRESH MATERIALIZED VIEW') EXECUTE FUNCTION public.tell()",
    );
    let report = scene.refreshes(["--all"], 0);
    assert_eq!(outcome(&report), "SUCCESS");
    assert_eq!(scene.value("SELECT setting FROM public.told"), "off");
}
