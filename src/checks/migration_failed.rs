//! `migration-failed`: the ledger says that a migration did not run to its end. Files that
//! run outside a transaction leave such a row, and a database that is half one version.

use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::migrations::{Migrations, Tool};
use crate::report::timestamp;

pub(super) const CHECK: Check = Check {
    slug: "migration-failed",
    gate: GateId::Eg1,
    severity: Severity::Error,
    summary: "a migration did not run to its end",
    needs: &[Source::Migrations],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(state) = &facts.migrations else { return };
    let half_applied = match state.half_applied() {
        Ok(half_applied) => half_applied,
        Err(reason) => return outcome.cannot_judge(check, None, reason),
    };
    for applied in half_applied {
        let name = format!("{} {}", applied.id, applied.description).trim_end().to_owned();
        outcome.add(
            check
                .finding(Subject::migration(&name), format!("{name} did not run to its end"))
                .evidence(
                    json!({ "success": true }),
                    json!({ "success": false, "installed_on": applied.installed_on.map(timestamp) }),
                )
                .query(query(&state.project, &applied.id))
                .remedy(Remedy::says(format!(
                    "see what of it is there, finish or undo that by hand, and then {}",
                    and_then(state.project.tool)
                ))),
        );
    }
}

fn query(project: &Migrations, id: &str) -> String {
    let ledger = project.ledger_name();
    match project.tool {
        Tool::Sqlx => {
            format!("SELECT version, description, success FROM {ledger} WHERE version = {id}")
        }
        _ => format!("SELECT * FROM {ledger}"),
    }
}

/// Returns what sets the ledger right.
const fn and_then(tool: Tool) -> &'static str {
    match tool {
        Tool::Flyway => "run `flyway repair`",
        Tool::GolangMigrate => "run `migrate force` with the version that is whole",
        _ => "delete its row from the ledger",
    }
}

#[cfg(test)]
mod tests {
    use crate::migrations::Ledger;
    use crate::testing::{applied, found_in_migrations, migrations, unjudged_in_migrations};

    const SLUG: &str = "migration-failed";

    #[test]
    fn fires_for_a_row_without_success() {
        let mut half = applied(2);
        half.success = false;
        let state = migrations(&[1, 2], Ledger::Read(vec![applied(1), half]));
        assert_eq!(found_in_migrations(SLUG, &state).len(), 1);
    }

    #[test]
    fn quiet_when_all_succeeded() {
        let state = migrations(&[1], Ledger::Read(vec![applied(1)]));
        assert!(found_in_migrations(SLUG, &state).is_empty());
    }

    #[test]
    fn undecided_when_the_ledger_is_unreadable() {
        let state = migrations(&[1], Ledger::Unreadable("denied".into()));
        assert_eq!(unjudged_in_migrations(SLUG, &state).len(), 1);
    }
}
