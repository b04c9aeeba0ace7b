//! A refresh that is interrupted, killed, cancelled or ended by somebody: the server rolls it
//! back, its locks are free, and where there is still somebody to tell, it is told.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::scene::{SALES, SOON, Scene, gated, outcome, outcomes, results};
use crate::support::driftgate::Running;
use crate::support::session::Session;

/// How soon an interrupted run must have ended.
const LIMIT: Duration = Duration::from_secs(5);

/// What a view was before, for comparing afterwards.
fn look(scene: &Scene) -> (String, String) {
    (scene.rows("public.mv"), scene.xmin("public.mv"))
}

/// Sends a signal, and returns the report of the end that must come soon.
#[track_caller]
fn interrupt(running: Running, signal: Signal, exit: i32) -> Value {
    let asked = Instant::now();
    running.signal(signal);
    let run = running.wait_within(SOON).exits(exit);
    assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
    run.document()
}

/// The two signals with their exits.
const SIGNALS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

#[test]
fn a_signal_in_the_middle_cancels_on_the_server_and_tells_what_was_done() {
    for (signal, exit) in SIGNALS {
        let scene = Scene::with_gate().with_history();
        scene.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
        let before = look(&scene);
        let (gate, running) = scene.start_at_gate(["--all"]);
        let report = interrupt(running, signal, exit);
        assert_eq!(outcome(&report), "CANCELLED");
        assert_eq!(report["exit_code"], exit);
        // With the gate still closed: it was cancelled, and did not run to its end.
        assert_eq!(scene.database.sessions_of_the_program(), Vec::<String>::new());
        drop(gate);
        assert_eq!(look(&scene), before);
        assert_eq!(scene.on_record(), ["mv CANCELLED 57014"]);
        scene.assert_nothing_is_left();
    }
}

#[test]
fn a_signal_while_it_waits_for_a_key_ends_the_wait() {
    for (signal, exit) in SIGNALS {
        let scene = Scene::with_gate();
        let before = look(&scene);
        let (gate, first) = scene.start_at_gate(["--all"]);
        for how in [&["--wait", "60s"][..], &["--coalesce"]] {
            let command = scene.refresh(["--all", "--format", "json"]).args(how);
            let waiting = command.start();
            scene.until_waiting(1, "pg_advisory_xact_lock(");
            let report = interrupt(waiting, signal, exit);
            assert_eq!(outcome(&report), "CANCELLED", "{how:?}");
        }
        assert_eq!(outcome(&interrupt(first, signal, exit)), "CANCELLED");
        drop(gate);
        assert_eq!(look(&scene), before);
        scene.assert_nothing_is_left();
    }
}

#[test]
fn a_signal_while_three_run_cancels_all_of_them_and_begins_no_other() {
    let names = ["one", "two", "three", "four", "five"];
    let mut sql = SALES.to_owned();
    for name in names {
        let query = gated("SELECT tenant_id, day FROM public.sales");
        sql += &format!(
            "CREATE MATERIALIZED VIEW public.{name} AS {query};
             CREATE UNIQUE INDEX ON public.{name} (tenant_id, day);"
        );
    }
    let entries = names.map(|name| format!("[[matview]]\nname = 'public.{name}'\n")).concat();
    for (signal, exit) in SIGNALS {
        let scene = Scene::new(&sql, &entries);
        let gate = scene.close_gate();
        let running = scene.refresh(["--all", "--jobs", "3", "--format", "json"]).start();
        scene.until_at_gate(3);
        let report = interrupt(running, signal, exit);
        assert_eq!(
            outcomes(&report),
            [
                "public.five CANCELLED",
                "public.four CANCELLED",
                "public.one CANCELLED",
                "public.three NOT_REACHED",
                "public.two NOT_REACHED",
            ]
        );
        drop(gate);
        scene.assert_nothing_is_left();
    }
}

#[test]
fn what_was_done_before_a_signal_stays_done_and_is_told() {
    let scene = Scene::with_gate().with_history();
    scene.run(
        "CREATE MATERIALIZED VIEW public.a_first AS SELECT tenant_id, day FROM public.sales;
         CREATE UNIQUE INDEX ON public.a_first (tenant_id, day);
         INSERT INTO public.sales VALUES ('d', 1, 1)",
    );
    scene.project.register("[[matview]]\nname = 'public.a_first'");
    let (gate, running) = scene.start_at_gate(["--all"]);
    let report = interrupt(running, Signal::TERM, 143);
    assert_eq!(outcomes(&report), ["public.a_first SUCCESS", "public.mv CANCELLED"]);
    drop(gate);
    assert_eq!(scene.value("SELECT count(*) FROM public.a_first"), "10");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "9");
    assert_eq!(scene.on_record(), ["a_first SUCCESS", "mv CANCELLED 57014"]);
}

#[test]
fn a_signal_on_a_page_for_readers_shows_what_was_done() {
    let scene = Scene::with_gate();
    let gate = scene.close_gate();
    let running = scene.refresh(["--all"]).start();
    scene.until_at_gate(1);
    running.signal(Signal::INT);
    running.wait_within(SOON).exits(130).shows("CANCELLED").shows("(exit 130)");
    drop(gate);
}

#[test]
fn a_second_signal_ends_it_at_once_and_leaves_nothing() {
    let scene = Scene::with_gate();
    let before = look(&scene);
    let (gate, running) = scene.start_at_gate(["--all"]);
    running.signal(Signal::INT);
    running.signal(Signal::INT);
    let report = running.wait_within(SOON).exits(130).document();
    assert_eq!(report["exit_code"], 130);
    scene.until_gone();
    drop(gate);
    assert_eq!(look(&scene), before);
    scene.assert_nothing_is_left();
}

#[test]
fn a_hangup_ends_it_as_a_termination_does() {
    let scene = Scene::with_gate();
    let (gate, running) = scene.start_at_gate(["--all"]);
    assert_eq!(outcome(&interrupt(running, Signal::HUP, 143)), "CANCELLED");
    drop(gate);
    scene.assert_nothing_is_left();
}

/// Starts a refresh that was committed and now waits to ANALYZE, behind another session.
fn start_that_waits_to_analyze(scene: &Scene) -> (Running, Session) {
    let (gate, running) = scene.start_at_gate(["--all", "--analyze"]);
    let next = scene.session().run_aside("BEGIN; REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv");
    scene.until_locked_out("public.mv");
    drop(gate);
    scene.until_waiting(1, "ANALYZE");
    let (session, refreshed) = next.join().expect("the thread ends");
    assert_eq!(refreshed, Ok(()));
    (running, session)
}

#[test]
fn a_signal_after_the_commit_tells_that_it_was_committed() {
    let scene = Scene::with_gate().with_history();
    scene.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
    let (running, next) = start_that_waits_to_analyze(&scene);
    let report = interrupt(running, Signal::INT, 130);
    assert_eq!(outcome(&report), "SUCCESS");
    drop(next);
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
    assert_eq!(scene.on_record(), ["mv SUCCESS"]);
    scene.assert_nothing_is_left();
}

/// Whether the server notices in mid-statement that its client is gone.
fn notices(scene: &Scene) -> bool {
    !scene.value("SHOW server_version_num").starts_with("13")
}

#[test]
fn a_killed_client_leaves_no_refresh_running() {
    let scene = Scene::with_gate().with_history();
    scene.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
    let before = look(&scene);
    let (gate, running) = scene.start_at_gate(["--all"]);
    running.signal(Signal::KILL);
    assert_eq!(running.wait_within(SOON).code, None);
    if notices(&scene) {
        // The gate is still closed: nothing but the death of the client ends it.
        scene.until_gone();
        drop(gate);
    } else {
        // It runs on to its end, and is then rolled back.
        assert_eq!(scene.database.sessions_of_the_program().len(), 1);
        drop(gate);
        scene.until_gone();
    }
    assert_eq!(look(&scene), before);
    assert_eq!(scene.on_record(), Vec::<String>::new());
    scene.assert_nothing_is_left();
}

#[test]
fn a_killed_client_that_waited_for_a_key_leaves_no_one_in_the_line() {
    let scene = Scene::with_gate();
    let (gate, first) = scene.start_at_gate(["--all"]);
    let waiting = scene.refresh(["--all", "--coalesce"]).start();
    scene.until_waiting(1, "pg_advisory_xact_lock(");
    waiting.signal(Signal::KILL);
    assert_eq!(waiting.wait_within(SOON).code, None);
    if notices(&scene) {
        crate::support::poll::within(SOON, "the place in line free", || {
            (scene.database.sessions_of_the_program().len() == 1).then_some(())
        });
    }
    drop(gate);
    first.wait().exits(0);
    scene.assert_nothing_is_left();
}

#[test]
fn the_major_that_does_not_notice_says_so() {
    let scene = Scene::of_sales();
    let report = scene.refreshes(["--all"], 0);
    let is_said = report.to_string().contains("does not notice a client that is gone");
    assert_eq!(is_said, !notices(&scene), "{report:#}");
}

/// Ends the refresh at the gate from another session, by one of the server's functions.
#[track_caller]
fn assert_ended_by_somebody(function: &str, code: &str) {
    let scene = Scene::with_gate().with_history();
    scene.run(
        "CREATE MATERIALIZED VIEW public.z_last AS SELECT tenant_id, day FROM public.sales;
         CREATE UNIQUE INDEX ON public.z_last (tenant_id, day)",
    );
    scene.project.register("[[matview]]\nname = 'public.z_last'");
    scene.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
    let before = look(&scene);
    let (gate, running) = scene.start_at_gate(["--all"]);
    let pid = scene.database.sessions_of_the_program().concat();
    scene.value(&format!("SELECT {function}({pid})"));
    let report = running.wait_within(SOON).exits(1).document();
    assert_eq!(outcomes(&report), ["public.mv CANCELLED", "public.z_last SUCCESS"]);
    let error = &results(&report)[0]["error"];
    assert_eq!(error["sqlstate"], code);
    assert_eq!(error["hint"], "somebody cancelled it on the server");
    drop(gate);
    assert_eq!(look(&scene), before);
    assert_eq!(scene.on_record(), [format!("mv CANCELLED {code}"), "z_last SUCCESS".to_owned()]);
    scene.assert_nothing_is_left();
}

#[test]
fn a_cancel_by_somebody_else_is_told_and_the_rest_goes_on() {
    assert_ended_by_somebody("pg_cancel_backend", "57014");
}

#[test]
fn a_session_ended_by_somebody_else_is_told_and_the_rest_goes_on() {
    assert_ended_by_somebody("pg_terminate_backend", "57P01");
}

#[test]
fn a_signal_before_anything_began_begins_nothing() {
    let scene = Scene::of_sales();
    let before = look(&scene);
    // What is read for the plan waits behind this lock on a catalog.
    let mut locking = scene.session();
    locking.run("BEGIN; LOCK TABLE pg_catalog.pg_policy IN ACCESS EXCLUSIVE MODE");
    let running = scene.refresh(["--all", "--format", "json"]).start();
    scene.until_waiting(1, "");
    running.signal(Signal::TERM);
    let run = running.wait_within(SOON).exits(143);
    assert_eq!(run.document()["exit_code"], 143);
    locking.run("ROLLBACK");
    assert_eq!(look(&scene), before);
    scene.assert_nothing_is_left();
}
