//! Exceptions of the registry, against a real database.

use serde_json::{Value, json};

use crate::support::driftgate::{findings, matview, verdict};
use crate::support::{Project, TestDatabase, driftgate};

const BY_HAND: &str = "CREATE MATERIALIZED VIEW public.mv_old AS SELECT 1 AS a";

fn excepted(until: &str, more: &str) -> Project {
    let project = Project::reference();
    project.register(&format!(
        "[[exception]]\ncheck = \"view-unregistered\"\nsubject = \"public.mv_old\"\n\
         reason = \"dropped with the next release\"\nuntil = {until}\n{more}"
    ));
    project
}

fn diff(project: &Project, database: &TestDatabase, exit: i32) -> Value {
    driftgate(["diff-registry"])
        .project(project)
        .database(&database.url())
        .json()
        .exits(exit)
        .document()
}

#[test]
fn an_accepted_finding_is_shown_counted_and_fails_nothing() {
    let database = TestDatabase::reference();
    database.session().run(BY_HAND);
    let report = diff(&excepted("2999-12-31", ""), &database, 0);
    assert_eq!(findings(&report), ["view-unregistered public.mv_old"]);
    assert_eq!(report["findings"][0]["exception"]["reason"], "dropped with the next release");
    assert_eq!(report["findings"][0]["exception"]["until"], "2999-12-31");
    assert_eq!(report["summary"]["excepted"], 1);
    assert_eq!(verdict(&report, "EG-3"), "pass");
}

#[test]
fn an_expired_exception_accepts_nothing_and_is_itself_found() {
    let database = TestDatabase::reference();
    database.session().run(BY_HAND);
    let report = diff(&excepted("2020-01-01", ""), &database, 1);
    assert_eq!(
        findings(&report),
        ["view-unregistered public.mv_old", "exception-expired view-unregistered public.mv_old",]
    );
    assert_eq!(report["findings"][0]["exception"], json!(null));
}

#[test]
fn an_exception_that_matches_nothing_is_found() {
    let database = TestDatabase::reference();
    let report = diff(&excepted("2999-12-31", ""), &database, 0);
    assert_eq!(findings(&report), ["exception-unused view-unregistered public.mv_old"]);
}

#[test]
fn an_exception_bound_to_a_fingerprint_dies_when_the_view_changes() {
    let database = TestDatabase::reference();
    let mut session = database.session();
    session.run(BY_HAND);
    let inventory = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    let digest = matview(&inventory, "public.mv_old")["fingerprint"]["sha256"].clone();
    let digest = digest.as_str().expect("a digest");
    let project = excepted("2999-12-31", &format!("fingerprint = \"sha256:{digest}\""));
    assert_eq!(verdict(&diff(&project, &database, 0), "EG-3"), "pass");

    // What cannot be read now is neither the same nor another.
    session.run("BEGIN; REFRESH MATERIALIZED VIEW public.mv_old");
    assert_eq!(verdict(&diff(&project, &database, 3), "EG-3"), "undecided");
    session.run("ROLLBACK");

    session.run(
        "DROP MATERIALIZED VIEW public.mv_old;
         CREATE MATERIALIZED VIEW public.mv_old AS SELECT 2 AS a",
    );
    let report = diff(&project, &database, 1);
    assert_eq!(
        findings(&report),
        ["view-unregistered public.mv_old", "exception-unused view-unregistered public.mv_old",]
    );
}
