//! `owner-drift`: a view belongs to another role than declared. Every refresh runs with
//! the rights of the owner, so the owner decides what it reads.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "owner-drift",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "a view belongs to another role than declared",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    for (entry, live) in facts.comparison.iter().flat_map(|comparison| comparison.in_both()) {
        let Some(declared) = entry.owner.as_ref().filter(|declared| **declared != live.owner)
        else {
            continue;
        };
        outcome.add(
            check
                .finding(
                    Subject::matview(&live.name),
                    format!(
                        "{} belongs to {}, not to {declared}: every refresh runs with the \
                         rights of {}",
                        live.name, live.owner, live.owner
                    ),
                )
                .evidence(json!({ "owner": declared }), json!({ "owner": live.owner }))
                .query(query::matview(&live.name))
                .remedy(
                    Remedy::says(format!("hand it to {declared}"))
                        .sql(format!("ALTER MATERIALIZED VIEW {} OWNER TO {declared}", live.name)),
                )
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_quiet, found, registry, snapshot, view};

    const ENTRY: &str = "version = 1\n[[matview]]\nname = 'public.mv_a'\nowner = 'keeper'";

    #[test]
    fn fires_when_the_owner_is_another_role() {
        let found = found(
            "owner-drift",
            &registry(ENTRY),
            &snapshot([view("public.mv_a").owned_by("Somebody Else")]),
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence.observed["owner"], "\"Somebody Else\"");
        let sql = &found[0].remedy.as_ref().expect("a remedy").sql;
        assert_eq!(sql[0], "ALTER MATERIALIZED VIEW public.mv_a OWNER TO keeper");
    }

    #[test]
    fn quiet_when_it_is_the_declared_one_or_none_is_declared() {
        let live = snapshot([view("public.mv_a").owned_by("keeper")]);
        assert_quiet("owner-drift", &registry(ENTRY), &live);
        let undeclared = registry("version = 1\n[[matview]]\nname = 'public.mv_a'");
        assert_quiet("owner-drift", &undeclared, &live);
    }
}
