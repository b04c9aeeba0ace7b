//! `dependency-drift`: the declared dependencies do not fit what the database knows: they
//! name what is not there, or make a cycle, in which nothing can be refreshed in order.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::drift::Comparison;
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::ident::QualifiedName;
use crate::order;

pub(super) const CHECK: Check = Check {
    slug: "dependency-drift",
    gate: GateId::Eg3,
    severity: Severity::Warning,
    summary: "declared and found dependencies do not fit together",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let (Some(comparison), Ok(snapshot)) = (&facts.comparison, &facts.snapshot) else { return };
    for (entry, live) in comparison.in_both() {
        for upstream in &entry.depends_on {
            if snapshot.views.contains_key(upstream) {
                continue;
            }
            outcome.add(
                check
                    .finding(
                        Subject::matview(&live.name),
                        format!(
                            "{} is declared to depend on {upstream}, which is no materialized \
                             view of the database",
                            live.name
                        ),
                    )
                    .evidence(
                        json!({ "depends_on": entry.depends_on }),
                        json!({ "depends_on": live.depends_on }),
                    )
                    .query(query::exists(upstream))
                    .remedy(Remedy::says("correct depends_on, or create the view"))
                    .at(facts.location(entry)),
            );
        }
    }
    for members in order::cycles(edges(comparison)) {
        let names = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message = if members.len() == 1 {
            format!("{names} reads itself: each refresh feeds on its own old rows")
        } else {
            format!("{names} depend on each other: no order can refresh them")
        };
        let declared: BTreeSet<String> = comparison
            .in_both()
            .filter(|(_, live)| members.contains(&&live.name))
            .flat_map(|(entry, _)| entry.depends_on.iter().map(ToString::to_string))
            .collect();
        let entry = comparison.in_both().find(|(_, live)| live.name == *members[0]);
        outcome.add(
            check
                .finding(Subject::matview(members[0]), message)
                .evidence(json!({ "depends_on": declared }), json!({ "cycle": members }))
                .query(query::matview(members[0]))
                .remedy(Remedy::says(
                    "take one edge out: change a plain view between them, or depends_on",
                ))
                .at(entry.and_then(|(entry, _)| facts.location(entry))),
        );
    }
}

/// Returns what reads what, by the catalog and by declaration.
fn edges<'a>(
    comparison: &'a Comparison<'_>,
) -> impl Iterator<Item = (&'a QualifiedName, &'a QualifiedName)> {
    comparison.views.iter().flat_map(|view| {
        let found = view.live.into_iter().flat_map(|live| &live.depends_on);
        let declared = view.entry.into_iter().flat_map(|entry| &entry.depends_on);
        found.chain(declared).map(move |upstream| (view.name, upstream))
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_quiet, found, registry, snapshot, view};

    const TWO: &str = "version = 1\n[[matview]]\nname = 'public.a'\ndepends_on = ['public.b']\n\
                       [[matview]]\nname = 'public.b'";

    #[test]
    fn fires_when_a_declared_dependency_is_not_there() {
        let live = snapshot([view("public.a")]);
        let found = found("dependency-drift", &registry(TWO), &live);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "public.a");
    }

    #[test]
    fn fires_once_for_a_cycle_of_found_and_declared_edges() {
        let live = snapshot([view("public.a"), view("public.b").reads("public.a")]);
        let found = found("dependency-drift", &registry(TWO), &live);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("public.a, public.b"), "{}", found[0].message);
    }

    #[test]
    fn fires_when_a_view_reads_itself() {
        let live = snapshot([view("public.a").reads("public.a"), view("public.b")]);
        assert_eq!(found("dependency-drift", &registry(TWO), &live).len(), 1);
    }

    #[test]
    fn quiet_when_edges_go_one_way() {
        let live = snapshot([view("public.a").reads("public.b"), view("public.b")]);
        assert_quiet("dependency-drift", &registry(TWO), &live);
    }
}
