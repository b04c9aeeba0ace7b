//! `write-through-view`: a role has no right on a table that it must not write, but may
//! write to a plain view over it, whose owner has the right.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::protection::Level;

pub(super) const CHECK: Check = Check {
    slug: "write-through-view",
    gate: GateId::Eg4,
    severity: Severity::Warning,
    summary: "a role may write to a view that may pass it on to a table that it must not write",
    needs: &[Source::Registry, Source::Grants],
    run,
};

/// Whether a view passes writes on is known to the server alone, which would lock the view
/// to tell; so this is a warning, with the query that tells.
fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for protection in &grants.protection {
        if protection.level == Level::Void {
            continue;
        }
        for view in &protection.through {
            let (role, table) = (&protection.role, &protection.table);
            let line = facts.registry.roles.get(role).map_or(1, |rules| rules.line);
            outcome.add(
                check
                    .finding(
                        Subject::table(table),
                        format!("{role} may write to {view}, which may pass it on to {table}"),
                    )
                    .evidence(
                        json!({ "role": role, "level": "denied" }),
                        json!({ "role": role, "writes_to": view }),
                    )
                    .query(query::updatable(view))
                    .remedy(
                        Remedy::says(
                            "take the right to write to the view, unless it passes none on",
                        )
                        .sql(format!("REVOKE INSERT, UPDATE, DELETE ON {view} FROM {role}")),
                    )
                    .at(Some(Location { file: facts.registry.source.display.clone(), line })),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, world};

    const RULES: &str = "[roles.app]\nmust_not_write = ['public.ledger']";

    #[test]
    fn fires_when_a_view_may_pass_it_on() {
        let world = world(RULES)
            .role("app")
            .role("owner")
            .table("public.ledger", "owner")
            .view_on("public.open_ledger", "owner", "public.ledger")
            .insert("public.open_ledger", "app");
        assert_eq!(found("write-through-view", &world).len(), 1);
        assert!(found("write-allowed", &world).is_empty());
    }

    #[test]
    fn quiet_when_the_role_may_only_read_the_view() {
        let world = world(RULES)
            .role("app")
            .role("owner")
            .table("public.ledger", "owner")
            .view_on("public.open_ledger", "owner", "public.ledger")
            .select("public.open_ledger", "app");
        assert!(found("write-through-view", &world).is_empty());
    }
}
