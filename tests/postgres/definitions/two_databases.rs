//! The same views in two databases: what is read of each can be compared, and says what one
//! of them has differently.

use driftgate::definitions::{
    Attribute, Compared, End, FoundView, Sides, attribute_drift, compare,
};
use driftgate::ident::QualifiedName;
use driftgate::pg::compare_definitions::fixed_points;

use super::{database, endpoint, forms, name, print_of, wait_for};

const SIDES: Sides<'_> = Sides { expected: "migrations", found: "live" };

fn found(url: &str, names: &[QualifiedName]) -> Vec<FoundView> {
    let found = wait_for(fixed_points(&endpoint(url), names));
    names.iter().map(|name| found[name].clone()).collect()
}

fn compared(expected: &FoundView, found: &FoundView) -> Compared {
    let definition = |view: &FoundView| match &view.stored {
        Ok(stored) => stored.definition.clone(),
        Err(reason) => panic!("{}: {reason}", view.name),
    };
    compare(&definition(expected), &definition(found), SIDES)
}

#[test]
fn a_restored_database_has_the_same_views() {
    let (first, second) = (database(), database());
    let (mut from, mut to) = (first.session(), second.session());
    let mut names = Vec::new();
    for (at, text) in forms(&mut from).into_iter().enumerate() {
        let view = format!("public.mv_{at}");
        from.run(&format!(
            "SET search_path = public; CREATE MATERIALIZED VIEW {view} AS {text} WITH NO DATA"
        ));
        let print = print_of(&mut from, &view);
        let print = print.trim_end_matches(';');
        to.run(&format!(
            "SET search_path = ''; CREATE MATERIALIZED VIEW {view} AS {print} WITH NO DATA"
        ));
        names.push(name(&view));
    }
    let (expected, found) = (found(&first.url(), &names), found(&second.url(), &names));
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(compared(expected, found), Compared::Same, "{}", expected.name);
        assert_eq!(attribute_drift(expected, found), []);
        let stored = expected.stored.as_ref().expect("it was read");
        assert_eq!(stored.definition.end, End::Settled, "{}", expected.name);
    }
}

#[test]
fn what_one_database_has_differently_is_told() {
    let (mut first, second) = (database(), database());
    let role = first.role("keeper");
    first.session().run(&format!(
        "CREATE MATERIALIZED VIEW app.mv WITH (fillfactor = 70, autovacuum_enabled = off) AS
             SELECT id, name FROM public.nodes;
         CREATE UNIQUE INDEX \"by Id\" ON app.mv (id);
         CREATE INDEX ON app.mv (lower(name)) WHERE id > 1;
         COMMENT ON MATERIALIZED VIEW app.mv IS 'kept';
         GRANT CREATE ON SCHEMA app TO {role};
         ALTER MATERIALIZED VIEW app.mv OWNER TO {role}"
    ));
    second.session().run(
        "ALTER TABLE public.nodes ALTER COLUMN id TYPE bigint;
         CREATE MATERIALIZED VIEW app.mv AS SELECT id, name FROM public.nodes;
         CREATE UNIQUE INDEX other_name ON app.mv (id)",
    );
    let names = [name("app.mv")];
    let (expected, found) = (found(&first.url(), &names), found(&second.url(), &names));
    let compared = compared(&expected[0], &found[0]);
    let diff = compared.diff().expect("the type of a column");
    assert!(diff.contains("-id integer\n+id bigint\n"), "{diff}");
    let drift = attribute_drift(&expected[0], &found[0]);
    let told: Vec<_> = drift.iter().map(|drift| (drift.attribute, &drift.expected)).collect();
    assert_eq!(
        told,
        [
            (Attribute::Owner, &vec![role.clone()]),
            (
                Attribute::Options,
                &vec!["autovacuum_enabled=off".to_owned(), "fillfactor=70".to_owned()]
            ),
            (Attribute::Comment, &vec!["kept".to_owned()]),
            (
                Attribute::Indexes,
                &vec![
                    "CREATE INDEX ON app.mv USING btree (lower(name)) WHERE (id > 1)".to_owned(),
                    "CREATE UNIQUE INDEX ON app.mv USING btree (id)".to_owned(),
                ]
            ),
        ]
    );
}

#[test]
fn what_is_not_there_is_left_out_and_what_is_hidden_says_why() {
    let database = database();
    database.session().run("CREATE MATERIALIZED VIEW public.mv AS SELECT id FROM public.orders");
    let mut refreshing = database.session();
    refreshing.run("BEGIN; REFRESH MATERIALIZED VIEW public.mv");
    let names = [name("public.mv"), name("public.none"), name("public.orders")];
    let found = wait_for(fixed_points(&endpoint(&database.url()), &names));
    assert_eq!(found.len(), 1);
    let reason = found[&names[0]].stored.as_ref().expect_err("it is locked");
    assert!(reason.starts_with("another session holds a lock on public.mv"), "{reason}");
    assert!(wait_for(fixed_points(&endpoint(&database.url()), &[])).is_empty());
}
