//! `migration-unknown`: the ledger has a migration that the project does not: somebody
//! deployed another branch, or took a file away.

use serde_json::{Value, json};

use super::migration_pending::id_value;
use super::{Check, Facts, Outcome, Source};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::migrations::{Migrations, Tool};
use crate::report::timestamp;

pub(super) const CHECK: Check = Check {
    slug: "migration-unknown",
    gate: GateId::Eg1,
    severity: Severity::Error,
    summary: "the ledger has a migration that the project does not",
    needs: &[Source::Migrations],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(state) = &facts.migrations else { return };
    let unknown = match state.unknown() {
        Ok(unknown) => unknown,
        Err(reason) => return outcome.cannot_judge(check, None, reason),
    };
    for applied in unknown {
        let name = match applied.description.as_str() {
            "" => applied.id.clone(),
            words => format!("{} ({words})", applied.id),
        };
        let word = if state.project.tool == Tool::Alembic { "revision" } else { "version" };
        outcome.add(
            check
                .finding(
                    Subject::migration(&name),
                    format!("the ledger has {word} {name}, but {} does not", state.project.folder),
                )
                .evidence(
                    Value::Null,
                    json!({
                        "version": id_value(state.project.tool, &applied.id),
                        "description": applied.description,
                        "installed_on": applied.installed_on.map(timestamp),
                    }),
                )
                .query(query(&state.project, &applied.id))
                .remedy(Remedy::says(
                    "check out the branch that was deployed, or bring its file back; \
                     nothing can be applied until the two agree",
                )),
        );
    }
}

fn query(project: &Migrations, id: &str) -> String {
    let ledger = project.ledger_name();
    match project.tool {
        Tool::Sqlx => {
            format!("SELECT version, description, installed_on FROM {ledger} WHERE version = {id}")
        }
        _ => format!("SELECT * FROM {ledger}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::migrations::Ledger;
    use crate::testing::{
        applied, at_revision, found_in_migrations, migrations, revisions, unjudged_in_migrations,
    };

    const SLUG: &str = "migration-unknown";

    #[test]
    fn fires_for_a_version_without_a_file() {
        let state = migrations(&[1], Ledger::Read(vec![applied(1), applied(7)]));
        let found = found_in_migrations(SLUG, &state);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence.observed["version"], 7);
    }

    #[test]
    fn fires_for_a_revision_without_a_file() {
        let rows = vec![at_revision("a"), at_revision("z")];
        let found = found_in_migrations(SLUG, &revisions(&[("a", &[])], Ledger::Read(rows)));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "the ledger has revision z, but alembic.ini does not");
        let query = found[0].evidence.query.as_deref();
        assert_eq!(query, Some("SELECT * FROM alembic_version"));
    }

    #[test]
    fn quiet_when_every_version_has_its_file() {
        let state = migrations(&[1, 2], Ledger::Read(vec![applied(1)]));
        assert!(found_in_migrations(SLUG, &state).is_empty());
    }

    #[test]
    fn undecided_when_the_ledger_is_unreadable() {
        let state = migrations(&[1], Ledger::Unreadable("denied".into()));
        assert_eq!(unjudged_in_migrations(SLUG, &state).len(), 1);
    }
}
