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
