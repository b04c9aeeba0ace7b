//! `view-unregistered`: the database has a view that the registry does not declare.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::ident::QualifiedName;

pub(super) const CHECK: Check = Check {
    slug: "view-unregistered",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "a live view is not in the registry",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Some(comparison) = &facts.comparison else { return };
    for view in &comparison.views {
        let Some(live) = view.live.filter(|_| view.presence() == check.slug) else { continue };
        let registry = &facts.registry.source.display;
        let (why, remedy) = match view.template {
            Some(template) => (
                format!("no tenant gives that name by {}", template.name),
                "drop it if its tenant is gone, or find out why the tenants query does not list \
                 the tenant"
                    .to_owned(),
            ),
            None if view.is_built == Some(true) => (
                format!("not registered; {}", built_by(facts, view.name)),
                format!(
                    "register it in {registry}; if it has had its day, write a migration that \
                     drops it"
                ),
            ),
            None => (
                "not registered".to_owned(),
                format!(
                    "register it in {registry}, ignore it there under [database] ignore, or drop \
                     it; whether a migration creates it was not looked for"
                ),
            ),
        };
        let mut finding = check.finding(
            Subject::matview(view.name),
            format!("{} is in the database, but {why}", view.name),
        );
        // A new database is what the second gate is about.
        finding.also = finding.also.filter(|_| view.is_built == Some(true));
        outcome.add(
            finding
                .evidence(
                    serde_json::Value::Null,
                    json!({
                        "view": view.name,
                        "owner": live.owner,
                        "populated": live.populated,
                        "migrations": view.is_built,
                    }),
                )
                .query(query::matview(view.name))
                .remedy(Remedy::says(remedy))
                .at(view.template.and_then(|template| facts.location(template))),
        );
    }
    for live in &comparison.perhaps_of_a_tenant {
        let reason = "it may be one tenant's, and the tenants are not known";
        outcome.cannot_judge(check, Some(Subject::matview(&live.name)), reason);
    }
}

/// Says that the migrations build a view, and which of them, where that is known.
fn built_by(facts: &Facts<'_>, name: &QualifiedName) -> String {
    let story = facts.fresh.as_ref().ok().and_then(|fresh| fresh.built.stories.of(name));
    match story.and_then(|story| story.created_by.as_ref()) {
        Some(file) => format!("{file} makes it"),
        None => "the migrations make it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::gate::GateId;
    use crate::testing::fresh::scene;
    use crate::testing::{
        assert_quiet, found, registry, registry_of_tenants, snapshot, unjudged, view,
    };

    #[test]
    fn fires_when_a_live_view_is_not_registered() {
        let registry = registry("version = 1");
        let found = found("view-unregistered", &registry, &snapshot([view("public.mv_a")]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "public.mv_a");
    }

    #[test]
    fn fires_for_a_view_that_the_migrations_build_and_fails_both_gates() {
        let both = scene("").live(&["public.mv_a"]).built(&["public.mv_a"]);
        let found = both.found("view-unregistered");
        assert!(found[0].message.contains("0001_step.sql makes it"), "{}", found[0].message);
        assert_eq!((found[0].gate, found[0].also), (GateId::Eg3, Some(GateId::Eg2)));
        // Where the migrations were not looked at, it says nothing of a new database.
        let unseen = scene("").live(&["public.mv_a"]);
        assert_eq!(unseen.found("view-unregistered")[0].also, None);
    }

    #[test]
    fn quiet_when_it_is_registered_ignored_or_elsewhere() {
        let registry = registry(
            "version = 1\n[database]\nschemas = ['public']\nignore = ['public.tmp_*']\n\
             [[matview]]\nname = 'rpt.\"Weird Name\"'",
        );
        let live = [view("rpt.\"Weird Name\""), view("public.tmp_1"), view("elsewhere.mv")];
        assert_quiet("view-unregistered", &registry, &snapshot(live));
    }

    #[test]
    fn undecided_when_it_may_be_the_view_of_one_tenant() {
        let registry = registry(
            "version = 1\n[database]\nschemas = '*'\n[tenancy]\nsetting = 'app.t'\n\
             tenants = 'SELECT 1 AS id'\n[[matview]]\nname = 'tenant_{id}.mv'",
        );
        let snapshot = snapshot([view("tenant_1.mv")]);
        assert_quiet("view-unregistered", &registry, &snapshot);
        assert_eq!(unjudged("view-unregistered", &registry, &snapshot).len(), 1);
    }

    #[test]
    fn fires_for_a_view_without_its_tenant_wherever_it_is() {
        let registry = registry_of_tenants("tenant_{slug}.mv", &["acme"]);
        let live = ["tenant_acme.mv", "tenant_gone.mv", "elsewhere.mv"].map(view);
        let found = found("view-unregistered", &registry, &snapshot(live));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "tenant_gone.mv");
        let message = &found[0].message;
        assert!(message.contains("no tenant gives that name by tenant_{slug}.mv"), "{message}");
        assert_eq!(found[0].location.as_ref().map(|at| at.line), Some(7));
    }
}
