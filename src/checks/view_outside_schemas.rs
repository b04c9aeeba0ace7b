//! `view-outside-schemas`: a live view stands outside the schemas that the registry
//! closes, so nothing else here speaks of it.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "view-outside-schemas",
    gate: GateId::Eg3,
    severity: Severity::Info,
    summary: "a live view is outside the registry's schemas",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    for live in facts.comparison.iter().flat_map(|comparison| &comparison.outside) {
        outcome.add(
            check
                .finding(
                    Subject::matview(&live.name),
                    format!("{} is outside the schemas of the registry", live.name),
                )
                .evidence(
                    json!({ "schemas": facts.registry.database.schemas.to_string() }),
                    json!({ "view": live.name, "owner": live.owner }),
                )
                .query(query::matview(&live.name))
                .remedy(Remedy::says(
                    "register it, add its schema to [database] schemas, or ignore it there",
                )),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_quiet, found, registry, snapshot, view};

    const RULES: &str = "version = 1\n[database]\nschemas = ['public']";

    #[test]
    fn fires_for_a_view_elsewhere() {
        let live = snapshot([view("elsewhere.mv")]);
        assert_eq!(found("view-outside-schemas", &registry(RULES), &live).len(), 1);
    }

    #[test]
    fn quiet_inside_the_schemas_and_when_registered() {
        let live = [view("public.mv"), view("elsewhere.mv")];
        let registered = registry(&format!("{RULES}\n[[matview]]\nname = 'elsewhere.mv'"));
        assert_quiet("view-outside-schemas", &registered, &snapshot(live));
    }
}
