//! `inventory` with names that were chosen to break it: spelt as SQL would, whole, and on
//! one line.

use std::collections::BTreeSet;

use crate::support::session::Session;
use crate::support::{TestDatabase, driftgate};

/// Schema and view, as they are; the session quotes them.
const NAMES: [(&str, &str); 16] = [
    ("public", "mv;drop table x"),
    ("public", "mv'; DROP TABLE base; --"),
    ("public", "double \"quotes\""),
    ("public", "single 'quotes'"),
    ("public", "Mixed Case"),
    ("public", "MixedCase"),
    ("public", "select"),
    ("public", "user"),
    ("public", "dotted.name"),
    ("public", "größe_表_🦀"),
    ("public", " leading and trailing "),
    ("public", "back\\slash $$ %s {} \u{200b}"),
    ("public", "63_bytes_______________________________________________________"),
    ("odd \"schema\".x", "mv"),
    ("Order", "Group"),
    ("5", "5"),
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn plant(session: &mut Session, schema: &str, name: &str) {
    let (schema, name) = (quoted(schema), quoted(name));
    session.run(&format!(
        "CREATE SCHEMA IF NOT EXISTS {schema};
         CREATE MATERIALIZED VIEW {schema}.{name} AS SELECT id AS {name} FROM public.base;
         CREATE UNIQUE INDEX ON {schema}.{name} ({name})"
    ));
}

#[test]
fn hostile_names_are_listed_and_mean_the_same_to_the_server() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run("CREATE TABLE public.base (id int)");
    for (schema, name) in NAMES {
        plant(&mut session, schema, name);
    }
    let report = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    let rows = report["data"]["matviews"].as_array().expect("rows");
    let mut seen = BTreeSet::new();
    for row in rows {
        let name = row["name"].as_str().expect("a name");
        let found = session.rows(&format!(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n
                 ON n.oid = c.relnamespace WHERE c.oid = {}::regclass",
            literal(name)
        ));
        let [schema, name] = &found[0][..] else { panic!("two columns") };
        seen.insert((schema.clone().unwrap_or_default(), name.clone().unwrap_or_default()));
        assert_eq!(row["concurrent_ready"], true, "{row:#}");
        assert!(row["fingerprint"].is_object(), "{row:#}");
    }
    let planted: BTreeSet<_> =
        NAMES.iter().map(|(schema, name)| ((*schema).to_owned(), (*name).to_owned())).collect();
    assert_eq!(seen, planted);
    assert_eq!(session.value("SELECT count(*) FROM public.base"), "0");
}

#[test]
fn text_for_a_reader_keeps_every_name_whole_on_one_line() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run("CREATE TABLE public.base (id int)");
    for (schema, name) in NAMES {
        plant(&mut session, schema, name);
    }
    let report = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    for arguments in [&["inventory"][..], &["inventory", "-v"]] {
        let text = driftgate(arguments).database(&database.url()).run().exits(0).stdout;
        for row in report["data"]["matviews"].as_array().expect("rows") {
            let name = row["name"].as_str().expect("a name").trim_end();
            let lines = text.lines().filter(|line| line.trim_start().starts_with(name));
            assert!(lines.count() >= 1, "no line begins with {name}:\n{text}");
        }
    }
}

#[test]
fn control_characters_in_names_and_comments_reach_no_terminal() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run("CREATE TABLE public.base (id int)");
    let names = ["new\nline", "carriage\rreturn", "\u{1b}[31mred", "tab\there", "bell\u{7}"];
    for name in names {
        plant(&mut session, "public", name);
    }
    session.run(
        "CREATE MATERIALIZED VIEW plain AS SELECT 1 AS a;
         COMMENT ON MATERIALIZED VIEW plain IS E'first\\nsecond \\x1b[31mred'",
    );
    let report = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    let rows = report["data"]["matviews"].as_array().expect("rows");
    assert_eq!(rows.len(), names.len() + 1);
    assert!(rows.iter().any(|row| row["comment"] == "first\nsecond \u{1b}[31mred"));

    for arguments in [&["inventory"][..], &["inventory", "-v"]] {
        let text = driftgate(arguments).database(&database.url()).run().exits(0).stdout;
        let stray = text.chars().find(|one| one.is_control() && *one != '\n');
        assert_eq!(stray, None, "{text:?}");
        for name in names {
            let (before, after) = name
                .split_once(|one: char| one.is_control())
                .expect("each holds a control character");
            let is_whole = |line: &str| line.contains(before) && line.contains(after);
            assert!(text.lines().any(is_whole), "{name:?} is torn apart:\n{text}");
        }
    }
}
