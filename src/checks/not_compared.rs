//! What no check compares, and that it is so: a view that was not compared must not pass.
//! No check of its own.

use super::{Facts, Outcome};
use crate::finding::Unjudged;
use crate::gate::GateId;

/// The gates that judge views, and so every tenant's.
const OF_VIEWS: [GateId; 4] = [GateId::Eg3, GateId::Eg4, GateId::Eg7, GateId::Eg8];

/// Notes what these gates do not compare.
pub(super) fn note(gates: &[GateId], facts: &Facts<'_>, outcome: &mut Outcome) {
    for gate in gates.iter().filter(|gate| OF_VIEWS.contains(gate)) {
        note_templates(*gate, facts, outcome);
    }
}

/// Notes the templates that are not filled in, whole or for some tenants.
fn note_templates(gate: GateId, facts: &Facts<'_>, outcome: &mut Outcome) {
    let mut reasons = facts.not_filled_in.clone();
    if reasons.is_empty() && facts.registry.has_templates() {
        reasons.push("the tenants were not looked at".to_owned());
    }
    let unjudged = |reason| (gate, Unjudged { check: None, subject: None, reason });
    outcome.unjudged.extend(reasons.into_iter().map(unjudged));
}

#[cfg(test)]
mod tests {
    use crate::checks::{self, Facts};
    use crate::gate::GateId;
    use crate::testing::{registry, registry_of_tenants, snapshot, view};

    #[test]
    fn a_template_that_is_not_filled_in_leaves_every_gate_of_views_undecided() {
        let snapshot = snapshot([view("tenant_1.mv")]);
        let template = registry(
            "version = 1\n[tenancy]\nsetting = 'app.t'\ntenants = 'SELECT 1 AS id'\n\
             [[matview]]\nname = 'tenant_{id}.mv'",
        );
        let filled_in = registry_of_tenants("tenant_{slug}.mv", &["1"]);
        let missing = || Err("not looked".to_owned());
        let told = |registry, reasons: &[&str]| -> Vec<_> {
            let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
            let facts = Facts::new(registry, Ok(&snapshot), missing()).without_tenants(reasons);
            let outcome = checks::run(&[GateId::Eg3, GateId::Eg4, GateId::Eg7], &facts);
            let unjudged = outcome.unjudged.into_iter().filter(|(_, one)| one.check.is_none());
            unjudged.map(|(gate, one)| (gate, one.reason)).collect()
        };
        let everywhere = |reason: &str| {
            [GateId::Eg3, GateId::Eg4, GateId::Eg7].map(|gate| (gate, reason.to_owned()))
        };
        assert_eq!(told(&template, &[]), everywhere("the tenants were not looked at"));
        assert_eq!(told(&template, &["no list"]), everywhere("no list"));
        assert_eq!(told(&filled_in, &["tenant 2 has no slug"]), everywhere("tenant 2 has no slug"));
        assert_eq!(told(&filled_in, &[]), []);
    }
}
