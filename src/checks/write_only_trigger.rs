//! `write-only-trigger`: a role has the right to write a table that it must not, and only a
//! trigger, which it cannot sidestep, stands in the way.

use super::{Check, Facts, Outcome, Source, write_allowed};
use crate::finding::Severity;
use crate::gate::GateId;
use crate::protection::Level;

pub(super) const CHECK: Check = Check {
    slug: "write-only-trigger",
    gate: GateId::Eg4,
    severity: Severity::Warning,
    summary: "only a trigger keeps a role from writing a table that it must not",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for protection in &grants.protection {
        if protection.level == Level::Trigger && protection.sidestep.is_empty() {
            outcome.add(write_allowed::finding(check, facts, protection));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, world};

    const RULES: &str = "[roles.app]\nmust_not_write = ['public.ledger']";

    #[test]
    fn fires_when_a_trigger_alone_refuses() {
        let world = world(RULES)
            .role("app")
            .role("owner")
            .table("public.ledger", "owner")
            .insert("public.ledger", "app")
            .refusing_trigger("public.ledger");
        assert_eq!(found("write-only-trigger", &world).len(), 1);
        assert!(found("write-allowed", &world).is_empty());
    }

    #[test]
    fn quiet_when_the_right_is_missing_too() {
        let world = world(RULES)
            .role("app")
            .role("owner")
            .table("public.ledger", "owner")
            .refusing_trigger("public.ledger");
        assert!(found("write-only-trigger", &world).is_empty());
    }
}
