//! `migrate`: files against ledger, and applying what is pending.

use serde_json::{Value, json};

use crate::support::driftgate::{findings, verdict};
use crate::support::{Project, Run, TestDatabase, driftgate};

pub(crate) const ONE: (&str, &str) = ("0001_one.sql", "CREATE TABLE one (id int);\n");
pub(crate) const TWO: (&str, &str) = ("0002_two.sql", "CREATE TABLE two (id int);\n");

pub(crate) fn migrate(command: &str, project: &Project, database: &TestDatabase) -> Run {
    driftgate(["migrate", command]).project(project).database(&database.url()).json()
}

/// Returns the versions of the ledger.
pub(crate) fn ledger(database: &TestDatabase) -> Vec<String> {
    database.session().column("SELECT version FROM public._sqlx_migrations ORDER BY version")
}

/// Tells whether a table is there.
pub(crate) fn has_table(database: &TestDatabase, name: &str) -> bool {
    let there = format!("SELECT to_regclass('public.{name}') IS NOT NULL");
    database.session().value(&there) == "t"
}

fn files(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().expect("rows");
    rows.iter().map(|row| row["file"].as_str().unwrap_or_default()).collect()
}

#[test]
fn a_new_database_has_everything_pending_and_then_nothing() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE, TWO]);
    let report = migrate("status", &project, &database).exits(1).document();
    let rows = &report["data"]["migrations"];
    assert_eq!((&rows["kind"], &rows["ledger"]), (&json!("sql"), &json!("missing")));
    assert_eq!(files(&rows["pending"]), ["migrations/0001_one.sql", "migrations/0002_two.sql"]);
    assert_eq!(rows["current"], json!([]));
    assert_eq!(verdict(&report, "EG-1"), "fail");

    let report = migrate("up", &project, &database).exits(0).document();
    let rows = &report["data"]["migrations"];
    assert_eq!(files(&rows["applied"]), ["migrations/0001_one.sql", "migrations/0002_two.sql"]);
    assert_eq!(rows["pending"], json!([]));
    assert!(has_table(&database, "one") && has_table(&database, "two"));

    let report = migrate("status", &project, &database).exits(0).document();
    let rows = &report["data"]["migrations"];
    assert_eq!(
        (&rows["ledger"], &rows["current"], &rows["heads"]),
        (&json!("ok"), &json!(["2"]), &json!(["migrations/0002_two.sql"]))
    );
    assert_eq!(verdict(&report, "EG-1"), "pass");
    let report = migrate("history", &project, &database).exits(0).document();
    let rows = report["data"]["migrations"]["history"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["success"] == true && row["applied_at"].is_string()));
    let report = migrate("heads", &project, &database).exits(0).document();
    assert_eq!(report["data"]["migrations"]["heads"], json!(["migrations/0002_two.sql"]));
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE, TWO]);
    migrate("up", &project, &database).exits(0);
    let stamped = "SELECT string_agg(version || ' ' || installed_on, ',') FROM _sqlx_migrations";
    let before = database.session().value(stamped);
    let report = migrate("up", &project, &database).exits(0).document();
    assert_eq!(report["data"]["migrations"]["applied"], json!([]));
    assert_eq!(database.session().value(stamped), before);
}

#[test]
fn files_are_applied_in_the_order_of_their_numbers() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ("10_last.sql", "INSERT INTO done VALUES ('ten');"),
        ("9_middle.sql", "INSERT INTO done VALUES ('nine');"),
        ("0002_first.sql", "CREATE TABLE done (word text, n serial);"),
    ]);
    migrate("up", &project, &database).exits(0);
    let order = database.session().column("SELECT word FROM done ORDER BY n");
    assert_eq!(order, ["nine", "ten"]);
}

#[test]
fn a_failing_migration_stops_there_and_leaves_nothing_of_itself() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ONE,
        TWO,
        ("0003_three.sql", "CREATE TABLE three (id int);\n-- ü\nINSERT INTO three SELECT nope;\n"),
        ("0004_four.sql", "CREATE TABLE four (id int);"),
    ]);
    let run = migrate("up", &project, &database).exits(1);
    let report = run.document();
    let failure = &report["failure"];
    assert_eq!(failure["sqlstate"], "42703");
    assert!(run.stderr.contains("42703"), "{}", run.stderr);
    assert!(run.stderr.contains("migrations/0003_three.sql:3"), "{}", run.stderr);
    let rows = &report["data"]["migrations"];
    assert_eq!(files(&rows["applied"]), ["migrations/0001_one.sql", "migrations/0002_two.sql"]);
    assert_eq!(files(&rows["pending"]), ["migrations/0003_three.sql", "migrations/0004_four.sql"]);
    assert_eq!(ledger(&database), ["1", "2"]);
    assert!(has_table(&database, "two"));
    assert!(!has_table(&database, "three") && !has_table(&database, "four"));

    project.write("migrations/0003_three.sql", "CREATE TABLE three (id int);");
    migrate("up", &project, &database).exits(0);
    assert_eq!(ledger(&database), ["1", "2", "3", "4"]);
}

#[test]
fn an_edited_file_is_changed_and_nothing_more_is_applied() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE, TWO]);
    migrate("up", &project, &database).exits(0);
    project.write("migrations/0001_one.sql", "CREATE TABLE one (id bigint);\n");
    project.write("migrations/0003_three.sql", "CREATE TABLE three (id int);");
    let report = migrate("status", &project, &database).exits(1).document();
    assert_eq!(files(&report["data"]["migrations"]["changed"]), ["migrations/0001_one.sql"]);
    assert!(findings(&report).iter().any(|one| one.starts_with("migration-changed ")));
    migrate("up", &project, &database).exits(1).says("edited after it had been applied");
    assert_eq!(ledger(&database), ["1", "2"]);
    assert!(!has_table(&database, "three"));
}

#[test]
fn a_removed_file_is_unknown_and_nothing_more_is_applied() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE, TWO]);
    migrate("up", &project, &database).exits(0);
    project.remove("migrations/0001_one.sql");
    project.write("migrations/0003_three.sql", "CREATE TABLE three (id int);");
    let report = migrate("status", &project, &database).exits(1).document();
    let unknown = &report["data"]["migrations"]["unknown"];
    assert_eq!((&unknown[0]["id"], &unknown[0]["description"]), (&json!("1"), &json!("one")));
    assert!(findings(&report).iter().any(|one| one.starts_with("migration-unknown ")));
    migrate("up", &project, &database).exits(1).says("1 migration of the ledger");
    assert!(!has_table(&database, "three"));
}

#[test]
fn several_heads_are_listed_and_nothing_is_applied() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE, TWO, ("0002_too.sql", "SELECT 1;")]);
    let report = migrate("heads", &project, &database).exits(1).document();
    let heads = json!(["migrations/0002_too.sql", "migrations/0002_two.sql"]);
    assert_eq!(report["data"]["migrations"]["heads"], heads);
    let report = migrate("status", &project, &database).exits(1).document();
    assert!(findings(&report).iter().any(|one| one.starts_with("migration-heads ")));
    migrate("up", &project, &database).exits(1).says("claim the same version");
    assert!(!has_table(&database, "one") && !has_table(&database, "_sqlx_migrations"));
}

#[test]
fn a_version_shared_below_the_head_is_refused_too() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE, ("0001_uno.sql", "SELECT 1;"), TWO]);
    migrate("heads", &project, &database).exits(1);
    migrate("status", &project, &database).exits(1);
    migrate("up", &project, &database).exits(1);
    assert!(!has_table(&database, "one"));
}

#[test]
fn a_ledger_that_may_not_be_read_is_undecided_and_never_empty() {
    let mut database = TestDatabase::empty();
    let project = Project::with_migrations(&[ONE, TWO]);
    migrate("up", &project, &database).exits(0);
    database.session().run("CREATE MATERIALIZED VIEW public.mv AS SELECT 1 AS id");
    project.register("[[matview]]\nname = \"public.mv\"\nrefresh = \"plain\"");
    let reader = database.role("reader");
    let url = database.url_as(&reader);
    for revoke in ["SELECT 1", "REVOKE USAGE ON SCHEMA public FROM PUBLIC"] {
        database.session().run(revoke);
        let looking = |command: &[&str]| {
            driftgate(command).project(&project).database(&url).json().exits(3).document()
        };
        let report = looking(&["migrate", "status"]);
        assert_eq!(report["data"]["migrations"]["ledger"], "unreadable", "{revoke}");
        assert_eq!(verdict(&report, "EG-1"), "undecided");
        looking(&["migrate", "history"]);
        let report = looking(&["preflight"]);
        assert_eq!((verdict(&report, "EG-1"), verdict(&report, "EG-3")), ("undecided", "pass"));
        driftgate(["migrate", "up"]).project(&project).database(&url).run().exits(3);
    }
    // The role that migrates can be another one.
    driftgate(["migrate", "status"])
        .project(&project)
        .database(&url)
        .env("MIGRATION_DATABASE_URL", database.url())
        .run()
        .exits(0);
}

#[test]
fn a_read_only_database_is_not_migrated() {
    let database = TestDatabase::empty();
    database
        .session()
        .run(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    let project = Project::with_migrations(&[ONE]);
    migrate("up", &project, &database).exits(3).says("read only");
    assert!(!has_table(&database, "one"));
}
