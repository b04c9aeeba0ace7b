//! Where the revisions are: spellings of `alembic.ini`, folders, and what cannot be read.

use serde_json::json;

use super::{programs, project, source, with_alembic};
use crate::support::{Project, Run, driftgate};

fn heads(project: &Project) -> Run {
    driftgate(["migrate", "heads"]).project(project).run()
}

#[test]
fn heads_are_printed_as_alembic_prints_them_from_any_folder() {
    let project = project(&[
        ("1.py", &source("a1b2", "None", "SELECT 1")),
        ("2.py", &source("c3d4", "'a1b2'", "SELECT 1")),
    ]);
    let alembic = std::process::Command::new(programs().join("alembic"))
        .arg("heads")
        .current_dir(project.path())
        .output()
        .expect("it starts");
    let printed = String::from_utf8(alembic.stdout).expect("text");
    assert_eq!(printed, "c3d4 (head)\n");
    for folder in ["", "alembic", "alembic/versions"] {
        let run = driftgate(["migrate", "heads", "--quiet"]).folder(&project.path().join(folder));
        assert_eq!(run.run().exits(0).stdout, printed, "{folder}");
    }
}

#[test]
fn the_registry_may_name_the_file_or_its_folder() {
    let inner = project(&[("1.py", &source("a1b2", "None", "SELECT 1"))]);
    for path in ["backend/alembic.ini", "backend"] {
        let project = Project::new(&format!(
            "version = 1\n[migrations]\nkind = \"alembic\"\npath = \"{path}\"\n"
        ));
        for file in ["alembic.ini", "alembic/env.py", "alembic/versions/1.py"] {
            project.write(&format!("backend/{file}"), &inner.file(file));
        }
        heads(&project).exits(0).shows("a1b2 (head)");
        // A path without %(here)s is meant from the folder of the file, or the registry's.
        for location in ["alembic", "backend/alembic"] {
            project.write("backend/alembic.ini", &format!("[alembic]\nscript_location={location}"));
            heads(&project).exits(0).shows("a1b2 (head)");
        }
    }
}

#[test]
fn version_locations_may_be_several_and_deep() {
    let project = project(&[]);
    project.write("one/a.py", &source("a1", "None", "SELECT 1"));
    project.write("two/2026/11/b.py", &source("b2", "'a1'", "SELECT 1"));
    project.write("two/__pycache__/c.py", &source("c3", "'b2'", "SELECT 1"));
    project.write("two/__init__.py", "");
    project.write("two/.#lock.py", "revision = broken");
    for (locations, separator) in [
        ("%(here)s/one:%(here)s/two", "path_separator = os"),
        ("one;two", "version_path_separator = ;"),
        ("one, two", ""),
        ("\n    one\n    two", "path_separator = newline"),
    ] {
        let ini = |recursive: &str| {
            format!(
                "[alembic]\nscript_location = alembic\nversion_locations = {locations}\n\
                 {separator}\nrecursive_version_locations = {recursive}\n"
            )
        };
        project.write("alembic.ini", &ini("true"));
        heads(&project).exits(0).shows("b2 (head)");
        project.write("alembic.ini", &ini("false"));
        heads(&project).exits(0).shows("a1 (head)");
    }
}

#[test]
fn what_only_python_knows_is_undecided_with_its_line() {
    let computed = "revision = 'b2'\ndown_revision = newest()\n";
    let project = project(&[("1.py", &source("a1", "None", "SELECT 1")), ("2.py", computed)]);
    let run = heads(&project).exits(3);
    let shown = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("undecided: alembic/versions/2.py:2: its `down_revision`"), "{shown}");
    let report = driftgate(["migrate", "heads"]).project(&project).json().exits(3).document();
    assert_eq!(report["data"]["migrations"]["doubts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn several_heads_name_the_command_that_merges_them() {
    let project = project(&[
        ("1.py", &source("a1", "None", "SELECT 1")),
        ("2.py", &source("b2", "'a1'", "SELECT 1")),
        ("3.py", &source("c3", "'a1'", "SELECT 1")),
    ]);
    let run = heads(&project).exits(1).shows("b2 (head)\nc3 (head)\n");
    run.shows("Merge them: alembic merge -m \"merge heads\" b2 c3");
    let merged = with_alembic(&["migrate", "heads"], &project);
    project.write("alembic/versions/4.py", &source("d4", "('b2', 'c3')", "SELECT 1"));
    merged.run().exits(0).shows("d4 (head)");
}

#[test]
fn a_broken_line_of_revisions_is_told_and_fails() {
    let one = source("a1", "None", "SELECT 1");
    for (files, words) in [
        (vec![("1.py", one.clone()), ("2.py", one.clone())], "is claimed by"),
        (vec![("1.py", source("a1", "'gone'", ""))], "follows gone, which no file has"),
        (
            vec![("1.py", source("a1", "'b2'", "")), ("2.py", source("b2", "'a1'", ""))],
            "in a circle",
        ),
    ] {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let run = heads(&project(&files)).exits(1);
        let shown = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_told() {
    let project = project(&[("1.py", &source("a1", "None", "SELECT 1"))]);
    for (ini, words) in [
        ("", "no script_location"),
        ("script_location = alembic", "line 1: it does not begin with a section"),
        ("[alembic]\nscript_location = elsewhere", "the folder `elsewhere` is not there"),
        ("[alembic]\nscript_location = app:db", "names a folder of a package"),
        ("[alembic]\nscript_location = %(nothing)s/a", "`nothing`, which is not there"),
    ] {
        project.write("alembic.ini", ini);
        heads(&project).exits(3).says("could not read alembic.ini").says(words);
    }
    project.remove("alembic.ini");
    heads(&project).exits(3).says("alembic.ini is not there");
}

#[test]
fn history_needs_no_file_of_the_ledger_to_be_told_in_json() {
    let merged = source("c3", "('a1', 'b2')", "SELECT 1");
    let project = project(&[
        ("1.py", &source("a1", "None", "SELECT 1")),
        ("2.py", &source("b2", "'a1'", "SELECT 1")),
        ("3.py", &merged),
    ]);
    let report = driftgate(["migrate", "heads"]).project(&project).json().exits(0).document();
    let rows = &report["data"]["migrations"];
    assert_eq!(rows["heads"], json!(["c3"]));
    assert_eq!((&rows["kind"], &rows["tool"]), (&json!("alembic"), &json!("Alembic")));
    let revision = &rows["history"][2]["revision"];
    assert_eq!(revision["parents"], json!(["a1", "b2"]));
    assert_eq!((&revision["head"], &revision["merge_point"]), (&json!(true), &json!(true)));
    assert_eq!(rows["history"][0]["revision"]["branch_point"], json!(true));
    assert_eq!(rows["history"][2]["file"], json!("alembic/versions/3.py"));
}
