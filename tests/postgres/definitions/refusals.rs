//! Texts that are no definition, and rights that are missing: never the same, never drift,
//! and told so that somebody can mend it.

use super::{assert_undecided, compare, compare_one, database, declare};
use crate::support::TestDatabase;

fn with_view() -> TestDatabase {
    let database = database();
    database.session().run("CREATE MATERIALIZED VIEW public.mv AS SELECT id FROM public.orders");
    database
}

#[test]
fn a_text_that_is_not_one_select_is_told_with_its_line() {
    let database = with_view();
    let mut session = database.session();
    session.run("INSERT INTO public.orders (id) VALUES (1)");
    for (text, told) in [
        ("SELECT id FROM orders; DROP TABLE orders", "(42601); a definition is one SELECT"),
        ("SELECT id FROM orders; DELETE FROM orders", "(42601); a definition is one SELECT"),
        ("SELECT id FROM orders; SELECT 1", "(42601); a definition is one SELECT"),
        ("\n\nDELETE FROM orders", "mv.sql:3: syntax error at or near \"DELETE\" (42601)"),
        ("SELECT id\nFRO orders,", "mv.sql:2: "),
        ("CREATE MATERIALIZED VIEW x AS SELECT 1", "mv.sql:1: syntax error at or near \"CREATE\""),
        ("SELECT id INTO spill FROM orders", "a definition is one SELECT"),
        ("WITH x AS (DELETE FROM orders RETURNING id) SELECT id FROM x", "one SELECT"),
        ("-- nothing at all", "mv.sql:1: syntax error at end of input (42601)"),
        ("SELECT 'open", "mv.sql:1: "),
        ("SELECT id FROM orders /* open", "mv.sql:1: "),
        ("SELECT $1", "mv.sql:1: "),
        ("SELECT id FROM orders WITH LOCAL CHECK OPTION", "one SELECT and nothing more"),
        ("SELECT id FROM orders WITH NO DATA", "mv.sql:1: "),
        ("SELECT id AS a, id AS a FROM orders", "(42701)"),
        ("SELECT o.id FROM orders o JOIN app.orders p USING (id) WHERE id = a.id", "mv.sql:1: "),
        ("SELECT id FROM orders, app.orders", "mv.sql:1: column reference \"id\" is ambiguous"),
        ("SELECT max(id), note FROM orders", "(42803)"),
        ("SELECT 'x'::integer AS id", "(22P02)"),
    ] {
        let compared = compare_one(&database.url(), "public.mv", text);
        if let driftgate::definitions::Compared::Differs(difference) = &compared {
            // A relation that the query does not have, named with a column.
            assert!(difference.reason.is_some() && text.contains("a.id"), "{text}: {compared:?}");
            continue;
        }
        let reason = assert_undecided(&compared);
        assert!(reason.contains(told), "{text}: {reason}");
    }
    assert_eq!(session.value("SELECT count(*) FROM public.orders"), "1");
    assert_eq!(session.value("SELECT count(*) FROM pg_class WHERE relname = 'spill'"), "0");
}

#[test]
fn a_role_that_owns_nothing_and_reads_nothing_can_compare() {
    let mut database = with_view();
    let role = database.role("looker");
    database.close_to_the_public();
    let name = database.name().to_owned();
    database.session().run(&format!(
        "GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {role};
         GRANT USAGE ON SCHEMA public TO {role}"
    ));
    let url = database.url_as(&role);
    assert_eq!(compare_one(&url, "public.mv", "SELECT id FROM orders").word(), "same");
    assert_eq!(compare_one(&url, "public.mv", "SELECT id, note FROM orders").word(), "differs");
}

#[test]
fn without_the_right_to_temporary_views_only_the_servers_own_print_is_the_same() {
    let mut database = with_view();
    let role = database.role("looker");
    database.close_to_the_public();
    let name = database.name().to_owned();
    database.session().run(&format!(
        "GRANT CONNECT ON DATABASE {name} TO {role}; GRANT USAGE ON SCHEMA public TO {role}"
    ));
    let url = database.url_as(&role);
    let compared = compare_one(&url, "public.mv", "SELECT id FROM orders");
    assert_eq!(
        assert_undecided(&compared),
        format!(
            "{role} may not make temporary views here: GRANT TEMPORARY ON DATABASE {name} TO {role}"
        )
    );
    let print = super::print_of(&mut database.session(), "public.mv");
    assert_eq!(compare_one(&url, "public.mv", &print).word(), "same");
    let hint = assert_undecided(&compared).split_once(": ").expect("a statement").1.to_owned();
    database.session().run(&hint);
    assert_eq!(compare_one(&url, "public.mv", "SELECT id FROM orders").word(), "same");
}

#[test]
fn a_schema_that_may_not_be_used_is_named_with_the_grant_that_opens_it() {
    let mut database = database();
    let role = database.role("looker");
    let mut session = database.session();
    session.run(
        "CREATE MATERIALIZED VIEW app.mv AS SELECT id FROM app.orders;
         CREATE MATERIALIZED VIEW public.mv AS SELECT id FROM \"Odd Schema\".\"Größe \"\"x\"\"\", public.orders;
         CREATE MATERIALIZED VIEW public.pub AS SELECT id FROM public.orders",
    );
    let url = database.url_as(&role);
    let own = compare_one(&url, "app.mv", "SELECT id FROM app.orders");
    assert_eq!(
        assert_undecided(&own),
        format!("{role} may not use the schema app: GRANT USAGE ON SCHEMA app TO {role}")
    );
    let text = "SELECT id\nFROM \"Odd Schema\".\"Größe \"\"x\"\"\", orders";
    let other = compare_one(&url, "public.mv", text);
    let reason = assert_undecided(&other);
    assert!(
        reason.starts_with("public.mv.sql:2: ") || reason.starts_with("public.mv.sql: "),
        "{reason}"
    );
    let grant = format!("GRANT USAGE ON SCHEMA \"Odd Schema\" TO {role}");
    assert!(reason.ends_with(&format!(" (42501): {grant}")), "{reason}");
    session.run(&grant);
    assert_eq!(compare_one(&url, "public.mv", text).word(), "same");
    // The role sees nothing of public: names are not silently taken from elsewhere.
    session.run("REVOKE ALL ON SCHEMA public FROM PUBLIC");
    let hidden = compare_one(&url, "public.pub", "SELECT id FROM orders");
    assert!(assert_undecided(&hidden).contains("GRANT USAGE ON SCHEMA public TO"));
    session.run(&format!("GRANT USAGE ON SCHEMA app TO {role}"));
    let hidden = compare_one(&url, "app.mv", "SELECT id FROM nodes");
    let reason = assert_undecided(&hidden);
    assert!(
        reason.ends_with(&format!(
            "then in public, which {role} may not use: GRANT USAGE ON SCHEMA public TO {role}"
        )),
        "{reason}"
    );
    assert_eq!(compare_one(&url, "app.mv", "SELECT id FROM orders").word(), "same");
}

#[test]
fn a_session_that_is_read_only_stays_so() {
    let mut database = with_view();
    let role = database.role("reader");
    database.session().run(&format!("ALTER ROLE {role} SET default_transaction_read_only = on"));
    let url = database.url_as(&role);
    let compared = compare_one(&url, "public.mv", "SELECT id FROM orders");
    assert!(assert_undecided(&compared).contains("in a read-only session"), "{compared:?}");
    let print = super::print_of(&mut database.session(), "public.mv");
    let declared = [declare("public.mv", &format!("\u{20}{print}\r\n"))];
    assert_eq!(compare(&url, &declared).len(), 1);
    super::assert_same(&compare(&url, &declared), &declared);
}

#[test]
fn an_event_trigger_that_forbids_it_leaves_it_undecided() {
    let database = with_view();
    database.session().run(
        "CREATE FUNCTION public.no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'not in here' USING ERRCODE = '2F004'; END $$;
         CREATE EVENT TRIGGER no_ddl ON ddl_command_start WHEN TAG IN ('CREATE VIEW')
             EXECUTE FUNCTION public.no_ddl()",
    );
    let compared = compare_one(&database.url(), "public.mv", "SELECT id FROM orders");
    assert_eq!(assert_undecided(&compared), "public.mv.sql: not in here (2F004)");
}
