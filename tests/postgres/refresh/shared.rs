//! Tenants and a view that they share: one refresh of the whole serves all that were asked
//! for, under the view's key, and the tenants' own where they were named.

use serde_json::json;

use super::scene::{MV, MV_ENTRY, SALES, Scene, message, only, outcome, outcomes};

/// A clear view of three tenants, whom the registry knows.
fn shared() -> Scene {
    Scene::new(
        &format!("{SALES}{MV}"),
        &format!(
            "[tenancy]
             setting = 'app.tenant'
             tenants = 'SELECT DISTINCT tenant_id FROM public.sales ORDER BY 1'
             {MV_ENTRY}"
        ),
    )
}

#[test]
fn one_refresh_serves_every_tenant_that_was_asked_for() {
    let scene = shared();
    scene.run("UPDATE public.sales SET cents = cents + 1");
    for (arguments, serves, told) in [
        (&["--all-tenants"][..], json!(3), "serves 3 tenants"),
        (&["--tenant", "a"], json!(1), "serves 1 tenant"),
        (&["--tenant", "a", "--tenant", "c"], json!(2), "serves 2 tenants"),
    ] {
        let run = scene.refresh(["--all"]).args(arguments).json().exits(0);
        let report = run.document();
        assert_eq!(outcomes(&report), ["public.mv SUCCESS"], "{arguments:?}");
        assert_eq!(only(&report)["serves"], serves, "{arguments:?}");
        scene.refresh(["--all"]).args(arguments).run().exits(0).shows(told);
    }
    assert_eq!(only(&scene.refreshes(["--all"], 0))["serves"], json!(null));
    // Whatever was asked for, all of it is fresh.
    assert_eq!(
        scene.value("SELECT string_agg(DISTINCT tenant_id, '' ORDER BY tenant_id) FROM public.mv"),
        "abc"
    );
}

#[test]
fn a_tenants_key_keeps_out_the_refresh_that_names_it_and_no_other() {
    let scene = shared();
    let report = scene.refreshes(["--all", "--tenant", "a", "--dry-run"], 0);
    let locks = &report["data"]["plan"]["steps"][0]["locks"];
    assert_eq!(locks.as_array().map(Vec::len), Some(2), "{locks:#}");
    let mut worker = scene.session();
    worker.run(&format!("SELECT pg_advisory_lock({})", locks[1]["key"][0]));
    let before = scene.xmin("public.mv");
    let report = scene.refreshes(["--all", "--tenant", "a"], 0);
    assert_eq!(outcome(&report), "SKIPPED_LOCK_HELD");
    assert_eq!(only(&report)["lock"]["name"], "public.mv for tenant a");
    assert!(message(&report).contains(&worker.pid()), "{report:#}");
    assert_eq!(scene.xmin("public.mv"), before);
    for others in [&["--tenant", "b"][..], &["--all-tenants"], &[]] {
        let run = scene.refresh(["--all"]).args(others).json().exits(0);
        assert_eq!(outcome(&run.document()), "SUCCESS", "{others:?}");
    }
    drop(worker);
    scene.assert_nothing_is_left();
}

#[test]
fn workers_in_other_languages_are_kept_out_by_the_scheme_of_the_registry() {
    let scene = shared();
    for (scheme, lock) in [
        (
            "int32",
            "SELECT pg_advisory_lock(('x' || left(encode(sha256(
                 'matview_refresh:mv:GLOBAL'), 'hex'), 8))::bit(32)::int::bigint)",
        ),
        (
            "int32-pair",
            "SELECT pg_advisory_lock(
                 ('x' || left(encode(sha256('view:mv'), 'hex'), 8))::bit(32)::int,
                 ('x' || left(encode(sha256('tenant:GLOBAL'), 'hex'), 8))::bit(32)::int)",
        ),
        (
            "int64",
            "SELECT pg_advisory_lock(('x' || left(encode(sha256(
                 'driftgate:public.mv:*'), 'hex'), 16))::bit(64)::bigint)",
        ),
    ] {
        let registry = format!("version = 1\n[locks]\nscheme = '{scheme}'\n{MV_ENTRY}\n");
        scene.project.write("registry.toml", &registry);
        let mut worker = scene.session();
        worker.run(lock);
        let report = scene.refreshes(["--all"], 0);
        assert_eq!(outcome(&report), "SKIPPED_LOCK_HELD", "{scheme}");
        assert_eq!(only(&report)["lock"]["scheme"], scheme);
        drop(worker);
        // The session has ended when its lock is seen to be free.
        assert_eq!(outcome(&scene.refreshes(["--all", "--wait", "30s"], 0)), "SUCCESS", "{scheme}");
    }
}

#[test]
fn two_views_with_one_key_are_refreshed_one_after_the_other() {
    let view = |schema: &str| {
        format!(
            "CREATE SCHEMA {schema};
             CREATE MATERIALIZED VIEW {schema}.mv AS SELECT 1 AS id, pg_sleep(0.3)::text AS s;
             CREATE UNIQUE INDEX ON {schema}.mv (id);"
        )
    };
    let scene = Scene::new(
        &format!("{}{}", view("one"), view("two")),
        "[locks]\nscheme = 'int32'\n[database]\nschemas = ['*']
         [[matview]]\nname = 'one.mv'\n[[matview]]\nname = 'two.mv'",
    );
    let report = scene.refreshes(["--all", "--jobs", "2"], 0);
    assert_eq!(outcomes(&report), ["one.mv SUCCESS", "two.mv SUCCESS"]);
}
