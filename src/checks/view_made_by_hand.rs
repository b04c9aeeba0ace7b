//! `view-made-by-hand`: the database has a view that neither registry nor migrations have.

use serde_json::json;

use super::deployment::{self, Deployment};
use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::ident::QualifiedName;
use crate::wording::plural;

/// Where the migrations were not looked at, `view-unregistered` speaks of such a view.
pub(super) const CHECK: Check = Check {
    slug: "view-made-by-hand",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "a live view is neither registered nor built by the migrations",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Some(comparison) = &facts.comparison else { return };
    for view in comparison.views.iter().filter(|view| view.presence() == check.slug) {
        let Some(live) = view.live else { continue };
        if let Some(reason) = deployment::is_running(facts) {
            outcome.cannot_judge(check, Some(Subject::matview(view.name)), reason);
            continue;
        }
        let (why, remedy) = told(facts, view.name);
        outcome.add(
            check
                .finding(
                    Subject::matview(view.name),
                    format!("{} is in the database, but {why}", view.name),
                )
                .evidence(
                    serde_json::Value::Null,
                    json!({ "view": view.name, "owner": live.owner, "migrations": false }),
                )
                .query(query::matview(view.name))
                .remedy(remedy)
                .at(view.template.and_then(|template| facts.location(template))),
        );
    }
}

/// Returns why it is there, as far as that is known, and what to do.
fn told(facts: &Facts<'_>, name: &QualifiedName) -> (String, Remedy) {
    let registry = &facts.registry.source.display;
    if let Some((ended, Deployment::Pending(_))) = deployment::of_ending(facts, name) {
        return (
            format!("it is not registered, and {ended}, which is pending"),
            Remedy::says("deploy the migration").command("driftgate migrate status"),
        );
    }
    let unknown = facts.migrations.as_ref().ok().and_then(|state| state.unknown().ok());
    if let Some(unknown) = unknown.filter(|unknown| !unknown.is_empty()) {
        let migrations = plural(unknown.len(), "migration");
        return (
            format!(
                "neither registered nor built by the migrations of this project; the ledger has \
                 {migrations} that it does not know, which may have made it"
            ),
            Remedy::says("check out what was deployed, and compare again")
                .command("driftgate migrate status"),
        );
    }
    (
        "neither registered nor built by the migrations: it was made by hand".to_owned(),
        Remedy::says(format!("adopt it, by a migration and an entry in {registry}, or drop it")),
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::fresh::scene;

    #[test]
    fn fires_when_only_the_database_has_it() {
        let scene = scene("").live(&["public.a"]).built(&[]);
        let found = scene.found("view-made-by-hand");
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("made by hand"), "{}", found[0].message);
        assert_eq!(scene.found("view-unregistered"), []);
    }

    #[test]
    fn tells_a_view_that_a_pending_migration_takes_away() {
        for scene in [
            scene("").live(&["public.a"]).built(&[]).dropped("public.a").pending(),
            scene("").live(&["public.old"]).built(&["public.a"]).renamed("public.old").pending(),
        ] {
            let found = scene.found("view-made-by-hand");
            let message = &found[0].message;
            assert!(message.contains("0002_step.sql"), "{message}");
            assert!(message.contains("which is pending"), "{message}");
        }
    }

    #[test]
    fn tells_that_an_older_checkout_cannot_know() {
        let found = scene("").live(&["public.a"]).built(&[]).unknown().found("view-made-by-hand");
        let message = &found[0].message;
        assert!(message.contains("1 migration that it does not know"), "{message}");
    }

    #[test]
    fn quiet_when_another_source_has_it_or_the_migrations_were_not_looked_at() {
        let entry = "[[matview]]\nname = 'public.a'";
        assert_eq!(scene(entry).live(&["public.a"]).built(&[]).found("view-made-by-hand"), []);
        let unregistered = scene("").live(&["public.a"]).built(&["public.a"]);
        assert_eq!(unregistered.found("view-made-by-hand"), []);
        let unseen = scene("").live(&["public.a"]);
        assert_eq!(unseen.found("view-made-by-hand"), []);
        assert_eq!(unseen.unjudged("view-made-by-hand"), []);
        assert_eq!(unseen.found("view-unregistered").len(), 1);
    }

    #[test]
    fn undecided_while_a_deploy_is_running() {
        let scene = scene("").live(&["public.a"]).built(&[]).deploying();
        assert_eq!(scene.found("view-made-by-hand"), []);
        assert_eq!(scene.unjudged("view-made-by-hand").len(), 1);
    }
}
