//! Gate EG-8, and what `inventory` shows of refreshes: from a history that real refreshes
//! wrote, and from one that is as old as a test wants it.

use serde_json::{Value, json};

use crate::support::driftgate::{findings, matview, verdict};
use crate::support::history::{Refreshed, install, on_record, success};
use crate::support::session::Session;
use crate::support::{Project, Run, TestDatabase, driftgate};

/// A registry of two views, of which one may be an hour old.
const REGISTRY: &str = "version = 1\n[[matview]]\nname = \"public.mv_a\"\nrefresh = \"plain\"\n\
                        max_staleness = \"1h\"\n[[matview]]\nname = \"public.mv_b\"\n\
                        refresh = \"plain\"\n";

fn with_views() -> (TestDatabase, Session) {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run(
        "CREATE MATERIALIZED VIEW mv_a AS SELECT 1 AS id;
         CREATE MATERIALIZED VIEW mv_b AS SELECT 1 AS id",
    );
    (database, session)
}

fn preflight(database: &TestDatabase, registry: &str) -> Run {
    driftgate(["preflight", "--gate", "EG-8"])
        .project(&Project::new(registry))
        .database(&database.url())
        .json()
}

/// Returns what was not judged, and why.
fn not_judged(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let unjudged = report["gates"][0]["unjudged"].as_array().expect("a gate says what it left");
    unjudged.iter().map(|one| (text(&one["subject"]["name"]), text(&one["reason"]))).collect()
}

#[test]
fn a_view_refreshed_in_time_passes_and_one_that_was_not_fails() {
    let (database, mut session) = with_views();
    install(&database);
    on_record(&mut session, &[success("mv_a", "59 minutes")]);
    let report = preflight(&database, REGISTRY).exits(0).document();
    assert_eq!(verdict(&report, "EG-8"), "pass");

    session.run("DELETE FROM driftgate.refreshes");
    on_record(
        &mut session,
        &[
            success("mv_a", "2 hours"),
            Refreshed { outcome: "TIMED_OUT", ..success("mv_a", "1 hour") },
        ],
    );
    let report = preflight(&database, REGISTRY).exits(1).document();
    assert_eq!(verdict(&report, "EG-8"), "fail");
    assert_eq!(findings(&report), ["view-stale public.mv_a"]);
    let finding = &report["findings"][0];
    let message = finding["message"].as_str().expect("a message");
    assert!(message.contains("2h") && message.contains("1h are allowed"), "{message}");
    assert!(message.ends_with("its last refresh ended with TIMED_OUT (57014)"), "{message}");
    assert_eq!(finding["location"], json!({ "file": "registry.toml", "line": 2 }));
    let shown = session.rows(finding["evidence"]["query"].as_str().expect("a query"));
    assert_eq!(shown.len(), 1, "the query shows the record");
    assert_eq!(shown[0][2].as_deref(), Some("t"), "and that nobody touched it since");
    assert_eq!(finding["remedy"]["command"], "driftgate refresh public.mv_a");
}

#[test]
fn a_view_with_no_success_on_record_fails() {
    let (database, mut session) = with_views();
    install(&database);
    on_record(&mut session, &[Refreshed { outcome: "FAILED", ..success("mv_a", "1 minute") }]);
    let report = preflight(&database, REGISTRY).exits(1).document();
    assert_eq!(findings(&report), ["view-never-refreshed public.mv_a"]);
    let query = report["findings"][0]["evidence"]["query"].as_str().expect("a query").to_owned();
    assert_eq!(session.rows(&query).len(), 0, "the query shows no record");
}

#[test]
fn a_view_that_was_made_anew_has_no_success_on_record() {
    let (database, mut session) = with_views();
    install(&database);
    on_record(&mut session, &[success("mv_a", "1 minute")]);
    session.run("DROP MATERIALIZED VIEW mv_a; CREATE MATERIALIZED VIEW mv_a AS SELECT 2 AS id");
    let report = preflight(&database, REGISTRY).exits(1).document();
    assert_eq!(findings(&report), ["view-never-refreshed public.mv_a"]);
    let message = report["findings"][0]["message"].as_str().expect("a message");
    assert!(message.contains("another relation of this name"), "{message}");
    let query = report["findings"][0]["evidence"]["query"].as_str().expect("a query").to_owned();
    assert_eq!(session.rows(&query).len(), 0, "the query shows no record of this relation");
}

#[test]
fn an_old_record_is_no_alarm_when_somebody_else_may_have_refreshed_since() {
    let (database, mut session) = with_views();
    install(&database);
    on_record(&mut session, &[success("mv_a", "2 hours")]);
    session.run("REFRESH MATERIALIZED VIEW mv_a");
    let report = preflight(&database, REGISTRY).exits(3).document();
    assert_eq!(verdict(&report, "EG-8"), "undecided");
    assert_eq!(findings(&report), Vec::<String>::new());
    let [(subject, reason)] = &not_judged(&report)[..] else { panic!("{report:#}") };
    assert_eq!(subject, "public.mv_a");
    assert!(reason.contains("it may be fresher"), "{reason}");
}

#[test]
fn what_changes_no_rows_leaves_the_record_as_it_is() {
    let (database, mut session) = with_views();
    install(&database);
    on_record(&mut session, &[success("mv_a", "2 hours")]);
    session.run("ANALYZE mv_a");
    session.run("VACUUM mv_a");
    let report = preflight(&database, REGISTRY).exits(1).document();
    assert_eq!(findings(&report), ["view-stale public.mv_a"]);
}

#[test]
fn without_a_history_it_is_undecided_and_says_how_to_have_one() {
    let (mut database, mut session) = with_views();
    let undecided = |database: &TestDatabase, url: &str| {
        let report = driftgate(["preflight", "--gate", "EG-8"])
            .project(&Project::new(REGISTRY))
            .database(url)
            .json()
            .exits(3)
            .document();
        assert_eq!(verdict(&report, "EG-8"), "undecided", "{}", database.name());
        not_judged(&report).remove(0).1
    };
    let reason = undecided(&database, &database.url());
    assert!(reason.contains("`driftgate history install` makes it"), "{reason}");
    install(&database);
    let reader = database.role("reader");
    session.run(&format!("GRANT USAGE ON SCHEMA driftgate TO {reader}"));
    let reason = undecided(&database, &database.url_as(&reader));
    assert!(reason.contains("may not read the history"), "{reason}");
}

#[test]
fn with_nothing_to_judge_it_never_passes() {
    let (database, mut session) = with_views();
    install(&database);
    on_record(&mut session, &[success("mv_a", "1 minute"), success("mv_b", "1 minute")]);
    let undeclared = REGISTRY.replace("max_staleness = \"1h\"\n", "");
    let report = preflight(&database, &undeclared).exits(3).document();
    assert!(not_judged(&report)[0].1.contains("nothing to judge"), "{report:#}");

    session.run("REFRESH MATERIALIZED VIEW mv_a WITH NO DATA");
    let report = preflight(&database, REGISTRY).exits(3).document();
    assert!(not_judged(&report)[0].1.contains("not populated"), "{report:#}");

    session.run("DROP MATERIALIZED VIEW mv_a");
    let report = preflight(&database, REGISTRY).exits(3).document();
    assert!(not_judged(&report)[0].1.contains("no such materialized view"), "{report:#}");
}

#[test]
fn each_tenants_own_view_is_judged_by_its_name() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run(
        "CREATE TABLE tenants (id text, slug text);
         INSERT INTO tenants VALUES ('1', 'acme'), ('2', 'O''Hara \"x\"');
         CREATE SCHEMA t_acme; CREATE SCHEMA \"t_O'Hara \"\"x\"\"\";
         CREATE MATERIALIZED VIEW t_acme.mv AS SELECT 1 AS id;
         CREATE MATERIALIZED VIEW \"t_O'Hara \"\"x\"\"\".mv AS SELECT 1 AS id",
    );
    install(&database);
    let odd = ("t_O'Hara \"x\"", "mv");
    on_record(
        &mut session,
        &[
            Refreshed { view: ("t_acme", "mv"), ..success("", "5 minutes") },
            Refreshed { view: odd, ..success("", "3 hours") },
        ],
    );
    let registry = "version = 1\n[tenancy]\ntenants = \"SELECT id, slug FROM tenants ORDER BY 1\"\n\
                    setting = \"app.tenant\"\n[[matview]]\nname = \"t_{slug}.mv\"\n\
                    max_staleness = \"1h\"\n";
    let report = preflight(&database, registry).exits(1).document();
    assert_eq!(findings(&report), ["view-stale \"t_O'Hara \"\"x\"\"\".mv"]);
    let query = report["findings"][0]["evidence"]["query"].as_str().expect("a query");
    assert_eq!(session.rows(query).len(), 1);
}

#[test]
fn a_refresh_puts_itself_on_record_and_the_inventory_shows_it() {
    let (database, mut session) = with_views();
    let project = Project::new(REGISTRY);
    let run = |arguments: &[&str]| driftgate(arguments).project(&project).database(&database.url());
    let before = run(&["inventory"]).json().exits(0).document();
    assert_eq!(matview(&before, "public.mv_a")["last_refresh"], Value::Null);
    let missing = before["data"]["history_missing"].as_str().expect("a reason");
    assert!(missing.contains("driftgate history install"), "{missing}");
    run(&["inventory", "-v"]).run().exits(0).shows("driftgate history install");
    let table = run(&["inventory"]).run().exits(0);
    assert!(!table.stdout.contains("history") && !table.stdout.contains("AGE"), "{}", table.stdout);

    install(&database);
    let refreshed = run(&["refresh", "public.mv_a"]).json().exits(0).document();
    let report = run(&["inventory"]).json().exits(0).document();
    let row = matview(&report, "public.mv_a");
    assert_eq!(report["data"]["history_missing"], Value::Null);
    assert_eq!(row["last_refresh"]["outcome"], "SUCCESS");
    assert_eq!(row["last_refresh"]["at"], refreshed["data"]["refreshes"][0]["as_of"]);
    assert!(row["last_refresh"]["age_seconds"].as_u64().expect("an age") < 60);
    assert_eq!(row["refreshed_since"], false);
    assert_eq!(matview(&report, "public.mv_b")["refreshed_since"], Value::Null);
    assert_eq!(verdict(&preflight(&database, REGISTRY).exits(0).document(), "EG-8"), "pass");

    session.run("REFRESH MATERIALIZED VIEW mv_a");
    let report = run(&["inventory"]).json().exits(0).document();
    assert_eq!(matview(&report, "public.mv_a")["refreshed_since"], true);
    let listed = run(&["history", "list"]).json().exits(0).document();
    let recorded = &listed["data"]["refreshes"][0];
    let done = &refreshed["data"]["refreshes"][0];
    for field in ["view", "tenant", "outcome", "mode", "as_of", "started_at", "waited_ms", "lock"] {
        assert_eq!(recorded[field], done[field], "{field}");
    }
    assert_eq!(recorded["run_id"], refreshed["run_id"]);
}

#[test]
fn the_inventory_says_how_old_rows_are_and_what_went_wrong_since() {
    let (database, mut session) = with_views();
    install(&database);
    on_record(
        &mut session,
        &[
            success("mv_a", "2 hours 5 minutes"),
            Refreshed { outcome: "TIMED_OUT", ..success("mv_a", "1 hour") },
            success("mv_b", "3 days"),
        ],
    );
    session.run("REFRESH MATERIALIZED VIEW mv_b");
    let run = |arguments: &[&str]| driftgate(arguments).database(&database.url()).run().exits(0);
    let table = run(&["inventory"]).shows("AGE").shows("2h 5m").shows("<3days").stdout;
    let rows = table.lines().filter(|line| line.starts_with("public."));
    assert!(rows.clone().count() == 2 && rows.clone().all(|line| line.len() <= 80), "{table}");
    run(&["inventory", "-v"])
        .shows("; that took 1.5s")
        .shows("refreshed or")
        .shows("TIMED_OUT (57014)");
}

#[test]
fn a_standby_or_read_only_reader_sees_the_same() {
    let (mut database, mut session) = with_views();
    install(&database);
    on_record(&mut session, &[success("mv_a", "59 minutes")]);
    let reader = database.role("reader");
    session.run(&format!(
        "GRANT USAGE ON SCHEMA driftgate TO {reader};
         GRANT SELECT ON ALL TABLES IN SCHEMA driftgate TO {reader};
         ALTER ROLE {reader} SET default_transaction_read_only = on"
    ));
    driftgate(["preflight", "--gate", "EG-8"])
        .project(&Project::new(REGISTRY))
        .database(&database.url_as(&reader))
        .run()
        .exits(0);
}
