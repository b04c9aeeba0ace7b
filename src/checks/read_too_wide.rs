//! `read-too-wide`: a role can read a materialized view that it may not, by whatever way in.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::grants;

pub(super) const CHECK: Check = Check {
    slug: "read-too-wide",
    gate: GateId::Eg4,
    severity: Severity::Error,
    summary: "a role can read a materialized view that it may not",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(found) = &facts.grants else { return };
    for (role, reason) in &found.void_roles {
        if facts.registry.roles.get(role).is_some_and(|rules| rules.read.is_some()) {
            outcome.cannot_judge(check, Some(Subject::role(role)), format!("void: {reason}"));
        }
    }
    for reads in &found.reads {
        let Some(rules) = facts.registry.roles.get(&reads.role) else { continue };
        let too_wide = grants::may_read(rules, &reads.view) == Some(false);
        if !too_wide || found.void_roles.contains_key(&reads.role) {
            continue;
        }
        let via: Vec<String> = reads.via.iter().map(ToString::to_string).collect();
        outcome.add(
            check
                .finding(
                    Subject::matview(&reads.view),
                    format!("{} can read {}, by {}", reads.role, reads.view, via.join(", ")),
                )
                .evidence(
                    json!({ "role": reads.role, "may_read": false }),
                    json!({ "role": reads.role, "can_read": true, "via": via }),
                )
                .query(query::can_select(&reads.role, &reads.view))
                .remedy(Remedy::says(
                    "revoke it where it was granted, or add the view to the role's read",
                ))
                .at(Some(Location {
                    file: facts.registry.source.display.clone(),
                    line: rules.line,
                })),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, unjudged, world};

    const NOTHING: &str = "[roles.app]\nread = []\n[[matview]]\nname = 'public.mv'";
    const THIS: &str = "[roles.app]\nread = ['public.mv']\n[[matview]]\nname = 'public.mv'";

    #[test]
    fn fires_for_a_grant_and_for_ownership() {
        let granted = world(NOTHING)
            .role("app")
            .role("owner")
            .matview("public.mv", "owner")
            .select("public.mv", "app");
        assert_eq!(found("read-too-wide", &granted).len(), 1);
        let owned = world(NOTHING).role("app").matview("public.mv", "app");
        assert_eq!(found("read-too-wide", &owned).len(), 1);
    }

    #[test]
    fn quiet_when_declared_or_not_possible() {
        let declared = world(THIS).role("app").matview("public.mv", "app");
        assert!(found("read-too-wide", &declared).is_empty());
        let closed = world(NOTHING).role("app").role("owner").matview("public.mv", "owner");
        assert!(found("read-too-wide", &closed).is_empty());
    }

    #[test]
    fn undecided_for_a_superuser() {
        let world = world(NOTHING).superuser("app").matview("public.mv", "app");
        assert!(found("read-too-wide", &world).is_empty());
        assert_eq!(unjudged("read-too-wide", &world).len(), 1);
    }
}
