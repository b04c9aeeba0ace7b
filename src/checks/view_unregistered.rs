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
        outcome.add(
            check
                .finding(
                    Subject::matview(view.name),
                    format!("{} is in the database, but not registered", view.name),
                )
                .evidence(
                    serde_json::Value::Null,
                    json!({ "view": view.name, "owner": live.owner, "populated": live.populated }),
                )
                .query(query::matview(view.name))
                .remedy(Remedy::says(format!(
                    "register it in {}, ignore it there under [database] ignore, or drop it; \
                     whether a migration creates it was not looked for",
                    facts.registry.source.display
                ))),
        );
    }
    for live in &comparison.perhaps_per_tenant {
        outcome.cannot_judge(
            check,
            Some(Subject::matview(&live.name)),
            "it may be the view of one tenant, and the tenants were not looked at",
        );
    }
    for (entry, template) in &comparison.per_tenant {
        outcome.cannot_judge(
            check,
            None,
            format!(
                "{template} (line {}) stands for one view per tenant, and the tenants were not \
                 looked at",
                entry.line
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_quiet, found, registry, snapshot, unjudged, view};

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
        assert_eq!(unjudged("view-unregistered", &registry, &snapshot).len(), 2);
    }
}
