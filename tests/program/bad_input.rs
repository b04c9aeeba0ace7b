//! What is typed or written wrongly: every mistake told at once, and nobody contacted.

use std::io::ErrorKind;
use std::net::TcpListener;

use serde_json::json;

use crate::support::{Project, driftgate};

/// A database that would notice being asked.
struct Target {
    listener: TcpListener,
    url: String,
}

impl Target {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("it can be asked without waiting");
        let port = listener.local_addr().expect("it has an address").port();
        Self { listener, url: format!("postgresql://app@127.0.0.1:{port}/db") }
    }

    #[track_caller]
    fn assert_not_contacted(&self) {
        let came = self.listener.accept().expect_err("somebody came");
        assert_eq!(came.kind(), ErrorKind::WouldBlock);
    }
}

const FOUR_MISTAKES: &str = r#"version = 1

[database]
schemata = ["public"]

[schedules]
hourly = { every = "1 fortnight" }

[[matview]]
name = "public.mv_a"

[[matview]]
name = "public.mv_a"

[[matview]]
name = "no schema and ; spaces"
"#;

const COMMANDS: [&[&str]; 5] = [
    &["inventory"],
    &["diff-registry"],
    &["preflight"],
    &["migrate", "status"],
    &["migrate", "up"],
];

#[test]
fn every_mistake_of_a_registry_is_told_in_one_go_and_nothing_is_contacted() {
    let (target, project) = (Target::new(), Project::new(FOUR_MISTAKES));
    for command in COMMANDS {
        let run = driftgate(command).project(&project).database(&target.url).json().exits(2);
        let report = run.document();
        let mistakes = report["failure"]["mistakes"].as_array().expect("mistakes");
        let lines: Vec<i64> = mistakes.iter().filter_map(|one| one["line"].as_i64()).collect();
        assert_eq!(lines, [4, 7, 12, 16], "{:#}", report["failure"]);
        assert!(mistakes.iter().all(|one| one["file"] == "registry.toml"));
        for place in
            ["registry.toml:4:", "registry.toml:7:", "registry.toml:12:", "registry.toml:16:"]
        {
            assert!(run.stderr.contains(place), "{}", run.stderr);
        }
    }
    target.assert_not_contacted();
}

#[test]
fn a_registry_that_is_no_toml_is_told_by_its_line() {
    let (target, project) = (Target::new(), Project::new("version = 1\n[database\n"));
    driftgate(["diff-registry"])
        .project(&project)
        .database(&target.url)
        .run()
        .exits(2)
        .says("registry.toml:2");
    target.assert_not_contacted();
}

#[test]
fn usage_errors_exit_2_and_contact_nobody() {
    let (target, project) = (Target::new(), Project::reference());
    let wrong: [(&[&str], &str); 9] = [
        (&["inventory", "--nonsense"], "--nonsense"),
        (&["inventoryy"], "inventory"),
        (&["migrate"], "migrate"),
        (&["migrate", "sideways"], "sideways"),
        (&["inventory", "--format", "pdf"], "pdf"),
        (&["inventory", "--lock-timeout", "soon"], "soon"),
        (&["inventory", "--lock-timeout", "5"], "5s"),
        (&["inventory", "--report", "json"], "json=report.json"),
        (&["preflight", "--gate", "EG-99"], "EG-99"),
    ];
    for (arguments, told) in wrong {
        let start = || driftgate(arguments).project(&project).database(&target.url);
        let run = start().run().exits(2).says(told);
        assert_eq!(run.stdout, "", "{arguments:?}");
        if arguments.contains(&"--format") {
            continue;
        }
        for run in [start().json(), start().env("DRIFTGATE_FORMAT", "json").run()] {
            let report = run.exits(2).document();
            assert_eq!(report["schema"], "driftgate.report/1");
            assert_eq!(report["exit_code"], 2);
            assert_eq!(report["failure"]["kind"], "usage", "{arguments:?}");
        }
    }
    target.assert_not_contacted();
}

#[test]
fn a_bad_variable_is_named_and_an_empty_one_is_no_variable() {
    let (target, project) = (Target::new(), Project::with_migrations(&[("1_a.sql", "")]));
    for (name, value) in [
        ("DRIFTGATE_FAIL_ON", "maybe"),
        ("DRIFTGATE_LOCK_TIMEOUT", "soon"),
        ("DRIFTGATE_CONNECT_TIMEOUT", "5"),
        ("DRIFTGATE_COLOR", "pink"),
        ("DRIFTGATE_QUIET", "perhaps"),
        ("DRIFTGATE_REPORT", "json"),
    ] {
        let start = || driftgate(["migrate", "heads"]).project(&project).database(&target.url);
        let run = start().env(name, value).run().exits(2);
        run.says(name);
        let report = start().env(name, value).json().exits(2).document();
        assert!(report["failure"]["message"].as_str().expect("a message").contains(name));
        start().env(name, "").run().exits(0);
    }
    let empty = driftgate(["diff-registry"])
        .project(&project)
        .env("DATABASE_URL", "")
        .env("DRIFTGATE_DATABASE_URL", "")
        .env("DRIFTGATE_REGISTRY", "")
        .env("PGHOST", "/nowhere/at/all")
        .env("PGUSER", "app");
    empty.run().exits(3).says("/nowhere/at/all");
    target.assert_not_contacted();
}

#[test]
fn refused_urls_exit_2_with_one_document() {
    let project = Project::reference();
    for url in [
        "mysql://app:s3cret@localhost/db",
        "postgresql://app:s3cret@localhost:99999/db",
        "postgresql://app:s3cret@localhost/db?sslmode=sometimes",
        "postgresql://app:s3cret@one,two/db",
        "not a url s3cret",
    ] {
        let start = || driftgate(["inventory"]).project(&project).database(url);
        let report = start().json().exits(2).document();
        assert_eq!(report["exit_code"], 2, "{url}");
        assert!(!report.to_string().contains("s3cret"), "{report:#}");
        let run = start().run().exits(2);
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    }
    start_with_service(&project);
}

fn start_with_service(project: &Project) {
    driftgate(["inventory"])
        .project(project)
        .env("PGSERVICE", "app")
        .run()
        .exits(2)
        .says("PGSERVICE");
}

#[test]
fn a_registry_is_missed_where_one_is_needed_and_only_there() {
    let target = Target::new();
    let nowhere = Project::without_registry();
    for command in [&["diff-registry"][..], &["preflight"], &["migrate", "status"]] {
        let start = || driftgate(command).project(&nowhere).database(&target.url);
        start().run().exits(2).says("registry.toml");
        assert_eq!(start().json().exits(2).document()["exit_code"], 2);
    }
    target.assert_not_contacted();
    let named = driftgate(["inventory", "--registry", "elsewhere.toml"]);
    named.project(&nowhere).database(&target.url).run().exits(2).says("elsewhere.toml");
    target.assert_not_contacted();
}

#[test]
fn migrate_without_a_migrations_table_is_a_usage_error() {
    let (target, project) = (Target::new(), Project::new("version = 1\n"));
    for command in ["status", "heads", "history", "up"] {
        driftgate(["migrate", command])
            .project(&project)
            .database(&target.url)
            .run()
            .exits(2)
            .says("[migrations]");
    }
    target.assert_not_contacted();
}

#[test]
fn help_and_version_are_answers() {
    for arguments in
        [&["--help"][..], &["--version"], &["inventory", "--help"], &["migrate", "up", "-h"]]
    {
        let run = driftgate(arguments).run().exits(0);
        assert_eq!(run.stderr, "");
        assert!(!run.stdout.is_empty());
        let widest = run.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{}", run.stdout);
    }
    let report = driftgate(["inventory", "--help", "--format", "json"]).run().exits(0);
    assert_ne!(report.stdout, json!(null).to_string());
}
