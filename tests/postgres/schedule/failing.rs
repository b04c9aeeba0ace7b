//! What fails, what is cut off, and what stays whole around it.

use rustix::process::Signal;

use super::scene::{REALTIME, Scene};
use crate::support::poll::until;

/// A class of a view and two tasks, of which one fails.
const MIXED: &str = "version = 1\n[schedules]\nhourly = { cron = \"0 * * * *\" }\n\
    [[matview]]\nname = \"public.mv_a\"\nrefresh = \"plain\"\nschedule = \"hourly\"\n\
    [[task]]\nname = \"broken\"\nsql = \"SELECT 1 / 0\"\nschedule = \"hourly\"\n\
    [[task]]\nname = \"retention\"\nsql = \"DELETE FROM public.old\"\nschedule = \"hourly\"\n";

#[test]
fn one_that_fails_does_not_stop_the_rest() {
    let scene = Scene::new(MIXED);
    scene.session().run("CREATE TABLE old AS SELECT 1 AS id");
    let report = scene.command(["schedule", "run", "--once"]).json().exits(1).document();
    assert_eq!(report["data"]["ticks"][0]["outcome"], "PARTIAL", "{report:#}");
    let mut session = scene.session();
    assert_eq!(
        session.rows("SELECT task, outcome, sqlstate FROM driftgate.task_runs ORDER BY task"),
        [
            [Some("broken".to_owned()), Some("FAILED".to_owned()), Some("22012".to_owned())],
            [Some("retention".to_owned()), Some("SUCCESS".to_owned()), None],
        ]
    );
    assert_eq!(session.value("SELECT count(*) FROM old"), "0");
    assert_eq!(session.value("SELECT count(*) FROM driftgate.refreshes"), "1");
    let runs = "SELECT count(DISTINCT run_id) FROM (SELECT run_id FROM driftgate.refreshes \
                UNION ALL SELECT run_id FROM driftgate.task_runs \
                UNION ALL SELECT run_id FROM driftgate.ticks) r";
    assert_eq!(session.value(runs), "1");
}

#[test]
fn a_task_is_one_statement_with_the_settings_of_a_refresh() {
    let scene = Scene::new(
        "version = 1\n[tenancy]\nsetting = \"app.tenant\"\nsettings = { \"app.context\" = \"worker\" }\n\
         [schedules]\nhourly = { cron = \"0 * * * *\" }\n\
         [[task]]\nname = \"told\"\nschedule = \"hourly\"\n\
         sql = \"INSERT INTO public.told SELECT current_setting('app.context')\"\n\
         [[task]]\nname = \"two\"\nschedule = \"hourly\"\nsql = \"SELECT 1; COMMIT\"\n",
    );
    scene.session().run("CREATE TABLE told (context text)");
    scene.command(["schedule", "run", "--once"]).run().exits(1);
    assert_eq!(scene.session().column("SELECT context FROM told"), ["worker"]);
    let two = "SELECT sqlstate FROM driftgate.task_runs WHERE task = 'two'";
    assert_eq!(scene.session().value(two), "42601");
}

#[test]
fn after_repeated_failure_ticks_are_left_out() {
    let scene = Scene::new(REALTIME);
    scene.session().run("DROP MATERIALIZED VIEW mv_a");
    let running = scene.scheduler([]);
    let mut session = scene.session();
    until("a tick that is left out", || {
        let left = "SELECT count(*) > 1 FROM driftgate.ticks WHERE outcome = 'BACKED_OFF'";
        (session.value(left) == "t").then_some(())
    });
    running.signal(Signal::TERM);
    running.wait().exits(0);
    let outcomes = session.column("SELECT outcome FROM driftgate.ticks ORDER BY tick");
    assert_eq!(outcomes[..5], ["FAILED", "FAILED", "FAILED", "BACKED_OFF", "FAILED"]);
}

#[test]
fn what_does_not_end_within_the_grace_is_cancelled_and_rolled_back() {
    let scene = Scene::new(
        "version = 1\n[schedules]\nhourly = { cron = \"0 * * * *\" }\n[[task]]\nname = \"slow\"\n\
         sql = \"INSERT INTO public.slow SELECT pg_sleep(600)\"\nschedule = \"hourly\"\n",
    );
    scene.session().run("CREATE TABLE slow (slept text)");
    let running = scene.scheduler(["--grace", "200ms"]);
    let mut session = scene.session();
    until("the task at work", || {
        let at_work = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
                       AND datname = current_database()";
        (session.value(at_work) == "1").then_some(())
    });
    running.signal(Signal::TERM);
    running.wait().exits(143);
    let row =
        session.rows("SELECT outcome, (SELECT count(*)::text FROM slow) FROM driftgate.ticks");
    assert_eq!(row, [[Some("CANCELLED".to_owned()), Some("0".to_owned())]]);
    let task = session.value("SELECT outcome FROM driftgate.task_runs");
    assert_eq!(task, "CANCELLED");
    until("nothing is left", || scene.database.sessions_of_the_program().is_empty().then_some(()));
}

#[test]
fn metrics_are_written_whole() {
    let scene = Scene::new(MIXED);
    scene.session().run("CREATE TABLE old AS SELECT 1 AS id");
    let file = scene.project.path().join("driftgate.prom");
    scene.command(["schedule", "run", "--once", "--metrics"]).arg(&file).run().exits(1);
    let text = scene.project.file("driftgate.prom");
    for line in [
        "driftgate_class_ticks_total{class=\"hourly\",outcome=\"PARTIAL\"} 1\n",
        "driftgate_view_refreshes_total{class=\"hourly\",view=\"public.mv_a\",outcome=\"SUCCESS\"} 1\n",
        "driftgate_task_runs_total{class=\"hourly\",task=\"broken\",outcome=\"FAILED\"} 1\n",
        "driftgate_view_age_seconds{class=\"hourly\",view=\"public.mv_a\"} ",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn old_ticks_are_removed_but_for_the_newest_of_each_class() {
    let scene = Scene::new(REALTIME);
    for (class, seconds) in [("realtime", 9_000), ("realtime", 8_000), ("gone", 9_000)] {
        scene.ticked(class, seconds);
    }
    let prune = || scene.command(["history", "prune", "--older-than", "1h"]);
    let dry = prune().arg("--dry-run").json().exits(0).document();
    assert_eq!(dry["data"]["pruned"]["ticks"], 1, "{dry:#}");
    prune().run().exits(0).shows("1 row of schedules removed");
    let left = scene.session().column("SELECT class FROM driftgate.ticks ORDER BY class");
    assert_eq!(left, ["gone", "realtime"]);
}

#[test]
fn without_the_history_or_the_right_to_it_nothing_begins() {
    let mut scene = Scene::without_history(REALTIME);
    scene
        .command(["schedule", "run", "--once"])
        .run()
        .exits(3)
        .says("`driftgate history install` makes it");
    scene.command(["history", "install"]).run().exits(0);
    let role = scene.database.role("idle");
    scene.session().run(&format!(
        "GRANT USAGE ON SCHEMA driftgate TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA driftgate TO {role}"
    ));
    let url = scene.database.url_as(&role);
    let run = scene.command(["schedule", "run", "--once"]).env("DATABASE_URL", url).run();
    run.exits(3).says("may not claim ticks");
    scene.command(["schedule", "run", "--class", "nightly"]).run().exits(2).says("no class");
}
