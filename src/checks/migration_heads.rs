//! `migration-heads`: several migrations share a version, as two branches leave them that
//! each added the next one: no order can apply them.

use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;

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
    for files in state.shared_versions() {
        let version = files[0].version;
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

#[cfg(test)]
mod tests {
    use crate::migrations::Ledger;
    use crate::testing::{found_in_migrations, migrations};

    const SLUG: &str = "migration-heads";

    #[test]
    fn fires_once_for_each_version_that_is_shared() {
        let state = migrations(&[1, 2, 2, 3, 3, 3], Ledger::Missing);
        assert_eq!(found_in_migrations(SLUG, &state).len(), 2);
        assert_eq!(state.heads().len(), 3);
    }

    #[test]
    fn quiet_when_every_version_is_there_once() {
        assert!(found_in_migrations(SLUG, &migrations(&[1, 2, 3], Ledger::Missing)).is_empty());
    }
}
