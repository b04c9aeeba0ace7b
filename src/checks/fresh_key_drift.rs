//! `fresh-key-drift`: in a new database no unique index keeps the declared key.

use serde_json::json;

use super::unique_key_drift::has_key;
use super::{Check, Facts, Outcome, Source};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::ident::Identifier;
use crate::report::inventory::index_row;

pub(super) const CHECK: Check = Check {
    slug: "fresh-key-drift",
    gate: GateId::Eg2,
    severity: Severity::Error,
    summary: "the migrations do not make the declared key of a view",
    needs: &[Source::Registry, Source::NewViews],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    for (entry, built) in facts.comparison.iter().flat_map(|compared| compared.in_both_new()) {
        let Some(declared) = entry.unique_key.as_ref().filter(|key| !has_key(built, key)) else {
            continue;
        };
        let columns = declared.iter().map(Identifier::to_string).collect::<Vec<_>>().join(", ");
        let indexes: Vec<_> = built.indexes.iter().map(index_row).collect();
        outcome.add(
            check
                .finding(
                    Subject::matview(&built.name),
                    format!(
                        "in a new database no valid unique index of {} is on ({columns})",
                        built.name
                    ),
                )
                .evidence(json!({ "unique_key": declared }), json!({ "indexes": indexes }))
                .remedy(
                    Remedy::says("make the key by a migration, or correct the registry")
                        .sql(format!("CREATE UNIQUE INDEX ON {} ({columns})", built.name)),
                )
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::fresh::scene;
    use crate::testing::view;

    const ENTRY: &str = "[[matview]]\nname = 'public.a'\nunique_key = ['id', 'day']";

    #[test]
    fn fires_when_the_migrations_make_no_such_index() {
        assert_eq!(scene(ENTRY).built(&["public.a"]).found("fresh-key-drift").len(), 1);
        let other = view("public.a").unique_on(&["id"]);
        assert_eq!(scene(ENTRY).built_as(other).found("fresh-key-drift").len(), 1);
    }

    #[test]
    fn quiet_when_they_do() {
        let keyed = view("public.a").unique_on(&["day", "id"]);
        assert_eq!(scene(ENTRY).built_as(keyed).found("fresh-key-drift"), []);
        let undeclared = "[[matview]]\nname = 'public.a'";
        assert_eq!(scene(undeclared).built(&["public.a"]).found("fresh-key-drift"), []);
    }

    #[test]
    fn undecided_when_there_was_no_new_database() {
        assert_eq!(scene(ENTRY).unjudged("fresh-key-drift").len(), 1);
    }
}
