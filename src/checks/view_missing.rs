//! `view-missing`: the registry declares a view that the database does not have.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::drift::Comparison;
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "view-missing",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "a registered view is not in the database",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let is_empty = |comparison: &Comparison<'_>| {
        comparison.views.is_empty() && comparison.per_tenant.is_empty()
    };
    if facts.comparison.as_ref().is_some_and(is_empty) {
        let reason = "neither the registry nor the database has a view to compare";
        outcome.cannot_judge(check, None, reason);
    }
    for view in facts.comparison.iter().flat_map(|comparison| &comparison.views) {
        let (Some(entry), None) = (view.entry, view.live) else { continue };
        let remedy = Remedy::says(
            "deploy the migration that creates it, or find out who dropped it; \
             whether the migrations create it was not looked for",
        )
        .command("driftgate migrate status");
        outcome.add(
            check
                .finding(
                    Subject::matview(view.name),
                    format!("{} is registered, but the database does not have it", view.name),
                )
                .evidence(json!({ "view": view.name }), serde_json::Value::Null)
                .query(query::exists(view.name))
                .remedy(remedy)
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_quiet, found, registry, snapshot, unjudged, view};

    #[test]
    fn fires_when_a_registered_view_is_not_live() {
        let registry = registry("version = 1\n[[matview]]\nname = 'public.mv_a'");
        let found = found("view-missing", &registry, &snapshot([]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "public.mv_a");
        assert_eq!(found[0].location.as_ref().map(|at| at.line), Some(2));
    }

    #[test]
    fn undecided_when_there_is_nothing_to_compare() {
        assert_eq!(unjudged("view-missing", &registry("version = 1"), &snapshot([])).len(), 1);
    }

    #[test]
    fn quiet_when_it_is_live() {
        let registry = registry("version = 1\n[[matview]]\nname = 'public.mv_a'");
        assert_quiet("view-missing", &registry, &snapshot([view("public.mv_a")]));
    }
}
