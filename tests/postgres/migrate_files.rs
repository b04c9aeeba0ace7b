//! `migrate up` with files that do what files should not: end their transaction, leave
//! settings behind, or must run outside a transaction.

use crate::migrate::{ONE, has_table, ledger, migrate};
use crate::support::{Project, TestDatabase};

#[test]
fn an_index_is_built_concurrently_by_a_file_outside_a_transaction() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ONE,
        ("0002_index.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY one_id ON one (id);\n"),
        ("0003_three.sql", "CREATE TABLE three (id int);"),
    ]);
    migrate("up", &project, &database).exits(0);
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass";
    assert_eq!(database.session().value(valid), "t");
    assert_eq!(ledger(&database), ["1", "2", "3"]);
}

#[test]
fn a_file_outside_a_transaction_that_fails_is_not_in_the_ledger() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ("0001_one.sql", "CREATE TABLE one AS SELECT 1 AS id FROM generate_series(1, 2);"),
        (
            "0002_index.sql",
            "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY one_id ON one (id);\n",
        ),
    ]);
    let run =
        migrate("up", &project, &database).exits(1).says("23505").says("outside a transaction");
    assert!(!run.stderr.contains("rolled back"), "{}", run.stderr);
    assert_eq!(ledger(&database), ["1"]);
}

#[test]
fn a_file_that_ends_its_transaction_is_refused_and_not_recorded() {
    for ending in ["COMMIT;", "COMMIT; BEGIN;", "ROLLBACK; BEGIN;", "END; SELECT 1;"] {
        let database = TestDatabase::empty();
        let sql = format!("CREATE TABLE two (id int); {ending} CREATE TABLE more (id int);");
        let project = Project::with_migrations(&[ONE, ("0002_two.sql", &sql)]);
        let run = migrate("up", &project, &database)
            .exits(1)
            .says("the file ends its transaction itself, with COMMIT or ROLLBACK");
        assert_eq!(ledger(&database), ["1"], "{ending}");
        // What was committed stays: that it was rolled back would be wrong.
        assert!(!run.stderr.contains("it was rolled back"), "{ending}: {}", run.stderr);
    }
}

#[test]
fn a_file_that_commits_and_then_fails_is_not_said_to_be_rolled_back() {
    let database = TestDatabase::empty();
    let sql = "CREATE TABLE two (id int); COMMIT; SELECT 1 / 0;";
    let project = Project::with_migrations(&[ONE, ("0002_two.sql", sql)]);
    let run = migrate("up", &project, &database).exits(1).says("22012");
    assert!(has_table(&database, "two"));
    assert!(!run.stderr.contains("it was rolled back"), "{}", run.stderr);
    assert_eq!(ledger(&database), ["1"]);
}

#[test]
fn settings_that_a_file_leaves_behind_reach_neither_the_ledger_nor_the_next_file() {
    let mut failed = Vec::new();
    for leaves in [
        "SET search_path = '';",
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "SET LOCAL search_path = '';",
        "SET ROLE pg_monitor;",
        "SET LOCAL ROLE pg_monitor;",
        "SET SESSION AUTHORIZATION pg_monitor;",
        "SET default_transaction_read_only = on;",
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;",
        "SET standard_conforming_strings = off;",
        "SET statement_timeout = '500ms';",
    ] {
        let database = TestDatabase::empty();
        let project = Project::with_migrations(&[
            ("0001_one.sql", leaves),
            ("0002_two.sql", "CREATE TABLE two (id int); SELECT pg_sleep(0.7);"),
        ]);
        let run = migrate("up", &project, &database);
        if run.code != Some(0) || !has_table(&database, "two") {
            failed.push(format!("{leaves}\n{}", run.stderr));
        } else {
            assert_eq!(ledger(&database), ["1", "2"], "{leaves}");
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_file_without_a_statement_is_applied() {
    let database = TestDatabase::empty();
    let project =
        Project::with_migrations(&[("0001_one.sql", "-- nothing yet\n"), ("0002_two.sql", "")]);
    migrate("up", &project, &database).exits(0);
    assert_eq!(ledger(&database), ["1", "2"]);
}

#[test]
fn a_file_that_is_no_utf_8_is_refused_before_anything_is_applied() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE]);
    std::fs::write(project.path().join("migrations/0002_two.sql"), b"SELECT '\xff';")
        .expect("the file can be written");
    migrate("up", &project, &database).exits(3).says("could not read the migrations");
    assert!(!has_table(&database, "one"));
}

#[test]
fn a_missing_folder_is_told_by_name() {
    let database = TestDatabase::empty();
    let project = Project::new("version = 1\n[migrations]\npath = \"nowhere\"\n");
    migrate("status", &project, &database).exits(3).says("nowhere");
}
