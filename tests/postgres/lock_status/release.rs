//! `--release`: exactly the session that holds the key, and only when told to.

use std::time::Duration;

use ::driftgate::lock_key::LockKey;
use ::driftgate::lock_status::release::Signal;
use ::driftgate::pg::release_lock::{self, Holder};
use ::driftgate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use ::driftgate::registry::LockScheme;
use ::driftgate::target::{Source, Target, ThisMachine};

use super::{Scene, key, take, until_waiting};
use crate::support::session::Session;
use crate::support::{TestDatabase, driftgate};

fn mv() -> LockKey {
    key(LockScheme::Int64, "public.mv", None)
}

/// Runs a statement for long while the key is held, in a thread of its own.
fn at_work(scene: &Scene, key: LockKey) -> (String, impl FnOnce() -> Result<(), String>) {
    let mut session = scene.database.session();
    let pid = session.pid();
    let working = session.run_aside(&format!("BEGIN; SELECT {}; SELECT pg_sleep(600)", take(key)));
    let mut looking = scene.database.session();
    crate::support::poll::until("a holder at work", || {
        let query = format!(
            "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)
              WHERE a.pid = {pid} AND l.locktype = 'advisory' AND a.wait_event = 'PgSleep'"
        );
        (looking.value(&query) == "1").then_some(())
    });
    (pid, move || working.join().expect("the thread ends").1)
}

#[test]
fn a_statement_at_work_is_cancelled_and_the_second_run_finds_nothing() {
    let scene = Scene::new();
    let (pid, ended) = at_work(&scene, mv());
    let (other_pid, other) = at_work(&scene, key(LockScheme::Int64, "public.mv", Some("acme")));
    let run = scene.command(["--release", "public.mv", "--yes"]).run().exits(0);
    run.shows(&format!("{pid} holds the key (int64)"))
        .shows(&format!("Session {pid} was cancelled; the key of public.mv is free."));
    assert_eq!(ended(), Err("57014".to_owned()));

    let again = scene.command(["--release", "public.mv", "--yes"]).json().exits(0).document();
    assert_eq!(again["data"]["release"]["outcome"], "not-held");
    assert_eq!(again["data"]["release"]["pid"], serde_json::Value::Null);

    // A tenant's key is another one.
    scene
        .command(["--release", "public.mv", "--tenant", "acme", "--yes"])
        .run()
        .exits(0)
        .shows(&format!("Session {other_pid} was cancelled"));
    assert_eq!(other(), Err("57014".to_owned()));
}

#[test]
fn an_idle_session_is_ended_and_not_cancelled() {
    let scene = Scene::new();
    let mut left = scene.database.session();
    left.run(&format!("SELECT pg_advisory_lock({})", mv()));
    let run = scene.command(["--release", "public.mv", "--yes"]).run().exits(4);
    run.says("it runs no statement that could be cancelled").says("--terminate");
    assert_eq!(left.value("SELECT 1"), "1");

    let report = scene.command(["--release", "public.mv", "--yes", "--terminate"]).json().exits(0);
    let release = &report.document()["data"]["release"];
    assert_eq!(release["outcome"], "free");
    assert_eq!(
        (&release["signal"], &release["held_by"]),
        (&"terminate".into(), &serde_json::json!([]))
    );
    assert!(left.try_run("SELECT 1").is_err(), "its session is over");
}

#[test]
fn a_transaction_that_is_idle_is_not_moved_by_a_cancel() {
    let scene = Scene::new();
    let _left = scene.holding(&take(mv()));
    scene.command(["--release", "public.mv", "--yes"]).run().exits(4).says("idle in transaction");
    scene.command(["--release", "public.mv", "--yes", "--terminate"]).run().exits(0);
    scene
        .command(["--release", "public.mv", "--yes", "--terminate"])
        .run()
        .exits(0)
        .shows("Nobody");
}

#[test]
fn a_key_that_another_one_waited_for_is_told_to_be_held_by_that() {
    let scene = Scene::new();
    let (pid, ended) = at_work(&scene, mv());
    let mut next = scene.database.session();
    let next_pid = next.pid();
    next.run("BEGIN");
    let next = next.run_aside(&format!("SELECT {}", take(mv())));
    until_waiting(&scene.database, 1);
    let run = scene.command(["--release", "public.mv", "--yes"]).run().exits(0);
    run.shows(&format!("Session {pid} has let go")).shows(&format!("held by {next_pid} now"));
    assert_eq!(ended(), Err("57014".to_owned()));
    let (mut next, taken) = next.join().expect("the thread ends");
    assert_eq!(taken, Ok(()));
    next.run("COMMIT");
}

#[test]
fn nothing_is_done_without_a_terminal_or_a_yes() {
    let scene = Scene::new();
    let mut left = scene.holding(&take(mv()));
    scene.command(["--release", "public.mv", "--terminate"]).run().exits(2).says("--yes");
    assert_eq!(left.value("SELECT 1"), "1");
    driftgate(["lock-status", "--yes"]).run().exits(2);
    driftgate(["lock-status", "--release", "public.mv", "--watch"]).run().exits(2);
}

#[test]
fn without_a_registry_the_key_is_made_from_the_name() {
    let scene = Scene::new();
    for (_, scheme) in LockScheme::ALL {
        let mut left = scene.holding(&take(key(scheme, "public.mv", None)));
        driftgate(["lock-status", "--release", "public.mv", "--yes", "--terminate"])
            .database(&scene.database.url())
            .run()
            .exits(0)
            .shows(scheme.as_str());
        assert!(left.try_run("SELECT 1").is_err(), "its session is over");
    }
    driftgate(["lock-status", "--release", "public.vm", "--yes"])
        .database(&scene.database.url())
        .run()
        .exits(3)
        .says("no materialized view public.vm");
}

fn endpoint(database: &TestDatabase) -> Endpoint {
    let url = database.url();
    Endpoint {
        resolved: Target::resolve(Some((&url, Source::Throwaway)), &ThisMachine)
            .expect("the URL of a test is sound"),
        limits: Limits {
            connect: Duration::from_secs(30),
            lock: LockTimeout(Duration::from_secs(30)),
            statement: StatementTimeout(Duration::from_secs(60)),
        },
        application_name: "driftgate test".to_owned(),
        backends: Backends::default(),
    }
}

fn signal(database: &TestDatabase, holder: Holder) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let signalling = async {
        let endpoint = endpoint(database);
        release_lock::signal(&endpoint, holder, Signal::Terminate).await
    };
    runtime.expect("a runtime can be made").block_on(signalling).expect("it may be signalled")
}

/// Returns what is shown of a session that holds the key of the view.
fn shown_as(session: &mut Session) -> Holder {
    let started = session.value(
        "SELECT to_json(backend_start) #>> '{}' FROM pg_stat_activity
          WHERE pid = pg_backend_pid()",
    );
    Holder {
        place: mv().place(),
        pid: session.pid().parse().expect("a number"),
        backend_start: Some(started.parse().expect("a time")),
    }
}

#[test]
fn a_session_that_let_go_after_it_was_shown_is_left_alone_and_so_is_who_holds_it_now() {
    let scene = Scene::new();
    let mut shown = scene.holding(&take(mv()));
    let holder = shown_as(&mut shown);
    shown.run("COMMIT");
    let mut now = scene.holding(&take(mv()));
    assert!(!signal(&scene.database, holder));
    assert_eq!((shown.value("SELECT 1"), now.value("SELECT 1")), ("1".into(), "1".into()));

    // The process id of a session that ended may come again, even with the same key.
    let right = shown_as(&mut now);
    let reborn = Holder { backend_start: holder.backend_start, ..right };
    assert!(!signal(&scene.database, reborn));
    assert_eq!(now.value("SELECT 1"), "1");
    // A key of another database is another key.
    let other = TestDatabase::empty();
    assert!(!signal(&other, Holder { backend_start: None, ..reborn }));
    assert!(signal(&scene.database, right));
}
