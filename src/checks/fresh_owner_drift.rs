//! `fresh-owner-drift`: in a new database a view belongs to another role than declared.

use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "fresh-owner-drift",
    gate: GateId::Eg2,
    severity: Severity::Error,
    summary: "the migrations give a view to another role than declared",
    needs: &[Source::Registry, Source::NewViews],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    for (entry, built) in facts.comparison.iter().flat_map(|compared| compared.in_both_new()) {
        let Some(declared) = entry.owner.as_ref().filter(|declared| **declared != built.owner)
        else {
            continue;
        };
        outcome.add(
            check
                .finding(
                    Subject::matview(&built.name),
                    format!(
                        "in a new database {} belongs to {}, not to {declared}",
                        built.name, built.owner
                    ),
                )
                .evidence(json!({ "owner": declared }), json!({ "owner": built.owner }))
                .remedy(
                    Remedy::says(format!("hand it to {declared} by a migration"))
                        .sql(format!("ALTER MATERIALIZED VIEW {} OWNER TO {declared}", built.name)),
                )
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::fresh::scene;

    #[test]
    fn fires_when_the_migrations_leave_it_to_another_role() {
        let entry = "[[matview]]\nname = 'public.a'\nowner = 'keeper'";
        let found = scene(entry).built(&["public.a"]).found("fresh-owner-drift");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence.observed["owner"], "owner");
    }

    #[test]
    fn quiet_when_it_is_the_declared_one_or_none_is_declared() {
        for entry in
            ["[[matview]]\nname = 'public.a'\nowner = 'owner'", "[[matview]]\nname = 'public.a'"]
        {
            assert_eq!(scene(entry).built(&["public.a"]).found("fresh-owner-drift"), []);
        }
    }

    #[test]
    fn undecided_when_there_was_no_new_database() {
        let entry = "[[matview]]\nname = 'public.a'\nowner = 'keeper'";
        assert_eq!(scene(entry).live(&["public.a"]).unjudged("fresh-owner-drift").len(), 1);
    }
}
