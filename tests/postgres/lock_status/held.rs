//! `--fail-if-held`: the exit code tells whether a refresh is under way.

use ::driftgate::registry::LockScheme;

use super::{REGISTRY, Scene, key, take};
use crate::support::{Project, driftgate};

#[test]
fn a_held_key_is_exit_4_and_a_foreign_one_is_not() {
    let scene = Scene::new();
    let _foreign = scene.holding("pg_advisory_xact_lock(7)");
    scene.command(["--fail-if-held"]).run().exits(0);
    scene.command(["--fail-if-held", "public.mv"]).run().exits(0);

    let tenants = key(LockScheme::Int32Pair, "public.mv", Some("acme"));
    let _holding = scene.holding(&take(tenants));
    scene.command(["--fail-if-held"]).run().exits(4).shows("public.mv");
    scene.command(["--fail-if-held", "public.mv"]).run().exits(4);
    scene.command(["--fail-if-held", r#"rpt."Weird Name""#]).run().exits(0);
    scene.command([]).run().exits(0);
    let report = scene.command(["--fail-if-held"]).json().exits(4).document();
    assert_eq!(report["exit_code"], 4);
}

#[test]
fn without_a_registry_a_view_must_be_named_and_there() {
    let scene = Scene::new();
    let bare = |argument: &[&str]| {
        driftgate(["lock-status", "--fail-if-held"])
            .args(argument)
            .database(&scene.database.url())
            .run()
    };
    bare(&[]).exits(2).says("without a registry");
    bare(&["public.mv"]).exits(0);
    bare(&["public.vm"]).exits(3).says("no materialized view public.vm");
    let _holding = scene.holding(&take(key(LockScheme::Int32, "public.mv", None)));
    bare(&["public.mv"]).exits(4);
}

#[test]
fn a_name_that_nobody_has_is_no_key_that_nobody_holds() {
    let scene = Scene::new();
    scene
        .command(["--fail-if-held", "public.vm"])
        .run()
        .exits(3)
        .says("neither the registry nor the database has a view public.vm");
}

#[test]
fn what_could_not_be_read_outranks_what_is_held() {
    let mut scene = Scene::new();
    scene.project = Project::new(&REGISTRY.replace("FROM public.tenants", "FROM public.nowhere"));
    let _whole = scene.holding(&take(key(LockScheme::Int64, "public.mv", None)));
    let _tenants = scene.holding(&take(key(LockScheme::Int64, "public.mv", Some("acme"))));
    scene.command(["--fail-if-held"]).run().exits(3);
}
