//! `migration-heads`: two branches each added the next migration: several files share a
//! version, or several revisions are followed by nothing. No order can apply them.

use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::migrations::{MigrationFile, MigrationState, Tool, command};

pub(super) const CHECK: Check = Check {
    slug: "migration-heads",
    gate: GateId::Eg1,
    severity: Severity::Error,
    summary: "several migrations claim the same place in the order",
    needs: &[Source::Migrations],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(state) = &facts.migrations else { return };
    match state.project.tool {
        Tool::Command => outcome.cannot_judge(check, None, command::NO_LEDGER),
        Tool::Alembic => revisions(check, state, outcome),
        _ => versions(check, state, outcome),
    }
}

fn versions(check: &Check, state: &MigrationState, outcome: &mut Outcome) {
    for files in state.project.shared_versions() {
        let version = &files[0].id;
        let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
        outcome.add(
            check
                .finding(
                    Subject::migration(names[0]),
                    format!("version {version} is claimed by {}", names.join(" and ")),
                )
                .evidence(json!({ "files_per_version": 1 }), json!({ "files": names }))
                .remedy(Remedy::says(
                    "give all but one of them, those that no database has seen, the next free \
                     number",
                ))
                .at(Some(Location { file: files[0].file.clone(), line: 1 })),
        );
    }
}

fn revisions(check: &Check, state: &MigrationState, outcome: &mut Outcome) {
    // A file that could not be read may follow any of them.
    if let Some(doubt) = state.project.doubt() {
        return outcome.cannot_judge(check, None, doubt);
    }
    let heads = state.project.heads();
    let (Some(first), true) = (heads.first(), heads.len() > 1) else { return };
    let ids: Vec<&str> = heads.iter().map(|head| head.id.as_str()).collect();
    let names: Vec<&str> = heads.iter().map(|head| head.file.as_str()).collect();
    outcome.add(
        check
            .finding(
                Subject::migration(&first.file),
                format!("the revisions have {} heads: {}", ids.len(), ids.join(", ")),
            )
            .evidence(json!({ "heads": 1 }), json!({ "heads": ids, "files": names }))
            .remedy(Remedy::says(format!("merge them: {}", merge_command(&heads))))
            .at(Some(Location { file: first.file.clone(), line: first.line })),
    );
}

/// Returns the command that merges heads.
pub(crate) fn merge_command(heads: &[&MigrationFile]) -> String {
    let ids: Vec<&str> = heads.iter().map(|head| head.id.as_str()).collect();
    format!("alembic merge -m \"merge heads\" {}", ids.join(" "))
}

#[cfg(test)]
mod tests {
    use crate::migrations::{Doubt, Ledger, Tool};
    use crate::testing::{found_in_migrations, migrations, revisions, unjudged_in_migrations};

    const SLUG: &str = "migration-heads";

    #[test]
    fn fires_once_for_each_version_that_is_shared() {
        let state = migrations(&[1, 2, 2, 3, 3, 3], Ledger::Missing);
        assert_eq!(found_in_migrations(SLUG, &state).len(), 2);
        assert_eq!(state.project.heads().len(), 3);
    }

    #[test]
    fn quiet_when_every_version_is_there_once() {
        assert!(found_in_migrations(SLUG, &migrations(&[1, 2, 3], Ledger::Missing)).is_empty());
    }

    #[test]
    fn fires_once_for_revisions_that_were_not_merged() {
        let state = revisions(&[("a", &[]), ("b", &["a"]), ("c", &["a"])], Ledger::Missing);
        let found = found_in_migrations(SLUG, &state);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "the revisions have 2 heads: b, c");
        let remedy = found[0].remedy.as_ref().expect("there is one");
        assert!(remedy.summary.ends_with("b c"), "{}", remedy.summary);
    }

    #[test]
    fn quiet_when_they_were_merged() {
        let merged = [("a", &[][..]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])];
        assert!(found_in_migrations(SLUG, &revisions(&merged, Ledger::Missing)).is_empty());
    }

    #[test]
    fn undecided_when_a_file_is_doubtful_or_a_command_alone_knows() {
        let mut doubtful = revisions(&[("a", &[])], Ledger::Missing);
        let doubt = Doubt { file: "versions/x.py".into(), line: 3, reason: "computed".into() };
        doubtful.project.doubts.push(doubt);
        let mut command = migrations(&[], Ledger::None("none".into()));
        command.project.tool = Tool::Command;
        for state in [doubtful, command] {
            assert_eq!(unjudged_in_migrations(SLUG, &state).len(), 1);
        }
    }
}
