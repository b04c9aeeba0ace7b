//! `tenant-rows-uncertain`: whether a refresh of a shared view keeps every tenant's rows
//! cannot be told from the catalog: it calls functions or reads what others filter.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::grants::ViewSafety;
use crate::tenant_safety::SafetyClass;

pub(super) const CHECK: Check = Check {
    slug: "tenant-rows-uncertain",
    gate: GateId::Eg7,
    severity: Severity::Warning,
    summary: "the catalog cannot tell whether a refresh keeps every tenant's rows",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for view in &grants.safety {
        let Some(entry) = facts.registry.entry(&view.view) else { continue };
        if !entry.is_shared() || view.safety.class != SafetyClass::Opaque {
            continue;
        }
        outcome.add(
            check
                .finding(
                    Subject::matview(&view.view),
                    format!(
                        "whether a refresh of {} keeps every tenant's rows cannot be told: it {}",
                        view.view,
                        reason(view)
                    ),
                )
                .evidence(
                    json!({ "tenant_column": entry.tenant_column, "verdict": "clear" }),
                    json!({
                        "verdict": "opaque",
                        "functions": view.safety.functions,
                        "foreign_tables": view.safety.foreign_tables,
                        "open_policies": view.safety.open_policies,
                        "because_of": view.safety.because_of,
                    }),
                )
                .query(query::row_security(&view.view))
                .remedy(Remedy::says(
                    "count rows by tenant before and after a refresh; take out what hides the \
                     rows' origin, or accept this with an exception",
                ))
                .at(facts.location(entry)),
        );
    }
}

fn reason(view: &ViewSafety) -> String {
    let safety = &view.safety;
    let names = |names: &[crate::ident::QualifiedName]| {
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    if !safety.functions.is_empty() {
        format!("calls {}", safety.functions.join(", "))
    } else if !safety.foreign_tables.is_empty() {
        format!("reads the foreign tables {}", names(&safety.foreign_tables))
    } else if !safety.open_policies.is_empty() {
        format!("reads {}, whose policies let everything through", names(&safety.open_policies))
    } else if !safety.because_of.is_empty() {
        format!("reads {}, of which the same is true", names(&safety.because_of))
    } else {
        "depends on who asks, or on what could not be read".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, world};

    const ENTRY: &str = "[[matview]]\nname = 'public.mv'\ntenant_column = 'tenant_id'";

    #[test]
    fn fires_when_a_function_hides_what_is_read() {
        let world = world(ENTRY)
            .role("owner")
            .table("public.events", "owner")
            .matview_on("public.mv", "owner", "public.events")
            .calls("public.mv", "public.f()", &[]);
        let found = found("tenant-rows-uncertain", &world);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("public.f()"), "{}", found[0].message);
    }

    #[test]
    fn quiet_when_all_is_seen() {
        let world = world(ENTRY).role("owner").table("public.events", "owner").matview_on(
            "public.mv",
            "owner",
            "public.events",
        );
        assert!(found("tenant-rows-uncertain", &world).is_empty());
    }
}
