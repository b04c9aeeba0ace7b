//! `--if-older-than` and `--if-stale`: what the history says of the rows' age decides, inside
//! the key; without a history nothing is skipped, and that is said.

use super::scene::{MV, MV_ENTRY, SALES, Scene, message, outcome, outcomes};

#[test]
fn what_is_fresh_by_the_history_is_skipped() {
    let scene = Scene::of_sales().with_history();
    assert_eq!(outcome(&scene.refreshes(["--all", "--if-older-than", "1h"], 0)), "SUCCESS");
    let before = scene.xmin("public.mv");
    let report = scene.refreshes(["--all", "--if-older-than", "1h"], 0);
    assert_eq!(outcome(&report), "SKIPPED_FRESH");
    assert!(message(&report).contains("its rows are"), "{report:#}");
    assert_eq!(scene.xmin("public.mv"), before);
    assert_eq!(outcome(&scene.refreshes(["--all", "--if-older-than", "1ms"], 0)), "SUCCESS");
    // A skip is not on record: it says nothing about the view.
    assert_eq!(scene.on_record(), ["mv SUCCESS", "mv SUCCESS"]);
}

#[test]
fn the_age_is_that_of_the_rows() {
    let scene = Scene::of_sales().with_history();
    scene.refreshes(["--all"], 0);
    scene.run(
        "UPDATE driftgate.refreshes SET as_of = as_of - interval '2 hours',
                                        started_at = started_at - interval '2 hours'",
    );
    // It ended a moment ago, and what it holds is two hours old.
    assert_eq!(outcome(&scene.refreshes(["--all", "--if-older-than", "1h"], 0)), "SUCCESS");
}

#[test]
fn stale_is_what_the_registry_declares_and_always_where_it_declares_nothing() {
    let scene = Scene::new(
        &format!(
            "{SALES}{MV}
                  CREATE MATERIALIZED VIEW public.other AS SELECT 1 AS id;
                  CREATE UNIQUE INDEX ON public.other (id);"
        ),
        &format!("{MV_ENTRY}\nmax_staleness = '1h'\n[[matview]]\nname = 'public.other'"),
    )
    .with_history();
    let stale = || outcomes(&scene.refreshes(["--all", "--if-stale"], 0));
    assert_eq!(stale(), ["public.mv SUCCESS", "public.other SUCCESS"]);
    assert_eq!(stale(), ["public.mv SKIPPED_FRESH", "public.other SUCCESS"]);
    scene.run("UPDATE driftgate.refreshes SET as_of = as_of - interval '61 minutes'");
    assert_eq!(stale(), ["public.mv SUCCESS", "public.other SUCCESS"]);
}

#[test]
fn what_reads_a_fresh_view_is_refreshed() {
    let scene = Scene::new(
        &format!(
            "{SALES}{MV}
                  CREATE MATERIALIZED VIEW public.above AS SELECT tenant_id, day FROM public.mv;
                  CREATE UNIQUE INDEX ON public.above (tenant_id, day);"
        ),
        &format!("{MV_ENTRY}\n[[matview]]\nname = 'public.above'"),
    )
    .with_history();
    scene.refreshes(["public.mv"], 0);
    let report = scene.refreshes(["--all", "--if-older-than", "1h"], 0);
    assert_eq!(outcomes(&report), ["public.mv SKIPPED_FRESH", "public.above SUCCESS"]);
}

#[test]
fn a_failure_does_not_make_a_view_fresh() {
    let scene = Scene::new(
        "CREATE TABLE public.base (n int); INSERT INTO public.base VALUES (1);
         CREATE MATERIALIZED VIEW public.mv AS SELECT 10 / n AS n FROM public.base;
         CREATE UNIQUE INDEX ON public.mv (n);",
        "[[matview]]\nname = 'public.mv'",
    )
    .with_history();
    scene.run("UPDATE public.base SET n = 0");
    for _ in 0..2 {
        let report = scene.refreshes(["--all", "--if-older-than", "1h"], 1);
        assert_eq!(outcome(&report), "FAILED");
    }
    scene.run("UPDATE public.base SET n = 5");
    assert_eq!(outcome(&scene.refreshes(["--all", "--if-older-than", "1h"], 0)), "SUCCESS");
}

#[test]
fn a_view_made_anew_or_emptied_is_not_fresh() {
    let scene = Scene::of_sales().with_history();
    let refreshed = || outcome(&scene.refreshes(["--all", "--if-older-than", "1h"], 0)).to_owned();
    assert_eq!(refreshed(), "SUCCESS");
    scene.run(&format!("DROP MATERIALIZED VIEW public.mv; {MV}"));
    assert_eq!(refreshed(), "SUCCESS");
    assert_eq!(refreshed(), "SKIPPED_FRESH");
    scene.run("REFRESH MATERIALIZED VIEW public.mv WITH NO DATA");
    assert_eq!(refreshed(), "SUCCESS");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "9");
}

#[test]
fn without_a_history_nothing_is_skipped_and_that_is_said() {
    let scene = Scene::of_sales();
    for _ in 0..2 {
        let run = scene.refresh(["--all", "--if-older-than", "1h"]).run().exits(0);
        let words = format!("{}{}", run.stdout, run.stderr);
        assert!(words.contains("driftgate history install"), "{words}");
        assert!(words.contains("1 SUCCESS"), "{words}");
    }
}

/// A scene with a role that owns the view, and what it is called.
fn with_worker() -> (Scene, String) {
    let mut scene = Scene::of_sales().with_history();
    let worker = scene.database.role("worker");
    scene.run(&format!(
        "GRANT CREATE, USAGE ON SCHEMA public TO {worker}; GRANT SELECT ON public.sales TO {worker};
         ALTER MATERIALIZED VIEW public.mv OWNER TO {worker}"
    ));
    (scene, worker)
}

#[test]
fn a_history_that_takes_no_rows_of_this_role_is_read_and_that_is_said() {
    let (scene, worker) = with_worker();
    scene.refreshes(["--all"], 0);
    scene.run(&format!(
        "GRANT USAGE ON SCHEMA driftgate TO {worker};
         GRANT SELECT ON ALL TABLES IN SCHEMA driftgate TO {worker}"
    ));
    let url = scene.database.url_as(&worker);
    for (age, outcome_) in [("1h", "SKIPPED_FRESH"), ("1ms", "SUCCESS")] {
        let run = scene.refresh(["--all", "--if-older-than", age]).database(&url).json();
        let report = run.exits(0).document();
        assert_eq!(outcome(&report), outcome_);
        assert!(report.to_string().contains("will not be on record"), "{report:#}");
    }
    assert_eq!(scene.on_record(), ["mv SUCCESS"]);
}

#[test]
fn a_history_that_may_not_be_read_is_none() {
    let (scene, worker) = with_worker();
    let url = scene.database.url_as(&worker);
    for _ in 0..2 {
        let run = scene.refresh(["--all", "--if-older-than", "1h"]).database(&url).json();
        let report = run.exits(0).document();
        assert_eq!(outcome(&report), "SUCCESS");
        assert!(report.to_string().contains("may not read the history"), "{report:#}");
    }
    assert_eq!(scene.on_record(), Vec::<String>::new());
}
