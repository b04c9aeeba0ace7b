//! `refresh-filtered`: a view that is not declared to hold tenants' rows would still lose
//! rows when it is refreshed, because its owner does not see them all.

use super::tenant_rows_lost::{self, loses_rows};
use super::{Check, Facts, Outcome, Source};
use crate::finding::Severity;
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "refresh-filtered",
    gate: GateId::Eg7,
    severity: Severity::Warning,
    summary: "a refresh would lose rows of a view without a tenant column",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for view in &grants.safety {
        let Some(entry) = facts.registry.entry(&view.view) else { continue };
        let holds_no_tenant = entry.tenant_column.is_none() && entry.tenant.is_none();
        if holds_no_tenant && loses_rows(view) {
            outcome.add(tenant_rows_lost::finding(check, facts, view, entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, world};

    const ENTRY: &str = "[[matview]]\nname = 'public.mv'";

    #[test]
    fn fires_when_row_level_security_binds_the_owner() {
        let world = world(ENTRY)
            .role("owner")
            .role("other")
            .secured_table("public.events", "other")
            .matview_on("public.mv", "owner", "public.events");
        assert_eq!(found("refresh-filtered", &world).len(), 1);
    }

    #[test]
    fn quiet_when_it_does_not() {
        let world = world(ENTRY).role("owner").table("public.events", "owner").matview_on(
            "public.mv",
            "owner",
            "public.events",
        );
        assert!(found("refresh-filtered", &world).is_empty());
    }
}
