//! `tenant-column-missing`: a view is declared to hold tenants' rows in a column that it
//! does not have, so nothing that protects tenants can work on it.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "tenant-column-missing",
    gate: GateId::Eg7,
    severity: Severity::Error,
    summary: "a view does not have its declared tenant column",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for view in &grants.safety {
        let Some(entry) = facts.registry.entry(&view.view) else { continue };
        let Some(column) = &entry.tenant_column else { continue };
        if view.columns.contains(column) {
            continue;
        }
        outcome.add(
            check
                .finding(
                    Subject::matview(&view.view),
                    format!("{} has no column {column}", view.view),
                )
                .evidence(json!({ "tenant_column": column }), json!({ "columns": view.columns }))
                .query(query::columns(&view.view))
                .remedy(Remedy::says("correct tenant_column, or add the column to the view"))
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, world};

    #[test]
    fn fires_for_a_column_that_is_not_there() {
        let world = world("[[matview]]\nname = 'public.mv'\ntenant_column = 'tenant'")
            .role("owner")
            .matview("public.mv", "owner");
        assert_eq!(found("tenant-column-missing", &world).len(), 1);
    }

    #[test]
    fn quiet_when_it_is_there() {
        let world = world("[[matview]]\nname = 'public.mv'\ntenant_column = 'tenant_id'")
            .role("owner")
            .matview("public.mv", "owner");
        assert!(found("tenant-column-missing", &world).is_empty());
    }
}
