//! What queries, functions, policies and triggers show, on objects made for the purpose.

use driftgate::rights::{Function, Privilege, Relation, Rights, Rule};

use super::{major, read, relation};
use crate::support::TestDatabase;

/// Makes the objects, and reads them.
fn facts(more: &str) -> (i32, Rights) {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run(include_str!("facts.sql"));
    session.run(more);
    let tables = ["app.part", "app.parent", "app.absent", "app.t"];
    (major(&mut session), read(&database.url(), &tables).0)
}

fn rule<'a>(rights: &'a Rights, name: &str) -> &'a Rule {
    let (oid, _) = relation(rights, &format!("app.\"{name}\""));
    &rights.rules[&oid]
}

/// Returns what a view reads, as `relation columns`.
fn reads(rights: &Rights, name: &str) -> Vec<String> {
    let mut reads: Vec<String> = rule(rights, name)
        .reads
        .iter()
        .map(|(oid, columns)| format!("{} {columns:?}", rights.relations[oid].name))
        .collect();
    reads.sort();
    reads
}

fn function<'a>(rights: &'a Rights, signature: &str) -> &'a Function {
    let found = rights.functions.values().find(|function| function.signature == signature);
    found.unwrap_or_else(|| panic!("no {signature}: {:?}", signatures(rights)))
}

fn signatures(rights: &Rights) -> Vec<&str> {
    let mut all: Vec<&str> =
        rights.functions.values().map(|function| function.signature.as_str()).collect();
    all.sort_unstable();
    all
}

#[test]
fn queries_read_the_relations_in_them_and_no_others() {
    let (_, rights) = facts("");
    assert_eq!(reads(&rights, "some_columns"), ["app.t {1, 3}"]);
    assert_eq!(reads(&rights, "no_column"), ["app.t {}"]);
    assert_eq!(reads(&rights, "whole_row"), ["app.t {}"]);
    assert!(rule(&rights, "whole_row").uses_whole_rows);
    assert!(!rule(&rights, "some_columns").uses_whole_rows);
    assert_eq!(reads(&rights, "a_sequence"), ["app.numbers {1}"]);
    assert_eq!(reads(&rights, "upstream"), ["app.some_columns {1}"]);
    assert_eq!(reads(&rights, "downstream"), ["app.other {1, 2}", "app.upstream {1}"]);
    for none in ["only_a_name", "through_a_function", "nothing", "only_text"] {
        assert!(reads(&rights, none).is_empty(), "{none}");
    }
    assert_eq!(rights.relation_named(&"app.absent".parse().expect("a name")), None);
}

#[test]
fn queries_depend_on_a_setting_or_on_who_asks() {
    let (_, rights) = facts("");
    // Each view: does it read a setting, does it ask who it is?
    for (name, setting, user) in [
        ("setting", true, false),
        ("setting_strict", true, false),
        ("setting_set", true, false),
        ("settings", true, false),
        ("settings_shown", true, false),
        ("session_user", true, true),
        ("current_user", false, true),
        ("current_role", false, true),
        ("user", false, true),
        ("current_date", false, false),
        ("has_role", false, true),
        ("has_role_of", false, false),
        ("has_column", false, true),
        ("has_column_of", false, false),
        ("information", false, true),
        ("statistics", false, true),
        ("only_text", false, false),
        ("nothing", false, false),
    ] {
        let rule = rule(&rights, name);
        assert_eq!((rule.reads_setting, rule.reads_user), (setting, user), "{name}");
    }
}

#[test]
fn functions_show_what_they_do() {
    let (_, rights) = facts("");
    assert_eq!(
        signatures(&rights),
        [
            "app.adding(integer)",
            "app.by_path(integer)",
            "app.definer()",
            "app.indexed(integer)",
            "app.kept_back(integer)",
            "app.of_session()",
            "app.of_setting()",
            "app.opening()",
            "app.rows_of_t()",
            "app.same(app.t,app.t)",
            "app.with_path()",
        ]
    );
    let one = |name: &str| function(&rights, name);
    assert!(one("app.of_setting()").reads_setting && one("app.of_session()").reads_setting);
    assert!(one("app.adding(integer)").reads_setting, "an aggregate does what its parts do");
    assert_eq!(one("app.adding(integer)").language, "plpgsql");
    assert!(!one("app.definer()").reads_setting && one("app.definer()").security_definer);
    assert!(one("app.opening()").touches_row_security);
    assert!(!one("app.definer()").touches_row_security);
    assert!(one("app.with_path()").sets_search_path);
    assert!(one("app.with_path()").unqualified.is_empty());
    assert_eq!(one("app.by_path(integer)").unqualified, ["other"]);
    assert_eq!(one("app.by_path(integer)").schema.as_str(), "app");
    assert!(one("app.by_path(integer)").has_text_body);
    assert!(!one("app.kept_back(integer)").has_text_body);

    assert_eq!(rule(&rights, "calling").calls.len(), 8);
    assert_eq!(rule(&rights, "aggregating").calls.len(), 1);
    let (on_index, _) = relation(&rights, "app.on_index");
    let called = &rights.index_calls[&on_index];
    let called: Vec<_> = called.iter().map(|oid| &rights.functions[oid].signature).collect();
    assert_eq!(called, ["app.indexed(integer)"]);
}

#[test]
fn bodies_that_are_no_text_are_read_as_trees() {
    if facts("").0 < 14 {
        return;
    }
    let (_, rights) = facts(
        "CREATE FUNCTION app.atomic() RETURNS text BEGIN ATOMIC
             SELECT current_setting('app.tenant', true); END;
         CREATE FUNCTION app.atomic_session() RETURNS text RETURN session_user;
         CREATE FUNCTION app.atomic_setting() RETURNS text
             RETURN set_config('row_security', 'on', true);
         CREATE FUNCTION app.atomic_plain() RETURNS int RETURN (SELECT count(*) FROM app.other);
         CREATE VIEW app.atomically AS SELECT app.atomic(), app.atomic_session(),
                app.atomic_setting(), app.atomic_plain()",
    );
    let one = |name: &str| function(&rights, name);
    assert!(one("app.atomic()").reads_setting);
    assert!(one("app.atomic_session()").reads_setting);
    assert!(one("app.atomic_setting()").touches_row_security);
    let plain = one("app.atomic_plain()");
    assert!(!plain.reads_setting && !plain.has_text_body && plain.unqualified.is_empty());
}

#[test]
fn policies_for_reading_are_told_apart() {
    let (_, rights) = facts("");
    let (_, table) = relation(&rights, "app.t");
    // Each policy: does it open rows, is it the constant true, does it read a setting?
    let mut found: Vec<_> = table
        .policies
        .iter()
        .map(|one| (one.name.as_str(), one.permissive, one.always_true, one.reads_setting))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("p_closed", false, false, false),
            ("p_column", true, false, false),
            ("p_function", true, false, true),
            ("p_null", true, false, false),
            ("p_open", true, true, false),
            ("p_setting", true, false, true),
        ]
    );
    assert!(relation(&rights, "app.other").1.policies.is_empty(), "row-level security is off");
}

#[test]
fn triggers_before_a_write_are_told_apart() {
    let (_, rights) = facts("");
    let (_, table) = relation(&rights, "app.t");
    // Each trigger: refuses, reads a setting, is conditional, fires always.
    assert_eq!(
        triggers(table),
        [
            ("t_always", true, false, false, true),
            ("t_columns", true, false, true, false),
            ("t_drop", true, false, false, false),
            ("t_drop_none", false, false, false, false),
            ("t_refuse", true, false, false, false),
            ("t_same", false, false, false, false),
            ("t_setting", true, true, true, false),
            ("t_tell", false, false, false, false),
            ("t_when", true, true, true, false),
            ("t_when_function", true, true, true, false),
        ]
    );
    let refuse = table.triggers.iter().find(|one| one.name.as_str() == "t_refuse");
    let refuse = refuse.expect("it is enabled");
    assert_eq!(refuse.events, [Privilege::Insert, Privilege::Delete].into());
    assert_eq!(rights.role_name(refuse.function_owner).as_str(), "postgres");
    for table in ["app.parent", "app.part"] {
        let (_, table) = relation(&rights, table);
        assert_eq!(triggers(table), [("of_parent", true, false, false, false)]);
    }
    let (_, view) = relation(&rights, "app.some_columns");
    assert_eq!(triggers(view), [("v_instead", true, false, false, false)]);
}

fn triggers(table: &Relation) -> Vec<(&str, bool, bool, bool, bool)> {
    let mut all: Vec<_> = table
        .triggers
        .iter()
        .map(|one| (one.name.as_str(), one.refuses, one.reads_setting, one.conditional, one.always))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn every_spelling_of_security_invoker_is_understood() {
    if facts("").0 < 15 {
        return;
    }
    let spellings = ["", "= true", "= t", "= yes", "= ON", "= 1", "= false", "= off", "= 0"];
    let views: Vec<String> = spellings
        .iter()
        .enumerate()
        .map(|(at, how)| {
            format!("CREATE VIEW app.i{at} WITH (security_invoker {how}) AS SELECT a FROM app.t;")
        })
        .collect();
    let (_, rights) = facts(&views.join("\n"));
    for (at, how) in spellings.iter().enumerate() {
        let (_, view) = relation(&rights, &format!("app.i{at}"));
        assert_eq!(view.security_invoker, at < 6, "{how}");
    }
    assert!(!relation(&rights, "app.nothing").1.security_invoker);
}
