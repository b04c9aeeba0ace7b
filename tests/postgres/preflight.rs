//! `preflight`: each gate fails and is undecided for its own reasons, and the exit code is
//! the heaviest of them.

use serde_json::Value;

use crate::support::driftgate::verdict;
use crate::support::history::refresh_all;
use crate::support::{Project, TestDatabase, driftgate};

fn preflight(arguments: &[&str], project: &Project, url: &str, exit: i32) -> Value {
    driftgate(["preflight"])
        .args(arguments)
        .project(project)
        .database(url)
        .json()
        .exits(exit)
        .document()
}

/// Returns the verdicts of EG-1 and EG-3.
fn verdicts(report: &Value) -> [&str; 2] {
    [verdict(report, "EG-1"), verdict(report, "EG-3")]
}

const DRIFT: &str = "DROP INDEX public.mv_realtime_revenue_key";

#[test]
fn the_reference_project_passes() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    refresh_all(&database.url(), &project);
    let report = preflight(&[], &project, &database.url(), 0);
    assert_eq!(verdicts(&report), ["pass", "pass"]);
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["findings"], serde_json::json!([]));
}

#[test]
fn a_pending_migration_fails_its_gate_alone() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    project.write("migrations/0099_more.sql", "SELECT 1;");
    let report = preflight(&[], &project, &database.url(), 1);
    assert_eq!(verdicts(&report), ["fail", "pass"]);
}

#[test]
fn drift_fails_its_gate_alone() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    database.session().run(DRIFT);
    let report = preflight(&[], &project, &database.url(), 1);
    assert_eq!(verdicts(&report), ["pass", "fail"]);
}

#[test]
fn a_ledger_that_may_not_be_read_leaves_its_gate_undecided() {
    let (mut database, project) = (TestDatabase::reference(), Project::reference());
    let reader = database.role("reader");
    let report = preflight(&[], &project, &database.url_as(&reader), 3);
    assert_eq!(verdicts(&report), ["undecided", "pass"]);
    assert_eq!(report["verdict"], "undecided");
}

#[test]
fn a_failed_gate_outranks_an_undecided_one_and_both_are_told() {
    let (mut database, project) = (TestDatabase::reference(), Project::reference());
    database.session().run(DRIFT);
    let reader = database.role("reader");
    let report = preflight(&[], &project, &database.url_as(&reader), 1);
    assert_eq!(verdicts(&report), ["undecided", "fail"]);
    assert_eq!((&report["verdict"], &report["exit_code"]), (&"fail".into(), &1.into()));
    let text = driftgate(["preflight"])
        .project(&project)
        .database(&database.url_as(&reader))
        .run()
        .exits(1)
        .stdout;
    assert!(text.contains("EG-1 undecided") && text.contains("EG-3 fail"), "{text}");
}

#[test]
fn an_unreachable_server_leaves_every_gate_undecided() {
    let project = Project::reference();
    let url = "postgresql://postgres@/db?host=/nowhere/at/all";
    let report = preflight(&[], &project, url, 3);
    assert_eq!(verdicts(&report), ["undecided", "undecided"]);
    assert_eq!(report["verdict"], "undecided");
}

#[test]
fn a_server_that_only_the_migrating_role_cannot_reach_leaves_eg_1_undecided() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let report = driftgate(["preflight"])
        .project(&project)
        .database(&database.url())
        .env("MIGRATION_DATABASE_URL", "postgresql://postgres@/db?host=/nowhere/at/all")
        .json()
        .exits(3)
        .document();
    assert_eq!(verdicts(&report), ["undecided", "pass"]);
}

#[test]
fn a_required_gate_that_is_not_built_is_undecided() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    project.register("[gates]\nrequired = [\"EG-1\", \"EG-2\", \"EG-3\"]");
    let report = preflight(&[], &project, &database.url(), 3);
    assert_eq!(verdict(&report, "EG-2"), "undecided");
    assert_eq!(verdicts(&report), ["pass", "pass"]);

    database.session().run(DRIFT);
    let report = preflight(&[], &project, &database.url(), 1);
    assert_eq!([verdict(&report, "EG-2"), verdict(&report, "EG-3")], ["undecided", "fail"]);
}

#[test]
fn gates_that_are_asked_for_are_judged_and_no_others() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    project.register("[gates]\nrequired = [\"EG-2\"]");
    project.write("migrations/0099_more.sql", "SELECT 1;");
    for gate in ["EG-3", "registry-closed"] {
        let report = preflight(&["--gate", gate], &project, &database.url(), 0);
        assert_eq!(verdicts(&report), ["not judged", "pass"]);
    }
    let report = preflight(&["--gate", "EG-1"], &project, &database.url(), 1);
    assert_eq!(verdicts(&report), ["fail", "not judged"]);
    preflight(&["--gate", "EG-99"], &project, &database.url(), 2);
}

#[test]
fn a_project_without_migrations_leaves_eg_1_undecided() {
    let database = TestDatabase::empty();
    database.session().run("CREATE MATERIALIZED VIEW public.mv AS SELECT 1 AS id");
    let project =
        Project::new("version = 1\n[[matview]]\nname = \"public.mv\"\nrefresh = \"plain\"\n");
    let report = preflight(&[], &project, &database.url(), 3);
    assert_eq!(verdicts(&report), ["undecided", "pass"]);
}

#[test]
fn a_registered_view_that_is_not_there_leaves_eg_4_and_eg_7_undecided() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    database.session().run("DROP MATERIALIZED VIEW public.mv_reconciliation_status CASCADE");
    let gates = ["--gate", "EG-4", "--gate", "EG-7"];
    let report = preflight(&gates, &project, &database.url(), 3);
    let verdicts = ["EG-4", "EG-7"].map(|gate| verdict(&report, gate));
    assert_eq!(verdicts, ["undecided", "undecided"]);
    for gate in report["gates"].as_array().expect("gates") {
        assert_eq!(gate["reason"], "public.mv_reconciliation_status is not in the database");
        assert_eq!(gate["unjudged"][0]["subject"]["name"], "public.mv_reconciliation_status");
    }
}

#[test]
fn nothing_registered_and_nothing_there_is_no_pass() {
    let (database, project) = (TestDatabase::empty(), Project::new("version = 1\n"));
    let report = preflight(&["--gate", "EG-3"], &project, &database.url(), 3);
    assert_eq!(verdict(&report, "EG-3"), "undecided");
}

#[test]
fn it_judges_the_same_from_every_folder_of_the_project() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    refresh_all(&database.url(), &project);
    std::fs::create_dir(project.path().join(".git")).expect("the folder can be made");
    let here = preflight(&[], &project, &database.url(), 0);
    let below = driftgate(["preflight"])
        .folder(&project.path().join("migrations"))
        .database(&database.url())
        .json()
        .exits(0)
        .document();
    assert_eq!(here["gates"], below["gates"]);
    assert_eq!(here["project"]["registry_sha256"], below["project"]["registry_sha256"]);
}
