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
    assert_data_eq!(without_times(&redacted(&run, database)), expected);
    assert_is_for_a_reader(&run.stdout);
}

/// Returns a text with its times taken out.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| {
        word.len() >= 8 && word.bytes().all(|byte| b"0123456789-:.TZ".contains(&byte))
    };
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
    assert_said(&database, &["history", "install"], 0, str![[r#""#]]);
    assert_said(&database, &["history", "install"], 0, str![[r#""#]]);
}

#[test]
fn a_listing() {
    let database = TestDatabase::reference();
    busy_week(&database);
    assert_said(&database, &["history", "list", "--limit", "4"], 0, str![[r#""#]]);
}

#[test]
fn a_failure_in_full() {
    let database = TestDatabase::reference();
    busy_week(&database);
    assert_said(&database, &["history", "list", "--failed", "-v"], 0, str![[r#""#]]);
}

#[test]
fn pruning_tells_what_stays() {
    let database = TestDatabase::reference();
    busy_week(&database);
    let prune = ["history", "prune", "--older-than", "30min"];
    assert_said(&database, &prune, 0, str![[r#""#]]);
}

#[test]
fn the_gate() {
    let database = TestDatabase::reference();
    busy_week(&database);
    assert_said(&database, &["preflight", "--gate", "EG-8"], 1, str![[r#""#]]);
}

#[test]
fn the_gate_without_a_history() {
    let database = TestDatabase::reference();
    assert_said(&database, &["preflight", "--gate", "EG-8"], 3, str![[r#""#]]);
}

#[test]
fn the_inventory_tells_the_oldest_where_the_age_has_no_room() {
    let database = TestDatabase::reference();
    busy_week(&database);
    assert_said(&database, &["inventory"], 0, str![[r#""#]]);
}
