//! `search-path-unsafe` against the truth: each view is really refreshed under the path that
//! PostgreSQL 17 sets by itself, and rolled back.

use std::collections::BTreeMap;

use crate::support::{Project, TestDatabase, driftgate};

/// Functions that a view calls: name, and everything behind what they return.
const SHAPES: &[(&str, &str)] = &[
    ("sql_unqualified", "LANGUAGE sql STABLE AS 'SELECT max(n) FROM lookup'"),
    (
        "plpgsql_unqualified",
        "LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT max(n) FROM lookup); END'",
    ),
    ("calls_unqualified", "LANGUAGE plpgsql STABLE AS 'BEGIN RETURN helper(1); END'"),
    ("qualified", "LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT max(n) FROM app.lookup); END'"),
    ("sets_its_path", "LANGUAGE sql STABLE SET search_path = app AS 'SELECT max(n) FROM lookup'"),
    ("touches_nothing", "LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1 + length(''abc''); END'"),
    ("named_in_a_comment", "LANGUAGE plpgsql STABLE AS 'BEGIN /* not lookup */ RETURN 1; END'"),
];

#[test]
fn what_fails_under_the_restricted_path_is_found_and_nothing_else_is() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run(
        "CREATE SCHEMA app; SET search_path = app;
         CREATE TABLE lookup (n int); INSERT INTO lookup VALUES (1);
         CREATE FUNCTION helper(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
    );
    let mut registry = "version = 1\n[database]\nschemas = [\"app\"]\n\
                        [roles.postgres]\nrefresh = [\"*\"]\n"
        .to_owned();
    let mut fails = BTreeMap::new();
    for (name, body) in SHAPES {
        session.run(&format!("CREATE FUNCTION app.{name}() RETURNS int {body}"));
        // Made without its rows: from 17 on, making it with them fails just the same.
        session.run(&format!(
            "CREATE MATERIALIZED VIEW app.mv_{name} AS SELECT app.{name}() AS n WITH NO DATA"
        ));
        registry += &format!("[[matview]]\nname = \"app.mv_{name}\"\nrefresh = \"plain\"\n");
        session.run("BEGIN; SET LOCAL search_path = pg_catalog, pg_temp");
        let refreshed = session.try_run(&format!("REFRESH MATERIALIZED VIEW app.mv_{name}"));
        session.run("ROLLBACK");
        let code = refreshed.err().map(|(code, _message)| code);
        assert!(matches!(code.as_deref(), None | Some("42P01" | "42883")), "{name}: {code:?}");
        fails.insert(format!("app.mv_{name}"), code.is_some());
    }
    assert_eq!(fails.values().filter(|fails| **fails).count(), 3, "{fails:?}");

    let project = Project::new(&registry);
    let run = driftgate(["check-grants"]).project(&project).database(&database.url()).json();
    let report = run.document();
    let found: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["check"] == "search-path-unsafe")
        .filter_map(|finding| finding["subject"]["name"].as_str())
        .collect();
    for (view, fails) in &fails {
        assert_eq!(found.contains(&view.as_str()), *fails, "{view}: {found:?}");
    }
    for finding in report["findings"].as_array().expect("findings") {
        let Some(statement) = finding["remedy"]["sql"][0].as_str() else { continue };
        session.run(statement);
    }
    for (view, _) in fails {
        session.run("BEGIN; SET LOCAL search_path = pg_catalog, pg_temp");
        session.run(&format!("REFRESH MATERIALIZED VIEW {view}"));
        session.run("ROLLBACK");
    }
}
