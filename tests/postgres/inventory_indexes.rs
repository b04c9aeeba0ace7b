//! What `inventory` says of an index is what `REFRESH … CONCURRENTLY` does with it.

use crate::support::driftgate::matview;
use crate::support::{TestDatabase, driftgate};

/// The view of each kind of index, and how the index is made.
const KINDS: [(&str, &str); 13] = [
    ("no_index", ""),
    ("one_column", "CREATE UNIQUE INDEX ON {mv} (id)"),
    ("two_columns", "CREATE UNIQUE INDEX ON {mv} (word, id)"),
    ("descending", "CREATE UNIQUE INDEX ON {mv} (id DESC NULLS LAST)"),
    ("other_operators", "CREATE UNIQUE INDEX ON {mv} (word text_pattern_ops)"),
    ("other_collation", "CREATE UNIQUE INDEX ON {mv} (word COLLATE \"C\")"),
    ("with_more_columns", "CREATE UNIQUE INDEX ON {mv} (id) INCLUDE (word)"),
    ("not_unique", "CREATE INDEX ON {mv} (id)"),
    ("expression", "CREATE UNIQUE INDEX ON {mv} (lower(word))"),
    ("column_and_expression", "CREATE UNIQUE INDEX ON {mv} (id, lower(word))"),
    ("partial", "CREATE UNIQUE INDEX ON {mv} (id) WHERE id > 0"),
    // No statement makes one on a view; a restored catalog could.
    (
        "deferred",
        "CREATE UNIQUE INDEX ON {mv} (id);
         UPDATE pg_index SET indimmediate = false WHERE indrelid = '{mv}'::regclass",
    ),
    (
        "partial_beside_a_good_one",
        "CREATE UNIQUE INDEX ON {mv} (word) WHERE id > 0; CREATE UNIQUE INDEX ON {mv} (id)",
    ),
];

#[test]
fn an_index_is_usable_exactly_when_a_concurrent_refresh_can_use_it() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session
        .run("CREATE TABLE base AS SELECT n AS id, 'w' || n AS word FROM generate_series(1, 9) n");
    for (name, index) in KINDS {
        session.run(&format!("CREATE MATERIALIZED VIEW {name} AS SELECT id, word FROM base"));
        session.run(&index.replace("{mv}", name));
    }
    session.run("CREATE MATERIALIZED VIEW invalid AS SELECT id, 0 AS same FROM base");
    let interrupted = session.try_run("CREATE UNIQUE INDEX CONCURRENTLY ON invalid (same)");
    assert_eq!(interrupted.expect_err("rows are equal").0, "23505");
    drop(session);

    let report = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    for name in KINDS.iter().map(|(name, _)| *name).chain(["invalid"]) {
        let row = matview(&report, &format!("public.{name}"));
        let indexes = row["indexes"].as_array().expect("indexes");
        let is_said = indexes.iter().any(|index| index["usable_for_concurrent"] == true);
        let mut session = database.session();
        session.run("BEGIN");
        let tried = session.try_run(&format!("REFRESH MATERIALIZED VIEW CONCURRENTLY {name}"));
        session.run("ROLLBACK");
        match tried {
            Ok(()) => assert!(is_said, "{name} can be used: {row:#}"),
            Err((code, message)) => {
                assert_eq!(code, "55000", "{message}");
                assert!(!is_said, "{name}: {row:#}");
            }
        }
        assert_eq!(row["concurrent_ready"], is_said, "{name}");
    }
    let invalid = &matview(&report, "public.invalid")["indexes"][0];
    assert_eq!((&invalid["valid"], &invalid["unique"]), (&false.into(), &true.into()));
    let of = |name: &str| matview(&report, &format!("public.{name}"))["indexes"][0].clone();
    assert_eq!(of("with_more_columns")["columns"], serde_json::json!(["id"]));
    assert_eq!(of("column_and_expression")["columns"], serde_json::json!(["id", "(expression)"]));
    assert_eq!(of("two_columns")["columns"], serde_json::json!(["word", "id"]));
    assert_eq!(of("not_unique")["unique"], false);
}

#[test]
fn an_unpopulated_view_is_not_ready_whatever_its_indexes() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run(
        "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS id WITH NO DATA; CREATE UNIQUE INDEX ON mv (id)",
    );
    let report = driftgate(["inventory"]).database(&database.url()).json().exits(0).document();
    let row = matview(&report, "public.mv");
    assert_eq!(row["indexes"][0]["usable_for_concurrent"], true);
    assert_eq!(row["concurrent_ready"], false);
    let tried = session.try_run("REFRESH MATERIALIZED VIEW CONCURRENTLY mv");
    assert_eq!(tried.expect_err("not populated").0, "0A000");
}
