//! The commands that judge EG-3: what they say of a declared definition, and that they leave
//! nothing.

use serde_json::{Value, json};

use crate::support::driftgate::{findings, verdict};
use crate::support::{Project, Run, TestDatabase, driftgate};

const QUERY: &str = "SELECT tenant_id, revenue_day, sum(amount_cents) AS revenue_cents,\n    \
    count(*) AS entries\n  FROM ledger\n WHERE kind IN ('sale', 'refund')\n GROUP BY 1, 2";

/// Makes a database with one view, and a project that declares it.
fn project_and_database() -> (Project, TestDatabase) {
    let database = TestDatabase::empty();
    database.session().run(&format!(
        "CREATE TABLE ledger (tenant_id uuid, revenue_day date, kind varchar(20), amount_cents int);
         CREATE MATERIALIZED VIEW mv AS {QUERY};
         CREATE MATERIALIZED VIEW free AS SELECT 1 AS a"
    ));
    let project = Project::new(
        "version = 1\n\n[[matview]]\nname = \"public.mv\"\nrefresh = \"plain\"\n\
         definition = \"views/mv.sql\"\n\n[[matview]]\nname = \"public.free\"\nrefresh = \"plain\"\n",
    );
    project.write("views/mv.sql", &format!("\u{feff}-- what was earned\r\n{QUERY};\r\n"));
    (project, database)
}

fn diff(project: &Project, database: &TestDatabase) -> Run {
    driftgate(["diff-registry"]).project(project).database(&database.url()).json()
}

fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["data"]["views"].as_array().expect("rows");
    rows.iter().find(|row| row["name"] == name).expect("the view has a row")
}

#[test]
fn a_view_that_is_as_declared_passes() {
    let (project, database) = project_and_database();
    let report = diff(&project, &database).exits(0).document();
    assert_eq!(verdict(&report, "EG-3"), "pass");
    assert_eq!(row(&report, "public.mv")["definition"], "same");
    assert_eq!(row(&report, "public.mv")["diff"], json!(null));
    assert_eq!(row(&report, "public.free")["definition"], "not-compared");
    let preflight = driftgate(["preflight", "--gate", "EG-3"]).project(&project);
    preflight.database(&database.url()).run().exits(0);
}

#[test]
fn a_view_that_is_not_as_declared_fails_with_its_diff() {
    let (project, database) = project_and_database();
    project.change("views/mv.sql", "'refund'", "'credit'");
    let report = diff(&project, &database).exits(1).document();
    assert_eq!(findings(&report), ["definition-drift public.mv"]);
    let finding = &report["findings"][0];
    assert_eq!(finding["message"], "public.mv is not what views/mv.sql declares");
    assert_eq!(finding["location"], json!({ "file": "registry.toml", "line": 3 }));
    let diff_of_row = row(&report, "public.mv")["diff"].as_str().expect("a diff");
    assert_eq!(finding["evidence"]["observed"]["diff"], diff_of_row);
    assert!(diff_of_row.starts_with("--- views/mv.sql\n+++ public.mv\n@@ "), "{diff_of_row}");
    assert_eq!(row(&report, "public.mv")["definition"], "differs");
    let query = finding["evidence"]["query"].as_str().expect("a query");
    assert!(database.session().value(query).contains("'refund'"));
    let run = driftgate(["preflight", "--gate", "EG-3"]).project(&project);
    let text = run.database(&database.url()).run().exits(1).stdout;
    assert!(text.contains("error [definition-drift] public.mv\n"), "{text}");
    assert!(text.lines().any(|line| line == "    --- views/mv.sql"), "{text}");
    // The first line has the URL of a test's server.
    assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_file_that_is_no_query_is_undecided_with_its_line() {
    let (project, database) = project_and_database();
    project.write("views/mv.sql", "-- what was earned\nSELEC 1");
    let report = diff(&project, &database).exits(3).document();
    assert_eq!(verdict(&report, "EG-3"), "undecided");
    let unjudged = &report["gates"][0]["unjudged"][0];
    assert_eq!(unjudged["check"], "definition-drift");
    assert_eq!(unjudged["subject"]["name"], "public.mv");
    let told =
        "views/mv.sql:2: syntax error at or near \"SELEC\" (42601); a definition is one SELECT";
    assert_eq!(unjudged["reason"], told);
    assert_eq!(row(&report, "public.mv")["definition"], "undecided");
    assert_eq!(row(&report, "public.mv")["diff"], json!(null));
}

#[test]
fn an_exception_accepts_the_difference() {
    let (project, database) = project_and_database();
    project.change("views/mv.sql", "'refund'", "'credit'");
    project.register(
        "[[exception]]\ncheck = \"definition-drift\"\nsubject = \"public.mv\"\n\
         reason = \"until the next release\"\nuntil = 2999-12-31",
    );
    let report = diff(&project, &database).exits(0).document();
    assert_eq!(report["findings"][0]["exception"]["reason"], "until the next release");
}

#[test]
fn one_file_declares_the_views_of_every_tenant() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run(
        "CREATE TABLE tenants (id int, slug text); INSERT INTO tenants VALUES (1, 'a'), (2, 'b')",
    );
    for slug in ["a", "b"] {
        session.run(&format!(
            "CREATE SCHEMA t_{slug}; CREATE TABLE t_{slug}.orders (id int, total int);
             CREATE MATERIALIZED VIEW t_{slug}.mv AS SELECT sum(total) AS total FROM t_{slug}.orders"
        ));
    }
    let project = Project::new(
        "version = 1\n[tenancy]\nsetting = 'app.t'\ntenants = 'TABLE tenants'\n\
         [[matview]]\nname = 't_{slug}.mv'\nrefresh = 'plain'\ndefinition = 'mv.sql'\n",
    );
    project.write("mv.sql", "SELECT sum(total) AS total FROM orders");
    diff(&project, &database).exits(0);
    session.run(
        "DROP MATERIALIZED VIEW t_b.mv;
         CREATE MATERIALIZED VIEW t_b.mv AS SELECT sum(total) AS total FROM t_a.orders",
    );
    let report = diff(&project, &database).exits(1).document();
    assert_eq!(findings(&report), ["definition-drift t_b.mv"]);
    assert_eq!(row(&report, "t_a.mv")["definition"], "same");
}

#[test]
fn a_missing_view_is_not_compared_and_a_missing_server_is_told_once() {
    let (project, database) = project_and_database();
    database.session().run("DROP MATERIALIZED VIEW mv");
    let report = diff(&project, &database).exits(1).document();
    assert_eq!(findings(&report), ["view-missing public.mv"]);
    assert_eq!(row(&report, "public.mv")["definition"], "not-compared");
    let nowhere = driftgate(["diff-registry"]).project(&project);
    let report = nowhere.database("postgresql://x@/x?host=/nowhere").json().exits(3).document();
    assert_eq!(verdict(&report, "EG-3"), "undecided");
}
