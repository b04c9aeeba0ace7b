//! `migration-changed`: a file was edited after it had been applied, so the database was
//! built by something that nobody can read any more.

use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::migrations::{Migrations, Tool};
use crate::snapshot::hex;

pub(super) const CHECK: Check = Check {
    slug: "migration-changed",
    gate: GateId::Eg1,
    severity: Severity::Error,
    summary: "a migration was edited after it had been applied",
    needs: &[Source::Migrations],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(state) = &facts.migrations else { return };
    let changed = match state.changed() {
        Ok(changed) => changed,
        Err(reason) => return outcome.cannot_judge(check, None, reason),
    };
    for (file, applied) in changed {
        outcome.add(
            check
                .finding(
                    Subject::migration(&file.file),
                    format!("{} was edited after it had been applied", file.file),
                )
                .evidence(
                    json!({ "checksum": hex(&file.checksum) }),
                    json!({ "checksum": hex(&applied.checksum) }),
                )
                .query(query(&state.project, &applied.id))
                .remedy(Remedy::says(
                    "bring the file back as it was, line endings included, and put the change \
                     into a new migration",
                ))
                .at(Some(Location { file: file.file.clone(), line: 1 })),
        );
    }
}

fn query(project: &Migrations, id: &str) -> String {
    let ledger = project.ledger_name();
    match project.tool {
        Tool::Sqlx => format!(
            "SELECT version, installed_on, encode(checksum, 'hex') AS checksum \
             FROM {ledger} WHERE version = {id}"
        ),
        _ => format!("SELECT version, script, to_hex(checksum) AS checksum FROM {ledger}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::migrations::{Ledger, Tool};
    use crate::testing::{applied, found_in_migrations, migrations, unjudged_in_migrations};

    const SLUG: &str = "migration-changed";

    #[test]
    fn fires_when_the_checksums_differ() {
        let mut edited = applied(1);
        edited.checksum = vec![9];
        let state = migrations(&[1, 2], Ledger::Read(vec![edited, applied(2)]));
        let found = found_in_migrations(SLUG, &state);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "migrations/0001_step.sql");
    }

    #[test]
    fn quiet_where_the_ledger_keeps_no_checksum() {
        let mut without = applied(1);
        without.checksum = vec![];
        let mut state = migrations(&[1], Ledger::Read(vec![without]));
        for tool in [Tool::Flyway, Tool::Diesel, Tool::GolangMigrate] {
            state.project.tool = tool;
            assert!(found_in_migrations(SLUG, &state).is_empty());
        }
    }

    #[test]
    fn quiet_when_they_agree() {
        let state = migrations(&[1, 2], Ledger::Read(vec![applied(1)]));
        assert!(found_in_migrations(SLUG, &state).is_empty());
    }

    #[test]
    fn undecided_when_the_ledger_is_unreadable() {
        let state = migrations(&[1], Ledger::Unreadable("denied".into()));
        assert_eq!(unjudged_in_migrations(SLUG, &state).len(), 1);
    }
}
