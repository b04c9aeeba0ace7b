//! Several commands at once: a key that is held is skipped, waited for, or shared.

use std::time::Duration;

use serde_json::Value;

use super::scene::{Scene, message, only, outcome};
use crate::support::driftgate::Running;

/// How many run at once.
const MANY: usize = 8;

fn start_many(scene: &Scene, arguments: &[&str]) -> Vec<Running> {
    (0..MANY)
        .map(|_| scene.refresh(["--all", "--format", "json"]).args(arguments).start())
        .collect()
}

#[track_caller]
fn wait_for_all(running: Vec<Running>) -> Vec<Value> {
    running.into_iter().map(|running| running.wait().exits(0).document()).collect()
}

fn count(reports: &[Value], word: &str) -> usize {
    reports.iter().filter(|report| outcome(report) == word).count()
}

/// Waits until so many of them have ended.
fn until_ended(running: &mut [Running], many: usize) {
    crate::support::poll::until(&format!("{many} that have ended"), || {
        let ended = running.iter_mut().filter_map(|running| running.has_ended().then_some(()));
        (ended.count() >= many).then_some(())
    });
}

#[test]
fn eight_at_once_refresh_once_and_seven_skip() {
    let scene = Scene::with_gate().with_history();
    let gate = scene.close_gate();
    let mut running = start_many(&scene, &[]);
    // The gate opens when only the one that stands at it is left.
    until_ended(&mut running, MANY - 1);
    drop(gate);
    let reports = wait_for_all(running);
    assert_eq!(count(&reports, "SUCCESS"), 1);
    assert_eq!(count(&reports, "SKIPPED_LOCK_HELD"), MANY - 1);
    assert_eq!(scene.on_record(), ["mv SUCCESS"]);
    scene.assert_nothing_is_left();
}

#[test]
fn eight_that_coalesce_refresh_twice_at_most_and_miss_nothing() {
    let scene = Scene::with_gate().with_history();
    let gate = scene.close_gate();
    let first = scene.refresh(["--all", "--coalesce", "--format", "json"]).start();
    scene.until_at_gate(1);
    // Committed before the others start, and too late for the one that is at work.
    scene.run("INSERT INTO public.sales VALUES ('late', 1, 1)");
    let mut running = start_many(&scene, &["--coalesce"]);
    until_ended(&mut running, MANY - 1);
    drop(gate);
    running.push(first);
    let reports = wait_for_all(running);
    assert_eq!(count(&reports, "SUCCESS"), 2, "{reports:#?}");
    assert_eq!(count(&reports, "SKIPPED_LOCK_HELD"), MANY - 1);
    assert_eq!(scene.value("SELECT count(*) FROM public.mv WHERE tenant_id = 'late'"), "1");
    assert_eq!(scene.on_record(), ["mv SUCCESS", "mv SUCCESS"]);
    scene.assert_nothing_is_left();
}

#[test]
fn one_that_coalesces_alone_just_refreshes() {
    let scene = Scene::of_sales();
    assert_eq!(outcome(&scene.refreshes(["--all", "--coalesce"], 0)), "SUCCESS");
}

#[test]
fn one_that_coalesces_waits_for_as_long_as_it_takes_unless_it_is_told_how_long() {
    let scene = Scene::with_gate();
    let (gate, first) = scene.start_at_gate(["--all"]);
    // The limit on locks is one for the refresh, and not for this wait.
    let command = scene.command(["refresh", "--all", "--coalesce", "--lock-timeout", "100ms"]);
    let waits = command.args(["--format", "json"]).start();
    scene.until_waiting(1, "pg_advisory_xact_lock");
    // Somebody waits to be next: one more is not needed.
    assert_eq!(outcome(&scene.refreshes(["--all", "--coalesce"], 0)), "SKIPPED_LOCK_HELD");
    drop(gate);
    assert_eq!(outcome(&first.wait().exits(0).document()), "SUCCESS");
    assert_eq!(outcome(&waits.wait().exits(0).document()), "SUCCESS");

    let (gate, first) = scene.start_at_gate(["--all"]);
    let report = scene.refresh(["--all", "--coalesce", "--wait", "200ms"]).json().document();
    assert_eq!(outcome(&report), "SKIPPED_LOCK_HELD");
    assert_eq!(report["exit_code"], 4, "a wait that ran out");
    drop(gate);
    first.wait().exits(0);
    scene.assert_nothing_is_left();
}

#[test]
fn eight_that_want_it_no_older_do_the_work_once() {
    let scene = Scene::with_gate().with_history();
    let gate = scene.close_gate();
    let running = start_many(&scene, &["--if-older-than", "10m", "--wait", "60s"]);
    scene.until_at_gate(1);
    scene.until_waiting(MANY - 1, "pg_advisory_xact_lock");
    drop(gate);
    let reports = wait_for_all(running);
    assert_eq!(count(&reports, "SUCCESS"), 1);
    assert_eq!(count(&reports, "SKIPPED_FRESH"), MANY - 1);
    assert_eq!(scene.on_record(), ["mv SUCCESS"]);
    scene.assert_nothing_is_left();
}

#[test]
fn several_views_are_shared_out_and_none_is_refreshed_twice() {
    let names = ["one", "two", "three", "four", "five", "six"];
    let sql = names
        .map(|name| {
            format!(
                "CREATE MATERIALIZED VIEW public.{name} AS SELECT 1 AS id, pg_sleep(0.1)::text AS s;
                 CREATE UNIQUE INDEX ON public.{name} (id);"
            )
        })
        .concat();
    let entries = names.map(|name| format!("[[matview]]\nname = 'public.{name}'\n")).concat();
    let scene = Scene::new(&sql, &entries).with_history();
    let reports = wait_for_all(start_many(&scene, &["--if-older-than", "10m"]));
    let done = scene.on_record();
    assert_eq!(done.len(), names.len(), "{done:?} by {reports:#?}");
    scene.assert_nothing_is_left();
}

#[test]
fn a_wait_that_is_long_enough_ends_in_a_refresh() {
    let scene = Scene::with_gate();
    let (gate, first) = scene.start_at_gate(["--all"]);
    let second = scene.refresh(["--all", "--wait", "60s", "--format", "json"]).start();
    scene.until_waiting(1, "pg_advisory_xact_lock");
    drop(gate);
    assert_eq!(outcome(&first.wait().exits(0).document()), "SUCCESS");
    assert_eq!(outcome(&second.wait().exits(0).document()), "SUCCESS");
    scene.assert_nothing_is_left();
}

#[test]
fn a_wait_that_runs_out_exits_4() {
    let scene = Scene::with_gate();
    let (gate, first) = scene.start_at_gate(["--all"]);
    let report = scene.refreshes(["--all", "--wait", "200ms"], 4);
    assert_eq!(outcome(&report), "SKIPPED_LOCK_HELD");
    let took = only(&report)["duration_ms"].as_u64().expect("milliseconds");
    assert!(Duration::from_millis(took) >= Duration::from_millis(200), "{took} ms");
    drop(gate);
    first.wait().exits(0);
}

#[test]
fn a_skip_exits_0_or_4_where_it_is_asked_to_and_names_who_holds_the_key() {
    let scene = Scene::with_gate();
    let (gate, first) = scene.start_at_gate(["--all"]);
    let pid = scene.database.sessions_of_the_program().concat();
    for (arguments, exit) in [(&[][..], 0), (&["--fail-on-skip"], 4)] {
        let run = scene.refresh(["--all"]).args(arguments).json().exits(exit);
        let report = run.document();
        assert_eq!(outcome(&report), "SKIPPED_LOCK_HELD");
        assert!(message(&report).contains(&format!("process {pid} ")), "{report:#}");
        assert_eq!(report["exit_code"], exit);
    }
    drop(gate);
    first.wait().exits(0);
}

#[test]
fn what_reads_a_skipped_view_is_skipped_too_and_counts_as_a_skip() {
    let scene = Scene::with_gate();
    scene.run(
        "CREATE MATERIALIZED VIEW public.above AS SELECT tenant_id, day FROM public.mv;
         CREATE UNIQUE INDEX ON public.above (tenant_id, day)",
    );
    scene.project.register("[[matview]]\nname = 'public.above'");
    let (gate, first) = scene.start_at_gate(["public.mv"]);
    for (arguments, exit) in [(&[][..], 0), (&["--fail-on-skip"], 4)] {
        let run = scene.refresh(["--all"]).args(arguments).json().exits(exit);
        assert_eq!(
            super::scene::outcomes(&run.document()),
            ["public.mv SKIPPED_LOCK_HELD", "public.above SKIPPED_UPSTREAM"]
        );
    }
    drop(gate);
    first.wait().exits(0);
}
