use std::collections::BTreeMap;

use super::*;
use crate::tenants::Tenant;
use crate::testing::registry;

const A: &str = "[[matview]]\nname = 'public.mv_a'\n";
const B: &str = "[[matview]]\nname = 'public.mv_b'\n";
const A_ELSEWHERE: &str = "[[matview]]\nname = 'audit.mv_a'\n";

fn with(scheme: &str, rest: &str) -> Registry {
    registry(&format!("version = 1\n[locks]\nscheme = '{scheme}'\n{rest}"))
}

fn ids(tenants: &[&str]) -> Vec<String> {
    tenants.iter().map(|tenant| (*tenant).to_owned()).collect()
}

fn found(registry: &Registry, tenants: &[&str]) -> Collisions {
    find(registry, Ok(&ids(tenants)))
}

/// Returns each collision as its two names and its scope.
fn told(collisions: &Collisions) -> Vec<(String, String, Scope)> {
    let told = |one: &Collision| (one.first.told(), one.second.told(), one.scope);
    for one in &collisions.found {
        assert_eq!(one.first.key(collisions.scheme), one.key);
        assert_eq!(one.second.key(collisions.scheme), one.key);
    }
    collisions.found.iter().map(told).collect()
}

/// Fills templates in for tenants with a slug.
fn filled_in(registry: &Registry, slugs: &[&str]) -> Registry {
    let tenant = |slug: &&str| Tenant {
        id: format!("id-{slug}"),
        columns: BTreeMap::from([("slug".to_owned(), (*slug).to_owned())]),
    };
    let tenants: Vec<Tenant> = slugs.iter().map(tenant).collect();
    let expansion = registry.expand(&tenants);
    assert!(expansion.mistakes.is_empty());
    expansion.registry
}

#[test]
fn different_names_collide_under_no_scheme() {
    for scheme in ["int32", "int32-pair", "int64"] {
        let collisions = found(&with(scheme, &format!("{A}{B}")), &["1", "2", "3"]);
        assert!(collisions.found.is_empty(), "{scheme}: {:?}", told(&collisions));
        assert_eq!((collisions.keys, collisions.not_compared), (10, 0));
    }
}

#[test]
fn one_bare_name_in_two_schemas_is_one_key_under_the_schemes_of_four_bytes() {
    let both = format!("{A}{A_ELSEWHERE}");
    let names = |scope| vec![("public.mv_a".to_owned(), "audit.mv_a".to_owned(), scope)];
    for scheme in ["int32", "int32-pair"] {
        let collisions = found(&with(scheme, &both), &["1", "2"]);
        assert_eq!(told(&collisions), names(Scope::EveryTenant), "{scheme}");
        assert!(collisions.found[0].same_text);
        assert_eq!(told(&found(&with(scheme, &both), &[])), names(Scope::These), "{scheme}");
    }
    assert!(found(&with("int64", &both), &["1", "2"]).found.is_empty());
}

#[test]
fn a_lock_name_tells_two_apart_or_makes_them_the_same() {
    for scheme in ["int32", "int32-pair", "int64"] {
        let apart = with(scheme, &format!("{A}{A_ELSEWHERE}lock_name = 'audit_mv_a'\n"));
        assert!(found(&apart, &["1"]).found.is_empty(), "{scheme}");
        let same = with(scheme, &format!("{A}lock_name = 'x'\n{B}lock_name = 'x'\n"));
        assert_eq!(found(&same, &["1"]).found.len(), 1, "{scheme}");
    }
    // The name of one is what the other's keys are made from.
    let taken = with("int64", &format!("{A}{B}lock_name = 'public.mv_a'\n"));
    assert_eq!(found(&taken, &[]).found.len(), 1);
}

#[test]
fn dots_and_colons_do_not_hide_that_two_texts_are_the_same() {
    let dots = "[[matview]]\nname = '\"a.b\".c'\n[[matview]]\nname = 'a.\"b.c\"'\n";
    assert_eq!(found(&with("int64", dots), &[]).found.len(), 1);
    let colons = with("int32", &format!("{A}lock_name = 'x:1'\n{B}lock_name = 'x'\n"));
    let collisions = found(&colons, &["2", "1:2"]);
    assert!(collisions.found[0].same_text);
    let expected = ("public.mv_a for tenant 2", "public.mv_b for tenant 1:2");
    let names = told(&collisions);
    assert_eq!(names.len(), 1);
    assert_eq!((names[0].0.as_str(), names[0].1.as_str()), expected);
}

#[test]
fn a_tenant_may_be_called_as_the_view_itself_or_the_one_that_waits() {
    for (scheme, tenant) in [("int32", "GLOBAL"), ("int32-pair", "GLOBAL"), ("int64", "*")] {
        let names = told(&found(&with(scheme, A), &[tenant]));
        assert_eq!(names.len(), 1, "{scheme}");
        assert_eq!(names[0].1, format!("public.mv_a for tenant {tenant}"));
    }
    for (scheme, tenant) in
        [("int32", "GLOBAL:waiting"), ("int32-pair", "GLOBAL:waiting"), ("int64", "*:waiting")]
    {
        let names = told(&found(&with(scheme, A), &[tenant]));
        assert_eq!(names.len(), 1, "{scheme}");
        assert_eq!(names[0].0, "public.mv_a (waiting)");
    }
}

/// Pairs that really have one key, found by a search over names with a number.
#[test]
fn accidents_of_four_bytes_are_found() {
    let views = "[[matview]]\nname = 'public.mv_channel_performance'\n\
                 [[matview]]\nname = 'public.mv_daily_revenue_summary'\n";
    let names = |collisions: &Collisions| told(collisions).pop().expect("a collision");

    let one_view = found(&with("int32", views), &["tenant_06144", "tenant_35846"]);
    assert_eq!(one_view.found.len(), 1);
    assert_eq!(one_view.found[0].key, LockKey::One([1_403_351_676]));
    assert!(!one_view.found[0].same_text);
    let (first, second, scope) = names(&one_view);
    assert_eq!(first, "public.mv_channel_performance for tenant tenant_06144");
    assert_eq!(second, "public.mv_channel_performance for tenant tenant_35846");
    assert_eq!(scope, Scope::These);

    let two_views = found(&with("int32", views), &["tenant_57053", "tenant_69208"]);
    assert_eq!(two_views.found.len(), 1);
    let (first, second, _) = names(&two_views);
    assert_eq!(first, "public.mv_channel_performance for tenant tenant_57053");
    assert_eq!(second, "public.mv_daily_revenue_summary for tenant tenant_69208");

    for scheme in ["int64", "int32-pair"] {
        assert!(found(&with(scheme, views), &["tenant_06144", "tenant_35846"]).found.is_empty());
    }
}

#[test]
fn a_pairs_halves_collide_by_themselves_and_are_told_once() {
    let views = "[[matview]]\nname = 'public.mv_02830'\n[[matview]]\nname = 'public.mv_x'\n\
                 [[matview]]\nname = 'public.mv_17901'\n";
    let many: Vec<String> = (0..500).map(|number| format!("t{number}")).collect();
    let of_views = find(&with("int32-pair", views), Ok(&many));
    let expected = ("public.mv_02830".to_owned(), "public.mv_17901".to_owned(), Scope::EveryTenant);
    assert_eq!(told(&of_views), [expected]);
    assert_eq!(of_views.keys, 3 * 502);

    let of_tenants =
        found(&with("int32-pair", &format!("{A}{B}")), &["tenant_20259", "x", "tenant_26913"]);
    let expected = (
        "public.mv_a for tenant tenant_20259".to_owned(),
        "public.mv_a for tenant tenant_26913".to_owned(),
        Scope::EveryView,
    );
    assert_eq!(told(&of_tenants), [expected]);
}

#[test]
fn views_of_one_tenant_collide_where_name_and_tenant_do() {
    const MINE: &str = "[tenancy]\ntenants = 'SELECT 1'\n\
                        [[matview]]\nname = 'tenant_{slug}.mv_a'\n";
    for scheme in ["int32", "int32-pair", "int64"] {
        let alone = filled_in(&with(scheme, MINE), &["x", "y"]);
        let collisions = found(&alone, &["id-x", "id-y"]);
        assert!(collisions.found.is_empty(), "{scheme}: {:?}", told(&collisions));
        assert_eq!(collisions.keys, 4);
    }
    // The bare name alone makes the key, and the tenant is the same.
    let others = format!("{MINE}[[matview]]\nname = 'other_{{slug}}.mv_a'\n");
    for scheme in ["int32", "int32-pair"] {
        let both = found(&filled_in(&with(scheme, &others), &["x", "y"]), &["id-x", "id-y"]);
        let names = told(&both);
        assert_eq!(names.len(), 2, "{scheme}: {names:?}");
        assert_eq!(names[0].0, "tenant_x.mv_a for tenant id-x");
        assert_eq!(names[0].1, "other_x.mv_a for tenant id-x");
    }
    let shared = format!("{MINE}{A}");
    for scheme in ["int32", "int32-pair"] {
        let both = found(&filled_in(&with(scheme, &shared), &["x"]), &["id-x"]);
        let names = told(&both);
        assert_eq!(names.len(), 1, "{scheme}: {names:?}");
        assert_eq!(names[0].1, "public.mv_a for tenant id-x");
    }
    assert!(found(&filled_in(&with("int64", &others), &["x"]), &["id-x"]).found.is_empty());
}

#[test]
fn a_shared_view_meets_a_tenants_own_by_accident() {
    let views = "[tenancy]\ntenants = 'SELECT 1'\n[[matview]]\nname = 'public.mv_first'\n\
                 [[matview]]\nname = 'public.mv_02830'\n\
                 [[matview]]\nname = 't_{slug}.mv_17901'\n";
    let both = found(&filled_in(&with("int32-pair", views), &["x", "y"]), &["id-x", "id-y"]);
    let names = told(&both);
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(names[0].0, "public.mv_02830 for tenant id-x");
    assert_eq!(names[0].1, "t_x.mv_17901 for tenant id-x");
}

#[test]
fn of_many_the_first_are_told_and_the_rest_is_counted() {
    let mut views = String::new();
    for schema in 0..30 {
        views.push_str(&format!("[[matview]]\nname = 's{schema:02}.mv_a'\n"));
    }
    let collisions = found(&with("int32", &views), &["1", "2"]);
    assert_eq!((collisions.found.len(), collisions.more), (MOST_TOLD, 9));
    let names = told(&collisions);
    assert!(names.iter().all(|(first, _, _)| first == "s00.mv_a"));
    assert_eq!(names[MOST_TOLD - 1].1, "s20.mv_a");
}

#[test]
fn what_is_beyond_the_bound_is_counted_and_its_names_are_compared() {
    let many: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
    let clean = find_within(&with("int64", &format!("{A}{B}")), Ok(&many), 50);
    assert_eq!((clean.keys, clean.not_compared, clean.found.len()), (204, 154, 0));
    let named = with("int64", &format!("{A}{B}lock_name = 'public.mv_a'\n"));
    assert_eq!(find_within(&named, Ok(&many), 1).found.len(), 1);
}

#[test]
fn tenants_that_are_not_known_are_told() {
    let collisions = find(&with("int32", &format!("{A}{A_ELSEWHERE}")), Err("denied".into()));
    assert_eq!(collisions.found.len(), 1);
    assert_eq!(collisions.tenants_unknown.as_deref(), Some("denied"));
}

#[test]
fn a_tenant_that_is_spelt_twice_is_one() {
    let uuid = "123e4567-e89b-12d3-a456-426614174000";
    let collisions = found(&with("int64", A), &[uuid, &uuid.to_uppercase()]);
    assert_eq!((collisions.keys, collisions.found.len()), (3, 0));
}

/// Returns every two takers with one key, found by making them all.
fn all_of(registry: &Registry, tenants: &[String]) -> Vec<(Taker, Taker)> {
    let mut takers = Vec::new();
    for entry in &registry.matviews {
        let view = entry.name.fixed().expect("it is filled in");
        let taker = |tenant: Option<&str>, is_waiting| Taker {
            view: view.clone(),
            line: entry.line,
            lock_name: entry.lock_name.clone(),
            tenant: tenant.map(str::to_owned),
            is_waiting,
        };
        takers.extend([false, true].map(|is_waiting| taker(entry.tenant_id(), is_waiting)));
        if entry.tenant_id().is_none() {
            takers.extend(tenants.iter().map(|tenant| taker(Some(tenant), false)));
        }
    }
    let mut pairs = Vec::new();
    for (at, first) in takers.iter().enumerate() {
        for second in &takers[at + 1..] {
            let scheme = registry.lock_scheme;
            if first.key(scheme) == second.key(scheme) {
                pairs.push((first.clone(), second.clone()));
            }
        }
    }
    pairs
}

proptest::proptest! {
    #[test]
    fn what_collides_is_what_making_all_keys_shows(
        scheme in proptest::sample::select(vec!["int32", "int32-pair", "int64"]),
        views in proptest::collection::btree_map(
            proptest::sample::select(vec![
                "s.a", "t.a", "s.b", "s.\"a:1\"", "s.mv_02830", "t.mv_17901", "\"s.a\".b",
                "s.\"a.b\"", "t_{slug}.a", "u_{slug}.a", "t_{slug}.mv_17901",
            ]),
            proptest::option::weighted(
                0.3,
                proptest::sample::select(vec!["a", "s.a", "a:1", "x", "a:GLOBAL"]),
            ),
            1..5,
        ),
        tenants in proptest::collection::btree_set(
            proptest::sample::select(vec![
                "1", "2", "1:2", "GLOBAL", "*", "GLOBAL:waiting", "tenant_20259", "tenant_26913",
            ]),
            0..5,
        ),
    ) {
        let mut text = "[tenancy]\ntenants = 'SELECT 1'\n".to_owned();
        for (name, lock_name) in &views {
            text.push_str(&format!("[[matview]]\nname = '{name}'\n"));
            if let Some(lock_name) = lock_name {
                text.push_str(&format!("lock_name = '{lock_name}'\n"));
            }
        }
        let rows: Vec<Tenant> = tenants
            .iter()
            .map(|id| Tenant {
                id: (*id).to_owned(),
                columns: [("slug".to_owned(), (*id).to_owned())].into(),
            })
            .collect();
        let registry = with(scheme, &text).expand(&rows).registry;
        let tenants: Vec<String> = tenants.iter().map(|id| (*id).to_owned()).collect();
        let collisions = find(&registry, Ok(&tenants));
        let all = all_of(&registry, &tenants);

        assert_eq!(collisions.found.is_empty(), all.is_empty(), "{all:?}");
        told(&collisions);
        // No two views collide without some collision that names one of each.
        let told_of = |view: &QualifiedName| {
            collisions.found.iter().any(|one| one.first.view == *view || one.second.view == *view)
        };
        let is_all_told = collisions.more == 0
            && collisions.found.iter().all(|one| one.scope != Scope::EveryView);
        for (first, second) in all.iter().filter(|_| is_all_told) {
            assert!(told_of(&first.view) && told_of(&second.view), "{first:?} {second:?}");
        }
    }
}
