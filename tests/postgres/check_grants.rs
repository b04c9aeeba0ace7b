//! `check-grants`: the reference project passes; each fault that is planted in its database
//! is found by EG-4 or EG-7, and shown by a query that its reader can run.

use serde_json::{Value, json};

use crate::diff_registry::assert_evidence;
use crate::support::driftgate::{findings, verdict};
use crate::support::{Project, Run, TestDatabase, driftgate};

fn check(project: &Project, database: &TestDatabase) -> Run {
    driftgate(["check-grants"]).project(project).database(&database.url()).json()
}

/// Plants a fault in the reference project's database and returns what is found.
#[track_caller]
fn found_after(fault: &str, exit: i32) -> (Value, Vec<String>) {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let mut session = database.session();
    session.run(fault);
    let report = check(&project, &database).exits(exit).document();
    assert_evidence(&report, &mut session);
    let found = findings(&report);
    (report, found)
}

fn messages(report: &Value, check: &str) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings");
    let of_check = findings.iter().filter(|finding| finding["check"] == check);
    of_check.filter_map(|finding| Some(finding["message"].as_str()?.to_owned())).collect()
}

#[test]
fn the_reference_project_passes_both_gates() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let report = check(&project, &database).exits(0).document();
    assert_eq!((verdict(&report, "EG-4"), verdict(&report, "EG-7")), ("pass", "pass"));
    assert_eq!(report["findings"], json!([]));
    let rows = report["data"]["refreshability"].as_array().expect("rows");
    assert_eq!(rows.len(), 15, "three roles and five views");
    for row in rows {
        let is_worker = row["role"] == "refresh_worker";
        let expected = if is_worker { "member" } else { "none" };
        assert_eq!(row["required"], is_worker, "{row:#}");
        assert_eq!((&row["can_refresh"], &row["via"]), (&json!(is_worker), &json!(expected)));
        assert_eq!(row["blockers"].as_array().expect("a list").is_empty(), is_worker, "{row:#}");
    }
    let protected = report["data"]["protection"].as_array().expect("rows");
    assert!(!protected.is_empty());
    assert!(protected.iter().all(|row| row["level"] == "denied"), "{protected:#?}");
    let safety = report["data"]["tenant_safety"].as_array().expect("rows");
    assert!(safety.len() == 5 && safety.iter().all(|row| row["verdict"] == "clear"));
}

#[test]
fn an_owner_that_row_level_security_binds_fails_eg_7_with_what_would_be_lost() {
    let fault = "ALTER MATERIALIZED VIEW public.mv_daily_revenue_summary OWNER TO app_user";
    let (report, found) = found_after(fault, 1);
    assert_eq!((verdict(&report, "EG-4"), verdict(&report, "EG-7")), ("fail", "fail"));
    assert!(found.iter().any(|one| one.starts_with("tenant-rows-lost")), "{found:?}");
    let told = messages(&report, "tenant-rows-lost").join("\n");
    for words in ["public.revenue_ledger", "app_user", "120 rows", "4 tenants", "00000002-0000"] {
        assert!(told.contains(words), "{words} in {told}");
    }
    // What reads it is no safer than it is.
    assert!(told.contains("public.mv_reconciliation_status reads"), "{told}");
    let handed_back = report["findings"].as_array().expect("findings").iter().any(|finding| {
        finding["check"] == "refresh-denied"
            && finding["remedy"]["sql"][0]
                == "ALTER MATERIALIZED VIEW public.mv_daily_revenue_summary OWNER TO matview_owner"
    });
    assert!(handed_back, "{report:#}");
    assert!(messages(&report, "tenant-read-unfiltered").len() == 1, "{report:#}");
}

#[test]
fn without_a_tenant_or_a_row_the_counting_is_void_and_the_catalog_still_speaks() {
    let bound = "ALTER MATERIALIZED VIEW public.mv_realtime_revenue OWNER TO app_user;";
    let empty = format!(
        "DELETE FROM public.revenue_ledger; REFRESH MATERIALIZED VIEW public.mv_realtime_revenue; \
         {bound}"
    );
    for (fault, tenants, words) in [
        (empty.as_str(), "SELECT id FROM public.tenants", "nothing could be shown"),
        (bound, "SELECT id FROM public.tenants WHERE false", "the tenants query lists no tenant"),
        (bound, "SELECT id FROM public.gone", "42P01"),
        (bound, "SELECT 1; DROP TABLE public.revenue_ledger", "42601"),
    ] {
        let (database, project) = (TestDatabase::reference(), Project::reference());
        database.session().run(fault);
        let query = "SELECT id, slug FROM public.tenants ORDER BY id";
        project.change("registry.toml", query, tenants);
        let report = check(&project, &database).exits(1).document();
        assert_eq!(verdict(&report, "EG-7"), "fail");
        let told = messages(&report, "tenant-rows-lost").join("\n");
        assert!(told.contains(words), "{words} in {told}");
    }
}

#[test]
fn a_right_that_the_owner_lost_denies_the_refresh_by_name() {
    let (report, _) = found_after("REVOKE SELECT ON public.revenue_ledger FROM matview_owner", 1);
    assert_eq!((verdict(&report, "EG-4"), verdict(&report, "EG-7")), ("fail", "pass"));
    let told = messages(&report, "refresh-denied").join("\n");
    assert!(told.contains("matview_owner lacks SELECT on public.revenue_ledger"), "{told}");
}

#[test]
fn reading_and_writing_more_than_declared_fail_eg_4() {
    for (fault, slug, gates) in [
        (
            "GRANT SELECT ON public.mv_realtime_revenue TO app_user",
            "read-too-wide",
            ("fail", "fail"),
        ),
        ("GRANT UPDATE (id) ON public.revenue_ledger TO PUBLIC", "write-allowed", ("fail", "pass")),
        ("GRANT INSERT ON public.revenue_ledger TO app_user", "write-allowed", ("fail", "pass")),
    ] {
        let fault = fault.replace("(id)", "(tenant_id)");
        let (report, found) = found_after(&fault, 1);
        assert_eq!((verdict(&report, "EG-4"), verdict(&report, "EG-7")), gates, "{fault}");
        assert!(found.iter().any(|one| one.starts_with(slug)), "{fault}: {found:?}");
    }
}

#[test]
fn a_partition_and_a_parent_are_ways_to_the_tables_rows() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run(
        "CREATE TABLE events (id int) PARTITION BY RANGE (id);
         CREATE TABLE events_new PARTITION OF events FOR VALUES FROM (0) TO (10)
             PARTITION BY RANGE (id);
         CREATE TABLE events_newest PARTITION OF events_new FOR VALUES FROM (0) TO (5);
         CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (-9) TO (0)",
    );
    let mut roles = database;
    let role = roles.role("writer");
    let judged = |named: &str| {
        let registry =
            format!("version = 1\n[roles.{role}]\nmust_not_write = [\"public.{named}\"]\n");
        let project = Project::new(&registry);
        messages(&check(&project, &roles).document(), "write-allowed")
    };
    assert_eq!(judged("events"), Vec::<String>::new());
    session.run(&format!("GRANT INSERT ON events_newest TO {role}"));
    session.run(&format!("SET ROLE {role}; INSERT INTO events_newest VALUES (1); RESET ROLE"));
    assert_eq!(session.value("SELECT count(*) FROM events"), "1", "it is a way to its rows");
    assert!(judged("events")[0].contains("public.events_newest"), "{:?}", judged("events"));
    session.run(&format!("REVOKE INSERT ON events_newest FROM {role}"));
    session.run(&format!("GRANT INSERT ON events TO {role}"));
    assert!(judged("events_newest")[0].contains("public.events,"), "{:?}", judged("events_newest"));
    session.run(&format!("REVOKE INSERT ON events FROM {role}"));
    session.run(&format!("GRANT INSERT ON events_old TO {role}"));
    assert_eq!(judged("events_newest"), Vec::<String>::new(), "a sister is no way");
}

#[test]
fn a_view_over_a_shared_view_is_found_unless_it_filters() {
    let unfiltered = "CREATE VIEW public.all_revenue AS SELECT * FROM public.mv_realtime_revenue;
         ALTER VIEW public.all_revenue OWNER TO matview_owner;
         GRANT SELECT ON public.all_revenue TO app_user";
    let (report, _) = found_after(unfiltered, 1);
    assert_eq!((verdict(&report, "EG-4"), verdict(&report, "EG-7")), ("pass", "fail"));
    let told = messages(&report, "tenant-read-unfiltered").join("\n");
    assert!(told.contains("app_user can read public.all_revenue"), "{told}");
}

#[test]
fn a_role_that_is_missing_and_a_superuser_pass_nothing() {
    let (mut database, project) = (TestDatabase::reference(), Project::reference());
    project.register("\n[roles.nobody_has_this_name]\nrefresh = [\"*\"]\n");
    let report = check(&project, &database).exits(1).document();
    assert_eq!(messages(&report, "role-missing").len(), 1);

    let project = Project::reference();
    let role = database.role("boss");
    database.session().run(&format!("ALTER ROLE {role} SUPERUSER"));
    project.register(&format!("\n[roles.{role}]\nrefresh = [\"*\"]\ntenant_facing = true\n"));
    let report = check(&project, &database).exits(3).document();
    assert_eq!((verdict(&report, "EG-4"), verdict(&report, "EG-7")), ("undecided", "undecided"));
}

#[test]
fn what_is_asked_for_by_name_must_be_there_and_is_not_passed_for_a_superuser() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let asked = |arguments: &[&str]| {
        let words = ["check-grants"].iter().chain(arguments).copied();
        driftgate(words).project(&project).database(&database.url()).json()
    };
    asked(&["--view", "public.nope"]).exits(3).says("public.nope");
    asked(&["--role", "nobody_has_this_name"]).exits(1);
    let superuser = asked(&["--role", "postgres"]).exits(3).document();
    assert_eq!(verdict(&superuser, "EG-4"), "undecided");
    let one = asked(&["--role", "refresh_worker", "--view", "public.mv_realtime_revenue"]);
    let rows = one.exits(0).document()["data"]["refreshability"].clone();
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows:#}");
}

#[test]
fn a_registry_without_roles_leaves_eg_4_undecided() {
    let (database, project) = (TestDatabase::reference(), Project::new("version = 1"));
    let report = check(&project, &database).exits(3).document();
    assert_eq!((verdict(&report, "EG-4"), verdict(&report, "EG-7")), ("undecided", "pass"));
}

#[test]
fn connect_alone_is_enough_and_what_could_not_be_counted_is_said() {
    let (mut database, project) = (TestDatabase::reference(), Project::reference());
    let role = database.role("looker");
    database.close_to_the_public();
    let mut session = database.session();
    session.run(&format!("GRANT CONNECT ON DATABASE {} TO {role}", database.name()));
    session.run(
        "GRANT TEMPORARY ON DATABASE_NAME TO matview_owner"
            .replace("DATABASE_NAME", &format!("DATABASE {}", database.name()))
            .as_str(),
    );
    session.run("ALTER MATERIALIZED VIEW public.mv_realtime_revenue OWNER TO app_user");
    let run = driftgate(["check-grants"]).project(&project).database(&database.url_as(&role));
    let report = run.json().exits(1).document();
    let told = messages(&report, "tenant-rows-lost").join("\n");
    assert!(told.contains(&format!("was not counted: {role} may not read it")), "{told}");
    let rows = report["data"]["refreshability"].as_array().expect("rows");
    assert_eq!(rows.len(), 15);
}

#[test]
fn a_proof_agrees_with_the_prediction_and_leaves_nothing_behind() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let mut session = database.session();
    let contents = |session: &mut crate::support::session::Session| {
        session.value("SELECT md5(string_agg(v::text, ',' ORDER BY v::text)) FROM public.mv_realtime_revenue v")
    };
    let before = contents(&mut session);
    let words = ["check-grants", "--prove"];
    let report = driftgate(words).project(&project).database(&database.url()).json();
    let report = report.exits(0).document();
    for row in report["data"]["refreshability"].as_array().expect("rows") {
        let expected = if row["can_refresh"] == true { "refreshed" } else { "denied" };
        assert_eq!(row["proof"], expected, "{row:#}");
    }
    assert_eq!(contents(&mut session), before);
    assert_eq!(database.advisory_locks(), Vec::<String>::new());
    let small = driftgate(["check-grants", "--prove", "--prove-max-size", "1kB"]);
    let report = small.project(&project).database(&database.url()).json().exits(3).document();
    assert_eq!(verdict(&report, "EG-4"), "undecided");
}
