//! `search-path-unsafe`: a view calls a function that looks names up in the caller's search
//! path. From PostgreSQL 17 on a refresh runs under a restricted path, where they are not
//! found: the next refresh after an upgrade fails.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "search-path-unsafe",
    gate: GateId::Eg4,
    severity: Severity::Warning,
    summary: "a refresh fails from PostgreSQL 17 on: a function needs the caller's search path",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for view in &grants.safety {
        let Some(entry) = facts.registry.entry(&view.view) else { continue };
        for function in &view.path_dependent {
            let names = function.unqualified.join(", ");
            outcome.add(
                check
                    .finding(
                        Subject::matview(&view.view),
                        format!(
                            "{} calls {}, which names {names} without a schema and sets no \
                             search_path: from PostgreSQL 17 on its refresh fails",
                            view.view, function.signature
                        ),
                    )
                    .evidence(
                        json!({ "search_path": "pg_catalog, pg_temp" }),
                        json!({ "function": function.signature, "unqualified": function.unqualified }),
                    )
                    .query(query::function_path(&function.signature))
                    .remedy(Remedy::says("set its path, or qualify the names in its body").sql(
                        format!(
                            "ALTER FUNCTION {} SET search_path = {}",
                            function.signature, function.schema
                        ),
                    ))
                    .at(facts.location(entry)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, world};

    const ENTRY: &str = "[[matview]]\nname = 'public.mv'";

    #[test]
    fn fires_when_a_function_names_something_without_a_schema() {
        let world = world(ENTRY).role("owner").matview("public.mv", "owner").calls(
            "public.mv",
            "public.f()",
            &["lookup"],
        );
        let found = found("search-path-unsafe", &world);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("lookup"), "{}", found[0].message);
    }

    #[test]
    fn quiet_when_every_name_has_its_schema() {
        let world = world(ENTRY).role("owner").matview("public.mv", "owner").calls(
            "public.mv",
            "public.f()",
            &[],
        );
        assert!(found("search-path-unsafe", &world).is_empty());
    }
}
