//! `role-missing`: the registry declares a role that the server does not have, so nothing
//! that is said of it holds.

use serde_json::{Value, json};

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "role-missing",
    gate: GateId::Eg4,
    severity: Severity::Error,
    summary: "a registered role does not exist",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    if facts.registry.roles.is_empty() && grants.refreshes.is_empty() {
        let reason = "the registry declares no role, so no right was looked at";
        outcome.cannot_judge(check, None, reason);
    }
    for role in &grants.missing_roles {
        let location = facts.registry.roles.get(role).map(|rules| Location {
            file: facts.registry.source.display.clone(),
            line: rules.line,
        });
        outcome.add(
            check
                .finding(Subject::role(role), format!("the server has no role {role}"))
                .evidence(json!({ "role": role }), Value::Null)
                .query(query::role_exists(role))
                .remedy(
                    Remedy::says("create it, or take it out of the registry")
                        .sql(format!("CREATE ROLE {role}")),
                )
                .at(location),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, unjudged, world};

    #[test]
    fn fires_for_a_role_that_is_not_there() {
        let world = world("[roles.ghost]\nrefresh = ['*']");
        let found = found("role-missing", &world);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "ghost");
    }

    #[test]
    fn undecided_when_no_role_is_declared() {
        assert_eq!(unjudged("role-missing", &world("")).len(), 1);
    }

    #[test]
    fn quiet_when_it_is_there() {
        let world = world("[roles.worker]\nrefresh = ['*']").role("worker");
        assert!(found("role-missing", &world).is_empty());
    }
}
