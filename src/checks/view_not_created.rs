//! `view-not-created`: a registered view that neither the database has nor the migrations
//! build.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "view-not-created",
    gate: GateId::Eg2,
    severity: Severity::Error,
    summary: "neither database nor migrations have a registered view",
    needs: &[Source::Registry, Source::Snapshot, Source::NewViews],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Some(comparison) = &facts.comparison else { return };
    for view in comparison.views.iter().filter(|view| view.presence() == check.slug) {
        outcome.add(
            check
                .finding(
                    Subject::matview(view.name),
                    format!(
                        "{} is registered, but the migrations do not build it, and the database \
                         does not have it",
                        view.name
                    ),
                )
                .evidence(
                    json!({ "view": view.name }),
                    json!({ "migrations": false, "live": false }),
                )
                .query(query::exists(view.name))
                .remedy(Remedy::says(format!(
                    "write the migration that makes it, or take it out of {}",
                    facts.registry.source.display
                )))
                .at(view.entry.and_then(|entry| facts.location(entry))),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::gate::GateId;
    use crate::testing::fresh::scene;

    const ENTRY: &str = "[[matview]]\nname = 'public.a'";

    #[test]
    fn fires_when_no_source_but_the_registry_has_it_and_fails_both_gates() {
        let scene = scene(ENTRY).live(&[]).built(&[]);
        let found = scene.found("view-not-created");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].gate, found[0].also), (GateId::Eg2, Some(GateId::Eg3)));
        assert_eq!(scene.found("view-missing"), []);
    }

    #[test]
    fn quiet_when_another_source_has_it() {
        for (live, built) in [(vec!["public.a"], vec![]), (vec![], vec!["public.a"])] {
            assert_eq!(scene(ENTRY).live(&live).built(&built).found("view-not-created"), []);
        }
    }

    #[test]
    fn undecided_when_a_source_was_not_looked_at() {
        assert_eq!(scene(ENTRY).built(&[]).unjudged("view-not-created").len(), 1);
        let without_migrations = scene(ENTRY).live(&[]);
        assert_eq!(without_migrations.unjudged("view-not-created").len(), 1);
        // The view is missing then, whatever the cause.
        assert_eq!(without_migrations.found("view-missing").len(), 1);
    }
}
