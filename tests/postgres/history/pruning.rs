//! `history prune`.

use serde_json::{Value, json};

use super::{ODD, with_views};
use crate::support::history::{Refreshed, on_record, success};
use crate::support::{TestDatabase, driftgate};

fn prune(database: &TestDatabase, options: &[&str]) -> Value {
    driftgate(["history", "prune"])
        .args(options)
        .database(&database.url())
        .json()
        .exits(0)
        .document()["data"]["pruned"]
        .clone()
}

fn left(database: &TestDatabase) -> Vec<String> {
    database.session().column(
        "SELECT view_name || ' ' || outcome || ' ' || duration_ms
           FROM driftgate.refreshes ORDER BY finished_at",
    )
}

#[test]
fn what_is_old_goes_but_never_the_last_success_of_a_view() {
    let database = with_views();
    on_record(
        &mut database.session(),
        &[
            Refreshed { took: 1, ..success("mv_a", "90 days") },
            Refreshed { took: 2, ..success("mv_a", "80 days") },
            Refreshed { took: 3, outcome: "FAILED", ..success("mv_a", "70 days") },
            Refreshed { took: 4, ..success("gone", "60 days") },
            Refreshed { took: 5, view: ODD, ..success("", "50 days") },
            Refreshed { took: 6, view: ODD, ..success("", "1 day") },
            Refreshed { took: 7, outcome: "FAILED", ..success("mv_a", "1 day") },
        ],
    );
    let older = ["--older-than", "30days"];
    let everything = left(&database);
    let planned = prune(&database, &["--older-than", "30days", "--dry-run"]);
    assert_eq!((&planned["rows"], &planned["kept"]), (&json!(3), &json!(2)));
    assert_eq!(planned["dry_run"], true);
    assert_eq!(planned["older_than_seconds"], 2_592_000);
    assert_eq!(left(&database), everything);
    assert_eq!(prune(&database, &older)["rows"], 3);
    let kept = [
        "mv_a SUCCESS 2".to_owned(),
        "gone SUCCESS 4".to_owned(),
        format!("{} SUCCESS 6", ODD.1),
        "mv_a FAILED 7".to_owned(),
    ];
    assert_eq!(left(&database), kept);
    let again = prune(&database, &older);
    assert_eq!((&again["rows"], &again["kept"]), (&json!(0), &json!(2)));
    driftgate(["history", "prune", "--older-than", "0"])
        .database(&database.url())
        .run()
        .exits(0)
        .shows("1 row removed");
    assert_eq!(left(&database).len(), 3);
}

#[test]
fn of_two_successes_at_one_instant_one_stays() {
    let database = with_views();
    let mut session = database.session();
    on_record(&mut session, &[success("mv_a", "9 days"), success("mv_a", "9 days")]);
    session.run("UPDATE driftgate.refreshes SET finished_at = '2026-01-01'");
    assert_eq!(prune(&database, &["--older-than", "1day"])["rows"], 1);
    assert_eq!(left(&database).len(), 1);
}

#[test]
fn many_rows_go_in_batches_that_keep_nobody_waiting() {
    let database = with_views();
    let mut session = database.session();
    on_record(&mut session, &[success("mv_a", "90 days")]);
    session.run(
        "INSERT INTO driftgate.refreshes
         SELECT (r).* FROM (SELECT jsonb_populate_record(NULL::driftgate.refreshes,
                       to_jsonb(r) || jsonb_build_object('id', gen_random_uuid())) AS r
                  FROM driftgate.refreshes r, generate_series(1, 12000)) r",
    );
    session.run(
        "CREATE TABLE batches AS SELECT txid_current() AS transaction, 0::bigint AS rows LIMIT 0;
         CREATE FUNCTION note_batch() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO public.batches SELECT txid_current(), count(*) FROM removed;
                RETURN NULL; END';
         CREATE TRIGGER note AFTER DELETE ON driftgate.refreshes REFERENCING OLD TABLE AS removed
         FOR EACH STATEMENT EXECUTE FUNCTION note_batch()",
    );
    // What another transaction has not committed is in nobody's way.
    let mut other = database.session();
    other.run("BEGIN");
    on_record(&mut other, &[success("mv_a", "91 days")]);
    let pruned = prune(&database, &["--older-than", "1day", "--lock-timeout", "1s"]);
    assert_eq!((&pruned["rows"], &pruned["kept"]), (&json!(12_000), &json!(1)));
    other.run("COMMIT");
    assert_eq!(left(&database).len(), 2);
    let batches = "SELECT rows FROM batches WHERE rows > 0 ORDER BY transaction";
    assert_eq!(session.column(batches), ["5000", "5000", "2000"]);
    let transactions = "SELECT count(DISTINCT transaction) = count(*) FROM batches";
    assert_eq!(session.value(transactions), "t");
}

#[test]
fn a_worker_may_not_remove_what_it_added() {
    let mut database = TestDatabase::empty();
    let worker = database.role("worker");
    driftgate(["history", "install", "--grant-to", &worker])
        .database(&database.url())
        .run()
        .exits(0);
    on_record(&mut database.session(), &[success("mv_a", "90 days"), success("mv_a", "80 days")]);
    let url = database.url_as(&worker);
    driftgate(["history", "prune", "--older-than", "1day"])
        .database(&url)
        .run()
        .exits(3)
        .says(&format!("{worker} may not remove from the history"))
        .says("--migration-database-url");
    // To look is no change.
    driftgate(["history", "prune", "--older-than", "1day", "--dry-run"])
        .database(&url)
        .run()
        .exits(0)
        .shows("1 row would be removed");
    driftgate(["history", "prune", "--older-than", "1day"])
        .database(&url)
        .env("MIGRATION_DATABASE_URL", database.url())
        .run()
        .exits(0)
        .shows("1 row removed, older than 1 day; 1 row kept: the last success of a view");
}
