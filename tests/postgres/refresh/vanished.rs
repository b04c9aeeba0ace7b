//! Views that cannot be looked into: tenants are counted before and after, and a refresh
//! that made one vanish is taken back.

use serde_json::{Value, json};

use super::scene::{SALES, Scene, message, notes, only, outcome};

/// Makes a view that hides a tenant as soon as `public.hidden` names one; a function of our
/// own decides, so the view is opaque.
fn opaque(more: &str) -> Scene {
    let scene = Scene::new(
        &format!(
            "{SALES}
             CREATE TABLE public.hidden (tenant_id text);
             CREATE FUNCTION public.is_shown(text) RETURNS boolean LANGUAGE sql STABLE AS
               'SELECT NOT EXISTS (SELECT FROM public.hidden h WHERE h.tenant_id = $1)';
             CREATE MATERIALIZED VIEW public.mv AS
               SELECT tenant_id, day, cents FROM public.sales WHERE public.is_shown(tenant_id);
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day);"
        ),
        &format!("[[matview]]\nname = 'public.mv'\n{more}"),
    );
    scene.with_history()
}

const COUNTED: &str = "tenant_column = 'tenant_id'";

#[test]
fn a_refresh_that_makes_tenants_vanish_is_rolled_back_and_they_are_named() {
    let scene = opaque(COUNTED);
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
    scene.run("INSERT INTO public.hidden VALUES ('b'), ('c')");
    scene.run("UPDATE public.sales SET cents = cents + 1");
    let before = (scene.rows("public.mv"), scene.xmin("public.mv"));
    for arguments in [&[][..], &["--count"], &["--coalesce"]] {
        let run = scene.refresh(["--all"]).args(arguments).json().exits(1);
        let report = run.document();
        assert_eq!(outcome(&report), "ROLLED_BACK");
        assert!(message(&report).contains("2 tenants (b, c)"), "{report:#}");
        let result = only(&report);
        assert_eq!((&result["tenants_before"], &result["tenants_after"]), (&json!(3), &json!(1)));
        assert_eq!((&result["rows_before"], &result["rows_after"]), (&json!(9), &json!(3)));
        assert_eq!((scene.rows("public.mv"), scene.xmin("public.mv")), before);
    }
    assert_eq!(
        scene.on_record(),
        ["mv SUCCESS", "mv ROLLED_BACK", "mv ROLLED_BACK", "mv ROLLED_BACK"]
    );
    scene.assert_nothing_is_left();

    scene.run("DELETE FROM public.hidden");
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
    assert_ne!(scene.rows("public.mv"), before.0);
}

#[test]
fn a_plain_refresh_is_rolled_back_as_well() {
    let scene = opaque(&format!("{COUNTED}\nrefresh = 'plain'"));
    scene.run("INSERT INTO public.hidden VALUES ('b')");
    let before = (scene.rows("public.mv"), scene.xmin("public.mv"));
    assert_eq!(outcome(&scene.refreshes(["--all"], 1)), "ROLLED_BACK");
    assert_eq!((scene.rows("public.mv"), scene.xmin("public.mv")), before);
}

#[test]
fn rows_of_no_tenant_vanish_as_a_tenant_does() {
    let scene = opaque(COUNTED);
    scene.run(
        "ALTER TABLE public.sales DROP CONSTRAINT sales_pkey;
         ALTER TABLE public.sales ALTER tenant_id DROP NOT NULL;
         INSERT INTO public.sales VALUES (NULL, 1, 1)",
    );
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
    scene.run("DELETE FROM public.sales WHERE tenant_id IS NULL");
    let report = scene.refreshes(["--all"], 1);
    assert_eq!(outcome(&report), "ROLLED_BACK");
    assert!(message(&report).contains("no tenant"), "{report:#}");
}

#[test]
fn a_tenant_may_vanish_where_it_is_declared_so_and_is_told_of() {
    let scene = opaque(&format!("{COUNTED}\ntenants_may_vanish = true"));
    scene.run("INSERT INTO public.hidden VALUES ('b')");
    let report = scene.refreshes(["--all"], 0);
    assert_eq!(outcome(&report), "SUCCESS");
    assert!(notes(&report).contains("1 tenant (b) had rows before and none after"), "{report:#}");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "6");
}

#[test]
fn new_tenants_and_fewer_rows_are_nothing_to_take_back() {
    let scene = opaque(COUNTED);
    scene.run(
        "INSERT INTO public.sales VALUES ('d', 1, 1);
         DELETE FROM public.sales WHERE tenant_id = 'b' AND day > 1",
    );
    let report = scene.refreshes(["--all"], 0);
    assert_eq!((outcome(&report), notes(&report)), ("SUCCESS", String::new()));
    let result = only(&report);
    assert_eq!((&result["tenants_before"], &result["tenants_after"]), (&json!(3), &json!(4)));
    assert_eq!((&result["rows_before"], &result["rows_after"]), (&json!(9), &json!(8)));
}

#[test]
fn without_a_tenant_column_there_is_nothing_to_count_by() {
    let scene = opaque("");
    scene.run("INSERT INTO public.hidden VALUES ('b')");
    let report = scene.refreshes(["--all"], 0);
    assert_eq!(outcome(&report), "SUCCESS");
    assert_eq!(only(&report)["rows_before"], Value::Null);
}

#[test]
fn a_tenant_column_that_is_not_there_is_refused_and_named() {
    let scene = opaque("tenant_column = 'tenant'");
    let before = (scene.rows("public.mv"), scene.xmin("public.mv"));
    let report = scene.refreshes(["--all"], 1);
    assert_eq!(outcome(&report), "REFUSED_UNFIT");
    assert!(message(&report).contains("no column tenant,"), "{report:#}");
    assert_eq!((scene.rows("public.mv"), scene.xmin("public.mv")), before);
}

#[test]
fn a_clear_view_whose_tenant_left_is_refreshed_and_told_of_where_it_is_counted() {
    let scene = Scene::of_sales();
    scene.run("DELETE FROM public.sales WHERE tenant_id = 'b'");
    let report = scene.refreshes(["--all", "--count"], 0);
    assert_eq!(outcome(&report), "SUCCESS");
    assert!(notes(&report).contains("1 tenant (b) had rows before and none after"), "{report:#}");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "6");
}

#[test]
fn a_role_that_may_not_count_is_refused_before_anything_is_refreshed() {
    let mut scene = opaque(&format!("{COUNTED}\nrefresh = 'plain'"));
    let (owner, worker) = (scene.database.role("owner"), scene.database.role("worker"));
    scene.run(&format!(
        "GRANT USAGE, CREATE ON SCHEMA public TO {owner};
         GRANT SELECT ON public.sales, public.hidden TO {owner};
         ALTER MATERIALIZED VIEW public.mv OWNER TO {owner};
         REVOKE SELECT ON public.mv FROM {owner};
         GRANT {owner} TO {worker}"
    ));
    let before = (scene.rows("public.mv"), scene.xmin("public.mv"));
    let run = scene.refresh(["--all"]).database(&scene.database.url_as(&worker)).json().exits(1);
    let report = run.document();
    assert_eq!(outcome(&report), "REFUSED_UNSAFE");
    let hint = only(&report)["error"]["hint"].as_str().expect("a hint").to_owned();
    assert_eq!((scene.rows("public.mv"), scene.xmin("public.mv")), before);

    // The remedy works.
    scene.run(&hint);
    let run = scene.refresh(["--all"]).database(&scene.database.url_as(&worker)).json().exits(0);
    assert_eq!(outcome(&run.document()), "SUCCESS");
}

#[test]
fn a_row_of_the_history_tells_how_long_the_refresh_took_and_not_the_count_after_it() {
    let scene = opaque(COUNTED);
    scene.run(
        "CREATE OR REPLACE FUNCTION public.is_shown(text) RETURNS boolean LANGUAGE sql VOLATILE
           AS 'SELECT pg_sleep(0.1) IS NOT NULL'",
    );
    let report = scene.refreshes(["--all"], 0);
    let told: i64 = only(&report)["duration_ms"].as_i64().expect("milliseconds");
    let recorded: i64 = scene
        .value("SELECT duration_ms FROM driftgate.refreshes WHERE outcome = 'SUCCESS'")
        .parse()
        .expect("a number");
    assert!(recorded >= 900, "nine rows of 100 ms: {recorded} ms");
    assert!(recorded <= told, "{recorded} ms of {told} ms");
}
