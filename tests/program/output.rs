//! Where the output goes: one document, files that are whole or not there, and a reader that
//! leaves early.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use crate::support::{Project, driftgate};

fn project() -> Project {
    Project::with_migrations(&[("0001_one.sql", "SELECT 1;")])
}

fn names(project: &Project) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(project.path())
        .expect("the folder can be read")
        .map(|entry| entry.expect("its entries too").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_report_is_written_beside_the_text_and_says_the_same() {
    let project = project();
    let run = driftgate(["migrate", "heads", "--report", "json=out.json"])
        .args(["--report", "human=out.txt"])
        .project(&project)
        .run()
        .exits(0);
    let report: Value = serde_json::from_str(&project.file("out.json")).expect("a document");
    assert_eq!(report["data"]["migrations"]["heads"][0], "migrations/0001_one.sql");
    assert_eq!(project.file("out.txt"), run.stdout);
    assert_eq!(names(&project), ["migrations", "out.json", "out.txt", "registry.toml"]);
}

#[test]
fn a_report_replaces_a_file_whole_and_never_writes_into_it() {
    let project = project();
    let path = project.write("out.json", "old");
    let mut reader = BufReader::new(fs::File::open(&path).expect("it is there"));
    let before = fs::metadata(&path).expect("it is there").ino();
    driftgate(["migrate", "heads", "--report", "json=out.json"]).project(&project).run().exits(0);
    assert_ne!(fs::metadata(&path).expect("it is there").ino(), before);
    let mut line = String::new();
    reader.read_line(&mut line).expect("the old file can be read");
    assert_eq!(line, "old");
}

#[test]
fn a_report_is_written_of_a_failure_too() {
    let project = project();
    driftgate(["migrate", "status", "--report", "json=out.json"])
        .project(&project)
        .database("postgresql://app@/db?host=/nowhere/at/all")
        .run()
        .exits(3);
    let report: Value = serde_json::from_str(&project.file("out.json")).expect("a document");
    assert_eq!(report["exit_code"], 3);
}

#[test]
fn a_report_that_cannot_be_written_is_a_failure_and_leaves_nothing() {
    let project = project();
    for file in ["json=nowhere/out.json", "json=migrations"] {
        let start = || driftgate(["migrate", "heads", "--report", file]).project(&project);
        let run = start().run();
        assert_ne!(run.code, Some(0), "{file}");
        run.says(file.trim_start_matches("json="));
        let run = start().json();
        assert_ne!(run.code, Some(0), "{file}");
        let report = run.document();
        assert_eq!(report["exit_code"], run.code.expect("it exits"));
        assert_eq!(report["data"]["migrations"]["heads"][0], "migrations/0001_one.sql");
    }
    assert_eq!(names(&project), ["migrations", "registry.toml"]);
}

#[test]
fn a_reader_that_leaves_early_is_a_quiet_end() {
    let project = project();
    for number in 2..3_000 {
        project.write(&format!("migrations/{number}_and_so_on_and_on.sql"), "SELECT 1;");
    }
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let running = driftgate(["migrate", "heads", "--format", "json"])
        .project(&project)
        .stdout(writer)
        .start();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    reader.read_line(&mut line).expect("the program writes");
    assert_eq!(line, "{\n");
    drop(reader);
    let run = running.wait().exits(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_stdout_that_is_closed_from_the_start_is_no_panic() {
    let project = project();
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let run = driftgate(["migrate", "heads"]).project(&project).stdout(writer).run();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_full_disk_is_told_and_is_no_success() {
    let project = project();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has one");
    let run = driftgate(["migrate", "heads"]).project(&project).stdout(full).run();
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    run.says("could not write the report");
}
