//! Many refreshes in one command: side by side, within a deadline, on few connections.

use std::collections::BTreeSet;
use std::time::Duration;

use super::scene::{Scene, gated, notes, outcome, outcomes, results};
use crate::support::poll::until;

/// Makes independent views that wait at the gate, and one that does not.
fn gated_views(names: &[&str]) -> Scene {
    let mut sql = String::from("CREATE TABLE public.base AS SELECT 1 AS id;");
    let mut entries = String::new();
    for name in names {
        let query = gated("SELECT id FROM public.base");
        sql += &format!(
            "CREATE MATERIALIZED VIEW public.{name} AS {query};
             CREATE UNIQUE INDEX ON public.{name} (id);"
        );
        entries += &format!("[[matview]]\nname = 'public.{name}'\n");
    }
    Scene::new(&sql, &entries)
}

#[test]
fn as_many_run_at_once_as_asked_for() {
    let scene = gated_views(&["one", "two", "three", "four"]);
    for (jobs, at_once) in [("1", 1), ("3", 3), ("4", 4), ("200", 4)] {
        let gate = scene.close_gate();
        let running = scene.refresh(["--all", "--jobs", jobs, "--format", "json"]).start();
        scene.until_at_gate(at_once);
        assert_eq!(scene.database.sessions_of_the_program().len(), at_once, "--jobs {jobs}");
        drop(gate);
        let report = running.wait().exits(0).document();
        assert_eq!(results(&report).len(), 4);
        scene.assert_nothing_is_left();
    }
}

#[test]
fn a_dependent_waits_for_its_own_alone() {
    let scene = gated_views(&["slow"]);
    scene.run(
        "CREATE MATERIALIZED VIEW public.quick AS SELECT id FROM public.base;
         CREATE UNIQUE INDEX ON public.quick (id);
         CREATE MATERIALIZED VIEW public.of_quick AS SELECT id FROM public.quick;
         CREATE UNIQUE INDEX ON public.of_quick (id);
         CREATE MATERIALIZED VIEW public.of_slow AS SELECT id FROM public.slow;
         CREATE UNIQUE INDEX ON public.of_slow (id)",
    );
    for name in ["quick", "of_quick", "of_slow"] {
        scene.project.register(&format!("[[matview]]\nname = 'public.{name}'"));
    }
    let before = (scene.xmin("public.of_quick"), scene.xmin("public.of_slow"));
    let (gate, running) = scene.start_at_gate(["--all", "--jobs", "2"]);
    until("a dependent that did not wait for the slow one", || {
        (scene.xmin("public.of_quick") != before.0).then_some(())
    });
    assert_eq!(scene.xmin("public.of_slow"), before.1);
    drop(gate);
    running.wait().exits(0);
    assert_ne!(scene.xmin("public.of_slow"), before.1);
}

#[test]
fn after_the_deadline_nothing_new_begins_and_what_runs_is_ended() {
    let scene = gated_views(&["a_first", "b_second", "c_third"]);
    let (gate, running) = scene.start_at_gate(["--all", "--deadline", "1s"]);
    // The one that runs is not cut short: it ends long after the deadline.
    std::thread::sleep(Duration::from_millis(1_200));
    drop(gate);
    let report = running.wait().exits(3).document();
    assert_eq!(
        outcomes(&report),
        ["public.a_first SUCCESS", "public.b_second NOT_REACHED", "public.c_third NOT_REACHED"]
    );
    let message = &results(&report)[1]["error"]["message"];
    assert!(message.as_str().expect("a message").contains("deadline"), "{report:#}");
    assert_eq!(report["exit_code"], 3);
    scene.assert_nothing_is_left();
}

#[test]
fn a_deadline_that_is_far_off_changes_nothing() {
    let scene = gated_views(&["one", "two"]);
    let report = scene.refreshes(["--all", "--deadline", "10m"], 0);
    assert_eq!(outcomes(&report), ["public.one SUCCESS", "public.two SUCCESS"]);
}

#[test]
fn a_server_with_few_connections_left_is_no_reason_to_give_a_refresh_up() {
    let mut scene = Scene::new(
        "CREATE TABLE public.base AS SELECT 1 AS id;
         CREATE MATERIALIZED VIEW public.mv AS
           SELECT id, pg_sleep(0.8)::text AS s FROM public.base;
         CREATE UNIQUE INDEX ON public.mv (id);
         CREATE MATERIALIZED VIEW public.other AS
           SELECT id, pg_sleep(0.8)::text AS s FROM public.base;
         CREATE UNIQUE INDEX ON public.other (id);",
        "[[matview]]\nname = 'public.mv'\nrefresh = 'plain'
         [[matview]]\nname = 'public.other'\nrefresh = 'plain'",
    );
    let worker = scene.database.role("worker");
    // Two refreshes take all there are: none is left to watch them with.
    scene.run(&format!(
        "GRANT CREATE, USAGE ON SCHEMA public TO {worker}; GRANT SELECT ON public.base TO {worker};
         ALTER MATERIALIZED VIEW public.mv OWNER TO {worker};
         ALTER MATERIALIZED VIEW public.other OWNER TO {worker};
         ALTER ROLE {worker} CONNECTION LIMIT 2"
    ));
    let run = scene.refresh(["--all", "--jobs", "2"]).database(&scene.database.url_as(&worker));
    let report = run.json().exits(0).document();
    assert_eq!(outcomes(&report), ["public.mv SUCCESS", "public.other SUCCESS"]);
}

#[test]
fn a_refresh_that_finds_no_connection_fails_and_the_others_go_on() {
    let mut scene = gated_views(&["one", "two", "three"]);
    let worker = scene.database.role("worker");
    scene.run(&format!(
        "GRANT CREATE, USAGE ON SCHEMA public TO {worker}; GRANT SELECT ON public.base TO {worker};
         ALTER MATERIALIZED VIEW public.one OWNER TO {worker};
         ALTER MATERIALIZED VIEW public.two OWNER TO {worker};
         ALTER MATERIALIZED VIEW public.three OWNER TO {worker};
         ALTER ROLE {worker} CONNECTION LIMIT 2"
    ));
    let gate = scene.close_gate();
    let events = scene.project.path().join("events");
    let run = scene.refresh(["--all", "--jobs", "3", "--format", "json", "--events"]);
    let running = run.arg(&events).database(&scene.database.url_as(&worker)).start();
    until("one that found no connection", || {
        let told = std::fs::read_to_string(&events).unwrap_or_default();
        told.contains("\"FAILED\"").then_some(())
    });
    drop(gate);
    let report = running.wait().exits(1).document();
    // How many depends on how soon the server has seen the end of those that made the plan.
    let mut succeeded = 0;
    for result in results(&report) {
        match result["outcome"].as_str() {
            Some("SUCCESS") => succeeded += 1,
            _ => assert_eq!(result["error"]["sqlstate"], "53300", "{report:#}"),
        }
    }
    assert!((1..=2).contains(&succeeded), "{report:#}");
    scene.assert_nothing_is_left();
}

#[test]
fn a_view_is_analyzed_after_its_commit_where_it_is_asked_for() {
    let scene = gated_views(&["one", "two"]);
    let analyzed = || {
        scene
            .session()
            .column(
                "SELECT relname FROM pg_stat_all_tables
                  WHERE schemaname = 'public' AND last_analyze IS NOT NULL ORDER BY 1",
            )
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    scene.refreshes(["--all"], 0);
    assert_eq!(analyzed(), BTreeSet::new());
    scene.project.change(
        "registry.toml",
        "name = 'public.one'",
        "name = 'public.one'\nanalyze = true",
    );
    scene.refreshes(["--all"], 0);
    // Before 15 a process of its own counts, a little later.
    until("the declared one analyzed", || {
        (analyzed() == BTreeSet::from(["one".to_owned()])).then_some(())
    });
    scene.refreshes(["--all", "--analyze"], 0);
    until("both analyzed", || (analyzed().len() == 2).then_some(()));
}

#[test]
fn an_analyze_that_fails_is_told_and_the_refresh_stays() {
    let scene = gated_views(&["one"]).with_history();
    scene.run("INSERT INTO public.base VALUES (2)");
    let gate = scene.close_gate();
    let command = scene.command(["refresh", "--all", "--analyze", "--lock-timeout", "2s"]);
    let running = command.args(["--format", "json"]).start();
    scene.until_at_gate(1);
    // It gets its lock when the refresh has committed, and keeps it from being analyzed.
    let next =
        scene.session().run_aside("BEGIN; REFRESH MATERIALIZED VIEW CONCURRENTLY public.one");
    scene.until_locked_out("public.one");
    drop(gate);
    let report = running.wait().exits(0).document();
    assert_eq!(outcome(&report), "SUCCESS");
    assert!(notes(&report).contains("not analyzed: the server said 55P03"), "{report:#}");
    drop(next.join().expect("the thread ends"));
    assert_eq!(scene.value("SELECT count(*) FROM public.one"), "2");
    assert_eq!(scene.on_record(), ["one SUCCESS"]);
    scene.assert_nothing_is_left();
}
