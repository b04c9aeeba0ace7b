//! `--watch`: a block a round on a pipe, and an end that is told by the exit code.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use ::driftgate::registry::LockScheme;

use super::{Scene, key, take};
use crate::support::driftgate;
use crate::support::poll::DEADLINE;

#[test]
fn every_round_is_a_block_and_a_signal_ends_it() {
    let scene = Scene::new();
    let (reading, writing) = std::io::pipe().expect("a pipe");
    let running = scene.command(["--watch", "0.1"]).stdout(Stdio::from(writing)).start();
    let mut lines = BufReader::new(reading).lines().map(|line| line.expect("text"));
    let mut until = |words: &str| {
        let found = lines.by_ref().find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("it ended before it said: {words}"))
    };
    until("No key of a refresh");
    let mut holding = scene.holding(&take(key(LockScheme::Int64, "public.mv", Some("acme"))));
    until(&format!("{} holds the key for tenant acme (int64)", holding.pid()));
    holding.run("COMMIT");
    until("No key of a refresh");
    // A blank line parts the rounds; each begins with the time.
    assert_eq!(until(""), "");
    assert!(until(" UTC").starts_with("20"));
    // What nobody reads any more must not keep it.
    running.signal(Signal::INT);
    let rest = std::thread::spawn(move || lines.count());
    let run = running.wait_within(DEADLINE).exits(130);
    assert_eq!(run.stderr, "");
    rest.join().expect("its output ends");
    assert!(scene.database.sessions_of_the_program().is_empty());
}

#[test]
fn sigterm_ends_it_as_such() {
    let scene = Scene::new();
    let (reading, writing) = std::io::pipe().expect("a pipe");
    let running = scene.command(["--watch"]).stdout(Stdio::from(writing)).start();
    let first = BufReader::new(reading).lines().next();
    assert!(first.is_some());
    running.signal(Signal::TERM);
    running.wait_within(Duration::from_secs(20)).exits(143);
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let scene = Scene::new();
    let (reading, writing) = std::io::pipe().expect("a pipe");
    let running = scene.command(["--watch", "0.1"]).stdout(Stdio::from(writing)).start();
    drop(reading);
    let run = running.wait_within(Duration::from_secs(20)).exits(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn it_is_for_readers() {
    for more in [&["--format", "json"][..], &["--report", "json=x.json"]] {
        driftgate(["lock-status", "--watch"]).args(more).run().exits(2).says("--watch");
    }
    driftgate(["lock-status", "--watch", "0"]).run().exits(2);
}
