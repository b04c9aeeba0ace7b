//! `history`, and gate EG-8, as a reader sees them.

use snapbox::{IntoData, assert_data_eq, str};

use super::{assert_is_for_a_reader, redacted};
use crate::support::history::{Refreshed, on_record, success};
use crate::support::{Project, TestDatabase, driftgate};

/// Runs a command on the reference project, as a role of one name in every run.
#[track_caller]
fn assert_said(database: &TestDatabase, arguments: &[&str], exit: i32, expected: impl IntoData) {
    let project = Project::reference();
    let run = driftgate(arguments).project(&project).database(&database.url()).run().exits(exit);
    assert_eq!(run.stderr, "");
    let version = database.session().value("SHOW server_version");
    let version = version.split_whitespace().next().unwrap_or_default();
    let text = redacted(&run, database).replace(version, "[VERSION]");
    assert_data_eq!(without_times(&text), expected);
    assert_is_for_a_reader(&run.stdout);
}

/// Returns a text with its times taken out.
fn without_times(text: &str) -> String {
    let is_time =
        |word: &str| word.len() >= 8 && word.bytes().all(|byte| b"0123456789-:.TZ".contains(&byte));
    let words = text.split_inclusive([' ', '\n']).map(|piece| {
        let word = piece.trim_end_matches([' ', '\n', ',']);
        if !is_time(word) {
            return piece.to_owned();
        }
        let digits = |one: char| if one.is_ascii_digit() { '#' } else { one };
        piece.chars().map(digits).collect()
    });
    words.collect()
}

fn busy_week(database: &TestDatabase) {
    driftgate(["history", "install"]).database(&database.url()).run().exits(0);
    on_record(
        &mut database.session(),
        &[
            success("mv_allocation_summary", "1 hour"),
            Refreshed { took: 41, ..success("mv_channel_performance", "50 minutes") },
            success("mv_daily_revenue_summary", "5 hours"),
            success("mv_realtime_revenue", "1 day 2 hours"),
            Refreshed { outcome: "TIMED_OUT", ..success("mv_realtime_revenue", "40 minutes") },
        ],
    );
    database.session().run("REFRESH MATERIALIZED VIEW public.mv_daily_revenue_summary");
}

#[test]
fn installing_says_what_was_granted_and_that_it_was_there() {
    let database = TestDatabase::reference();
    assert_said(
        &database,
        &["history", "install"],
        0,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

installed, version [..]
granted: refresh_worker may read and add to the history

"#]],
    );
    assert_said(
        &database,
        &["history", "install"],
        0,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

already installed, version [..]
refresh_worker may read and add to the history already

"#]],
    );
}

#[test]
fn a_listing() {
    let database = TestDatabase::reference();
    busy_week(&database);
    assert_said(
        &database,
        &["history", "list", "--limit", "4"],
        0,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION])

VIEW
  ENDED (UTC)          OUTCOME    MODE          TOOK
public.mv_realtime_revenue
  ####-##-## ##:##:##  TIMED_OUT  concurrently  1.5s
public.mv_channel_performance
  ####-##-## ##:##:##  SUCCESS    concurrently  41ms
public.mv_allocation_summary
  ####-##-## ##:##:##  SUCCESS    concurrently  1.5s
public.mv_daily_revenue_summary
  ####-##-## ##:##:##  SUCCESS    concurrently  1.5s

4 refreshes, the newest; --limit shows more

"#]],
    );
}

#[test]
fn a_failure_in_full() {
    let database = TestDatabase::reference();
    busy_week(&database);
    assert_said(
        &database,
        &["history", "list", "--failed", "-v"],
        0,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION])

public.mv_realtime_revenue
  outcome     TIMED_OUT (concurrently)
  ended       ####-##-## ##:##:##.### UTC, after 1.5s
  why         canceling statement (57014)
  lock        mv_realtime_revenue (int64: 1)
  role        postgres, on PostgreSQL [VERSION]
  run         0192f0c1-0000-7000-8000-00000000000a
  correlation ticket 7

1 refresh

"#]],
    );
}

#[test]
fn pruning_tells_what_stays() {
    let database = TestDatabase::reference();
    busy_week(&database);
    let prune = ["history", "prune", "--older-than", "30min"];
    assert_said(
        &database,
        &prune,
        0,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION])

1 row removed, older than 30m; 4 rows kept: the last success of a view

"#]],
    );
}

#[test]
fn the_gate() {
    let database = TestDatabase::reference();
    busy_week(&database);
    assert_said(
        &database,
        &["preflight", "--gate", "EG-8"],
        1,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

error [view-stale] public.mv_realtime_revenue
  public.mv_realtime_revenue holds the rows of 1day 2h ago, and 3m are allowed;
  its last refresh ended with TIMED_OUT (57014)
  at registry.toml:70
  remedy: refresh it; where nothing does so by itself, it needs a schedule
    $ driftgate refresh public.mv_realtime_revenue

error [view-never-refreshed] public.mv_reconciliation_status
  no successful refresh of public.mv_reconciliation_status is on record
  at registry.toml:78
  remedy: refresh it with driftgate, which puts it on record
    $ driftgate refresh public.mv_reconciliation_status

EG-8 fail      2 errors, the last refresh on record is 5h old, and 2h 30m are
               allowed; somebody else refreshed or altered the view since, so it
               may be fresher than that; wanted: every view is as fresh as
               declared
               not judged: public.mv_daily_revenue_summary

fail: 2 errors, 0 warnings, 1 not judged (exit 1)

"#]],
    );
}

#[test]
fn the_gate_without_a_history() {
    let database = TestDatabase::reference();
    assert_said(
        &database,
        &["preflight", "--gate", "EG-8"],
        3,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

EG-8 undecided the history of refreshes is not installed: `driftgate history
               install` makes it; wanted: every view is as fresh as declared

undecided: 0 errors, 0 warnings, 2 not judged (exit 3)

"#]],
    );
}

#[test]
fn the_inventory_tells_the_oldest_where_the_age_has_no_room() {
    let database = TestDatabase::reference();
    busy_week(&database);
    assert_said(
        &database,
        &["inventory"],
        0,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

VIEW                             OWNER          ROWS   SIZE  REFRESH     TENANTS
public.mv_allocation_summary     matview_owner   ~64  ## kB  concurrent  clear
public.mv_channel_performance    matview_owner   ~32  ## kB  concurrent  clear
public.mv_daily_revenue_summary  matview_owner  ~120  ## kB  concurrent  clear
public.mv_realtime_revenue       matview_owner    ~4  ## kB  concurrent  clear
public.mv_reconciliation_status  matview_owner  ~120  ## kB  concurrent  clear

oldest: public.mv_realtime_revenue holds the rows of 1day 2h ago; -v tells of
  each

5 materialized views, ### kB, all registered

"#]],
    );
}
