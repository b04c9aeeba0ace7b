//! Tables for what is compared, and how it is told.

use super::*;

const SIDES: Sides<'_> = Sides { expected: "views/mv.sql", found: "public.mv" };

fn column(text: &str) -> ViewColumn {
    let (name, type_name) = text.split_once(' ').expect("a name and a type");
    let (type_name, collation) = match type_name.split_once(" COLLATE ") {
        Some((type_name, name)) => (type_name, Some(name.parse().expect("a collation"))),
        None => (type_name, None),
    };
    let type_name = type_name.to_owned();
    ViewColumn { name: Identifier::from_catalog(name), type_name, collation }
}

fn definition(rounds: &[&str], columns: &[&str]) -> Definition {
    Definition {
        rounds: rounds.iter().map(|text| (*text).to_owned()).collect(),
        end: End::Settled,
        pretty: rounds.last().expect("a print").replace('(', ""),
        columns: columns.iter().map(|text| column(text)).collect(),
        server_major: 15,
    }
}

fn open(rounds: &[&str]) -> Definition {
    Definition { end: End::Open("it moves".into()), ..definition(rounds, &["a integer"]) }
}

fn of_major(server_major: i32, rounds: &[&str]) -> Definition {
    Definition { server_major, ..definition(rounds, &["a integer"]) }
}

#[test]
fn definitions_are_the_same_when_their_prints_meet_and_their_columns_agree() {
    let plain = |rounds| definition(rounds, &["a integer"]);
    for (expected, found, word) in [
        (plain(&["x"]), plain(&["x"]), "same"),
        (plain(&["x", "y"]), plain(&["y"]), "same"),
        (plain(&["x", "y"]), plain(&["x"]), "same"),
        (plain(&["x", "y"]), plain(&["z", "y"]), "same"),
        (plain(&["x"]), plain(&["y"]), "differs"),
        (plain(&["x"]), definition(&["x"], &["a bigint"]), "differs"),
        (plain(&["x"]), definition(&["x"], &["b integer"]), "differs"),
        (plain(&["x"]), definition(&["x"], &["a integer", "b integer"]), "differs"),
        (open(&["x"]), plain(&["x"]), "same"),
        (open(&["x"]), plain(&["y"]), "undecided"),
        (plain(&["x"]), open(&["y"]), "undecided"),
        (of_major(15, &["x"]), of_major(16, &["x"]), "same"),
        (of_major(15, &["x"]), of_major(16, &["y"]), "undecided"),
        (of_major(15, &["x"]), definition(&["x"], &["a bigint"]), "differs"),
    ] {
        assert_eq!(compare(&expected, &found, SIDES).word(), word, "{expected:?} {found:?}");
    }
}

#[test]
fn a_collation_is_part_of_a_column() {
    let plain = definition(&["x"], &["a text"]);
    let collated = definition(&["x"], &["a text COLLATE pg_catalog.\"C\""]);
    let compared = compare(&plain, &collated, SIDES);
    assert_eq!(
        compared.diff(),
        Some(
            "--- views/mv.sql\n+++ public.mv\n@@ -1 +1 @@\n-a text\n\
             +a text COLLATE pg_catalog.\"C\"\n"
        )
    );
}

#[test]
fn the_diff_is_of_the_texts_for_readers_unless_they_hide_the_difference() {
    let diff = |expected: &[&str], found: &[&str]| {
        let (expected, found) = (definition(expected, &["a t"]), definition(found, &["a t"]));
        compare(&expected, &found, SIDES).diff().expect("a difference").to_owned()
    };
    assert_eq!(
        diff(&["SELECT (a\nFROM x;"], &["SELECT (a\nFROM y;"]),
        "--- views/mv.sql\n+++ public.mv\n@@ -1,2 +1,2 @@\n SELECT a\n-FROM x;\n+FROM y;\n"
    );
    assert_eq!(
        diff(&["(a + b"], &["a + (b"]),
        "--- views/mv.sql\n+++ public.mv\n@@ -1 +1 @@\n-(a + b\n+a + (b\n"
    );
}

#[test]
fn a_refusal_says_something_of_the_view_only_where_the_name_is_certain() {
    let query = "SELECT a,\n  \"x\"\"y\" . f(1)\nFROM app.orders o, orders";
    let at = |needle: &str| query.find(needle).map(|at| at + 1);
    for (sqlstate, position, meaning) in [
        ("42P01", at("app.orders"), Meaning::NotHere),
        ("42P01", at("orders o"), Meaning::Nothing),
        ("42P01", None, Meaning::Nothing),
        ("42883", at("\"x\""), Meaning::NotHere),
        ("42883", at("f(1)"), Meaning::Nothing),
        ("42703", at("a,"), Meaning::NotHere),
        ("3F000", None, Meaning::NotHere),
        ("42601", at("a,"), Meaning::Nothing),
        ("42702", at("a,"), Meaning::Nothing),
        ("42501", None, Meaning::Denied),
    ] {
        let refused = Refused { sqlstate: sqlstate.into(), message: String::new(), position };
        assert_eq!(refused.meaning(query), meaning, "{refused:?}");
    }
}

#[test]
fn a_place_is_told_by_its_line_in_characters() {
    let query = "SELECT 'äöü',\n  x\n";
    let at = |position| Refused {
        sqlstate: "42703".into(),
        message: "no x".into(),
        position: Some(position),
    };
    assert_eq!(at(14).line(query), Some(1));
    assert_eq!(at(17).line(query), Some(2));
    assert_eq!(at(1).line(query), Some(1));
    assert_eq!(at(99).line(query), Some(3));
    assert_eq!(at(17).words(), "no x (42703)");
}

#[test]
fn a_schema_is_named_where_its_name_stands_before_a_dot() {
    let named =
        |query: &str, schema: &str| names_schema(query, &Identifier::new(schema).expect("a name"));
    for (query, schema) in [
        ("SELECT a FROM app.t", "app"),
        ("SELECT a FROM (APP.t)", "app"),
        ("SELECT a FROM \"Odd One\".t", "Odd One"),
    ] {
        assert!(named(query, schema), "{query}");
    }
    for (query, schema) in [
        ("SELECT a FROM app", "app"),
        ("SELECT a FROM my_app.t", "app"),
        ("SELECT x.app.t", "app"),
        ("SELECT a FROM \"odd one\".t", "Odd One"),
    ] {
        assert!(!named(query, schema), "{query}");
    }
}

#[test]
fn texts_agree_as_they_stand_but_for_what_is_around_them() {
    let print = " SELECT a\n   FROM app.t;";
    for (declared, agrees) in [
        ("SELECT a\n   FROM app.t", true),
        (" SELECT a\r\n   FROM app.t ;\r\n\n", true),
        ("SELECT a FROM app.t", false),
        ("SELECT a\n   FROM app.u", false),
    ] {
        assert_eq!(agree_as_they_stand(declared, [print]), agrees, "{declared}");
    }
    assert!(!agree_as_they_stand("SELECT 1", []));
}

#[test]
fn a_text_with_the_line_ends_of_windows_may_be_meant_with_others() {
    assert_eq!(spellings("a\nb"), ["a\nb"]);
    assert_eq!(spellings("a\r\nb"), ["a\r\nb", "a\nb"]);
}

#[test]
fn files_are_read_once_without_their_mark_and_mistakes_are_told_by_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |file: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(file), bytes).expect("a file");
    };
    write("mark.sql", "\u{feff}SELECT 1".as_bytes());
    write("empty.sql", b" \n");
    write("latin.sql", b"SELECT\n'\xe9'");
    write("nul.sql", b"SELECT 1\n\n\0");
    write("large.sql", &vec![b' '; 1024 * 1024 + 1]);
    let mut text = "version = 1\n".to_owned();
    let files = ["mark", "empty", "latin", "nul", "large", "mark"];
    for (at, file) in files.iter().enumerate() {
        text += &format!("[[matview]]\nname = 'public.mv_{at}'\ndefinition = '{file}.sql'\n");
    }
    text += "[[matview]]\nname = 'public.mv_none'\n";
    let registry = crate::registry::Registry::parse(&text, "registry.toml", folder.path(), &[]);
    let declared = declared(&registry.expect("a registry"));
    let told: Vec<_> = declared.iter().map(|one| one.text.as_deref()).collect();
    let empty = "empty.sql is empty; a definition is one SELECT".to_owned();
    let latin = "latin.sql:2 is not text in UTF-8".to_owned();
    let nul = "nul.sql:3 holds a NUL character".to_owned();
    let large = "large.sql is larger than 1 MB".to_owned();
    assert_eq!(
        told,
        [Ok("SELECT 1"), Err(&empty), Err(&latin), Err(&nul), Err(&large), Ok("SELECT 1")]
    );
    assert_eq!(declared[0].file, "mark.sql");
}

#[test]
fn what_two_databases_have_differently_beside_the_definition_is_named() {
    let index = |text: &str, name: &str| FoundIndex {
        text: text.to_owned(),
        name: Identifier::from_catalog(name),
    };
    let view = |owner: &str, indexes: Vec<FoundIndex>| FoundView {
        name: "public.mv".parse().expect("a name"),
        owner: RoleName::from_catalog(owner),
        options: vec![],
        comment: None,
        stored: Ok(Stored { definition: definition(&["x"], &["a integer"]), indexes }),
    };
    let key = "CREATE UNIQUE INDEX ON public.mv USING btree (a)";
    let expected = view("keeper", vec![index(key, "mv_key")]);
    assert_eq!(attribute_drift(&expected, &view("keeper", vec![index(key, "other")])), []);
    let found = FoundView {
        options: vec!["fillfactor=70".into()],
        comment: Some("kept".into()),
        ..view("app", vec![])
    };
    let attributes: Vec<_> =
        attribute_drift(&expected, &found).into_iter().map(|drift| drift.attribute).collect();
    assert_eq!(
        attributes,
        [Attribute::Owner, Attribute::Options, Attribute::Comment, Attribute::Indexes]
    );
    let unread = FoundView { stored: Err("busy".into()), ..view("keeper", vec![]) };
    assert_eq!(attribute_drift(&expected, &unread), []);
}
