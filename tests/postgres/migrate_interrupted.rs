//! `migrate up` that is interrupted: it says so, and leaves nothing behind on the server.

use std::time::Duration;

use rustix::process::Signal;

use crate::migrate::{ONE, has_table, ledger};
use crate::support::driftgate::Running;
use crate::support::poll::{until, within};
use crate::support::{Project, TestDatabase, driftgate};

/// Well below what the migration sleeps.
const SOON: Duration = Duration::from_secs(20);

fn sleeping(seconds: u32) -> Project {
    let sql = format!("CREATE TABLE two (id int); SELECT pg_sleep({seconds});");
    Project::with_migrations(&[ONE, ("0002_two.sql", &sql)])
}

fn until_it_sleeps(database: &TestDatabase) {
    let mut session = database.session();
    until("a migration that sleeps", || {
        let asleep = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event = 'PgSleep'
                         AND application_name LIKE 'driftgate run=%'";
        (session.value(asleep) == "1").then_some(())
    });
}

fn start(project: &Project, database: &TestDatabase) -> Running {
    let running = driftgate(["migrate", "up"]).project(project).database(&database.url()).start();
    until_it_sleeps(database);
    running
}

#[track_caller]
fn assert_nothing_is_left(database: &TestDatabase) {
    within(SOON, "every session ended", || {
        database.sessions_of_the_program().is_empty().then_some(())
    });
    assert_eq!(database.advisory_locks(), Vec::<String>::new());
    assert_eq!(ledger(database), ["1"]);
    assert!(!has_table(database, "two"));
}

#[test]
fn sigterm_rolls_back_and_exits_143() {
    let (database, project) = (TestDatabase::empty(), sleeping(60));
    let running = start(&project, &database);
    running.signal(Signal::TERM);
    running.wait_within(SOON).exits(143).says("terminated");
    assert_nothing_is_left(&database);
}

#[test]
fn sigint_rolls_back_and_exits_130() {
    let (database, project) = (TestDatabase::empty(), sleeping(60));
    let running = start(&project, &database);
    running.signal(Signal::INT);
    running.wait_within(SOON).exits(130).says("interrupted");
    assert_nothing_is_left(&database);
}

#[test]
fn an_interrupt_prints_one_document_when_json_is_asked_for() {
    let (database, project) = (TestDatabase::empty(), sleeping(60));
    let running = driftgate(["migrate", "up", "--format", "json"])
        .project(&project)
        .database(&database.url())
        .start();
    until_it_sleeps(&database);
    running.signal(Signal::TERM);
    let report = running.wait_within(SOON).exits(143).document();
    assert_eq!((&report["exit_code"], &report["verdict"]), (&143.into(), &"undecided".into()));
}

#[test]
fn an_interrupt_cancels_as_the_role_that_migrates() {
    let (mut database, project) = (TestDatabase::empty(), sleeping(60));
    let reader = database.role("reader");
    let running = driftgate(["migrate", "up"])
        .project(&project)
        .database(&database.url_as(&reader))
        .env("MIGRATION_DATABASE_URL", database.url())
        .start();
    until_it_sleeps(&database);
    running.signal(Signal::TERM);
    let run = running.wait_within(SOON).exits(143);
    assert!(!run.stderr.contains("may still be running"), "{}", run.stderr);
    assert_nothing_is_left(&database);
}

#[test]
fn a_file_outside_a_transaction_is_cancelled_too() {
    let database = TestDatabase::empty();
    let sql = "-- no-transaction\nSELECT pg_sleep(60);";
    let project = Project::with_migrations(&[ONE, ("0002_two.sql", sql)]);
    let running = start(&project, &database);
    running.signal(Signal::TERM);
    running.wait_within(SOON).exits(143);
    assert_nothing_is_left(&database);
}

#[test]
fn a_killed_run_leaves_neither_session_nor_change() {
    let database = TestDatabase::empty();
    // Before 14 the server does not notice until the statement ends.
    let is_old = database.session().value("SHOW server_version_num").starts_with("13");
    let project = sleeping(if is_old { 5 } else { 60 });
    let running = start(&project, &database);
    running.signal(Signal::KILL);
    assert_eq!(running.wait_within(SOON).code, None);
    assert_nothing_is_left(&database);
}

#[test]
fn a_killed_run_of_a_file_outside_a_transaction_leaves_no_session() {
    let database = TestDatabase::empty();
    let is_old = database.session().value("SHOW server_version_num").starts_with("13");
    let sql = format!("-- no-transaction\nSELECT pg_sleep({});", if is_old { 5 } else { 60 });
    let project = Project::with_migrations(&[ONE, ("0002_two.sql", &sql)]);
    let running = start(&project, &database);
    running.signal(Signal::KILL);
    running.wait_within(SOON);
    assert_nothing_is_left(&database);
}
