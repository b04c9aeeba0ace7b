//! `view-retired`: the migrations build a view that neither registry nor database has.

use serde_json::json;

use super::deployment::{self, Deployment};
use super::{Check, Facts, Outcome, Source};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "view-retired",
    gate: GateId::Eg2,
    severity: Severity::Error,
    summary: "the migrations build a view that is neither registered nor live",
    needs: &[Source::Registry, Source::Snapshot, Source::NewViews],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Some(comparison) = &facts.comparison else { return };
    for view in comparison.views.iter().filter(|view| view.presence() == check.slug) {
        let name = view.name;
        let registry = &facts.registry.source.display;
        let (why, remedy) = match deployment::of_making(facts, name) {
            Deployment::Pending(file) => (
                format!("{file}, which is pending, makes it, and {registry} does not name it"),
                format!(
                    "register it in {registry} before it is deployed, or take it out of {file}"
                ),
            ),
            _ => (
                "it is neither registered nor in the database".to_owned(),
                "write a migration that drops it: a new database would have it again".to_owned(),
            ),
        };
        let story = facts.fresh.as_ref().ok().and_then(|fresh| fresh.built.stories.of(name));
        let made_by = story.and_then(|story| story.created_by.clone());
        outcome.add(
            check
                .finding(Subject::matview(name), format!("the migrations build {name}: {why}"))
                .evidence(
                    serde_json::Value::Null,
                    json!({ "migrations": true, "created_by": made_by, "live": false }),
                )
                .remedy(Remedy::says(remedy).command("driftgate migrate verify"))
                .at(view.template.and_then(|template| facts.location(template))),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::fresh::scene;

    #[test]
    fn fires_when_only_the_migrations_have_it() {
        let found = scene("").live(&[]).built(&["public.a"]).found("view-retired");
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("neither registered nor"), "{}", found[0].message);
        assert_eq!(found[0].evidence.observed["created_by"], "migrations/0001_step.sql");
    }

    #[test]
    fn tells_a_view_that_was_not_deployed_yet() {
        let found = scene("").live(&[]).built(&["public.a"]).pending().found("view-retired");
        let message = &found[0].message;
        assert!(message.contains("0001_step.sql, which is pending, makes it"), "{message}");
    }

    #[test]
    fn quiet_when_another_source_has_it_or_it_is_ignored() {
        let built = |text: &str, live: &[&str]| {
            scene(text).live(live).built(&["public.a"]).found("view-retired")
        };
        assert_eq!(built("", &["public.a"]), []);
        assert_eq!(built("[[matview]]\nname = 'public.a'", &[]), []);
        assert_eq!(built("[database]\nignore = ['public.*']", &[]), []);
        assert_eq!(built("[database]\nschemas = ['rpt']", &[]), []);
    }

    #[test]
    fn undecided_when_a_source_was_not_looked_at() {
        assert_eq!(scene("").built(&["public.a"]).unjudged("view-retired").len(), 1);
        assert_eq!(scene("").live(&[]).unjudged("view-retired").len(), 1);
    }
}
