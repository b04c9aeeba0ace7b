//! Changes that must be seen: one at a time, in the query that is declared or in what it
//! reads.

use super::{assert_differs, compare, compare_one, database, declare};

/// Pairs of queries that differ in one thing, and a line of the diff that shows it.
const CHANGES: &[(&str, &str, &str, &str)] = &[
    (
        "a changed predicate",
        "SELECT id FROM orders WHERE is_open",
        "SELECT id FROM orders WHERE NOT is_open",
        "is_open",
    ),
    (
        "a changed comparison",
        "SELECT id FROM orders WHERE id > 1",
        "SELECT id FROM orders WHERE id >= 1",
        "id >= 1",
    ),
    (
        "a changed constant",
        "SELECT id FROM orders WHERE status IN ('a', 'b')",
        "SELECT id FROM orders WHERE status IN ('a', 'c')",
        "'c'::",
    ),
    (
        "a changed instant",
        "SELECT id FROM orders WHERE placed_at > '2024-01-01'",
        "SELECT id FROM orders WHERE placed_at > '2024-01-02'",
        "2024-01-02",
    ),
    ("a changed type", "SELECT id FROM orders", "SELECT id::bigint AS id FROM orders", "bigint"),
    (
        "a changed length",
        "SELECT note::varchar(10) AS n FROM orders",
        "SELECT note::varchar(20) AS n FROM orders",
        "(20)",
    ),
    (
        "a changed collation",
        "SELECT note COLLATE \"C\" AS n FROM orders",
        "SELECT note COLLATE app.plain AS n FROM orders",
        "app.plain",
    ),
    (
        "a collation more",
        "SELECT note FROM orders ORDER BY note",
        "SELECT note FROM orders ORDER BY note COLLATE \"C\"",
        "COLLATE",
    ),
    ("a dropped column", "SELECT id, note FROM orders", "SELECT id FROM orders", "note"),
    ("an added column", "SELECT id FROM orders", "SELECT id, note FROM orders", "note"),
    (
        "columns in another order",
        "SELECT id, note FROM orders",
        "SELECT note, id FROM orders",
        "note",
    ),
    ("a renamed column", "SELECT id AS a FROM orders", "SELECT id AS b FROM orders", "AS b"),
    (
        "another kind of join",
        "SELECT o.id FROM orders o JOIN lines l ON l.order_id = o.id",
        "SELECT o.id FROM orders o LEFT JOIN lines l ON l.order_id = o.id",
        "LEFT JOIN",
    ),
    ("another table", "SELECT id FROM public.orders", "SELECT id FROM app.orders", "app.orders"),
    ("DISTINCT", "SELECT status FROM orders", "SELECT DISTINCT status FROM orders", "DISTINCT"),
    (
        "UNION ALL",
        "SELECT id FROM orders UNION SELECT id FROM nodes",
        "SELECT id FROM orders UNION ALL SELECT id FROM nodes",
        "UNION ALL",
    ),
    (
        "another order",
        "SELECT id FROM orders ORDER BY id LIMIT 1",
        "SELECT id FROM orders ORDER BY id DESC LIMIT 1",
        "DESC",
    ),
    ("another limit", "SELECT id FROM orders LIMIT 1", "SELECT id FROM orders LIMIT 2", "LIMIT 2"),
    (
        "another function of the same name",
        "SELECT twice(note) AS t FROM orders",
        "SELECT app.twice(id)::text AS t FROM orders",
        "app.twice",
    ),
    (
        "another window",
        "SELECT sum(id) OVER (ORDER BY id) AS s FROM orders",
        "SELECT sum(id) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS s FROM orders",
        "ROWS",
    ),
    (
        "other grouping sets",
        "SELECT status, count(*) AS n FROM orders GROUP BY ROLLUP (status)",
        "SELECT status, count(*) AS n FROM orders GROUP BY status",
        "GROUP BY",
    ),
    (
        "parentheses that matter",
        "SELECT id - (spare - 1) AS n FROM orders",
        "SELECT (id - spare) - 1 AS n FROM orders",
        "spare",
    ),
    (
        "a filter more",
        "SELECT count(*) AS n FROM orders",
        "SELECT count(*) FILTER (WHERE is_open) AS n FROM orders",
        "FILTER",
    ),
    (
        "rows that are locked",
        "SELECT id FROM orders",
        "SELECT id FROM orders FOR UPDATE",
        "FOR UPDATE",
    ),
];

#[test]
fn every_change_is_seen_in_both_directions_with_its_diff() {
    let database = database();
    let mut session = database.session();
    let mut declared = Vec::new();
    for (at, (what, before, after, _)) in CHANGES.iter().enumerate() {
        for (side, live, text) in [("a", before, after), ("b", after, before)] {
            let view = format!("public.mv_{at}_{side}");
            if session.try_run(&format!("CREATE MATERIALIZED VIEW {view} AS {live}")).is_err() {
                assert!(live.contains("FOR UPDATE"), "{what}: {live}");
                continue;
            }
            declared.push((what, side, declare(&view, text), at));
        }
    }
    let only: Vec<_> = declared.iter().map(|(_, _, declared, _)| declared.clone()).collect();
    let compared = compare(&database.url(), &only);
    for (what, side, one, at) in &declared {
        let diff = assert_differs(&compared[&one.view], what);
        let (_, _, _, shown) = CHANGES[*at];
        let sign = if *side == "a" { '-' } else { '+' };
        let header = format!("--- {}.sql\n+++ {}\n@@ ", one.view, one.view);
        assert!(diff.starts_with(&header), "{what}: {diff}");
        let changed = diff.lines().skip(2).filter(|line| line.starts_with(['-', '+']));
        let shows = |line: &str| line.contains(shown);
        assert!(changed.clone().any(shows), "{what} ({sign}{shown}):\n{diff}");
    }
}

#[test]
fn a_star_is_what_it_was_when_the_view_was_made() {
    let database = database();
    let mut session = database.session();
    session.run(
        "CREATE MATERIALIZED VIEW public.mv AS SELECT * FROM public.lines;
         CREATE MATERIALIZED VIEW public.mv_table AS TABLE public.lines;
         ALTER TABLE public.lines ADD COLUMN later integer",
    );
    let star = compare_one(&database.url(), "public.mv", "SELECT * FROM lines");
    assert!(assert_differs(&star, "a column was added").contains("later"));
    let table = compare_one(&database.url(), "public.mv_table", "TABLE lines");
    assert!(assert_differs(&table, "a column was added").contains("later"));
}

#[test]
fn a_view_follows_what_was_renamed_and_the_file_does_not() {
    let database = database();
    let mut session = database.session();
    session.run(
        "CREATE MATERIALIZED VIEW public.of_column AS SELECT sku FROM public.lines;
         CREATE MATERIALIZED VIEW public.of_table AS SELECT id FROM public.nodes;
         CREATE MATERIALIZED VIEW public.of_schema AS SELECT label FROM app.only_here;
         ALTER TABLE public.lines RENAME COLUMN sku TO article;
         ALTER TABLE public.nodes RENAME TO vertices",
    );
    let mut reasons = Vec::new();
    for (view, text) in [
        ("public.of_column", "SELECT sku\nFROM lines"),
        ("public.of_table", "SELECT id\nFROM public.nodes"),
        ("public.of_schema", "SELECT label FROM nowhere.only_here"),
    ] {
        let compared = compare_one(&database.url(), view, text);
        let driftgate::definitions::Compared::Differs(difference) = compared else {
            panic!("{view}: {compared:?}");
        };
        assert_eq!((&difference.expected, &difference.diff), (&None, &None));
        reasons.push(difference.reason.expect("a reason"));
    }
    assert!(reasons[0].starts_with("public.of_column.sql:1: "), "{reasons:?}");
    assert!(reasons[0].ends_with(" (42703)"), "{reasons:?}");
    assert!(reasons[1].starts_with("public.of_table.sql:2: "), "{reasons:?}");
    assert!(reasons[1].ends_with(" (42P01)"), "{reasons:?}");
    assert!(reasons[2].ends_with(" (42P01)") || reasons[2].ends_with(" (3F000)"), "{reasons:?}");
    let renamed =
        compare_one(&database.url(), "public.of_column", "SELECT article AS sku FROM lines");
    assert_eq!(renamed.word(), "same");
}

#[test]
fn a_renamed_column_of_the_view_is_seen() {
    let database = database();
    database.session().run(
        "CREATE MATERIALIZED VIEW public.mv (a, b) AS SELECT id, note FROM public.orders;
         ALTER MATERIALIZED VIEW public.mv RENAME COLUMN b TO c",
    );
    let url = database.url();
    assert_eq!(
        compare_one(&url, "public.mv", "SELECT id AS a, note AS c FROM orders").word(),
        "same"
    );
    let old = compare_one(&url, "public.mv", "SELECT id AS a, note AS b FROM orders");
    assert!(assert_differs(&old, "the old name").contains("AS c"));
}
