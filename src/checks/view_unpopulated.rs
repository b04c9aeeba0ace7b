//! `view-unpopulated`: a registered view has never been filled, so reading it fails.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "view-unpopulated",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "a registered view is not populated: every read of it fails",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    for (entry, live) in facts.comparison.iter().flat_map(|comparison| comparison.in_both()) {
        if live.populated {
            continue;
        }
        outcome.add(
            check
                .finding(
                    Subject::matview(&live.name),
                    format!("{} is not populated: every read of it fails", live.name),
                )
                .evidence(json!({ "populated": true }), json!({ "populated": false }))
                .query(query::matview(&live.name))
                .remedy(
                    Remedy::says(
                        "fill it; the first fill is a plain refresh, and nobody can be reading it",
                    )
                    .sql(format!("REFRESH MATERIALIZED VIEW {}", live.name)),
                )
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_quiet, found, registry, snapshot, view};

    #[test]
    fn fires_when_the_view_was_never_filled() {
        let registry = registry("version = 1\n[[matview]]\nname = 'public.mv_a'");
        let live = snapshot([view("public.mv_a").unpopulated()]);
        assert_eq!(found("view-unpopulated", &registry, &live).len(), 1);
    }

    #[test]
    fn quiet_when_it_is_populated() {
        let registry = registry("version = 1\n[[matview]]\nname = 'public.mv_a'");
        assert_quiet("view-unpopulated", &registry, &snapshot([view("public.mv_a")]));
    }
}
