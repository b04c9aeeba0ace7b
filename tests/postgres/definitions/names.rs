//! Names and settings: what is looked up where, and that nothing that is set for the role or
//! the database changes the answer.

use super::{
    assert_differs, assert_same, assert_undecided, compare, compare_one, database, declare,
    make_forms,
};

/// Settings by which a session reads or prints queries otherwise than others do.
const ODD: &[&str] = &[
    "search_path = '\"Odd Schema\", app, nowhere'",
    "\"DateStyle\" = 'SQL, DMY'",
    "\"IntervalStyle\" = 'sql_standard'",
    "\"TimeZone\" = 'Asia/Kathmandu'",
    "standard_conforming_strings = off",
    "escape_string_warning = off",
    "transform_null_equals = on",
    "array_nulls = off",
    "quote_all_identifiers = on",
    "extra_float_digits = -3",
    "bytea_output = 'escape'",
    "xmloption = 'document'",
    "default_transaction_isolation = 'serializable'",
];

#[test]
fn what_is_set_for_the_role_changes_nothing() {
    let mut database = database();
    let role = database.role("odd");
    let mut session = database.session();
    let declared = make_forms(&mut session);
    for setting in ODD {
        session.run(&format!("ALTER ROLE {role} SET {setting}"));
    }
    session.run(&format!("GRANT USAGE ON SCHEMA app, \"Odd Schema\" TO {role}"));
    assert_same(&compare(&database.url_as(&role), &declared), &declared);
    let changed = compare_one(&database.url_as(&role), "public.mv_0", "SELECT id FROM orders");
    assert_differs(&changed, "a column less");
}

#[test]
fn what_was_set_when_the_view_was_made_changes_nothing_that_the_query_says() {
    let database = database();
    let mut session = database.session();
    for setting in
        ODD.iter().filter(|setting| setting.contains("Style") || setting.contains("Zone"))
    {
        session.run(&format!("SET {setting}"));
    }
    session.run(
        "CREATE MATERIALIZED VIEW public.mv AS SELECT DATE '2024-02-29' AS a,
            INTERVAL '1 day 2 hours' AS b, TIMESTAMPTZ '2024-01-01 00:00:00+02' AS c, 1.5::float8 AS d",
    );
    let text = "SELECT DATE '2024-02-29' AS a, INTERVAL '1 day 2 hours' AS b, \
                TIMESTAMPTZ '2024-01-01 00:00:00+02' AS c, 1.5::float8 AS d";
    assert_eq!(compare_one(&database.url(), "public.mv", text).word(), "same");
}

#[test]
fn an_instant_without_a_zone_is_one_in_utc_or_in_the_zone_of_the_database() {
    let database = database();
    database
        .session()
        .run(&format!("ALTER DATABASE {} SET timezone = 'Asia/Kathmandu'", database.name()));
    let text = "SELECT id FROM orders WHERE placed_at >= '2024-01-01'";
    let make = |view: &str, zone: &str| {
        database
            .session()
            .run(&format!("SET timezone = '{zone}'; CREATE MATERIALIZED VIEW {view} AS {text}"));
    };
    make("public.here", "Asia/Kathmandu");
    make("public.in_utc", "UTC");
    make("public.elsewhere", "Pacific/Chatham");
    let url = database.url();
    assert_eq!(compare_one(&url, "public.here", text).word(), "same");
    assert_eq!(compare_one(&url, "public.in_utc", text).word(), "same");
    let elsewhere = compare_one(&url, "public.elsewhere", text);
    assert!(assert_differs(&elsewhere, "another zone").contains("2023-12-31 10:15:00+00"));
    let other_day = compare_one(&url, "public.here", &text.replace("01-01", "01-02"));
    assert_differs(&other_day, "another day");
}

#[test]
fn names_without_a_schema_are_looked_up_in_the_views_own_and_then_in_public() {
    let database = database();
    let mut session = database.session();
    session.run(
        "CREATE MATERIALIZED VIEW app.own AS SELECT id FROM app.orders;
         CREATE MATERIALIZED VIEW app.others AS SELECT id FROM public.orders;
         CREATE MATERIALIZED VIEW app.public_only AS
             SELECT p.id, public.twice(p.label) AS t, h.label FROM public.only_public p, app.only_here h;
         CREATE MATERIALIZED VIEW public.own AS SELECT id FROM public.orders;
         CREATE MATERIALIZED VIEW \"Odd Schema\".\"My \"\"View\"\"\" AS
             SELECT \"Spalte Eins\" AS a, label FROM \"Odd Schema\".\"Größe \"\"x\"\"\", public.only_public;
         CREATE MATERIALIZED VIEW public.elsewhere AS SELECT id FROM app.only_here",
    );
    let declared = [
        declare("app.own", "SELECT id FROM orders"),
        declare("app.others", "SELECT id FROM public.orders"),
        declare(
            "app.public_only",
            "SELECT p.id, twice(p.label) AS t, h.label FROM only_public p, only_here h",
        ),
        declare("public.own", "SELECT id FROM orders"),
        declare(
            "\"Odd Schema\".\"My \"\"View\"\"\"",
            "SELECT \"Spalte Eins\" AS a, label FROM \"Größe \"\"x\"\"\", only_public",
        ),
    ];
    let url = database.url();
    assert_same(&compare(&url, &declared), &declared);
    let own = compare_one(&url, "app.others", "SELECT id FROM orders");
    assert!(assert_differs(&own, "app has orders of its own").contains("public.orders"));
    let unqualified = compare_one(&url, "public.elsewhere", "SELECT id\nFROM only_here");
    let reason = assert_undecided(&unqualified);
    assert!(reason.starts_with("public.elsewhere.sql:2: "), "{reason}");
    assert!(
        reason.ends_with("(42P01); names without a schema are looked up in public"),
        "{reason}"
    );
    let unqualified = compare_one(&url, "app.own", "SELECT nodes.id, missing(1) FROM nodes");
    let reason = assert_undecided(&unqualified);
    assert!(reason.ends_with("are looked up in app, then in public"), "{reason}");
}
