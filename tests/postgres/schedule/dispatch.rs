//! `schedule run`: each tick once, whoever is killed; what it costs when idle; and how it
//! carries on.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::scene::{REALTIME, Scene};
use crate::support::cluster::Cluster;
use crate::support::poll::until;
use crate::support::round_trips::Counting;
use crate::support::session::Session;
use crate::support::{Project, driftgate};

#[test]
fn three_copies_dispatch_each_tick_once_whoever_is_killed() {
    let scene = Scene::new(REALTIME);
    let (killed, stopped, last) = (scene.scheduler([]), scene.scheduler([]), scene.scheduler([]));
    scene.until_ended(4);
    killed.signal(Signal::KILL);
    scene.until_ended(8);
    stopped.signal(Signal::TERM);
    let report = stopped.wait().exits(0).document();
    assert_eq!(report["data"]["failed"], 0, "{report:#}");
    scene.until_ended(12);
    last.signal(Signal::TERM);
    last.wait().exits(0);
    let mut session = scene.session();
    // A tick that was claimed by the one that was killed is refreshed by nobody else.
    let twice = "SELECT run_id FROM driftgate.refreshes GROUP BY run_id HAVING count(*) > 1";
    assert_eq!(session.column(twice), Vec::<String>::new());
    let accounted = session.rows(
        "SELECT count(*) + sum(missed),
                extract(epoch FROM max(tick) - min(tick))::int + 1,
                count(*) FILTER (WHERE outcome IS NULL) FROM driftgate.ticks",
    );
    let [total, seconds, cut_off] = &accounted[0][..] else { panic!("{accounted:?}") };
    assert_eq!(total, seconds, "every tick is dispatched or counted as missed");
    let cut_off: u32 = cut_off.as_deref().and_then(|text| text.parse().ok()).expect("a number");
    assert!(cut_off <= 1, "only the tick at the kill may be cut off");
    drop(killed);
}

#[test]
fn what_was_missed_collapses_into_one_tick() {
    let scene = Scene::new(REALTIME);
    scene.session().run(
        "INSERT INTO driftgate.ticks (class, tick, run_id, scheduler_id, missed, ended_at,
                                      outcome, tool_version)
         SELECT 'realtime', date_trunc('second', clock_timestamp()) - interval '100 seconds',
                gen_random_uuid(), gen_random_uuid(), 0, clock_timestamp(), 'SUCCESS', '0'",
    );
    let run = scene.command(["schedule", "run", "--once"]).json().exits(0).document();
    let missed = run["data"]["ticks"][0]["missed"].as_u64().expect("a number");
    assert!((99..130).contains(&missed), "{run:#}");
    assert_eq!(run["data"]["ticks"].as_array().map(Vec::len), Some(1));
    assert_eq!(scene.session().value("SELECT count(*) FROM driftgate.refreshes"), "1");
}

#[test]
fn a_tick_that_was_dispatched_is_not_due_again() {
    let scene = Scene::new(&REALTIME.replace("1s", "1day"));
    let once = || scene.command(["schedule", "run", "--once"]).json().exits(0).document();
    assert_eq!(once()["data"]["dispatched"], 1);
    // Within ten seconds of midnight the next tick is waited for.
    let second = once();
    assert!(second["data"]["dispatched"].as_u64().expect("a number") <= 1);
    let ticks = "SELECT count(*) = count(DISTINCT tick) FROM driftgate.ticks";
    assert_eq!(scene.session().value(ticks), "t");
    scene.command(["schedule", "run", "--once"]).run().exits(0).shows("Nothing was due.");
}

#[test]
fn idle_it_takes_one_round_trip_for_each_tick_and_holds_nothing_open() {
    let scene = Scene::new(REALTIME);
    // Another scheduler has all ticks to come.
    scene.session().run(
        "INSERT INTO driftgate.ticks (class, tick, run_id, scheduler_id, missed, tool_version)
         SELECT 'realtime', date_trunc('second', clock_timestamp()) + n * interval '1 second',
                gen_random_uuid(), gen_random_uuid(), 0, '0' FROM generate_series(-9, 600) n",
    );
    let counting = Counting::new();
    let running = driftgate(["schedule", "run"])
        .project(&scene.project)
        .database(&counting.url(&scene.database))
        .start();
    let mut session = scene.session();
    let backend = format!(
        "FROM pg_stat_activity WHERE datname = '{}' AND application_name LIKE 'driftgate%'",
        scene.database.name()
    );
    let last_asked = format!("SELECT max(query_start) {backend} AND query LIKE '%candidates%'");
    let mut asked = || until("it asks", || session.rows(&last_asked).remove(0).remove(0));
    let next = |asked: &mut dyn FnMut() -> String, before: &str| {
        until("the next tick", || Some(asked()).filter(|now| now != before))
    };
    let first = asked();
    let mut seen = next(&mut asked, &first);
    let before = counting.count();
    let mut ticks = 0;
    for _ in 0..5 {
        seen = next(&mut asked, &seen);
        ticks += 1;
    }
    let trips = counting.count() - before;
    // A tick more may have come between looking and counting.
    assert!(trips <= ticks + 1, "{trips} round trips in {ticks} ticks");
    let mut session = scene.session();
    let open =
        format!("SELECT count(*) {backend} AND (xact_start IS NOT NULL AND state <> 'active')");
    assert_eq!(session.value(&open), "0");
    assert_eq!(session.value(&format!("SELECT count(*) {backend}")), "1", "one connection");
    running.signal(Signal::TERM);
    running.wait().exits(0);
}

#[test]
fn a_class_does_not_overlap_with_itself() {
    let task = "version = 1\n[schedules]\nslow = { every = \"1s\" }\n[[task]]\nname = \"wait\"\n\
                sql = \"SELECT pg_advisory_xact_lock(4711)\"\nschedule = \"slow\"\n";
    let scene = Scene::new(task);
    let mut gate = scene.session();
    gate.run("SELECT pg_advisory_lock(4711)");
    let (one, other) = (scene.scheduler(["--lock-timeout", "60s"]), scene.scheduler([]));
    let mut session = scene.session();
    until("a tick that was refused", || {
        let refused = "SELECT count(*) > 1 FROM driftgate.ticks WHERE outcome = 'OVERLAPPED'";
        (session.value(refused) == "t").then_some(())
    });
    let at_work = "SELECT count(*) FROM driftgate.ticks WHERE outcome IS NULL";
    until("only the first at work", || (session.value(at_work) == "1").then_some(()));
    gate.run("SELECT pg_advisory_unlock(4711)");
    until("the first has ended", || {
        let ended = "SELECT count(*) FROM driftgate.task_runs WHERE outcome = 'SUCCESS'";
        (session.value(ended) != "0").then_some(())
    });
    for running in [one, other] {
        running.signal(Signal::TERM);
        running.wait().exits(0);
    }
}

#[test]
fn a_server_that_is_away_for_a_while_is_waited_for_and_the_gap_is_counted() {
    let mut cluster = Cluster::start();
    let project = Project::new(REALTIME);
    let at = |arguments: &[&str]| driftgate(arguments).project(&project).database(cluster.url());
    Session::connect(cluster.url())
        .run("CREATE MATERIALIZED VIEW mv_a AS SELECT clock_timestamp() AS at");
    at(&["history", "install"]).run().exits(0);
    let running = at(&["schedule", "run", "--log", "json"]).start();
    let url = cluster.url().to_owned();
    let ended = |more_than: usize| {
        until("ticks that have ended", || {
            let mut session = Session::connect(&url);
            let ended = session.value("SELECT count(outcome) FROM driftgate.ticks");
            let ended: usize = ended.parse().expect("a number");
            (ended > more_than).then_some(ended)
        })
    };
    let before = ended(1);
    cluster.crash();
    std::thread::sleep(Duration::from_secs(3));
    cluster.start_again();
    ended(before + 2);
    running.signal(Signal::TERM);
    let run = running.wait().exits(0);
    let events: Vec<Value> =
        run.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let has = |event: &str| events.iter().any(|one| one["event"] == event);
    assert!(has("database-away") && has("database-back"), "{}", run.stderr);
    let accounted = "SELECT count(*) + sum(missed) = \
                     extract(epoch FROM max(tick) - min(tick))::int + 1, sum(missed) >= 2 \
                     FROM driftgate.ticks";
    let row = Session::connect(&url).rows(accounted).remove(0);
    assert_eq!(row, [Some("t".to_owned()), Some("t".to_owned())]);
}

#[test]
fn the_clock_of_this_machine_does_not_matter_and_that_of_the_server_may_jump() {
    let scene = Scene::new(REALTIME);
    // As if the server's clock had been a day ahead, and was set back.
    scene.session().run(
        "INSERT INTO driftgate.ticks (class, tick, run_id, scheduler_id, missed, ended_at,
                                      outcome, tool_version)
         SELECT 'realtime', date_trunc('second', clock_timestamp()) + interval '1 day',
                gen_random_uuid(), gen_random_uuid(), 0, clock_timestamp(), 'SUCCESS', '0'",
    );
    let running = scene.scheduler([]);
    scene.until_ended(4);
    running.signal(Signal::TERM);
    running.wait().exits(0);
    let now = "SELECT count(*) >= 3 AND sum(missed) = 0 FROM driftgate.ticks \
               WHERE tick <= clock_timestamp()";
    assert_eq!(scene.session().value(now), "t");
}
