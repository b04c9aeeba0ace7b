//! `migration-parent-missing`: a revision follows, or depends on, one that no file has: its
//! file was not merged, or was taken away. Alembic reads nothing then.

use serde_json::{Value, json};

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::migrations::Tool;
use crate::migrations::graph::{Graph, Problem};

pub(super) const CHECK: Check = Check {
    slug: "migration-parent-missing",
    gate: GateId::Eg1,
    severity: Severity::Error,
    summary: "a revision follows or depends on one that no file has",
    needs: &[Source::Migrations],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(state) = &facts.migrations else { return };
    if state.project.tool != Tool::Alembic {
        return;
    }
    // A file that could not be read may be the one that is missed.
    if let Some(doubt) = state.project.doubt() {
        return outcome.cannot_judge(check, None, doubt);
    }
    for problem in Graph::of(&state.project.files).problems() {
        let Problem::Missing { file, id, is_dependency } = &problem else { continue };
        let key = if *is_dependency { "depends_on" } else { "down_revision" };
        outcome.add(
            check
                .finding(Subject::migration(&file.file), problem.to_string())
                .evidence(json!({ (key): id }), Value::Null)
                .remedy(Remedy::says(
                    "bring the file of that revision back, or correct what this one names; an id \
                     is written out in full",
                ))
                .at(Some(Location { file: file.file.clone(), line: file.parents_line })),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::migrations::{Doubt, Ledger};
    use crate::testing::{found_in_migrations, migrations, revisions, unjudged_in_migrations};

    const SLUG: &str = "migration-parent-missing";

    #[test]
    fn fires_for_each_that_is_missed() {
        let mut state = revisions(&[("a", &["z"]), ("b", &["a", "y"])], Ledger::Missing);
        state.project.files[1].depends_on = vec!["a".into(), "x".into()];
        let found = found_in_migrations(SLUG, &state);
        let declared: BTreeSet<_> =
            found.iter().map(|finding| finding.evidence.declared.to_string()).collect();
        let expected =
            [r#"{"depends_on":"x"}"#, r#"{"down_revision":"y"}"#, r#"{"down_revision":"z"}"#];
        assert_eq!(declared, expected.map(str::to_owned).into());
    }

    #[test]
    fn quiet_when_all_are_there_and_for_versions() {
        let mut state = revisions(&[("a", &[]), ("b", &["a"]), ("c", &["b"])], Ledger::Missing);
        state.project.files[0].labels.push("first".into());
        state.project.files[2].depends_on.push("first".into());
        assert!(found_in_migrations(SLUG, &state).is_empty());
        assert!(found_in_migrations(SLUG, &migrations(&[2, 3], Ledger::Missing)).is_empty());
    }

    #[test]
    fn undecided_when_a_file_is_doubtful() {
        let mut state = revisions(&[("a", &["z"])], Ledger::Missing);
        let doubt = Doubt { file: "versions/x.py".into(), line: 3, reason: "computed".into() };
        state.project.doubts.push(doubt);
        assert!(found_in_migrations(SLUG, &state).is_empty());
        assert_eq!(unjudged_in_migrations(SLUG, &state).len(), 1);
    }
}
