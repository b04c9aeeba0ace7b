//! `concurrent-unfit`: a view is to be refreshed concurrently, and has no index that
//! `REFRESH … CONCURRENTLY` can work with.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::ident::Identifier;
use crate::registry::{RefreshMode, RegistryEntry};
use crate::report::inventory::index_row;
use crate::snapshot::ViewState;

pub(super) const CHECK: Check = Check {
    slug: "concurrent-unfit",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "a view to be refreshed concurrently has no usable unique index",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    for (entry, live) in facts.comparison.iter().flat_map(|comparison| comparison.in_both()) {
        if entry.refresh != RefreshMode::Concurrently || live.has_usable_index() {
            continue;
        }
        let indexes: Vec<_> = live.indexes.iter().map(index_row).collect();
        outcome.add(
            check
                .finding(
                    Subject::matview(&live.name),
                    format!(
                        "{} cannot be refreshed concurrently: it has no valid unique index on \
                         columns alone, without a WHERE",
                        live.name
                    ),
                )
                .evidence(json!({ "refresh": "concurrently" }), json!({ "indexes": indexes }))
                .query(query::usable_index(&live.name))
                .remedy(remedy(entry, live))
                .at(facts.location(entry)),
        );
    }
}

fn remedy(entry: &RegistryEntry, live: &ViewState) -> Remedy {
    match &entry.unique_key {
        Some(key) => {
            let columns = key.iter().map(Identifier::to_string).collect::<Vec<_>>().join(", ");
            Remedy::says("create the declared key")
                .sql(format!("CREATE UNIQUE INDEX CONCURRENTLY ON {} ({columns})", live.name))
        }
        None => Remedy::says(
            "create a unique index on columns that tell every row apart, and declare it as \
             unique_key; or declare refresh = \"plain\"",
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_quiet, found, registry, snapshot, view};

    const ENTRY: &str = "version = 1\n[[matview]]\nname = 'public.mv_a'";

    #[test]
    fn fires_without_a_usable_index() {
        for live in [view("public.mv_a"), view("public.mv_a").unusable_on(&["a"])] {
            assert_eq!(found("concurrent-unfit", &registry(ENTRY), &snapshot([live])).len(), 1);
        }
    }

    #[test]
    fn quiet_with_a_usable_index_or_when_declared_plain() {
        let fit = snapshot([view("public.mv_a").unique_on(&["a"])]);
        assert_quiet("concurrent-unfit", &registry(ENTRY), &fit);
        let plain = registry(&format!("{ENTRY}\nrefresh = 'plain'"));
        assert_quiet("concurrent-unfit", &plain, &snapshot([view("public.mv_a")]));
    }
}
