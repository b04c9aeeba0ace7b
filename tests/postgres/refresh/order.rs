//! The order of refreshes: dependencies first, through plain views and as declared; what
//! becomes of cycles, and of those that read a view which was not refreshed.

use serde_json::Value;

use super::scene::{Scene, outcomes, results};

/// Makes a view of one row that reads another relation.
fn reading(name: &str, of: &str) -> String {
    format!(
        "CREATE MATERIALIZED VIEW public.{name} AS SELECT id, n FROM public.{of};
         CREATE UNIQUE INDEX ON public.{name} (id);"
    )
}

fn entry(name: &str) -> String {
    format!("[[matview]]\nname = 'public.{name}'\n")
}

const BASE: &str =
    "CREATE TABLE public.base (id int, n int); INSERT INTO public.base VALUES (1, 1);";

/// Returns the error of a view's result.
fn error<'r>(report: &'r Value, view: &str) -> &'r Value {
    let result = results(report).iter().find(|result| result["view"] == view);
    &result.unwrap_or_else(|| panic!("no {view} in {report:#}"))["error"]
}

#[test]
fn dependencies_come_first_through_plain_views_at_any_depth() {
    let sql = format!(
        "{BASE}{}
         CREATE VIEW public.v1 AS SELECT id, n + 1 AS n FROM public.z_first;
         CREATE VIEW public.v2 AS SELECT id, n + 1 AS n FROM public.v1;
         {}{}",
        reading("z_first", "base"),
        reading("m_second", "v2"),
        reading("a_third", "m_second"),
    );
    let entries = [entry("a_third"), entry("m_second"), entry("z_first")].concat();
    let scene = Scene::new(&sql, &entries);
    scene.run("UPDATE public.base SET n = 10");
    let report = scene.refreshes(["--all"], 0);
    assert_eq!(
        outcomes(&report),
        ["public.z_first SUCCESS", "public.m_second SUCCESS", "public.a_third SUCCESS"]
    );
    // One pass is enough, because each was read after it was refreshed.
    assert_eq!(scene.value("SELECT n FROM public.a_third"), "12");
}

#[test]
fn a_declared_dependency_counts_where_the_catalog_sees_none() {
    let sql = format!(
        "{BASE}{}
         CREATE FUNCTION public.of_first() RETURNS TABLE (id int, n int) LANGUAGE plpgsql
           AS 'BEGIN RETURN QUERY SELECT f.id, f.n FROM public.z_first f; END';
         CREATE MATERIALIZED VIEW public.a_second AS SELECT id, n FROM public.of_first();
         CREATE UNIQUE INDEX ON public.a_second (id);",
        reading("z_first", "base"),
    );
    let scene = Scene::new(&sql, &format!("{}{}", entry("a_second"), entry("z_first")));
    let order = |scene: &Scene| outcomes(&scene.refreshes(["--all"], 0));
    assert_eq!(order(&scene), ["public.a_second SUCCESS", "public.z_first SUCCESS"]);
    scene.project.change(
        "registry.toml",
        "name = 'public.a_second'",
        "name = 'public.a_second'\ndepends_on = ['public.z_first']",
    );
    scene.run("UPDATE public.base SET n = 10");
    assert_eq!(order(&scene), ["public.z_first SUCCESS", "public.a_second SUCCESS"]);
    assert_eq!(scene.value("SELECT n FROM public.a_second"), "10");
}

#[test]
fn a_dependency_that_was_not_selected_is_left_alone() {
    let sql = format!("{BASE}{}{}", reading("first", "base"), reading("second", "first"));
    let scene = Scene::new(&sql, &format!("{}{}", entry("first"), entry("second")));
    scene.run("UPDATE public.base SET n = 10");
    assert_eq!(outcomes(&scene.refreshes(["public.second"], 0)), ["public.second SUCCESS"]);
    assert_eq!(scene.value("SELECT n FROM public.first"), "1");
}

/// Makes views that read each other through plain views: `one` and `two` in a circle, `own`
/// itself, `after` one of them; `apart` and `before` are in none.
fn circles() -> Scene {
    let names = ["one", "two", "own", "after", "apart", "before"];
    let sql = format!(
        "{BASE}
         CREATE VIEW public.v_one AS SELECT id, n FROM public.base;
         CREATE VIEW public.v_own AS SELECT id, n FROM public.base;
         {}{}{}{}{}{}
         CREATE OR REPLACE VIEW public.v_one AS
           SELECT t.id, t.n + b.n AS n FROM public.two t JOIN public.before b USING (id);
         CREATE OR REPLACE VIEW public.v_own AS SELECT id, n + 1 AS n FROM public.own;",
        reading("before", "base"),
        reading("one", "v_one"),
        reading("two", "one"),
        reading("own", "v_own"),
        reading("after", "two"),
        reading("apart", "base"),
    );
    Scene::new(&sql, &names.map(entry).concat())
}

#[test]
fn the_members_of_a_circle_are_refused_and_named_and_the_rest_is_refreshed() {
    let scene = circles();
    let views = ["one", "two", "own", "after"].map(|name| format!("public.{name}"));
    let before = views.each_ref().map(|view| scene.rows(view));
    let report = scene.refreshes(["--all"], 1);
    let mut outcomes = outcomes(&report);
    outcomes.sort();
    assert_eq!(
        outcomes,
        [
            "public.after SKIPPED_UPSTREAM",
            "public.apart SUCCESS",
            "public.before SUCCESS",
            "public.one REFUSED_UNFIT",
            "public.own REFUSED_UNFIT",
            "public.two REFUSED_UNFIT",
        ]
    );
    for view in ["public.one", "public.two"] {
        let message = error(&report, view)["message"].as_str().expect("a message");
        assert!(message.contains("public.one, public.two"), "{message}");
    }
    let message = error(&report, "public.own")["message"].as_str().expect("a message");
    assert!(message.contains("public.own reads itself"), "{message}");
    // Its own old rows would have been added to each time.
    assert_eq!(views.each_ref().map(|view| scene.rows(view)), before);
}

#[test]
fn a_member_of_a_circle_is_refused_where_the_others_are_not_selected() {
    let scene = circles();
    let report = scene.refreshes(["public.one"], 1);
    assert_eq!(outcomes(&report), ["public.one REFUSED_UNFIT"]);
    let message = error(&report, "public.one")["message"].as_str().expect("a message");
    assert!(message.contains("public.one, public.two"), "{message}");
}

/// Makes `broken`, which divides by zero once the table has a zero; `above` reads it and
/// `top` reads that; `beside` reads neither.
fn breaking() -> Scene {
    let names = ["broken", "above", "top", "beside"];
    let sql = format!(
        "{BASE}
         CREATE MATERIALIZED VIEW public.broken AS SELECT id, 10 / n AS n FROM public.base;
         CREATE UNIQUE INDEX ON public.broken (id);
         {}{}{}",
        reading("above", "broken"),
        reading("top", "above"),
        reading("beside", "base"),
    );
    let scene = Scene::new(&sql, &names.map(entry).concat());
    scene.run("INSERT INTO public.base VALUES (2, 0)");
    scene
}

#[test]
fn what_reads_a_view_that_failed_is_skipped_at_any_depth_and_one_failure_stops_no_other() {
    for jobs in ["1", "4"] {
        let scene = breaking();
        let report = scene.refreshes(["--all", "--jobs", jobs], 1);
        let mut outcomes = outcomes(&report);
        outcomes.sort();
        assert_eq!(
            outcomes,
            [
                "public.above SKIPPED_UPSTREAM",
                "public.beside SUCCESS",
                "public.broken FAILED",
                "public.top SKIPPED_UPSTREAM",
            ]
        );
        assert_eq!(error(&report, "public.broken")["sqlstate"], "22012");
        let message = error(&report, "public.top")["message"].as_str().expect("a message");
        assert!(message.contains("public.broken"), "{message}");
        assert_eq!(scene.value("SELECT count(*) FROM public.broken"), "1");
        assert_eq!(scene.value("SELECT count(*) FROM public.above"), "1");
        assert_eq!(scene.value("SELECT count(*) FROM public.beside"), "2");
        scene.assert_nothing_is_left();
    }
}
