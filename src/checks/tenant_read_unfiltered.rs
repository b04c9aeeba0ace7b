//! `tenant-read-unfiltered`: a tenant-facing role can read a relation that shows several
//! tenants' rows. A materialized view has no row-level security of its own.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "tenant-read-unfiltered",
    gate: GateId::Eg7,
    severity: Severity::Error,
    summary: "a tenant-facing role can read several tenants' rows",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for (role, reason) in &grants.void_roles {
        if facts.registry.roles.get(role).is_some_and(|rules| rules.tenant_facing) {
            outcome.cannot_judge(check, Some(Subject::role(role)), format!("void: {reason}"));
        }
    }
    for found in &grants.cross_tenant_reads {
        if grants.void_roles.contains_key(&found.role) {
            continue;
        }
        let (role, read) = (&found.role, &found.read);
        let via: Vec<String> = read.via.iter().map(ToString::to_string).collect();
        let holds: Vec<String> = read.holds.iter().map(ToString::to_string).collect();
        let line = facts.registry.roles.get(role).map_or(1, |rules| rules.line);
        let what = if holds.len() == 1 && holds[0] == read.relation.to_string() {
            "which holds every tenant's rows".to_owned()
        } else {
            format!("which shows every tenant's rows of {}", holds.join(", "))
        };
        outcome.add(
            check
                .finding(
                    Subject::relation(&read.relation),
                    format!("{role} can read {}, {what}, by {}", read.relation, via.join(", ")),
                )
                .evidence(
                    json!({ "role": role, "tenant_facing": true }),
                    json!({ "role": role, "can_read": read.relation, "holds": holds, "via": via }),
                )
                .query(query::can_select(role, &read.relation))
                .remedy(Remedy::says(
                    "revoke it, and let the role read a security_barrier view that filters by \
                     the tenant's setting",
                ))
                .at(Some(Location { file: facts.registry.source.display.clone(), line })),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, unjudged, world};

    const RULES: &str = "[roles.app]\ntenant_facing = true\n\
                         [[matview]]\nname = 'public.mv'\ntenant_column = 'tenant_id'";

    #[test]
    fn fires_for_the_view_itself() {
        let world = world(RULES)
            .role("app")
            .role("owner")
            .matview("public.mv", "owner")
            .select("public.mv", "app");
        assert_eq!(found("tenant-read-unfiltered", &world).len(), 1);
    }

    #[test]
    fn quiet_when_the_role_cannot_read_it() {
        let world = world(RULES).role("app").role("owner").matview("public.mv", "owner");
        assert!(found("tenant-read-unfiltered", &world).is_empty());
        assert!(unjudged("tenant-read-unfiltered", &world).is_empty());
    }

    #[test]
    fn quiet_for_a_view_of_one_tenant() {
        let template = "[tenancy]\nsetting = 'app.t'\ntenants = 'TABLE t'\n\
                        [roles.app]\ntenant_facing = true\n\
                        [[matview]]\nname = 'public.mv_{slug}'\ntenant_column = 'tenant_id'";
        let world = world(template)
            .tenant("acme")
            .role("app")
            .role("owner")
            .matview("public.mv_acme", "owner")
            .select("public.mv_acme", "app");
        assert!(found("tenant-read-unfiltered", &world).is_empty());
    }

    #[test]
    fn undecided_for_a_superuser() {
        let world = world(RULES).superuser("app").matview("public.mv", "app");
        assert!(found("tenant-read-unfiltered", &world).is_empty());
        assert_eq!(unjudged("tenant-read-unfiltered", &world).len(), 1);
    }
}
