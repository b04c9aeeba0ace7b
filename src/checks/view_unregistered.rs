//! `view-unregistered`: the database has a view that the registry does not declare.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

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
        let (None, Some(live)) = (view.entry, view.live) else { continue };
        let (why, remedy) = match view.template {
            Some(template) => (
                format!("no tenant gives that name by {}", template.name),
                "drop it if its tenant is gone, or find out why the tenants query does not list \
                 the tenant"
                    .to_owned(),
            ),
            None => (
                "not registered".to_owned(),
                format!(
                    "register it in {}, ignore it there under [database] ignore, or drop it; \
                     whether a migration creates it was not looked for",
                    facts.registry.source.display
                ),
            ),
        };
        outcome.add(
            check
                .finding(
                    Subject::matview(view.name),
                    format!("{} is in the database, but {why}", view.name),
                )
                .evidence(
                    serde_json::Value::Null,
                    json!({ "view": view.name, "owner": live.owner, "populated": live.populated }),
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

#[cfg(test)]
mod tests {
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
