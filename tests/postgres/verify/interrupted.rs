//! Interrupts: a scratch database goes when the run is asked to stop, and a later run finds
//! what one that was killed has left.

use rustix::process::Signal;

use super::{scratch_databases, verify};
use crate::support::database::maintenance;
use crate::support::driftgate::Running;
use crate::support::poll::until;
use crate::support::{Project, TestDatabase};

/// A project whose last migration takes long, after it has said so in its name.
fn slow(name: &str) -> Project {
    Project::with_migrations(&[
        ("0001_role.sql", &format!("CREATE ROLE {name};")),
        ("0002_table.sql", "CREATE TABLE t (id int);"),
        ("0003_slow.sql", &format!("SELECT pg_sleep(600) AS {name};")),
    ])
}

fn unique() -> String {
    format!("slow_{}", uuid::Uuid::now_v7().simple())
}

/// Waits until the slow migration is at work, and returns its database.
fn database_of(name: &str) -> String {
    let asking = format!(
        "SELECT datname FROM pg_stat_activity
          WHERE query LIKE '%pg_sleep(600) AS {name}%' AND pid <> pg_backend_pid()"
    );
    until("a migration at work", || maintenance().column(&asking).pop())
}

fn is_there(database: &str) -> bool {
    scratch_databases().iter().any(|name| name == database)
}

fn has_role(role: &str) -> bool {
    maintenance().value(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'")) == "1"
}

fn start(project: &Project, database: &TestDatabase, fresh: &str) -> Running {
    verify(project, database, &["--fresh", fresh]).start()
}

#[test]
fn a_run_that_is_asked_to_stop_leaves_nothing_behind() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 143)] {
        let (database, name) = (TestDatabase::empty(), unique());
        let project = slow(&name);
        let run = start(&project, &database, "server");
        let scratch = database_of(&name);
        assert!(is_there(&scratch) && has_role(&name));
        run.signal(signal);
        run.wait().exits(code);
        assert!(!is_there(&scratch), "{signal:?}");
        assert!(!has_role(&name), "{signal:?}");
    }
}

#[test]
fn a_run_that_is_asked_to_stop_empties_the_database_that_it_was_given() {
    let (database, empty, name) = (TestDatabase::empty(), TestDatabase::empty(), unique());
    let project = slow(&name);
    let run = start(&project, &database, &empty.url());
    assert_eq!(database_of(&name), empty.name());
    run.signal(Signal::INT);
    run.wait().exits(130);
    let left = empty.session().column("SELECT relname FROM pg_class WHERE oid >= 16384");
    assert_eq!(left, Vec::<String>::new());
    assert!(!has_role(&name));
}

#[test]
fn what_a_killed_run_has_left_goes_with_a_later_one_when_it_is_an_hour_old() {
    let (database, name) = (TestDatabase::empty(), unique());
    let project = slow(&name);
    let mut run = start(&project, &database, "server");
    let scratch = database_of(&name);
    run.signal(Signal::KILL);
    until("an end", || run.has_ended().then_some(()));
    // From 14 on the server notices that; before, somebody has to say so.
    maintenance().run(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{scratch}'"
    ));
    let nobody = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{scratch}'");
    until("nobody in it", || (maintenance().value(&nobody) == "0").then_some(()));

    let quick = Project::with_migrations(&[("0001_table.sql", "CREATE TABLE t (id int);")]);
    let later = || verify(&quick, &database, &["--fresh", "server"]).json().exits(0).document();
    later();
    assert!(is_there(&scratch) && has_role(&name), "it is young");

    let age = |what: &str, name: &str| {
        maintenance().run(&format!(
            "DO $$ BEGIN EXECUTE format('COMMENT ON {what} {name} IS %L',
                'driftgate: for one run alone, made ' ||
                to_char(now() AT TIME ZONE 'UTC' - interval '2 hours', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'));
             END $$"
        ));
    };
    age("DATABASE", &scratch);
    age("ROLE", &name);
    // Somebody who looks at it keeps it.
    let visitor = crate::support::session::Session::connect(&crate::support::server::url_of(
        &scratch, "postgres",
    ));
    later();
    assert!(is_there(&scratch), "somebody is in it");
    drop(visitor);
    until("nobody in it", || (maintenance().value(&nobody) == "0").then_some(()));
    let notes = until("its removal", || {
        let notes = later()["notes"].to_string();
        (!is_there(&scratch)).then_some(notes)
    });
    assert!(notes.contains(&scratch), "{notes}");
    // A role may be that of another run that is at work.
    until("no other run at work", || {
        later();
        (!has_role(&name)).then_some(())
    });
}

#[test]
fn a_database_that_somebody_has_taken_over_stays() {
    let made = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_700_000_000, 0));
    let taken = format!("driftgate_fresh_{}", made.simple());
    let other = "driftgate_fresh_by_hand";
    maintenance().run(&format!("CREATE DATABASE {taken} TEMPLATE template0"));
    maintenance().run(&format!("COMMENT ON DATABASE {taken} IS 'mine now'"));
    maintenance().run(&format!("CREATE DATABASE {other} TEMPLATE template0"));
    let quick = Project::with_migrations(&[("0001_table.sql", "CREATE TABLE t (id int);")]);
    let database = TestDatabase::empty();
    verify(&quick, &database, &["--fresh", "server"]).run().exits(0);
    let (taken_stays, other_stays) = (is_there(&taken), is_there(other));
    // Killed between the making and the comment: the name alone tells its age.
    maintenance().run(&format!("COMMENT ON DATABASE {taken} IS NULL"));
    until("its removal", || {
        verify(&quick, &database, &["--fresh", "server"]).run().exits(0);
        (!is_there(&taken)).then_some(())
    });
    maintenance().run(&format!("DROP DATABASE {other}"));
    assert!(taken_stays && other_stays);
}
