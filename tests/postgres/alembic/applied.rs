//! `migrate` with Alembic on a real database: what it is at, and bringing it to the head.

use serde_json::json;

use super::{project, source, with_alembic};
use crate::migrate::has_table;
use crate::support::driftgate::{findings, verdict};
use crate::support::{Project, TestDatabase, driftgate};

fn two() -> Project {
    project(&[
        ("1.py", &source("a1", "None", "CREATE TABLE one (id int)")),
        ("2.py", &source("b2", "'a1'", "CREATE TABLE two (id int)")),
    ])
}

#[test]
fn a_new_database_is_brought_to_the_head() {
    let (database, project) = (TestDatabase::empty(), two());
    let run = |arguments: &[&str]| with_alembic(arguments, &project).database(&database.url());
    let report = run(&["migrate", "status"]).json().exits(1).document();
    assert_eq!(report["data"]["migrations"]["ledger"], "missing");
    assert_eq!(findings(&report).len(), 2);
    let remedy = &report["findings"][0]["remedy"]["command"];
    assert_eq!(remedy, "driftgate migrate up");

    let report = run(&["migrate", "up"]).json().exits(0).document();
    let rows = &report["data"]["migrations"];
    let applied: Vec<_> =
        rows["applied"].as_array().expect("rows").iter().map(|row| &row["id"]).collect();
    assert_eq!(applied, [&json!("a1"), &json!("b2")]);
    assert_eq!((&rows["pending"], &rows["current"]), (&json!([]), &json!(["b2"])));
    assert_eq!(rows["run"]["command"], "alembic upgrade head");
    assert!(has_table(&database, "one") && has_table(&database, "two"));

    let report = run(&["migrate", "status"]).json().exits(0).document();
    assert_eq!(verdict(&report, "EG-1"), "pass");
    assert_eq!(report["data"]["migrations"]["changed"], json!(null));
    let notes = report["notes"].to_string();
    assert!(notes.contains("keeps no checksums"), "{notes}");
    let second = run(&["migrate", "up"]).run().exits(0);
    second.shows("Nothing to apply: the database is at the head.");
    run(&["migrate", "history"]).run().exits(0).shows("applied  a1 -> b2 (head), step b2");
}

#[test]
fn a_failing_revision_is_told_with_the_end_of_its_output() {
    let database = TestDatabase::empty();
    let project = project(&[
        ("1.py", &source("a1", "None", "CREATE TABLE one (id int)")),
        ("2.py", &source("b2", "'a1'", "SELECT nope")),
    ]);
    let run = with_alembic(&["migrate", "up"], &project).database(&database.url()).json().exits(1);
    run.document();
    assert!(run.stderr.contains("`alembic upgrade head` ended with exit code 1"), "{}", run.stderr);
    assert!(run.stderr.contains("nope"), "{}", run.stderr);
    let rows = &run.document()["data"]["migrations"];
    // Alembic runs all of them in one transaction.
    assert_eq!((&rows["applied"], &rows["current"]), (&json!([]), &json!([])));
    assert!(rows["run"]["output"].as_str().expect("text").contains("UndefinedColumn"));
}

#[test]
fn several_heads_are_refused_before_anything_is_run() {
    let (database, project) = (TestDatabase::empty(), two());
    project.write("alembic/versions/3.py", &source("c3", "'a1'", "SELECT 1"));
    let run = || driftgate(["migrate", "up"]).project(&project).database(&database.url()).run();
    run().exits(1).says("several heads: b2, c3").says("alembic merge");
    assert!(!has_table(&database, "one"));
    let status = driftgate(["migrate", "status"]).project(&project).database(&database.url());
    let report = status.json().exits(1).document();
    assert!(findings(&report).contains(&"migration-heads alembic/versions/2.py".to_owned()));
}

#[test]
fn the_rows_of_the_ledger_are_followed_to_what_they_stand_for() {
    let (database, project) = (TestDatabase::empty(), two());
    project.write("alembic/versions/3.py", &source("c3", "'a1'", "SELECT 1"));
    project.write("alembic/versions/4.py", &source("d4", "('b2', 'c3')", "SELECT 1"));
    let mut session = database.session();
    session.run("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)");
    let mut pending = |rows: &str| {
        session.run(&format!(
            "DELETE FROM alembic_version; INSERT INTO alembic_version VALUES {rows}"
        ));
        let status = driftgate(["migrate", "status"]).project(&project).database(&database.url());
        let report = status.json().document();
        let pending = report["data"]["migrations"]["pending"].clone();
        let ids = pending.as_array().map(|rows| rows.iter().map(|row| row["id"].clone()).collect());
        (ids.unwrap_or_default(), findings(&report), verdict(&report, "EG-1").to_owned())
    };
    let ids = |ids: &[&str]| ids.iter().map(|id| json!(id)).collect::<Vec<_>>();
    assert_eq!(pending("('a1')").0, ids(&["c3", "b2", "d4"]));
    assert_eq!(pending("('b2')").0, ids(&["c3", "d4"]));
    assert_eq!(pending("('b2'), ('c3')").0, ids(&["d4"]));
    assert_eq!(pending("('d4')"), (vec![], vec![], "pass".to_owned()));
    let (_, found, verdict) = pending("('zz')");
    assert_eq!((found, verdict.as_str()), (vec!["migration-unknown zz".to_owned()], "fail"));
    driftgate(["migrate", "up"])
        .project(&project)
        .database(&database.url())
        .run()
        .exits(1)
        .says("the database is at revision zz, which no file has");
}

#[test]
fn the_ledger_is_where_env_py_says() {
    let (mut database, project) = (TestDatabase::empty(), two());
    database.session().run(
        "CREATE SCHEMA app; CREATE TABLE app.versions (version_num varchar(32) PRIMARY KEY);
         INSERT INTO app.versions VALUES ('b2');
         CREATE TABLE public.alembic_version (version_num varchar(32)); ",
    );
    let reader = database.role("reader");
    let status = |project: &Project, code: i32| {
        let status = driftgate(["migrate", "status"]).project(project).database(&database.url());
        status.json().exits(code).document()["data"]["migrations"]["ledger"].clone()
    };
    assert_eq!(status(&project, 1), "ok");
    let configure = |arguments: &str| format!("context.configure(c, {arguments})\n");
    project.write(
        "alembic/env.py",
        &configure("version_table='versions', version_table_schema='app'"),
    );
    assert_eq!(status(&project, 0), "ok");
    // A role that may not read it is told what would let it.
    let url = database.url_as(&reader);
    let run = driftgate(["migrate", "status"]).project(&project).database(&url).json().exits(3);
    assert_eq!(run.document()["data"]["migrations"]["ledger"], "unreadable");
    project.write("alembic/env.py", &configure("version_table=name_of(1)"));
    database.session().run("DROP TABLE public.alembic_version");
    assert_eq!(status(&project, 3), "unreadable");
}

#[test]
fn the_only_ledger_outside_the_search_path_is_read_and_told() {
    let (database, project) = (TestDatabase::empty(), two());
    database.session().run(
        "CREATE SCHEMA app; CREATE TABLE app.alembic_version (version_num varchar(32));
         INSERT INTO app.alembic_version VALUES ('b2')",
    );
    let status = || driftgate(["migrate", "status"]).project(&project).database(&database.url());
    let report = status().json().exits(0).document();
    assert!(report["notes"].to_string().contains("app.alembic_version"), "{}", report["notes"]);
    // Of two nobody knows which one it is.
    database
        .session()
        .run("CREATE SCHEMA other; CREATE TABLE other.alembic_version (version_num varchar(32))");
    status().run().exits(3);
}

#[test]
fn a_program_that_is_not_there_or_lacks_a_module_is_told() {
    let (database, project) = (TestDatabase::empty(), two());
    let up = || driftgate(["migrate", "up"]).project(&project).database(&database.url());
    let empty = project.path().join("empty");
    std::fs::create_dir(&empty).expect("it can be made");
    up().env("PATH", &empty).run().exits(3).says("the program `alembic` is not there");
    project.write("alembic/env.py", "import no_such_module_anywhere\n");
    with_alembic(&["migrate", "up"], &project)
        .database(&database.url())
        .run()
        .exits(1)
        .says("Python has no module no_such_module_anywhere");
}

#[test]
fn the_virtual_environment_of_the_project_comes_first() {
    let (database, project) = (TestDatabase::empty(), two());
    let program = project.write(".venv/bin/alembic", "#!/bin/sh\necho \"own $*\"; exit 7\n");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let run = with_alembic(&["migrate", "up"], &project).database(&database.url()).run().exits(1);
    run.says("exit code 7").says("upgrade head");
}

#[test]
fn a_password_with_a_percent_sign_reaches_the_server_through_configparser() {
    let (mut database, project) = (TestDatabase::empty(), two());
    let role = database.role("migrator");
    database.session().run(&format!("ALTER SCHEMA public OWNER TO {role}"));
    // The server asks nobody for it; it is what env.py would stumble over.
    let url = database.url_as(&role).replacen('@', ":50%25%2Fpercent@", 1);
    with_alembic(&["migrate", "up"], &project).database(&url).run().exits(0);
    assert!(has_table(&database, "two"));
}
