//! What changes between the plan and the key: safety, mode and the view itself are looked at
//! again under the key, and nothing that was true before is believed.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::scene::{MV_ENTRY, SALES, Scene, message, only, outcome};
use crate::support::session::Session;

/// A clear view whose owner is exempt from the table's policy in the way that `exempt`
/// makes it.
fn exempt(exempt: &str) -> (Scene, String) {
    let mut scene = Scene::new(
        &format!(
            "{SALES}
             ALTER TABLE public.sales ENABLE ROW LEVEL SECURITY;
             CREATE POLICY p ON public.sales USING (tenant_id = current_setting('app.tenant', true));
             CREATE MATERIALIZED VIEW public.mv AS SELECT tenant_id, day, cents FROM public.sales;
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day);"
        ),
        MV_ENTRY,
    );
    let (owner, of_table) = (scene.database.role("owner"), scene.database.role("table_owner"));
    scene.run(&format!(
        "GRANT SELECT ON public.sales TO {owner}; GRANT CREATE, USAGE ON SCHEMA public TO {owner};
         ALTER TABLE public.sales OWNER TO {of_table};
         ALTER MATERIALIZED VIEW public.mv OWNER TO {owner};
         {}",
        exempt.replace("{owner}", &owner).replace("{table_owner}", &of_table)
    ));
    let alter = |sql: &str| sql.replace("{owner}", &owner).replace("{table_owner}", &of_table);
    (scene, alter("{owner} {table_owner}"))
}

/// Takes the key of the only view, as another worker would.
fn hold_key(scene: &Scene) -> Session {
    let report = scene.refresh(["--all", "--dry-run"]).json().document();
    let key = &report["data"]["plan"]["steps"][0]["locks"][0]["key"][0];
    let mut session = scene.session();
    session.run(&format!("SELECT pg_advisory_lock({key})"));
    session
}

/// Starts a refresh that waits for the key, changes something meanwhile, and returns the
/// report.
#[track_caller]
fn change_while_it_waits(scene: &Scene, change: &str, exit: i32) -> Value {
    let holder = hold_key(scene);
    let waiting = scene.refresh(["--all", "--wait", "60s", "--format", "json"]).start();
    scene.until_waiting(1, "pg_advisory_xact_lock");
    scene.run(change);
    drop(holder);
    let report = waiting.wait().exits(exit).document();
    scene.assert_nothing_is_left();
    report
}

/// Asserts that a change in the meantime makes the refresh unsafe, and that no row is lost.
#[track_caller]
fn assert_refused_after(exemption: &str, change: &str) {
    let (scene, roles) = exempt(exemption);
    let (owner, of_table) = roles.split_once(' ').expect("two roles");
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS", "it is clear at first");
    let before = scene.rows("public.mv");
    assert!(before.starts_with("9 "), "{before}");
    let change = change.replace("{owner}", owner).replace("{table_owner}", of_table);
    let report = change_while_it_waits(&scene, &change, 1);
    assert_eq!(outcome(&report), "REFUSED_UNSAFE", "{report:#}");
    assert_eq!(scene.rows("public.mv"), before);
}

#[test]
fn row_level_security_that_was_switched_on_is_seen() {
    assert_refused_after(
        "ALTER TABLE public.sales DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE public.sales ENABLE ROW LEVEL SECURITY",
    );
}

#[test]
fn row_level_security_that_was_forced_on_the_owner_is_seen() {
    assert_refused_after(
        "ALTER TABLE public.sales OWNER TO {owner}",
        "ALTER TABLE public.sales FORCE ROW LEVEL SECURITY",
    );
}

#[test]
fn a_membership_that_was_revoked_is_seen() {
    assert_refused_after("GRANT {table_owner} TO {owner}", "REVOKE {table_owner} FROM {owner}");
}

#[test]
fn an_exemption_that_was_taken_from_the_owner_is_seen() {
    assert_refused_after("ALTER ROLE {owner} BYPASSRLS", "ALTER ROLE {owner} NOBYPASSRLS");
}

#[test]
fn a_view_handed_to_another_owner_is_seen() {
    assert_refused_after(
        "ALTER MATERIALIZED VIEW public.mv OWNER TO postgres",
        "GRANT SELECT ON public.sales TO {owner};
         ALTER MATERIALIZED VIEW public.mv OWNER TO {owner}",
    );
}

#[test]
fn a_policy_that_was_changed_is_seen() {
    assert_refused_after(
        "DROP POLICY p ON public.sales; CREATE POLICY p ON public.sales USING (true)",
        "ALTER POLICY p ON public.sales USING (tenant_id = current_setting('app.tenant', true))",
    );
}

#[test]
fn a_plain_view_below_that_asks_for_the_tenant_now_is_seen() {
    let scene = Scene::new(
        &format!(
            "{SALES}
             CREATE VIEW public.v AS SELECT * FROM public.sales;
             CREATE MATERIALIZED VIEW public.mv AS SELECT * FROM public.v;
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day);"
        ),
        MV_ENTRY,
    );
    let before = scene.rows("public.mv");
    let report = change_while_it_waits(
        &scene,
        "CREATE OR REPLACE VIEW public.v AS SELECT * FROM public.sales
          WHERE tenant_id = current_setting('app.tenant', true)",
        1,
    );
    assert_eq!(outcome(&report), "REFUSED_UNSAFE");
    assert_eq!(scene.rows("public.mv"), before);
}

#[test]
fn a_function_that_asks_for_the_tenant_now_is_seen() {
    let function = |body: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION public.is_shown(text) RETURNS boolean LANGUAGE sql STABLE
               AS $$SELECT {body}$$;"
        )
    };
    let scene = Scene::new(
        &format!(
            "{SALES}{}
             CREATE MATERIALIZED VIEW public.mv AS
               SELECT * FROM public.sales WHERE public.is_shown(tenant_id);
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day);",
            function("true")
        ),
        MV_ENTRY,
    );
    let before = scene.rows("public.mv");
    let asking = function("$1 = current_setting('app.tenant', true)");
    let report = change_while_it_waits(&scene, &asking, 1);
    assert_eq!(outcome(&report), "REFUSED_UNSAFE");
    assert_eq!(scene.rows("public.mv"), before);
}

#[test]
fn a_view_that_was_dropped_is_refused() {
    let scene = Scene::of_sales();
    let report = change_while_it_waits(&scene, "DROP MATERIALIZED VIEW public.mv", 1);
    assert_eq!(outcome(&report), "REFUSED_UNFIT");
    assert!(message(&report).contains("dropped"), "{report:#}");
}

#[test]
fn a_view_that_was_made_anew_is_another_one_and_is_refused() {
    let scene = Scene::of_sales();
    let report = change_while_it_waits(
        &scene,
        "DROP MATERIALIZED VIEW public.mv;
         CREATE MATERIALIZED VIEW public.mv AS
           SELECT * FROM public.sales WHERE tenant_id = current_setting('app.tenant', true);
         CREATE UNIQUE INDEX ON public.mv (tenant_id, day)",
        1,
    );
    assert_eq!(outcome(&report), "REFUSED_UNFIT");
    // What it is now is judged by the next run.
    assert_eq!(outcome(&scene.refreshes(["--all"], 1)), "REFUSED_UNSAFE");
}

#[test]
fn a_view_that_was_renamed_is_refused() {
    let scene = Scene::of_sales();
    let report = change_while_it_waits(
        &scene,
        "ALTER MATERIALIZED VIEW public.mv RENAME TO other;
         CREATE MATERIALIZED VIEW public.mv AS SELECT * FROM public.sales",
        1,
    );
    assert_eq!(outcome(&report), "REFUSED_UNFIT");
}

#[test]
fn an_index_that_was_dropped_makes_it_unfit_and_never_plain() {
    let scene = Scene::of_sales();
    let report = change_while_it_waits(&scene, "DROP INDEX public.mv_tenant_id_day_idx", 1);
    assert_eq!(outcome(&report), "REFUSED_UNFIT");
    assert!(only(&report)["error"]["hint"].as_str().expect("a hint").contains("CREATE UNIQUE"));
}

#[test]
fn a_view_that_was_emptied_gets_its_first_fill() {
    let scene = Scene::of_sales();
    let empty = "REFRESH MATERIALIZED VIEW public.mv WITH NO DATA";
    let report = change_while_it_waits(&scene, empty, 0);
    assert_eq!((outcome(&report), &only(&report)["mode"]), ("SUCCESS", &"first-fill".into()));
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "9");
}

/// Some servers make a role for each login: what has no part in a view does not matter to it.
#[test]
fn roles_that_come_and_go_all_the_time_keep_nothing_from_being_refreshed() {
    let mut scene = Scene::of_sales();
    let group = scene.database.role("logins");
    let (database, is_enough) = (scene.database.name().to_owned(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut session = scene.session();
            let role = format!("login_{database}");
            while !is_enough.load(Ordering::Relaxed) {
                session.run(&format!("CREATE ROLE {role} IN ROLE {group}; DROP ROLE {role}"));
            }
        });
        for _ in 0..5 {
            let run = scene.refresh(["--all"]).json();
            if run.code != Some(0) {
                is_enough.store(true, Ordering::Relaxed);
            }
            assert_eq!(outcome(&run.exits(0).document()), "SUCCESS");
        }
        is_enough.store(true, Ordering::Relaxed);
    });
}
