//! Keys are put into names: in every scheme, with the tenant, and nobody else's.

use serde_json::{Value, json};

use ::driftgate::ident::QualifiedName;
use ::driftgate::lock_key::LockKey;
use ::driftgate::registry::LockScheme;

use super::{REGISTRY, Scene, key, of_pid, rows, take, told};
use crate::support::{Project, TestDatabase, driftgate};

const UUID: &str = "123e4567-e89b-12d3-a456-426614174000";

/// Returns a registry with the scheme in use.
fn registry(scheme: LockScheme) -> String {
    format!("{REGISTRY}\n[locks]\nscheme = \"{}\"\n", scheme.as_str())
}

#[test]
fn every_scheme_is_decoded_whichever_is_in_use() {
    let mut scene = Scene::new();
    for (_, in_use) in LockScheme::ALL {
        scene.project = Project::new(&registry(in_use));
        for (word, scheme) in LockScheme::ALL {
            for (view, tenant) in [
                ("public.mv", None),
                (r#"rpt."Weird Name""#, Some("acme")),
                ("public.mv", Some(UUID)),
            ] {
                let key = key(scheme, view, tenant);
                let mut holding = scene.holding(&take(key));
                let report = scene.look();
                let row = &rows(&report)[0];
                assert_eq!(rows(&report).len(), 1, "{report:#}");
                assert_eq!(row["pid"].to_string(), holding.pid());
                let expected = json!({
                    "kind": "advisory", "view": view, "tenant": tenant, "scheme": word,
                    "key": key, "known": true, "granted": true, "mode": "ExclusiveLock",
                    "classid": key.place().classid, "objid": key.place().objid,
                    "objsubid": key.place().objsubid,
                });
                for (name, value) in expected.as_object().expect("fields") {
                    assert_eq!(row[name], *value, "{name} of {row:#}");
                }
            }
        }
    }
}

#[test]
fn the_one_that_waits_to_refresh_next_is_named() {
    let scene = Scene::new();
    let view: QualifiedName = "public.mv".parse().expect("a name");
    for (_, scheme) in LockScheme::ALL {
        let key = LockKey::waiting(scheme, &view, None, Some("acme"));
        let _holding = scene.holding(&take(key));
        let report = scene.look();
        let row = &rows(&report)[0];
        assert_eq!(row["name"], "public.mv for tenant acme (next in line)");
        assert_eq!(row["next_in_line"], true);
    }
}

#[test]
fn foreign_keys_come_last_with_their_numbers() {
    let scene = Scene::new();
    let mut foreign = scene.holding(
        "pg_advisory_xact_lock(-5), pg_advisory_xact_lock(-5, -7), pg_advisory_xact_lock(7),
         pg_advisory_xact_lock(9223372036854775807)",
    );
    let mut known = scene.holding(&take(key(LockScheme::Int64, "public.mv", None)));
    let (foreign, known) = (foreign.pid(), known.pid());
    let report = scene.look();
    assert_eq!(
        told(&report),
        [
            format!("{known} public.mv ExclusiveLock"),
            format!("{foreign} [-5] ExclusiveLock"),
            format!("{foreign} [7] ExclusiveLock"),
            format!("{foreign} [9223372036854775807] ExclusiveLock"),
            format!("{foreign} [-5,-7] ExclusiveLock"),
        ]
    );
    for row in &rows(&report)[1..] {
        assert_eq!(
            (&row["known"], &row["view"], &row["scheme"]),
            (&json!(false), &Value::Null, &Value::Null)
        );
    }
    let shown = scene.command([]).run().exits(0);
    shown.shows("4 foreign advisory locks").shows("(-5, -7)");
}

#[test]
fn keys_of_another_database_are_not_listed() {
    let (scene, other) = (Scene::new(), TestDatabase::empty());
    let mut session = other.session();
    session.run(&format!("BEGIN; SELECT {}", take(key(LockScheme::Int64, "public.mv", None))));
    assert_eq!(told(&scene.look()), [""; 0]);
    scene.command([]).run().exits(0).shows("No key of a refresh and no materialized view");
}

#[test]
fn without_a_registry_every_key_is_foreign_and_views_have_their_names() {
    let scene = Scene::new();
    let mut refreshing = scene.holding(&take(key(LockScheme::Int64, "public.mv", None)));
    refreshing.run("REFRESH MATERIALIZED VIEW public.mv");
    let report =
        driftgate(["lock-status"]).database(&scene.database.url()).json().exits(0).document();
    let pid = refreshing.pid();
    let key = key(LockScheme::Int64, "public.mv", None);
    assert_eq!(
        told(&report),
        [
            format!("{pid} public.mv AccessExclusiveLock"),
            format!("{pid} {} ExclusiveLock", json!(key)),
        ]
    );
    assert_eq!(report["notes"], json!(["there is no registry, so no advisory lock has a name"]));
}

#[test]
fn a_lock_name_stands_in_for_the_view() {
    let mut scene = Scene::new();
    scene.project = Project::new(
        &REGISTRY
            .replace("name = \"public.mv\"", "name = \"public.mv\"\n    lock_name = \"legacy\""),
    );
    let _holding = scene.holding(&take(key(LockScheme::Int32, "public.legacy", None)));
    assert_eq!(rows(&scene.look())[0]["view"], "public.mv");
}

#[test]
fn a_view_of_one_tenant_is_named_with_its_tenant() {
    let mut scene = Scene::new();
    scene.database.session().run(
        "CREATE SCHEMA tenant_acme;
         CREATE MATERIALIZED VIEW tenant_acme.mv_own AS SELECT 1 AS a",
    );
    scene.project =
        Project::new(&format!("{REGISTRY}\n[[matview]]\nname = \"tenant_{{id}}.mv_own\"\n"));
    let own = key(LockScheme::Int64, "tenant_acme.mv_own", Some("acme"));
    let mut refreshing = scene.holding(&take(own));
    refreshing.run("REFRESH MATERIALIZED VIEW tenant_acme.mv_own");
    let report = scene.look();
    for row in rows(&report) {
        assert_eq!((&row["view"], &row["tenant"]), (&json!("tenant_acme.mv_own"), &json!("acme")));
    }
    let kinds: Vec<&Value> = rows(&report).iter().map(|row| &row["kind"]).collect();
    assert_eq!(kinds, ["advisory", "relation"]);
}

#[test]
fn tenants_that_cannot_be_read_leave_their_keys_without_a_name() {
    let mut scene = Scene::new();
    scene.project = Project::new(&REGISTRY.replace("FROM public.tenants", "FROM public.nowhere"));
    let mut whole = scene.holding(&take(key(LockScheme::Int64, "public.mv", None)));
    // What the views alone explain needs no tenants.
    assert_eq!(scene.look()["failure"], Value::Null);

    let mut tenants = scene.holding(&take(key(LockScheme::Int64, "public.mv", Some("acme"))));
    let report = scene.command([]).json().exits(3).document();
    assert_eq!(of_pid(&report, &whole.pid())["known"], true);
    assert_eq!(of_pid(&report, &tenants.pid())["known"], false);
    assert_eq!(report["failure"]["sqlstate"], "42P01");
    scene.command([]).run().exits(3).says("could not read the tenants").shows("foreign");
}
