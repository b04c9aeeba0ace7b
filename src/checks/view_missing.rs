//! `view-missing`: the registry declares a view that the database does not have.

use serde_json::json;

use super::deployment::{self, Deployment};
use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::registry::RegistryEntry;

pub(super) const CHECK: Check = Check {
    slug: "view-missing",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "a registered view is not in the database",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let is_empty = facts.comparison.as_ref().is_some_and(|comparison| comparison.views.is_empty());
    if is_empty && !facts.registry.has_templates() {
        let reason = "neither the registry nor the database has a view to compare";
        outcome.cannot_judge(check, None, reason);
    }
    for view in facts.comparison.iter().flat_map(|comparison| &comparison.views) {
        let Some(entry) = view.entry.filter(|_| view.presence() == check.slug) else { continue };
        let deployment = match view.is_built {
            Some(true) => Some(deployment::of_making(facts, view.name)),
            _ => None,
        };
        if let Some(reason) = deployment::is_running(facts).filter(|_| deployment.is_some()) {
            outcome.cannot_judge(check, Some(Subject::matview(view.name)), reason);
            continue;
        }
        let cause = deployment.as_ref().map(|deployment| format!("; {}", deployment.of_absence()));
        outcome.add(
            check
                .finding(
                    Subject::matview(view.name),
                    format!(
                        "{} is registered{}, but the database does not have it{}",
                        view.name,
                        for_tenant(entry),
                        cause.unwrap_or_default()
                    ),
                )
                .evidence(
                    json!({ "view": view.name, "tenant": entry.tenant_id() }),
                    json!({ "live": false, "migrations": view.is_built }),
                )
                .query(query::exists(view.name))
                .remedy(remedy(entry, deployment.as_ref()))
                .at(facts.location(entry)),
        );
    }
}

/// Returns whose view it is, where it is one tenant's.
fn for_tenant(entry: &RegistryEntry) -> String {
    match (entry.tenant_id(), &entry.template) {
        (Some(tenant), Some(template)) => format!(" for tenant {tenant} by {template}"),
        _ => String::new(),
    }
}

fn remedy(entry: &RegistryEntry, deployment: Option<&Deployment>) -> Remedy {
    match deployment {
        Some(deployment) if deployment.may_be_pending() => {
            return Remedy::says("deploy it").command("driftgate migrate status");
        }
        Some(Deployment::Applied(file, _)) => {
            return Remedy::says(format!(
                "find out who dropped it, and make it again as {file} does"
            ));
        }
        Some(_) => {
            return Remedy::says("find out who dropped it, and make it again")
                .command("driftgate migrate status");
        }
        None => {}
    }
    if entry.tenant.is_some() {
        return Remedy::says(
            "make it as for the other tenants, or take the tenant out of what the tenants query \
             lists",
        );
    }
    Remedy::says(
        "deploy the migration that creates it, or find out who dropped it; whether the migrations \
         create it was not looked for",
    )
    .command("driftgate migrate status")
}

#[cfg(test)]
mod tests {
    use crate::testing::fresh::scene;
    use crate::testing::{
        assert_quiet, found, registry, registry_of_tenants, snapshot, unjudged, view,
    };

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
    fn fires_for_a_tenant_without_its_view() {
        let registry = registry_of_tenants("tenant_{slug}.mv", &["acme", "beta"]);
        let found = found("view-missing", &registry, &snapshot([view("tenant_acme.mv")]));
        assert_eq!(found.len(), 1);
        let message = &found[0].message;
        assert!(message.contains("for tenant id-beta by tenant_{slug}.mv"), "{message}");
        assert_eq!(found[0].location.as_ref().map(|at| at.line), Some(7));
    }

    #[test]
    fn tells_what_was_not_deployed_from_what_somebody_dropped() {
        let scene = || scene("[[matview]]\nname = 'public.mv_a'").live(&[]).built(&["public.mv_a"]);
        for (scene, cause) in [
            (scene().pending(), "0001_step.sql, which is pending, makes it"),
            (scene(), "was applied on 1970-01-01: somebody dropped it"),
            (scene().tool(), "no migration is pending: somebody dropped it"),
            (scene().tool().pending(), "2 migrations are pending, and one of them may make it"),
            (scene().unreadable(), "whether it was deployed is not known: no right"),
        ] {
            let found = scene.found("view-missing");
            let message = &found[0].message;
            assert!(message.contains(cause), "{message}");
        }
    }

    #[test]
    fn undecided_while_a_deploy_is_running() {
        let entry = "[[matview]]\nname = 'public.mv_a'";
        let scene = scene(entry).live(&[]).built(&["public.mv_a"]).deploying();
        assert_eq!(scene.found("view-missing"), []);
        let unjudged = scene.unjudged("view-missing");
        assert!(unjudged[0].reason.starts_with("a deploy is running: process 1"));
    }

    #[test]
    fn quiet_when_it_is_live() {
        let registry = registry("version = 1\n[[matview]]\nname = 'public.mv_a'");
        assert_quiet("view-missing", &registry, &snapshot([view("public.mv_a")]));
    }
}
