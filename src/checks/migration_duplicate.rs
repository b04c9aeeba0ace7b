//! `migration-duplicate`: two revision files have the same id, or give their branches the
//! same name. Alembic takes the last one that it reads, or gives up.

use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::migrations::Tool;
use crate::migrations::graph::{Graph, Problem};

pub(super) const CHECK: Check = Check {
    slug: "migration-duplicate",
    gate: GateId::Eg1,
    severity: Severity::Error,
    summary: "several revision files have the same id or branch label",
    needs: &[Source::Migrations],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(state) = &facts.migrations else { return };
    if state.project.tool != Tool::Alembic {
        return;
    }
    for problem in Graph::of(&state.project.files).problems() {
        let (name, files, remedy) = match &problem {
            Problem::Shared(files) => (
                files[0].id.as_str(),
                files,
                "take the copy away; where they differ, give one that no database has seen an id \
                 of its own",
            ),
            Problem::SharedLabel(label, files) => {
                (*label, files, "let one of them give its branch another name")
            }
            Problem::Missing { .. } | Problem::Cycle(_) => continue,
        };
        let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
        let line = files[0].line;
        outcome.add(
            check
                .finding(Subject::migration(name), problem.to_string())
                .evidence(json!({ "files": 1 }), json!({ "files": names }))
                .remedy(Remedy::says(remedy))
                .at(Some(Location { file: files[0].file.clone(), line })),
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

    const SLUG: &str = "migration-duplicate";

    #[test]
    fn fires_for_an_id_of_two_files_and_for_a_label() {
        let mut state =
            revisions(&[("a", &[]), ("b", &["a"]), ("b", &["a"]), ("c", &["b"])], Ledger::Missing);
        let found = found_in_migrations(SLUG, &state);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "b");
        for at in [0, 3] {
            state.project.files[at].labels.push("b2".into());
        }
        state.project.files.remove(1);
        state.project.files[0].labels.push("c".into());
        let found = found_in_migrations(SLUG, &state);
        let names: Vec<_> = found.iter().map(|finding| finding.subject.name.as_str()).collect();
        assert_eq!(names, ["b2", "c"]);
    }

    #[test]
    fn quiet_when_every_id_is_there_once_and_for_versions() {
        let state = revisions(&[("a", &[]), ("b", &["a"])], Ledger::Missing);
        assert!(found_in_migrations(SLUG, &state).is_empty());
        assert!(found_in_migrations(SLUG, &migrations(&[1, 1], Ledger::Missing)).is_empty());
    }

    #[test]
    fn undecided_when_a_file_is_doubtful() {
        let mut state = revisions(&[("a", &[])], Ledger::Missing);
        let doubt = Doubt { file: "versions/x.py".into(), line: 3, reason: "computed".into() };
        state.project.doubts.push(doubt);
        assert_eq!(unjudged_in_migrations(SLUG, &state).len(), 1);
    }
}
