//! `migration-pending`: the project has a migration that the database has not seen.

use serde_json::{Value, json};

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::migrations::{Ledger, Tool};

pub(super) const CHECK: Check = Check {
    slug: "migration-pending",
    gate: GateId::Eg1,
    severity: Severity::Error,
    summary: "a migration of the project was not applied",
    needs: &[Source::Migrations],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(state) = &facts.migrations else { return };
    let is_known = !matches!(state.ledger, Ledger::None(_)) && state.project.doubts.is_empty();
    if state.project.files.is_empty() && is_known {
        let reason = format!("{} holds no migration", state.project.folder);
        return outcome.cannot_judge(check, None, reason);
    }
    let deploy = Remedy::says("deploy it");
    let remedy = match state.project.tool {
        Tool::Sqlx | Tool::Alembic => deploy.command("driftgate migrate up"),
        _ => deploy,
    };
    let pending = match state.pending() {
        Ok(pending) => pending,
        Err(reason) => return outcome.cannot_judge(check, None, reason),
    };
    for file in pending {
        outcome.add(
            check
                .finding(
                    Subject::migration(&file.file),
                    format!("{} was not applied to this database", file.file),
                )
                .evidence(json!({ "version": id_value(state.project.tool, &file.id) }), Value::Null)
                .remedy(remedy.clone())
                .at(Some(Location { file: file.file.clone(), line: file.line })),
        );
    }
}

/// Returns an id as the report has it: sqlx's versions are numbers.
pub(super) fn id_value(tool: Tool, id: &str) -> Value {
    match id.parse::<i64>() {
        Ok(number) if tool == Tool::Sqlx => number.into(),
        _ => id.into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::migrations::Ledger;
    use crate::testing::{
        applied, at_revision, found_in_migrations, migrations, revisions, unjudged_in_migrations,
    };

    const SLUG: &str = "migration-pending";

    #[test]
    fn fires_for_each_file_that_the_ledger_does_not_have() {
        let state = migrations(&[1, 2, 3], Ledger::Read(vec![applied(1)]));
        let found = found_in_migrations(SLUG, &state);
        let names: Vec<_> = found.iter().map(|finding| finding.subject.name.as_str()).collect();
        assert_eq!(names, ["migrations/0002_step.sql", "migrations/0003_step.sql"]);
        let never = migrations(&[1], Ledger::Missing);
        assert_eq!(found_in_migrations(SLUG, &never).len(), 1);
    }

    #[test]
    fn fires_for_what_a_revision_of_the_ledger_does_not_stand_for() {
        let ids = [("a", &[][..]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])];
        let at = |rows: &[&str]| {
            let rows = rows.iter().map(|id| at_revision(id)).collect();
            let found = found_in_migrations(SLUG, &revisions(&ids, Ledger::Read(rows)));
            found.into_iter().map(|finding| finding.subject.name).collect::<Vec<_>>()
        };
        assert_eq!(at(&["b"]), ["versions/c_step.py", "versions/d_step.py"]);
        assert_eq!(at(&["b", "c"]), ["versions/d_step.py"]);
        assert!(at(&["d"]).is_empty());
    }

    #[test]
    fn quiet_at_the_head() {
        let state = migrations(&[1, 2], Ledger::Read(vec![applied(1), applied(2)]));
        assert!(found_in_migrations(SLUG, &state).is_empty());
        assert!(unjudged_in_migrations(SLUG, &state).is_empty());
    }

    #[test]
    fn undecided_when_ledger_or_files_do_not_tell() {
        for state in [
            migrations(&[1], Ledger::Unreadable("denied".into())),
            migrations(&[], Ledger::Missing),
            migrations(&[], Ledger::None("no ledger".into())),
            revisions(&[("a", &[])], Ledger::Read(vec![at_revision("gone")])),
        ] {
            assert!(found_in_migrations(SLUG, &state).is_empty());
            assert_eq!(unjudged_in_migrations(SLUG, &state).len(), 1);
        }
    }
}
