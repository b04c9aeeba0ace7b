//! The versions of the history: from any older one to the newest, and never backwards.

use ::driftgate::exit::Exit;
use ::driftgate::failure::Failure;
use ::driftgate::history::Installed;
use ::driftgate::pg::history::{VERSIONS, install_versions};

use super::{endpoint, install};
use crate::support::history::{on_record, success};
use crate::support::{TestDatabase, driftgate};

const NEXT: &str = "ALTER TABLE driftgate.refreshes ADD COLUMN wal_bytes bigint;
                    COMMENT ON COLUMN driftgate.refreshes.wal_bytes IS 'An example.'";
const AFTER_NEXT: &str = "CREATE TABLE driftgate.later (class text PRIMARY KEY)";
const FAILS: &str = "CREATE TABLE driftgate.half (id int); SELECT 1 / 0";

fn bring_up(database: &TestDatabase, more: &[&'static str]) -> Result<Installed, Failure> {
    let versions: Vec<&'static str> = VERSIONS.iter().chain(more).copied().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let installing = endpoint(database);
    runtime.expect("a runtime can be made").block_on(install_versions(&installing, &versions, &[]))
}

#[test]
fn every_older_version_is_brought_to_the_newest_and_keeps_its_rows() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    install(&database);
    on_record(&mut session, &[success("mv_a", "1 hour")]);
    let installed = bring_up(&database, &[NEXT, AFTER_NEXT]).expect("it is brought up to date");
    assert_eq!((installed.before, installed.version), (Some(2), 4));
    assert_eq!(
        session.column("SELECT version FROM driftgate.versions ORDER BY 1"),
        ["1", "2", "3", "4"]
    );
    assert_eq!(session.column("SELECT view_name FROM driftgate.refreshes"), ["mv_a"]);
    assert_eq!(session.value("SELECT count(*) FROM driftgate.later"), "0");
    let again = bring_up(&database, &[NEXT, AFTER_NEXT]).expect("there is nothing to do");
    assert_eq!((again.before, again.version), (Some(4), 4));
}

#[test]
fn nothing_becomes_the_newest_in_one_step() {
    let database = TestDatabase::empty();
    let installed = bring_up(&database, &[NEXT]).expect("it is installed");
    assert_eq!((installed.before, installed.version), (None, 3));
    let transactions = "SELECT count(DISTINCT xmin::text) FROM driftgate.versions";
    assert_eq!(database.session().value(transactions), "1");
}

#[test]
fn a_version_that_fails_leaves_the_one_before() {
    let database = TestDatabase::empty();
    install(&database);
    let failure = bring_up(&database, &[NEXT, FAILS]).expect_err("the last version fails");
    assert_eq!(failure.message, "could not install version 4 of the history");
    assert!(failure.hints.contains(&"nothing was changed".to_owned()), "{failure}");
    let mut session = database.session();
    assert_eq!(session.value("SELECT max(version) FROM driftgate.versions"), "2");
    let left = "SELECT count(*) FROM pg_attribute
                 WHERE attrelid = 'driftgate.refreshes'::regclass AND attname = 'wal_bytes'";
    assert_eq!(session.value(left), "0");
    driftgate(["history", "list"]).database(&database.url()).run().exits(0);
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let database = TestDatabase::empty();
    bring_up(&database, &[NEXT]).expect("it is installed");
    for (arguments, exit) in [
        (vec!["history", "install"], Exit::Failed),
        (vec!["history", "list"], Exit::Undecided),
        (vec!["history", "prune", "--older-than", "1h"], Exit::Undecided),
    ] {
        driftgate(arguments)
            .database(&database.url())
            .run()
            .exits(exit.code().into())
            .says("the history is of version 3, and driftgate 0.1.0 knows none newer than 2")
            .says("use a newer driftgate");
    }
    let report = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    let missing = report["data"]["history_missing"].as_str().expect("a reason");
    assert!(missing.contains("version 3"), "{missing}");
}

#[test]
fn an_older_version_says_how_to_bring_it_up_to_date() {
    let database = TestDatabase::empty();
    install(&database);
    // As if this program knew more than it does: what it finds is then an older version.
    database.session().run("DELETE FROM driftgate.versions");
    driftgate(["history", "list"])
        .database(&database.url())
        .run()
        .exits(3)
        .says("version 0, and version 2 is needed")
        .says("`driftgate history install` brings it up to date");
}
