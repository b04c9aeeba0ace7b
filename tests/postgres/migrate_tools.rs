//! Migrations that other tools apply: kind `command`, and folders of Flyway, Diesel and
//! golang-migrate.

use std::time::Duration;

use ::driftgate::migrations::sql::flyway_checksum;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::migrate::has_table;
use crate::support::driftgate::{findings, verdict};
use crate::support::poll::until;
use crate::support::{Project, Run, TestDatabase, driftgate};

/// Makes a project whose migrations are a shell script's.
fn with_command(script: &str) -> Project {
    let words = json!(["/bin/sh", "-c", script]);
    Project::new(&format!("version = 1\n[migrations]\nkind = \"command\"\ncommand = {words}\n"))
}

/// Makes a project with a folder of files, each with its text.
fn with_files(files: &[(&str, &str)]) -> Project {
    let project = Project::new("version = 1\n[migrations]\nkind = \"sql\"\npath = \"db\"\n");
    for (name, text) in files {
        project.write(&format!("db/{name}"), text);
    }
    project
}

fn migrate(command: &str, project: &Project, database: &TestDatabase) -> Run {
    driftgate(["migrate", command]).project(project).database(&database.url()).json()
}

fn ids(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().expect("rows");
    rows.iter().map(|row| row["id"].as_str().expect("an id")).collect()
}

#[test]
fn a_command_is_run_and_its_output_is_kept() {
    let database = TestDatabase::empty();
    let project = with_command("psql -qc 'CREATE TABLE one (id int)' && echo done; echo late >&2");
    let report = migrate("up", &project, &database).exits(0).document();
    let rows = &report["data"]["migrations"];
    assert_eq!((&rows["kind"], &rows["ledger"]), (&json!("command"), &json!("none")));
    assert_eq!((&rows["pending"], &rows["current"]), (&json!(null), &json!(null)));
    assert_eq!(rows["run"]["output"], "done\nlate\n");
    assert!(has_table(&database, "one"));
    let again = with_command("echo quick");
    let up = driftgate(["migrate", "up"]).project(&again).database(&database.url()).run().exits(0);
    up.shows("What it applied is known to it alone");
}

#[test]
fn a_command_has_no_ledger_and_status_says_so() {
    let (database, project) = (TestDatabase::empty(), with_command("true"));
    let run = driftgate(["migrate", "status"]).project(&project).database(&database.url()).run();
    let shown = run.exits(3).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("ledger none"), "{shown}");
    assert!(shown.contains("there is no ledger to read"), "{shown}");
    let report = migrate("status", &project, &database).exits(3).document();
    assert_eq!(verdict(&report, "EG-1"), "undecided");
    migrate("heads", &project, &database).exits(3);
    migrate("history", &project, &database).exits(3).says("no ledger to read");
}

#[test]
fn a_command_that_fails_or_is_late_is_told_without_a_password() {
    let mut database = TestDatabase::empty();
    let role = database.role("app");
    let url = database.url_as(&role).replacen('@', ":s3cret-word@", 1);
    let project = with_command("echo connecting to $DATABASE_URL with $PGPASSWORD; exit 5");
    let run = driftgate(["migrate", "up"]).project(&project).database(&url).json().exits(1);
    assert!(run.stderr.contains("ended with exit code 5"), "{}", run.stderr);
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("s3cret-word"), "{}", run.stdout);
    let project = with_command("echo begun; sleep 1000");
    let run = driftgate(["migrate", "up", "--timeout", "300ms"]).project(&project);
    run.database(&url).run().exits(3).says("took longer than 300ms").says("begun");
    let project = Project::new("version = 1\n[migrations]\nkind = 'command'\ncommand = ['bin/no']");
    let run = driftgate(["migrate", "up"]).project(&project).database(&url).run().exits(3);
    run.says("the program `bin/no` is not there");
}

#[test]
fn a_command_ends_with_us_however_we_end() {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let database = TestDatabase::empty();
        let project = with_command("sleep 1000 & echo $! >child; echo $$ >pid; wait");
        let up = driftgate(["migrate", "up"]).project(&project).database(&database.url());
        let running = up.start();
        let read = |name: &str| {
            let text = std::fs::read_to_string(project.path().join(name)).ok()?;
            text.ends_with('\n').then(|| text.trim().to_owned())
        };
        let pids = until("the command at work", || Some([read("pid")?, read("child")?]));
        running.signal(signal);
        let run = running.wait_within(Duration::from_secs(20));
        let expected = match signal {
            Signal::INT => Some(130),
            Signal::TERM => Some(143),
            _ => None,
        };
        assert_eq!(run.code, expected, "{}", run.stderr);
        for pid in pids {
            let stat = format!("/proc/{pid}/stat");
            until("its processes gone", || {
                let there = std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
                (!there).then_some(())
            });
        }
    }
}

#[test]
fn two_runs_of_a_command_do_not_work_at_once() {
    let database = TestDatabase::empty();
    let project = with_command("echo $$ >pid; while [ ! -e go ]; do sleep 0.1; done");
    let up = |more: &[&str]| {
        driftgate(["migrate", "up"]).args(more).project(&project).database(&database.url())
    };
    let first = up(&[]).start();
    until("the first at work", || std::fs::read_to_string(project.path().join("pid")).ok());
    up(&["--lock-timeout", "300ms"]).run().exits(4).says("another run is migrating");
    project.write("go", "");
    first.wait().exits(0);
}

#[test]
fn a_folder_of_flyway_is_judged_by_its_ledger_and_left_to_it() {
    let database = TestDatabase::empty();
    let project = with_files(&[
        ("V1__one.sql", "CREATE TABLE one (id int);\n"),
        ("V2__two.sql", "CREATE TABLE two (id int);\n"),
        ("V10__ten.sql", "CREATE TABLE ten (id int);\n"),
        ("U10__ten.sql", "DROP TABLE ten;\n"),
        ("R__views.sql", "SELECT 1;\n"),
        ("README.md", "how to"),
    ]);
    let report = migrate("status", &project, &database).exits(1).document();
    let rows = &report["data"]["migrations"];
    assert_eq!((&rows["tool"], &rows["ledger"]), (&json!("Flyway"), &json!("missing")));
    assert_eq!(ids(&rows["pending"]), ["1", "2", "10", "R views"]);
    assert_eq!(rows["heads"], json!(["db/V10__ten.sql"]));
    assert!(report["notes"].to_string().contains("README.md"), "{}", report["notes"]);
    let run = migrate("up", &project, &database).exits(1);
    run.says("for Flyway to apply").says("flyway migrate");
    assert!(!has_table(&database, "one") && !has_table(&database, "_sqlx_migrations"));

    // The checksums are those that Flyway writes for these files.
    let sum = |text: &str| i32::from_be_bytes(flyway_checksum(text));
    let (one, two) = (sum("CREATE TABLE one (id int);\n"), sum("CREATE TABLE two (id int);\n"));
    let ten = sum("CREATE TABLE ten (id int);\n");
    let views = sum("SELECT 1;\n");
    let ledger = format!(
        "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50),
           description varchar(200), type varchar(20), script varchar(1000), checksum int,
           installed_by varchar(100), installed_on timestamp DEFAULT now(), execution_time int,
           success boolean);
         INSERT INTO flyway_schema_history VALUES
           (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '\"app\"', NULL, 'a', now(), 0, true),
           (1, '1', 'one', 'SQL', 'V1__one.sql', {one}, 'a', now(), 1, true),
           (2, '2', 'two', 'SQL', 'V2__two.sql', {two}, 'a', now(), 1, true),
           (3, NULL, 'views', 'SQL', 'R__views.sql', {views}, 'a', now(), 1, true),
           (4, '10', 'ten', 'SQL', 'V10__ten.sql', {ten}, 'a', now(), 1, true)"
    );
    database.session().run(&ledger);
    let report = migrate("status", &project, &database).exits(0).document();
    assert_eq!(report["data"]["migrations"]["current"], json!(["10"]));
    assert_eq!(verdict(&report, "EG-1"), "pass");
    project.write("db/V2__two.sql", "CREATE TABLE two (id bigint);\n");
    project.write("db/R__views.sql", "SELECT 2;\n");
    let report = migrate("status", &project, &database).exits(1).document();
    let rows = &report["data"]["migrations"];
    assert_eq!((ids(&rows["changed"]), ids(&rows["pending"])), (vec!["2"], vec!["R views"]));
    // A baseline stands for what is older.
    project.write("db/V2__two.sql", "CREATE TABLE two (id int);\n");
    project.write("db/R__views.sql", "SELECT 1;\n");
    database.session().run(
        "DELETE FROM flyway_schema_history WHERE version IN ('1', '2');
         INSERT INTO flyway_schema_history VALUES
           (1, '5', '<< Flyway Baseline >>', 'BASELINE', 'x', NULL, 'a', now(), 0, true)",
    );
    migrate("status", &project, &database).exits(0);
    database
        .session()
        .run("UPDATE flyway_schema_history SET type = 'UNDO_SQL' WHERE version = '10'");
    migrate("status", &project, &database).exits(3);
}

#[test]
fn folders_of_diesel_are_judged_by_its_ledger() {
    let database = TestDatabase::empty();
    let project = with_files(&[
        ("2024-01-01-000000_one/up.sql", "CREATE TABLE one (id int);"),
        ("2024-01-01-000000_one/down.sql", "DROP TABLE one;"),
        ("2024-02-01-000000_two/up.sql", "CREATE TABLE two (id int);"),
    ]);
    database.session().run(
        "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY,
           run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
         INSERT INTO __diesel_schema_migrations VALUES ('20240101000000')",
    );
    let report = migrate("status", &project, &database).exits(1).document();
    let rows = &report["data"]["migrations"];
    assert_eq!(rows["tool"], "Diesel");
    assert_eq!(ids(&rows["pending"]), ["20240201000000"]);
    assert_eq!(rows["pending"][0]["file"], "db/2024-02-01-000000_two/up.sql");
    migrate("up", &project, &database).exits(1).says("diesel migration run");
}

#[test]
fn files_with_a_way_back_are_golang_migrates_where_its_ledger_is() {
    let database = TestDatabase::empty();
    let project = with_files(&[
        ("1_one.up.sql", "CREATE TABLE one (id int);"),
        ("1_one.down.sql", "DROP TABLE one;"),
        ("2_two.up.sql", "CREATE TABLE two (id int);"),
        ("10_ten.up.sql", "CREATE TABLE ten (id int);"),
    ]);
    // A table of Rails by the same name says nothing of these files.
    database.session().run("CREATE TABLE schema_migrations (version varchar PRIMARY KEY)");
    let report = migrate("status", &project, &database).exits(1).document();
    assert_eq!(report["data"]["migrations"]["tool"], "sqlx");
    database.session().run(
        "DROP TABLE schema_migrations;
         CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
         INSERT INTO schema_migrations VALUES (2, false)",
    );
    let report = migrate("status", &project, &database).exits(1).document();
    let rows = &report["data"]["migrations"];
    assert_eq!(rows["tool"], "golang-migrate");
    assert_eq!((ids(&rows["pending"]), &rows["current"]), (vec!["10"], &json!(["2"])));
    migrate("up", &project, &database).exits(1).says("for golang-migrate to apply");
    database.session().run("UPDATE schema_migrations SET version = 10, dirty = true");
    let report = migrate("status", &project, &database).exits(1).document();
    assert_eq!(findings(&report), ["migration-failed 10"]);
    assert!(!has_table(&database, "ten"));
}

#[test]
fn numbered_files_of_no_tool_have_no_ledger() {
    let database = TestDatabase::empty();
    let project = with_files(&[("001-one.sql", "SELECT 1;"), ("1.10-x.sql", "SELECT 1;")]);
    let report = migrate("status", &project, &database).exits(3).document();
    assert_eq!(report["data"]["migrations"]["ledger"], "none");
    migrate("up", &project, &database).exits(1).says("for another tool to apply");
    migrate("heads", &project, &database).exits(0);
}

#[test]
fn two_spellings_of_one_version_fail() {
    let database = TestDatabase::empty();
    let project = with_files(&[("V1__a.sql", "SELECT 1;"), ("V1.0__b.sql", "SELECT 1;")]);
    migrate("heads", &project, &database).exits(1);
    let report = migrate("status", &project, &database).exits(1).document();
    let heads = "migration-heads db/V1.0__b.sql".to_owned();
    assert!(findings(&report).contains(&heads), "{:?}", findings(&report));
}
