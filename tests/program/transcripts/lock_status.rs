//! `lock-status`, as a reader sees it.

use snapbox::{assert_data_eq, str};

use super::{assert_is_for_a_reader, assert_transcript, redacted};
use crate::support::{Project, TestDatabase, driftgate};

#[test]
fn of_a_database_in_which_nothing_is_held() {
    assert_transcript(
        &["lock-status"],
        0,
        "",
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

No key of a refresh and no materialized view is held or waited for.

"#]],
    );
}

/// Returns a text with process ids and durations taken out.
fn without_numbers(text: &str, pids: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (pid, word) in pids {
        text = text.replace(pid, word);
    }
    let mut parts = text.split(" for ");
    let mut redacted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.trim_start_matches(|one: char| one.is_ascii_digit() || one == '.');
        let unit = digits.trim_start_matches(|one: char| one.is_ascii_lowercase());
        let is_time = digits.len() < part.len();
        redacted.push_str(if is_time { " for [TIME]" } else { " for " });
        redacted.push_str(if is_time { unit } else { part });
    }
    redacted
}

#[test]
fn of_keys_views_and_what_is_foreign() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let mut refreshing = database.session();
    refreshing.run(
        "BEGIN; SELECT pg_advisory_xact_lock(4009790792973033681);
         REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_realtime_revenue",
    );
    let mut foreign = database.session();
    foreign.run("BEGIN; SELECT pg_advisory_xact_lock(77), pg_advisory_xact_lock(12, -34)");
    let run = driftgate(["lock-status"]).project(&project).database(&database.url());
    let run = run.run().exits(0);
    assert_eq!(run.stderr, "");
    let (one, two) = (refreshing.pid(), foreign.pid());
    let shown = redacted(&run, &database);
    assert_data_eq!(
        without_numbers(&shown, &[(&one, "[ONE]"), (&two, "[TWO]")]),
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

public.mv_realtime_revenue
  [ONE] holds the key (int64) for [TIME]
      postgres, test, idle in transaction
      last: BEGIN; SELECT pg_advisory_xact_lock(4009790792973033681); REFRESH M…
  [ONE] holds the view (ExclusiveLock) for [TIME]

2 foreign advisory locks that no view explains
  [TWO] holds 77, (12, -34): postgres, test, idle in transaction

1 key held, 2 foreign

"#]]
    );
    assert_is_for_a_reader(&run.stdout);
}
