//! Transcripts: what a reader sees, at 80 columns and in a pipe.

use snapbox::{IntoData, assert_data_eq};

use crate::support::{Project, Run, TestDatabase, driftgate};

mod diff_registry;
mod explain;
mod history;
mod inventory;
mod lock_status;
mod migrate;
mod preflight;

/// Returns the output with what differs from run to run taken out.
///
/// The first paragraph names the database, whose length decides where its lines break.
pub(crate) fn redacted(run: &Run, database: &TestDatabase) -> String {
    let (header, rest) = match run.stdout.split_once("\n\n") {
        Some((header, rest)) if header.starts_with("postgresql://") => (header, rest),
        _ => ("", run.stdout.as_str()),
    };
    let header = header.split_whitespace().collect::<Vec<_>>().join(" ");
    let header = header.replace(&database.url(), "[URL]");
    let version = database.session().value("SHOW server_version");
    let version = version.split_whitespace().next().unwrap_or_default();
    let header = header.replace(&format!("PostgreSQL {version}"), "PostgreSQL [VERSION]");
    let major = format!("(PostgreSQL {})", version.split('.').next().unwrap_or_default());
    let rest = without_sizes(&without_digests(rest)).replace(&major, "(PostgreSQL [MAJOR])");
    if header.is_empty() { rest } else { format!("{header}\n\n{rest}") }
}

/// Returns a text with every digest of a definition taken out: majors print differently.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut redacted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        redacted.push_str("sha256:[DIGEST]");
        redacted.push_str(part.trim_start_matches(|one: char| one.is_ascii_hexdigit()));
    }
    redacted
}

/// Returns a text with the digits of every size taken out: majors fill their pages differently.
fn without_sizes(text: &str) -> String {
    let mut parts: Vec<String> =
        [" kB", " bytes"].iter().fold(vec![text.to_owned()], |parts, unit| {
            let split =
                |part: String| part.split_inclusive(unit).map(str::to_owned).collect::<Vec<_>>();
            parts.into_iter().flat_map(split).collect()
        });
    for part in &mut parts {
        let Some(unit) = [" kB", " bytes"].into_iter().find(|unit| part.ends_with(unit)) else {
            continue;
        };
        let number = part[..part.len() - unit.len()].to_owned();
        let bare = number.trim_end_matches(|one: char| one.is_ascii_digit());
        *part = format!("{bare}{}{unit}", "#".repeat(number.len() - bare.len()));
    }
    parts.concat()
}

/// Asserts what is true of every text: it fits, and holds no escape codes.
#[track_caller]
pub(crate) fn assert_is_for_a_reader(text: &str) {
    assert!(!text.contains('\u{1b}'), "{text:?}");
    for line in text.lines() {
        let is_to_copy = ["CREATE ", "ALTER ", "REFRESH ", "SELECT ", "$ ", "postgresql://"]
            .iter()
            .any(|start| line.trim_start().starts_with(start));
        assert!(line.chars().count() <= 80 || is_to_copy, "{line}");
        assert_eq!(line.trim_end(), line, "spaces at the end");
    }
}

#[track_caller]
pub(crate) fn assert_transcript(
    arguments: &[&str],
    exit: i32,
    plant: &str,
    expected: impl IntoData,
) {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    database.session().run(plant);
    assert_transcript_of((&database, &project), arguments, exit, expected);
}

#[track_caller]
pub(crate) fn assert_transcript_of(
    (database, project): (&TestDatabase, &Project),
    arguments: &[&str],
    exit: i32,
    expected: impl IntoData,
) {
    let run = driftgate(arguments).project(project).database(&database.url()).run().exits(exit);
    assert_eq!(run.stderr, "");
    assert_data_eq!(redacted(&run, database), expected);
    assert_is_for_a_reader(&run.stdout);
}

pub(crate) const DRIFT: &str = "DROP INDEX public.mv_realtime_revenue_key;
    CREATE MATERIALIZED VIEW public.mv_by_hand AS SELECT 1 AS a;
    DROP MATERIALIZED VIEW public.mv_reconciliation_status CASCADE";
