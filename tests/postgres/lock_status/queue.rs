//! Who waits behind whom: for a key, and on the view itself.

use serde_json::{Value, json};

use ::driftgate::registry::LockScheme;

use super::{Scene, key, of_pid, take, told, until_waiting};

#[test]
fn who_waits_for_a_key_is_behind_who_holds_it() {
    let scene = Scene::new();
    let take = take(key(LockScheme::Int64, "public.mv", None));
    let mut holding = scene.holding(&take);
    let mut waiting = scene.database.session();
    let (holder, waiter) = (holding.pid(), waiting.pid());
    let waiting = waiting.run_aside(&format!("BEGIN; SELECT {take}; COMMIT"));
    until_waiting(&scene.database, 1);

    let report = scene.look();
    assert_eq!(
        told(&report),
        [
            format!("{holder} public.mv ExclusiveLock"),
            format!("{waiter} public.mv ExclusiveLock behind [{holder}]"),
        ]
    );
    assert_eq!(of_pid(&report, &holder)["blocks"].to_string(), format!("[{waiter}]"));
    let major = report["target"]["server_version"].as_str().expect("a version");
    let is_timed = !major.starts_with("13.");
    assert_eq!(of_pid(&report, &waiter)["waiting_seconds"].is_u64(), is_timed, "{major}");
    holding.run("COMMIT");
    assert_eq!(waiting.join().expect("the thread ends").1, Ok(()));
}

#[test]
fn a_plain_refresh_that_waits_is_seen_with_the_readers_behind_it() {
    let scene = Scene::new();
    let refresh = "REFRESH MATERIALIZED VIEW public.mv";
    let mut reading = scene.database.session();
    reading.run("BEGIN; SELECT * FROM public.mv");
    let mut refreshing = scene.database.session();
    let mut late = scene.database.session();
    // A reader whom nobody waits for is not listed.
    let mut elsewhere = scene.database.session();
    elsewhere.run(r#"BEGIN; SELECT * FROM rpt."Weird Name""#);
    let (reader, refresher, latecomer) = (reading.pid(), refreshing.pid(), late.pid());
    let refreshing = refreshing.run_aside(refresh);
    until_waiting(&scene.database, 1);
    let late = late.run_aside("SELECT * FROM public.mv");
    until_waiting(&scene.database, 2);

    let report = scene.look();
    assert_eq!(
        told(&report),
        [
            format!("{reader} public.mv AccessShareLock"),
            format!("{refresher} public.mv AccessExclusiveLock behind [{reader}]"),
            format!("{latecomer} public.mv AccessShareLock behind [{refresher}]"),
        ]
    );
    assert_eq!(report["data"]["readers_not_listed"], 1);
    let head = of_pid(&report, &refresher);
    assert_eq!(head["kind"], "relation");
    assert_eq!(head["query"], refresh);
    assert_eq!(head["blocks"].to_string(), format!("[{latecomer}]"));
    assert_eq!(of_pid(&report, &reader)["state"], "idle in transaction");
    scene.command([]).run().exits(0).shows("whom nobody waits for, not listed");

    // The statement that is shown ends the convoy, and nothing else.
    let next = head["next"].as_str().expect("the head of a convoy can be cancelled");
    assert_eq!(scene.database.session().column(next), ["t"]);
    assert_eq!(late.join().expect("the thread ends").1, Ok(()));
    let cancelled = refreshing.join().expect("the thread ends").1;
    assert_eq!(cancelled, Err("57014".to_owned()));
}

#[test]
fn of_a_refresh_one_lock_is_listed_on_the_view() {
    let scene = Scene::new();
    for (how, mode) in [("", "AccessExclusiveLock"), ("CONCURRENTLY", "ExclusiveLock")] {
        let mut refreshing = scene.database.session();
        refreshing.run(&format!("BEGIN; REFRESH MATERIALIZED VIEW {how} public.mv"));
        assert_eq!(told(&scene.look()), [format!("{} public.mv {mode}", refreshing.pid())]);
    }
}

#[test]
fn what_a_holder_waits_for_elsewhere_is_told() {
    let scene = Scene::new();
    let mut blocking = scene.database.session();
    blocking.run("BEGIN; LOCK TABLE public.tenants IN ACCESS EXCLUSIVE MODE");
    let mut holding = scene.holding(&take(key(LockScheme::Int64, "public.mv", None)));
    let (blocker, holder) = (blocking.pid(), holding.pid());
    let waiting = holding.run_aside("SELECT count(*) FROM public.tenants; COMMIT");
    until_waiting(&scene.database, 1);
    let report = scene.look();
    assert_eq!(
        of_pid(&report, &holder)["waits_elsewhere"],
        json!({ "what": "relation public.tenants", "blocked_by": [blocker.parse::<i32>().ok()] })
    );
    assert_eq!(of_pid(&report, &holder)["blocked_by"], Value::Array(Vec::new()));
    let told = format!("waits for relation public.tenants, behind {blocker}");
    scene.command([]).run().exits(0).shows(&told);
    blocking.run("COMMIT");
    assert_eq!(waiting.join().expect("the thread ends").1, Ok(()));
}
