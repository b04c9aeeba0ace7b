//! A plain refresh that waits for a reader makes every later reader wait behind it: it gives
//! up before they have waited long.

use std::thread;
use std::time::{Duration, Instant};

use super::scene::{MV, MV_ENTRY, SALES, Scene, message, notes, only, outcome};
use crate::support::session::Session;

/// How many readers come while the refresh waits.
const READERS: usize = 40;

fn plain() -> Scene {
    Scene::new(&format!("{SALES}{MV}"), &format!("{MV_ENTRY}\nrefresh = 'plain'"))
}

/// Reads the view once in each of many sessions, and returns the longest wait.
fn read_at_once(sessions: Vec<Session>) -> Duration {
    let readers: Vec<_> = sessions
        .into_iter()
        .map(|mut session| {
            thread::spawn(move || {
                let began = Instant::now();
                assert_eq!(session.value("SELECT count(*) FROM public.mv"), "9");
                began.elapsed()
            })
        })
        .collect();
    readers.into_iter().map(|reader| reader.join().expect("it reads")).max().expect("readers")
}

#[test]
fn forty_readers_wait_less_than_two_seconds_and_the_refresh_gives_up() {
    let scene = plain().with_history();
    let before = scene.xmin("public.mv");
    let mut holding = scene.session();
    holding.run("BEGIN; SELECT count(*) FROM public.mv");
    let readers: Vec<Session> = (0..READERS).map(|_| scene.session()).collect();
    let running = scene.refresh(["--all", "--format", "json"]).start();
    scene.until_locked_out("public.mv");
    let longest = read_at_once(readers);
    let report = running.wait().exits(4).document();
    assert_eq!(outcome(&report), "LOCK_TIMEOUT");
    assert!(message(&report).contains("readers queued behind it"), "{report:#}");
    assert!(only(&report)["error"]["hint"].as_str().expect("a hint").contains("--max-convoy"));
    assert!(notes(&report).contains("1 user of the view"), "{report:#}");
    assert!(longest < Duration::from_secs(2), "the longest wait was {longest:?}");
    holding.run("COMMIT");
    assert_eq!(scene.xmin("public.mv"), before);
    assert_eq!(scene.on_record(), ["mv LOCK_TIMEOUT 57014"]);
    scene.assert_nothing_is_left();
}

#[test]
fn it_waits_as_long_as_nobody_queues_behind_it() {
    let scene = plain();
    let mut holding = scene.session();
    holding.run("BEGIN; SELECT count(*) FROM public.mv");
    let running = scene.refresh(["--all", "--max-convoy", "100ms", "--format", "json"]).start();
    scene.until_locked_out("public.mv");
    // Longer than readers could have queued.
    thread::sleep(Duration::from_millis(800));
    holding.run("COMMIT");
    assert_eq!(outcome(&running.wait().exits(0).document()), "SUCCESS");
    scene.assert_nothing_is_left();
}

#[test]
fn readers_that_queue_for_less_than_the_limit_are_no_convoy() {
    let scene = plain();
    let mut holding = scene.session();
    holding.run("BEGIN; SELECT count(*) FROM public.mv");
    let running = scene.refresh(["--all", "--max-convoy", "20s", "--format", "json"]).start();
    scene.until_locked_out("public.mv");
    let reading = scene.session().run_aside("SELECT count(*) FROM public.mv");
    thread::sleep(Duration::from_millis(300));
    holding.run("COMMIT");
    let (_session, read) = reading.join().expect("it reads");
    assert_eq!(read, Ok(()));
    assert_eq!(outcome(&running.wait().exits(0).document()), "SUCCESS");
}

#[test]
fn readers_of_a_running_plain_refresh_are_no_convoy() {
    // It has its lock and does its work; giving up would make them wait for nothing.
    let scene = Scene::with_gate();
    let plain = "name = 'public.mv'\nrefresh = 'plain'";
    scene.project.change("registry.toml", "name = 'public.mv'", plain);
    let (gate, running) = scene.start_at_gate(["--all", "--max-convoy", "200ms"]);
    let reading = scene.session().run_aside("SELECT count(*) FROM public.mv");
    scene.until_locked_out("public.mv");
    thread::sleep(Duration::from_millis(800));
    drop(gate);
    assert_eq!(outcome(&running.wait().exits(0).document()), "SUCCESS");
    reading.join().expect("it reads").1.expect("it was let in");
}

#[test]
fn a_concurrent_refresh_makes_no_reader_wait() {
    let scene = Scene::with_gate();
    let (gate, running) = scene.start_at_gate(["--all"]);
    let longest = read_at_once((0..READERS).map(|_| scene.session()).collect());
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    drop(gate);
    running.wait().exits(0);
}
