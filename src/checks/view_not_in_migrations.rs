//! `view-not-in-migrations`: a registered view that a new database would not have.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "view-not-in-migrations",
    gate: GateId::Eg2,
    severity: Severity::Error,
    summary: "the migrations do not build a registered view",
    needs: &[Source::Registry, Source::NewViews],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Some(comparison) = &facts.comparison else { return };
    if comparison.views.iter().all(|view| view.is_built.is_none()) {
        let reason = "neither the registry nor the migrations have a view to compare";
        outcome.cannot_judge(check, None, reason);
    }
    for view in &comparison.views {
        if view.presence() != check.slug {
            continue;
        }
        let live = match view.is_live {
            Some(_) => "; it is in the database, and would be lost with it",
            None => "; whether the database has it was not looked at",
        };
        outcome.add(
            check
                .finding(
                    Subject::matview(view.name),
                    format!(
                        "{} is registered, but the migrations do not build it{live}",
                        view.name
                    ),
                )
                .evidence(
                    json!({ "view": view.name }),
                    json!({ "migrations": false, "live": view.is_live }),
                )
                .query(query::matview(view.name))
                .remedy(
                    Remedy::says("write the migration that makes it, as it is in the database")
                        .command("driftgate migrate verify"),
                )
                .at(view.entry.and_then(|entry| facts.location(entry))),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::fresh::{Scene, scene};

    const ENTRY: &str = "[[matview]]\nname = 'public.a'";

    fn scene_of(live: &[&str], built: &[&str]) -> Scene {
        scene(ENTRY).live(live).built(built)
    }

    #[test]
    fn fires_when_a_registered_live_view_is_not_built() {
        let found = scene_of(&["public.a"], &[]).found("view-not-in-migrations");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "public.a");
        assert!(found[0].message.contains("would be lost"), "{}", found[0].message);
        assert_eq!(found[0].location.as_ref().map(|at| at.line), Some(2));
    }

    #[test]
    fn fires_when_the_database_could_not_be_looked_at_too() {
        let found = scene(ENTRY).built(&[]).found("view-not-in-migrations");
        assert!(found[0].message.contains("was not looked at"), "{}", found[0].message);
    }

    #[test]
    fn quiet_when_it_is_built_or_not_live_either() {
        for (live, built) in [(vec!["public.a"], vec!["public.a"]), (vec![], vec![])] {
            assert_eq!(scene_of(&live, &built).found("view-not-in-migrations"), []);
        }
    }

    #[test]
    fn undecided_when_the_migrations_were_not_looked_at_or_there_is_nothing_to_compare() {
        let unseen = scene(ENTRY).live(&["public.a"]);
        assert_eq!(unseen.unjudged("view-not-in-migrations").len(), 1);
        let failed = scene_of(&["public.a"], &[]).failed();
        assert_eq!(failed.found("view-not-in-migrations"), []);
        assert_eq!(failed.unjudged("view-not-in-migrations").len(), 1);
        let nothing = scene("").live(&[]).built(&[]);
        assert_eq!(nothing.unjudged("view-not-in-migrations").len(), 1);
    }
}
