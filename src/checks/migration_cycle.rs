//! `migration-cycle`: revisions follow or depend on one another in a circle, so none of
//! them can come first. Alembic reads nothing then.

use serde_json::{Value, json};

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::migrations::Tool;
use crate::migrations::graph::{Graph, Problem};

pub(super) const CHECK: Check = Check {
    slug: "migration-cycle",
    gate: GateId::Eg1,
    severity: Severity::Error,
    summary: "revisions follow one another in a circle",
    needs: &[Source::Migrations],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(state) = &facts.migrations else { return };
    if state.project.tool != Tool::Alembic {
        return;
    }
    for problem in Graph::of(&state.project.files).problems() {
        let Problem::Cycle(files) = &problem else { continue };
        let ids: Vec<&str> = files.iter().map(|file| file.id.as_str()).collect();
        outcome.add(
            check
                .finding(Subject::migration(&files[0].file), problem.to_string())
                .evidence(Value::Null, json!({ "revisions": ids }))
                .remedy(Remedy::says(
                    "let the one that came first no longer name the ones behind it",
                ))
                .at(Some(Location { file: files[0].file.clone(), line: files[0].parents_line })),
        );
    }
    if let Some(doubt) = state.project.doubt() {
        outcome.cannot_judge(check, None, doubt);
    }
}

#[cfg(test)]
mod tests {
    use crate::migrations::{Doubt, Ledger};
    use crate::testing::{found_in_migrations, migrations, revisions, unjudged_in_migrations};

    const SLUG: &str = "migration-cycle";

    #[test]
    fn fires_once_for_each_circle() {
        let circles = [("a", &["b"][..]), ("b", &["a"]), ("c", &["c"]), ("d", &[]), ("e", &["d"])];
        let found = found_in_migrations(SLUG, &revisions(&circles, Ledger::Missing));
        let observed: Vec<_> =
            found.iter().map(|finding| finding.evidence.observed.to_string()).collect();
        assert_eq!(observed, [r#"{"revisions":["a","b"]}"#, r#"{"revisions":["c"]}"#]);
    }

    #[test]
    fn fires_for_a_circle_through_what_is_depended_on() {
        let mut state = revisions(&[("a", &[]), ("b", &["a"])], Ledger::Missing);
        state.project.files[0].depends_on.push("b".into());
        assert_eq!(found_in_migrations(SLUG, &state).len(), 1);
    }

    #[test]
    fn quiet_when_there_is_none_and_for_versions() {
        let state = revisions(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])], Ledger::Missing);
        assert!(found_in_migrations(SLUG, &state).is_empty());
        assert!(found_in_migrations(SLUG, &migrations(&[1], Ledger::Missing)).is_empty());
    }

    #[test]
    fn undecided_when_a_file_is_doubtful() {
        let mut state = revisions(&[("a", &[])], Ledger::Missing);
        let doubt = Doubt { file: "versions/x.py".into(), line: 3, reason: "computed".into() };
        state.project.doubts.push(doubt);
        assert_eq!(unjudged_in_migrations(SLUG, &state).len(), 1);
    }
}
