//! `schedule check` and `schedule list`: before anything runs, while it does, and after.

use rustix::process::Signal;

use super::scene::{REALTIME, Scene};
use crate::support::driftgate::{findings, verdict};

#[test]
fn before_during_and_after() {
    let scene = Scene::new(REALTIME);
    let check = |exit| scene.command(["schedule", "check"]).json().exits(exit).document();
    let report = check(1);
    assert_eq!(findings(&report), ["schedule-not-loaded realtime"]);
    let running = scene.scheduler([]);
    scene.until_ended(3);
    let report = check(0);
    assert_eq!(verdict(&report, "EG-5"), "pass", "{report:#}");
    assert_eq!(report["data"]["classes"][0]["loaded"], "claims");
    running.signal(Signal::TERM);
    running.wait().exits(0);
    // As if that had been some time ago.
    scene.session().run(
        "UPDATE driftgate.ticks SET tick = tick - interval '1 hour', \
                                    claimed_at = claimed_at - interval '1 hour'",
    );
    let report = check(1);
    assert_eq!(findings(&report), ["schedule-silent realtime"]);
    let query = report["findings"][0]["evidence"]["query"].as_str().expect("a query").to_owned();
    assert_eq!(scene.session().rows(&query).len(), 1);
    let preflight = scene.command(["preflight", "--gate", "EG-5"]).json().exits(1).document();
    assert_eq!(findings(&preflight), ["schedule-silent realtime"]);
}

#[test]
fn a_probe_judges_silence_alone() {
    // Too slow for its view, which the gate says and the probe does not.
    let registry =
        REALTIME.replace("every = \"1s\"", "every = \"1m\"") + "max_staleness = \"30s\"\n";
    let scene = Scene::new(&registry);
    let probe =
        |exit| scene.command(["schedule", "check", "--max-silence", "5m"]).run().exits(exit);
    probe(1).says("realtime was never dispatched");
    scene.ticked("realtime", 200);
    probe(0);
    let report = scene.command(["schedule", "check"]).json().exits(1).document();
    assert!(findings(&report).contains(&"schedule-too-slow public.mv_a".to_owned()));
    scene.session().run("DELETE FROM driftgate.ticks");
    scene.ticked("realtime", 600);
    probe(1).says("realtime is overdue by");
}

#[test]
fn without_a_history_nothing_is_known() {
    let scene = Scene::without_history(REALTIME);
    let report = scene.command(["schedule", "check"]).json().exits(3).document();
    assert_eq!(verdict(&report, "EG-5"), "undecided");
    scene.command(["schedule", "check", "--max-silence", "5m"]).run().exits(3);
    let list = scene.command(["schedule", "list"]).json().exits(0).document();
    assert_eq!(list["data"]["classes"][0]["loaded"], serde_json::Value::Null);
}

#[test]
fn a_list_tells_next_runs_cost_and_changes_of_the_clock() {
    let registry = "version = 1\n[tenancy]\nsetting = \"app.t\"\n\
        tenants = \"SELECT * FROM (VALUES ('1', 'a'), ('2', 'b')) AS t(id, slug)\"\n\
        [schedules]\nnightly = { cron = \"30 2 * * *\", timezone = \"Europe/Berlin\" }\n\
        [[matview]]\nname = \"public.mv_{slug}\"\nschedule = \"nightly\"\n";
    let scene = Scene::new(registry);
    let list = scene.command(["schedule", "list", "--next", "4"]).json().exits(0).document();
    let class = &list["data"]["classes"][0];
    assert_eq!(class["next_runs"].as_array().map(Vec::len), Some(4));
    assert_eq!(class["views"], serde_json::json!(["public.mv_{slug}"]));
    assert_eq!(class["cost"]["refreshes"], 2, "{class:#}");
    assert_eq!(class["cost"]["of_tenants"], 2);
    assert!(class["clock_change"].as_str().expect("it changes").contains("Europe/Berlin"));
    assert_eq!(class["loaded"], "nothing");
    scene.command(["schedule", "list"]).run().exits(0).shows("nobody");
}
