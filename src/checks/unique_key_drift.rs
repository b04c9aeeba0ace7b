//! `unique-key-drift`: no valid unique index keeps the declared key.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::ident::Identifier;
use crate::report::inventory::index_row;
use crate::snapshot::ViewState;

pub(super) const CHECK: Check = Check {
    slug: "unique-key-drift",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "no valid unique index keeps the declared key",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

/// The order of the columns is not compared: it changes neither what is unique nor
/// whether a concurrent refresh can use the index.
fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    for (entry, live) in facts.comparison.iter().flat_map(|comparison| comparison.in_both()) {
        let Some(declared) = &entry.unique_key else { continue };
        if has_key(live, declared) {
            continue;
        }
        let columns = declared.iter().map(Identifier::to_string).collect::<Vec<_>>().join(", ");
        let indexes: Vec<_> = live.indexes.iter().map(index_row).collect();
        outcome.add(
            check
                .finding(
                    Subject::matview(&live.name),
                    format!("no valid unique index of {} is on ({columns})", live.name),
                )
                .evidence(json!({ "unique_key": declared }), json!({ "indexes": indexes }))
                .query(query::unique_keys(&live.name))
                .remedy(
                    Remedy::says("create the key, or correct the registry").sql(format!(
                        "CREATE UNIQUE INDEX CONCURRENTLY ON {} ({columns})",
                        live.name
                    )),
                )
                .at(facts.location(entry)),
        );
    }
}

/// Tells whether a valid unique index keeps a key, in whatever order of its columns.
pub(super) fn has_key(live: &ViewState, declared: &[Identifier]) -> bool {
    let declared: BTreeSet<Option<&Identifier>> = declared.iter().map(Some).collect();
    live.indexes.iter().any(|index| {
        index.usable_for_concurrent
            && index.columns.iter().map(Option::as_ref).collect::<BTreeSet<_>>() == declared
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_quiet, found, registry, snapshot, view};

    const ENTRY: &str = "version = 1\n[[matview]]\nname = 'public.mv_a'\nunique_key = ['a', 'b']";

    #[test]
    fn fires_when_no_index_or_only_an_unusable_one_has_the_key() {
        for live in [
            view("public.mv_a"),
            view("public.mv_a").unique_on(&["a"]),
            view("public.mv_a").unique_on(&["a", "b", "c"]),
            view("public.mv_a").unusable_on(&["a", "b"]),
        ] {
            let snapshot = snapshot([live]);
            assert_eq!(found("unique-key-drift", &registry(ENTRY), &snapshot).len(), 1);
        }
    }

    #[test]
    fn quiet_when_a_usable_index_has_the_key_in_any_order() {
        let live = snapshot([view("public.mv_a").unique_on(&["b", "a"])]);
        assert_quiet("unique-key-drift", &registry(ENTRY), &live);
    }
}
