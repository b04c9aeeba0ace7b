//! `fresh-definition-drift`: in a new database a view is not what its declared definition
//! says.

use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::definitions::{self, Compared};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "fresh-definition-drift",
    gate: GateId::Eg2,
    severity: Severity::Error,
    summary: "the migrations build a view that is not what its definition says",
    needs: &[Source::Registry, Source::NewViews],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(fresh) = &facts.fresh else { return };
    for (entry, built) in facts.comparison.iter().flat_map(|compared| compared.in_both_new()) {
        let Some(file) = definitions::file_of(facts.registry, entry) else { continue };
        let (name, subject) = (&built.name, Subject::matview(&built.name));
        let difference = match fresh.declared.get(name) {
            Some(Compared::Same) => continue,
            Some(Compared::Differs(difference)) => difference,
            Some(Compared::Undecided(reason)) => {
                outcome.cannot_judge(check, Some(subject), reason.clone());
                continue;
            }
            None => {
                let reason = "its definition was not compared in the new database";
                outcome.cannot_judge(check, Some(subject), reason);
                continue;
            }
        };
        let message = match &difference.reason {
            Some(reason) => {
                format!("in a new database {name} cannot be what {file} declares: {reason}")
            }
            None => format!("in a new database {name} is not what {file} declares"),
        };
        let expected = difference.expected.as_ref();
        outcome.add(
            check
                .finding(subject, message)
                .evidence(
                    json!({
                        "file": file,
                        "definition": expected.map(|shown| &shown.definition),
                        "columns": expected.map(|shown| &shown.columns),
                    }),
                    json!({
                        "definition": difference.found.definition,
                        "columns": difference.found.columns,
                        "diff": difference.diff,
                    }),
                )
                .remedy(Remedy::says(format!(
                    "if {file} is right, rebuild the view by a migration; if the migrations are \
                     right, correct {file}"
                )))
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::definitions::{Compared, Difference, Shown};
    use crate::testing::fresh::scene;

    const ENTRY: &str = "[[matview]]\nname = 'public.a'\ndefinition = 'registry.toml'";

    fn shown(definition: &str) -> Shown {
        Shown { definition: definition.to_owned(), columns: vec![] }
    }

    fn differs(reason: Option<&str>) -> Compared {
        Compared::Differs(Box::new(Difference {
            expected: Some(shown("SELECT 1")),
            found: shown("SELECT 2"),
            diff: Some("-SELECT 1\n+SELECT 2\n".into()),
            reason: reason.map(str::to_owned),
        }))
    }

    #[test]
    fn fires_with_the_difference() {
        let scene = scene(ENTRY).built(&["public.a"]).declared(differs(None));
        let found = scene.found("fresh-definition-drift");
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "in a new database public.a is not what registry.toml declares"
        );
        assert_eq!(found[0].evidence.observed["diff"], "-SELECT 1\n+SELECT 2\n");
    }

    #[test]
    fn fires_when_the_declared_query_cannot_be_of_a_new_database() {
        let scene = scene(ENTRY).built(&["public.a"]).declared(differs(Some("no column")));
        let found = scene.found("fresh-definition-drift");
        assert!(found[0].message.ends_with("declares: no column"), "{}", found[0].message);
    }

    #[test]
    fn quiet_when_they_agree_or_none_is_declared() {
        let same = scene(ENTRY).built(&["public.a"]).declared(Compared::Same);
        assert_eq!(same.found("fresh-definition-drift"), []);
        assert_eq!(same.unjudged("fresh-definition-drift"), []);
        let undeclared = scene("[[matview]]\nname = 'public.a'").built(&["public.a"]);
        assert_eq!(undeclared.found("fresh-definition-drift"), []);
    }

    #[test]
    fn undecided_when_they_could_not_be_compared() {
        let built = || scene(ENTRY).built(&["public.a"]);
        assert_eq!(built().unjudged("fresh-definition-drift").len(), 1);
        let open = built().declared(Compared::Undecided("other majors".into()));
        let unjudged = open.unjudged("fresh-definition-drift");
        assert_eq!(unjudged[0].reason, "other majors");
        assert_eq!(scene(ENTRY).unjudged("fresh-definition-drift").len(), 1);
    }
}
