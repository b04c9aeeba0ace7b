//! Which views a command line means, and what it says where it means none.

use super::scene::{MV, MV_ENTRY, SALES, Scene, outcomes};

/// A view in each of two classes, and one in none.
fn classes() -> Scene {
    let sql = ["one", "two", "three"]
        .map(|name| {
            format!(
                "CREATE MATERIALIZED VIEW public.{name} AS SELECT 1 AS id;
                 CREATE UNIQUE INDEX ON public.{name} (id);"
            )
        })
        .concat();
    Scene::new(
        &sql,
        "[schedules]
         hourly = { every = '1h' }
         nightly = { every = '1day' }
         weekly = { every = '7days' }
         [[matview]]
         name = 'public.one'
         schedule = 'hourly'
         [[matview]]
         name = 'public.two'
         schedule = 'nightly'
         [[matview]]
         name = 'public.three'",
    )
}

#[test]
fn a_class_means_its_views_and_classes_and_names_add_up() {
    let scene = classes();
    let refreshed = |arguments: &[&str]| {
        let run = scene.refresh([]).args(arguments).json().exits(0);
        outcomes(&run.document())
            .iter()
            .map(|word| word.replace(" SUCCESS", ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(refreshed(&["--class", "hourly"]), ["public.one"]);
    assert_eq!(
        refreshed(&["--class", "hourly", "--class", "nightly"]),
        ["public.one", "public.two"]
    );
    assert_eq!(refreshed(&["--class", "nightly", "public.three"]), ["public.three", "public.two"]);
    assert_eq!(refreshed(&["--all"]), ["public.one", "public.three", "public.two"]);
    assert_eq!(refreshed(&["public.one", "public.one"]), ["public.one"]);
    assert_eq!(refreshed(&["PUBLIC.One"]), ["public.one"]);
}

#[test]
fn what_selects_nothing_is_a_usage_error_and_refreshes_nothing() {
    let scene = classes();
    let before = scene.xmin("public.one");
    for (arguments, words) in [
        (&[][..], "nothing to refresh was selected"),
        (&["--class", "weekly"], "no view has a schedule of this class"),
        (&["--class", "yearly"], "`yearly` is no class"),
        (&["public.unknown"], "public.unknown is no view of this registry"),
        (&["public.one", "public.unknown"], "public.unknown is no view of this registry"),
        (&["one"], "schema.name"),
        (&["--tenant", "a"], "no view is one tenant's"),
        (&["--all", "--all-tenants"], "does not say who the tenants are"),
        (&["--all", "--tenant", "a", "--all-tenants"], "cannot be used with"),
        (&["--all", "--if-stale", "--if-older-than", "1h"], "cannot be used with"),
        (&["--all", "--jobs", "0"], "--jobs"),
    ] {
        let run = scene.refresh([]).args(arguments).run().exits(2).says(words);
        assert_eq!(run.stdout, "", "{arguments:?}");
        let report = scene.refresh([]).args(arguments).json().exits(2).document();
        assert_eq!(report["exit_code"], 2, "{arguments:?}");
    }
    assert_eq!(scene.xmin("public.one"), before);
}

#[test]
fn a_live_view_that_is_not_registered_is_not_refreshed() {
    let scene = Scene::of_sales();
    scene.run("CREATE MATERIALIZED VIEW public.by_hand AS SELECT 1 AS id");
    let before = scene.xmin("public.by_hand");
    scene.refresh(["public.by_hand"]).run().exits(2).says("add a [[matview]]");
    assert_eq!(outcomes(&scene.refreshes(["--all"], 0)), ["public.mv SUCCESS"]);
    assert_eq!(scene.xmin("public.by_hand"), before);
}

#[test]
fn without_a_registry_nothing_is_refreshed() {
    let scene = Scene::of_sales();
    scene.project.remove("registry.toml");
    scene.refresh(["public.mv"]).run().exits(2);
}

#[test]
fn a_tenants_query_that_fails_or_is_empty_is_undecided_and_refreshes_nothing() {
    let scene = Scene::of_sales();
    let before = scene.xmin("public.mv");
    for query in ["SELECT id FROM public.nobody", "SELECT 1 AS id WHERE false", "SELECT 1/0 AS id"]
    {
        let registry = format!("version = 1\n[tenancy]\ntenants = '{query}'\n{MV_ENTRY}\n");
        scene.project.write("registry.toml", &registry);
        scene.refresh(["--all", "--all-tenants"]).run().exits(3);
        let report = scene.refresh(["--all", "--tenant", "a"]).json().exits(3).document();
        assert_eq!(report["verdict"], "undecided", "{query}");
    }
    assert_eq!(scene.xmin("public.mv"), before);
}

#[test]
fn a_tenant_that_the_query_does_not_list_is_a_usage_error() {
    let scene = Scene::new(
        &format!("{SALES}{MV}"),
        &format!("[tenancy]\ntenants = 'SELECT DISTINCT tenant_id FROM public.sales'\n{MV_ENTRY}"),
    );
    let before = scene.xmin("public.mv");
    scene.refresh(["--all", "--tenant", "z"]).run().exits(2).says("lists no tenant z");
    assert_eq!(scene.xmin("public.mv"), before);
}
