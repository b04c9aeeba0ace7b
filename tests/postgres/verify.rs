//! `migrate verify`: what it tells of a new database, wherever that comes from, and that
//! nothing of it stays.

use serde_json::{Value, json};

use crate::support::database::maintenance;
use crate::support::driftgate::Driftgate;
use crate::support::{Project, Run, TestDatabase, driftgate};

mod interrupted;
mod local;
mod roles;
mod sources;

/// A command line of `migrate verify` on a scratch database of the test server.
pub(crate) fn verify(project: &Project, database: &TestDatabase, arguments: &[&str]) -> Driftgate {
    driftgate(["migrate", "verify"]).args(arguments).project(project).database(&database.url())
}

fn on_server(project: &Project, database: &TestDatabase, arguments: &[&str]) -> Run {
    verify(project, database, arguments).args(["--fresh", "server"]).json()
}

/// Returns the rows on views as `name created changed dropped`, with `-` for nothing and the
/// numbers of migrations for their files.
fn views(report: &Value) -> Vec<String> {
    let number = |by: &Value| {
        let file = by.as_str().unwrap_or("-").rsplit('/').next().unwrap_or_default();
        file.split('_').next().unwrap_or_default().to_owned()
    };
    report["data"]["verify"]["views"]
        .as_array()
        .expect("views")
        .iter()
        .map(|view| {
            let changed: Vec<String> =
                view["changed_by"].as_array().expect("a list").iter().map(number).collect();
            let changed = if changed.is_empty() { "-".to_owned() } else { changed.join(",") };
            let name = view["name"].as_str().expect("a name");
            let (created, dropped) = (number(&view["created_by"]), number(&view["dropped_by"]));
            format!("{name} {created} {changed} {dropped}")
        })
        .collect()
}

/// Returns the scratch databases of the server that some URL's database is on.
pub(crate) fn scratch_databases() -> Vec<String> {
    maintenance().column(
        "SELECT datname FROM pg_database WHERE datname LIKE 'driftgate\\_fresh\\_%' ORDER BY 1",
    )
}

/// Asserts that no scratch database has sessions of a run that is over.
fn assert_none_of(run: &Value) {
    let url = run["target"]["url"].as_str().expect("a URL");
    let name = url.rsplit('/').find_map(|part| part.strip_prefix("driftgate_fresh_"));
    let name = name.and_then(|name| name.split('?').next()).expect("a scratch database");
    let left = scratch_databases();
    assert!(!left.iter().any(|one| one.ends_with(name)), "{name} in {left:?}");
}

const TABLE: (&str, &str) = ("0001_table.sql", "CREATE TABLE t (id int PRIMARY KEY, note text);");

#[test]
fn the_views_of_the_reference_project_are_told_with_the_migration_that_made_them() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let report = on_server(&project, &database, &[]).exits(0).document();
    let verify = &report["data"]["verify"];
    assert_eq!((&verify["applied"], &verify["total"]), (&json!(7), &json!(7)));
    assert_eq!(verify["failed"], Value::Null);
    assert_eq!(verify["source"], "server");
    assert_eq!(
        verify["views"][0],
        json!({
            "name": "public.mv_allocation_summary",
            "created_by": "migrations/0005_materialized_views.sql",
            "changed_by": [],
            "dropped_by": null,
        })
    );
    assert_eq!(verify["views"].as_array().expect("views").len(), 5);
    assert_eq!(
        report["data"]["migrations"]["heads"],
        json!(["migrations/0007_scheduled_tasks.sql"])
    );
    assert_none_of(&report);
}

#[test]
fn a_view_is_followed_by_its_identity() {
    let project = Project::with_migrations(&[
        TABLE,
        (
            "0002_views.sql",
            "CREATE MATERIALIZED VIEW a AS SELECT id FROM t;
             CREATE MATERIALIZED VIEW b AS SELECT id FROM t;
             CREATE MATERIALIZED VIEW c AS SELECT id FROM t;
             CREATE MATERIALIZED VIEW d AS SELECT id FROM t;
             CREATE MATERIALIZED VIEW e AS SELECT id FROM t;
             CREATE SCHEMA rpt; CREATE MATERIALIZED VIEW rpt.f AS SELECT id FROM t;
             CREATE MATERIALIZED VIEW untouched AS SELECT id FROM t;",
        ),
        ("0003_rename.sql", "ALTER MATERIALIZED VIEW a RENAME TO renamed;"),
        ("0004_index.sql", "CREATE UNIQUE INDEX b_key ON b (id);"),
        (
            "0005_again.sql",
            "DROP MATERIALIZED VIEW c; CREATE MATERIALIZED VIEW c AS SELECT 1 AS x;",
        ),
        ("0006_drops.sql", "DROP MATERIALIZED VIEW d; DROP INDEX b_key;"),
        ("0007_column.sql", "ALTER MATERIALIZED VIEW e RENAME COLUMN id TO key;"),
        ("0008_schema.sql", "ALTER SCHEMA rpt RENAME TO reports;"),
        ("0009_refresh.sql", "REFRESH MATERIALIZED VIEW untouched; ANALYZE untouched;"),
        ("0010_options.sql", "ALTER MATERIALIZED VIEW renamed SET (fillfactor = 70);"),
        (
            "0011_swap.sql",
            "ALTER MATERIALIZED VIEW b RENAME TO x; \
            ALTER MATERIALIZED VIEW c RENAME TO b; ALTER MATERIALIZED VIEW x RENAME TO c;",
        ),
        ("0012_rows.sql", "INSERT INTO t VALUES (1, 'x');"),
        (
            "0013_short.sql",
            "CREATE MATERIALIZED VIEW gone AS SELECT 1 AS x; \
            DROP MATERIALIZED VIEW gone;",
        ),
    ]);
    let database = TestDatabase::empty();
    let report = on_server(&project, &database, &[]).exits(0).document();
    assert_eq!(
        views(&report),
        [
            "public.b 0005 0011 -",
            "public.c 0002 0004,0006,0011 -",
            "public.c 0002 - 0005",
            "public.d 0002 - 0006",
            "public.e 0002 0007 -",
            "public.renamed 0002 0003,0010 -",
            "public.untouched 0002 - -",
            "reports.f 0002 0008 -",
        ]
    );
    assert_none_of(&report);
}

#[test]
fn the_first_migration_that_fails_is_told_with_the_words_of_the_server() {
    let project = Project::with_migrations(&[
        TABLE,
        ("0002_view.sql", "CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;"),
        ("0003_bad.sql", "SELECT 1;\n\nSELECT nothing\n  FROM t;"),
        ("0004_worse.sql", "SELEC;"),
    ]);
    let database = TestDatabase::empty();
    let run = on_server(&project, &database, &[]).exits(1);
    let report = run.document();
    assert_eq!(
        report["data"]["verify"]["failed"],
        json!({
            "id": "3",
            "file": "migrations/0003_bad.sql",
            "line": 3,
            "sqlstate": "42703",
            "message": "column \"nothing\" does not exist",
        })
    );
    assert_eq!(
        (&report["data"]["verify"]["applied"], &report["verdict"]),
        (&json!(2), &json!("fail"))
    );
    assert_eq!(views(&report), ["public.mv 0002 - -"]);
    assert_eq!(report["failure"]["sqlstate"], "42703");
    assert_none_of(&report);
    verify(&project, &database, &["--fresh", "server"])
        .run()
        .exits(1)
        .says("could not apply migrations/0003_bad.sql to a new database")
        .says("column \"nothing\" does not exist (42703)")
        .says("at migrations/0003_bad.sql:3")
        .shows("2 of 4 migrations applied");
}

#[test]
fn a_file_that_ends_its_transaction_fails_as_it_would_when_it_is_deployed() {
    let project = Project::with_migrations(&[TABLE, ("0002_commits.sql", "COMMIT; SELECT 1;")]);
    let report = on_server(&project, &TestDatabase::empty(), &[]).exits(1).document();
    let failed = &report["data"]["verify"]["failed"];
    assert_eq!((&failed["id"], &failed["sqlstate"]), (&json!("2"), &Value::Null));
    let message = failed["message"].as_str().expect("a message");
    assert!(message.contains("ends its transaction itself"), "{message}");
}

#[test]
fn what_a_file_leaves_of_settings_and_roles_does_not_reach_the_next() {
    let project = Project::with_migrations(&[
        ("0001_settings.sql", "CREATE SCHEMA s; SET search_path = s; SET ROLE pg_monitor;"),
        ("0002_view.sql", "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x;"),
    ]);
    let report = on_server(&project, &TestDatabase::empty(), &[]).exits(0).document();
    assert_eq!(views(&report), ["public.mv 0002 - -"]);
}

#[test]
fn a_file_that_runs_outside_a_transaction_is_looked_after_too() {
    let project = Project::with_migrations(&[
        TABLE,
        ("0002_view.sql", "CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;"),
        ("0003_key.sql", "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY mv_key ON mv (id);"),
        ("0004_more.sql", "CREATE MATERIALIZED VIEW more AS SELECT id FROM mv;"),
    ]);
    let report = on_server(&project, &TestDatabase::empty(), &[]).exits(0).document();
    assert_eq!(views(&report), ["public.more 0004 - -", "public.mv 0002 0003 -"]);

    project
        .write("migrations/0005_bad.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY ON x (y);");
    let report = on_server(&project, &TestDatabase::empty(), &[]).exits(1).document();
    assert_eq!(report["data"]["verify"]["failed"]["sqlstate"], "42P01");
    assert_none_of(&report);
}

#[test]
fn a_migration_that_fails_only_where_there_are_rows_needs_a_seed() {
    let project = Project::with_migrations(&[
        TABLE,
        ("0002_fill.sql", "UPDATE t SET note = 'x';"),
        ("0003_strict.sql", "ALTER TABLE t ALTER COLUMN note SET NOT NULL;"),
        ("0004_last.sql", "SELECT 1;"),
    ]);
    project.write("rows.sql", "INSERT INTO t VALUES (1, NULL);");
    let database = TestDatabase::empty();
    on_server(&project, &database, &[]).exits(0);
    // Before the last migration the others have been through.
    on_server(&project, &database, &["--seed", "rows.sql"]).exits(3).says("rows.sql");
    for at in ["3", "0003", "0003_strict.sql", "migrations/0003_strict.sql"] {
        let run = on_server(&project, &database, &["--seed", "rows.sql", "--seed-at", at]).exits(1);
        let report = run.document();
        let verify = &report["data"]["verify"];
        assert_eq!(verify["failed"]["sqlstate"], "23502", "{at}");
        assert_eq!(verify["seeded_before"], "migrations/0003_strict.sql");
        assert!(!run.stdout.contains("Failing row"), "row data is not told: {}", run.stdout);
        assert_none_of(&report);
    }
    // Filled in the meantime.
    on_server(&project, &database, &["--seed", "rows.sql", "--seed-at", "2"]).exits(0);
    on_server(&project, &database, &["--seed", "rows.sql", "--seed-at", "9"]).exits(2);
    on_server(&project, &database, &["--seed", "none.sql"]).exits(3);
    on_server(&project, &database, &["--seed-at", "2"]).exits(2);
}

#[test]
fn what_the_platform_gives_is_run_first() {
    let project = Project::with_migrations(&[(
        "0001_view.sql",
        "CREATE MATERIALIZED VIEW mv AS SELECT platform_says() AS x;",
    )]);
    let registry = project.file("registry.toml");
    let database = TestDatabase::empty();
    on_server(&project, &database, &[]).exits(1);
    project.write("registry.toml", &format!("{registry}before = \"bootstrap.sql\"\n"));
    on_server(&project, &database, &[]).exits(3).says("bootstrap.sql");
    project.write(
        "bootstrap.sql",
        "CREATE FUNCTION platform_says() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE MATERIALIZED VIEW given AS SELECT 1 AS x;",
    );
    let report = on_server(&project, &database, &[]).exits(0).document();
    assert_eq!(report["data"]["verify"]["views"][0]["created_by"], "bootstrap.sql");
    assert_eq!(views(&report)[1], "public.mv 0001 - -");
    project.write("bootstrap.sql", "SELEC;");
    let run = on_server(&project, &database, &[]).exits(3).says("could not run bootstrap.sql");
    run.says("at bootstrap.sql:1");
}

#[test]
fn files_that_claim_one_version_have_no_order_to_verify() {
    let project = Project::with_migrations(&[TABLE, ("0001_other.sql", "SELECT 1;")]);
    on_server(&project, &TestDatabase::empty(), &[]).exits(1).says("claim the same version");
}

#[test]
fn three_hundred_migrations_are_told_apart() {
    let project = Project::with_migrations(&[]);
    let mut expected = Vec::new();
    for number in 1..=300 {
        let sql = match number % 10 {
            0 => {
                expected.push(format!("public.mv_{number:04} {number:04} - -"));
                format!(
                    "CREATE MATERIALIZED VIEW mv_{number:04} AS SELECT id FROM t_{:04};",
                    number - 1
                )
            }
            _ => format!("CREATE TABLE t_{number:04} (id int PRIMARY KEY, note text);"),
        };
        project.write(&format!("migrations/{number:04}_step.sql"), &sql);
    }
    let report = on_server(&project, &TestDatabase::empty(), &[]).exits(0).document();
    assert_eq!(views(&report), expected);
    assert_eq!(report["data"]["verify"]["applied"], 300);
}

#[test]
fn hostile_names_of_views_and_files_are_told_as_they_are() {
    let name = r#""mv'; DROP TABLE ""x"" \""#;
    let project = Project::with_migrations(&[(
        "0001_it's \"odd\".sql",
        &format!("CREATE MATERIALIZED VIEW {name} AS SELECT 1 AS x;"),
    )]);
    let report = on_server(&project, &TestDatabase::empty(), &[]).exits(0).document();
    let view = &report["data"]["verify"]["views"][0];
    assert_eq!(view["name"], format!("public.{name}"));
    assert_eq!(view["created_by"], "migrations/0001_it's \"odd\".sql");
}

#[test]
fn two_at_once_do_not_meet() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let run = verify(&project, &database, &["--fresh", "server", "--format", "json"]);
            run.start()
        })
        .collect();
    for run in runs {
        let report = run.wait().exits(0).document();
        assert_eq!(report["data"]["verify"]["applied"], 7);
        assert_none_of(&report);
    }
}
