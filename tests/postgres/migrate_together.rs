//! `migrate up` beside others that migrate: sqlx's own tool, and itself.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use crate::migrate::{ONE, TWO, has_table, ledger, migrate};
use crate::support::poll::until;
use crate::support::{Project, TestDatabase, driftgate};

const THREE: (&str, &str) = ("0003_three.sql", "CREATE TABLE three (id int);\n");

/// Migrates as sqlx's own tool does.
fn sqlx_up(project: &Project, database: &TestDatabase) -> Result<(), MigrateError> {
    let folder = project.path().join("migrations");
    database.session().with(async |connection| {
        let migrator = Migrator::new(folder.as_path()).await?;
        migrator.run(connection).await
    })
}

fn ledger_rows(database: &TestDatabase) -> Vec<Vec<Option<String>>> {
    database.session().rows(
        "SELECT version, description, success, checksum, execution_time > 0
           FROM _sqlx_migrations ORDER BY version",
    )
}

#[test]
fn sqlx_and_we_take_turns_on_one_database() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE, TWO]);
    sqlx_up(&project, &database).expect("sqlx applies its two");
    migrate("status", &project, &database).exits(0);
    project.write("migrations/0003_three.sql", THREE.1);
    migrate("up", &project, &database).exits(0);
    sqlx_up(&project, &database).expect("sqlx has nothing to do");
    project.write("migrations/0004_four.sql", "CREATE TABLE four (id int);");
    sqlx_up(&project, &database).expect("sqlx applies the fourth");
    let report = migrate("up", &project, &database).exits(0).document();
    assert_eq!(report["data"]["migrations"]["applied"], serde_json::json!([]));
    assert_eq!(ledger(&database), ["1", "2", "3", "4"]);
}

#[test]
fn both_write_the_same_ledger() {
    let (ours, theirs) = (TestDatabase::empty(), TestDatabase::empty());
    let project = Project::with_migrations(&[
        ("0001_with_several words.sql", "CREATE TABLE one (id int);\r\n"),
        ("0002_ünïcode.sql", "-- ü\nCREATE TABLE two (id int);"),
        ("3_three.up.sql", "CREATE TABLE three (id int);"),
        ("3_three.down.sql", "DROP TABLE three;"),
        ("20261123101010_four.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY ON one (id);"),
    ]);
    migrate("up", &project, &ours).exits(0);
    sqlx_up(&project, &theirs).expect("sqlx applies them");
    assert_eq!(ledger_rows(&ours), ledger_rows(&theirs));
}

#[test]
fn a_run_of_sqlx_keeps_ours_away_and_is_named() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE]);
    let mut holder = database.session();
    holder.with(async |connection| connection.lock().await).expect("the lock is free");
    let pid = holder.pid();
    let up = || driftgate(["migrate", "up", "--lock-timeout", "300ms"]).project(&project);
    let run = up().database(&database.url()).run().exits(4);
    let run = run.says(&format!("process {pid} of postgres (test)"));
    run.says("nothing was changed");
    assert!(!has_table(&database, "one") && !has_table(&database, "_sqlx_migrations"));
    assert_eq!(database.advisory_locks(), [pid]);

    holder.with(async |connection| connection.unlock().await).expect("it was held");
    up().database(&database.url()).run().exits(0);
    until("every lock given back", || database.advisory_locks().is_empty().then_some(()));
}

#[test]
fn our_run_keeps_sqlx_away() {
    let database = TestDatabase::empty();
    let project =
        Project::with_migrations(&[("0001_gate.sql", "SELECT pg_advisory_xact_lock(7);")]);
    let mut gate = database.session();
    gate.run("SELECT pg_advisory_lock(7)");
    let running = driftgate(["migrate", "up", "--lock-timeout", "0"])
        .project(&project)
        .database(&database.url())
        .start();
    until("a migration at the gate", || {
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        (gate.value(&format!("{waits} AND objid = 7")) == "1").then_some(())
    });
    let mut other = database.session();
    other.run("SET lock_timeout = '200ms'");
    let tried = other.with(async |connection| connection.lock().await);
    assert!(tried.is_err(), "sqlx got the lock beside a running migration");
    gate.run("SELECT pg_advisory_unlock(7)");
    running.wait().exits(0);
    other.with(async |connection| connection.lock().await).expect("the lock is free again");
}

#[test]
fn eight_runs_at_once_apply_everything_exactly_once() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ("0001_log.sql", "CREATE TABLE log (n int);"),
        ("0002_two.sql", "INSERT INTO log VALUES (2); SELECT pg_sleep(0.1);"),
        ("0003_three.sql", "INSERT INTO log VALUES (3);"),
    ]);
    let runs: Vec<_> = (0..8)
        .map(|_| {
            driftgate(["migrate", "up", "--lock-timeout", "50s"])
                .project(&project)
                .database(&database.url())
                .start()
        })
        .collect();
    for run in runs {
        run.wait().exits(0);
    }
    assert_eq!(ledger(&database), ["1", "2", "3"]);
    assert_eq!(database.session().column("SELECT n FROM log ORDER BY n"), ["2", "3"]);
    until("every lock given back", || database.advisory_locks().is_empty().then_some(()));
}

#[test]
fn a_run_that_waits_does_not_hold_up_an_index_that_is_built_concurrently() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ONE,
        ("0002_gate.sql", "SELECT pg_advisory_xact_lock(7);"),
        ("0003_index.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY one_id ON one (id);"),
    ]);
    let mut gate = database.session();
    gate.run("SELECT pg_advisory_lock(7)");
    let start = || {
        driftgate(["migrate", "up", "--lock-timeout", "30s"])
            .project(&project)
            .database(&database.url())
            .start()
    };
    let first = start();
    until("a migration at the gate", || {
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        (gate.value(&format!("{waits} AND objid = 7")) == "1").then_some(())
    });
    let second = start();
    until("a second run that waits", || {
        // The first one's lock, its migration at the gate, and the second one's lock.
        let at_locks = "SELECT count(*) FROM pg_stat_activity
                         WHERE datname = current_database() AND query LIKE '%advisory%'
                           AND application_name LIKE 'driftgate%'";
        (gate.value(at_locks) == "3").then_some(())
    });
    gate.run("SELECT pg_advisory_unlock(7)");
    first.wait().exits(0);
    second.wait().exits(0);
}
