//! `definition-drift`: a view is not what its declared definition says, as the server
//! stores both.

use serde_json::json;

use super::deployment::{self, Deployment};
use super::{Check, Facts, Outcome, Source, query};
use crate::definitions::{self, Compared, Difference};
use crate::finding::{Finding, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::registry::RegistryEntry;
use crate::snapshot::ViewState;

pub(super) const CHECK: Check = Check {
    slug: "definition-drift",
    gate: GateId::Eg3,
    severity: Severity::Error,
    summary: "a view is not what its declared definition says",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

/// A view without a declared definition has nothing to differ from. One with a definition
/// that was not compared must not pass.
fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    for (entry, live) in facts.comparison.iter().flat_map(|comparison| comparison.in_both()) {
        let Some(file) = definitions::file_of(facts.registry, entry) else {
            against_migrations(check, facts, (entry, live), outcome);
            continue;
        };
        let subject = Subject::matview(&live.name);
        let compared = match &facts.definitions {
            Ok(compared) => compared.get(&live.name),
            Err(reason) => {
                outcome.cannot_judge(check, Some(subject), reason.clone());
                continue;
            }
        };
        match compared {
            Some(Compared::Same) => {}
            Some(Compared::Differs(difference)) => {
                outcome.add(finding(check, facts, (entry, live), &file, difference));
            }
            Some(Compared::Undecided(reason)) => {
                outcome.cannot_judge(check, Some(subject), reason.clone());
            }
            None => {
                let reason = "it was not there when definitions were compared";
                outcome.cannot_judge(check, Some(subject), reason);
            }
        }
    }
}

/// Holds a view without a declared definition against the one that the migrations build,
/// where that was looked at.
fn against_migrations(
    check: &Check,
    facts: &Facts<'_>,
    (entry, live): (&RegistryEntry, &ViewState),
    outcome: &mut Outcome,
) {
    let drift = facts.fresh.as_ref().ok().and_then(|fresh| fresh.live.get(&live.name));
    let subject = Subject::matview(&live.name);
    let difference = match drift.map(|drift| &drift.definition) {
        None | Some(Compared::Same) => return,
        Some(Compared::Undecided(reason)) => {
            outcome.cannot_judge(check, Some(subject), reason.clone());
            return;
        }
        Some(Compared::Differs(difference)) => difference,
    };
    if let Some(reason) = deployment::is_running(facts) {
        outcome.cannot_judge(check, Some(subject), reason);
        return;
    }
    let mut finding = finding(check, facts, (entry, live), "the migrations", difference);
    finding.message = format!("{} is not what the migrations build", live.name);
    finding.remedy = Some(match deployment::of_making(facts, &live.name) {
        Deployment::Pending(file) => {
            finding.message += &format!("; {file}, which is pending, changes it");
            Remedy::says("deploy it").command("driftgate migrate status")
        }
        _ => Remedy::says(
            "rebuild it as the migrations do; if the view is right, write a migration that makes \
             it so everywhere",
        ),
    });
    outcome.add(finding);
}

fn finding(
    check: &Check,
    facts: &Facts<'_>,
    (entry, live): (&RegistryEntry, &ViewState),
    file: &str,
    difference: &Difference,
) -> Finding {
    let name = &live.name;
    let message = match &difference.reason {
        Some(reason) => format!("{name} cannot be what {file} declares: {reason}"),
        None => format!("{name} is not what {file} declares"),
    };
    let declared = match &difference.expected {
        Some(shown) => {
            json!({ "file": file, "definition": shown.definition, "columns": shown.columns })
        }
        None => json!({ "file": file }),
    };
    let observed = json!({
        "definition": difference.found.definition,
        "columns": difference.found.columns,
        "diff": difference.diff,
    });
    check
        .finding(Subject::matview(name), message)
        .evidence(declared, observed)
        .query(query::definition(name))
        .remedy(Remedy::says(format!(
            "if {file} is right, rebuild the view by a migration; if the view is right, correct \
             {file}"
        )))
        .at(facts.location(entry))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::checks;
    use crate::definitions::{ComparedViews, Shown};
    use crate::finding::Unjudged;
    use crate::registry::Registry;
    use crate::testing::{registry, snapshot, view};

    /// A registry with a view that declares a definition, in the folder of this repository.
    fn declaring() -> Registry {
        registry("version = 1\n[[matview]]\nname = 'public.mv'\ndefinition = 'registry.toml'")
    }

    fn shown(definition: &str) -> Shown {
        Shown { definition: definition.to_owned(), columns: vec!["a integer".into()] }
    }

    fn compared(compared: Compared) -> ComparedViews {
        BTreeMap::from([("public.mv".parse().expect("a name"), compared)])
    }

    fn judged(
        registry: &Registry,
        compared: Result<&ComparedViews, String>,
    ) -> (Vec<Finding>, Vec<Unjudged>) {
        let snapshot = snapshot([view("public.mv")]);
        let facts = Facts::new(registry, Ok(&snapshot), Err("not looked".into()));
        let outcome = checks::run(&[GateId::Eg3], &facts.with_definitions(compared));
        let is_own = |slug: Option<&str>| slug == Some("definition-drift");
        let findings = outcome.findings.into_iter().filter(|one| is_own(Some(one.check)));
        let unjudged = outcome.unjudged.into_iter().map(|(_, one)| one);
        (findings.collect(), unjudged.filter(|one| is_own(one.check)).collect())
    }

    #[test]
    fn fires_with_both_definitions_and_their_diff() {
        let difference = Difference {
            expected: Some(shown("SELECT 1 AS a")),
            found: shown("SELECT 2 AS a"),
            diff: Some("-SELECT 1 AS a\n+SELECT 2 AS a\n".into()),
            reason: None,
        };
        let compared = compared(Compared::Differs(Box::new(difference)));
        let (found, unjudged) = judged(&declaring(), Ok(&compared));
        assert_eq!((found.len(), unjudged), (1, vec![]));
        assert_eq!(found[0].message, "public.mv is not what registry.toml declares");
        assert_eq!(found[0].evidence.declared["definition"], "SELECT 1 AS a");
        assert_eq!(found[0].evidence.observed["definition"], "SELECT 2 AS a");
        assert_eq!(found[0].evidence.observed["diff"], "-SELECT 1 AS a\n+SELECT 2 AS a\n");
        assert_eq!(found[0].location.as_ref().expect("a place").line, 2);
    }

    #[test]
    fn fires_when_the_declared_query_cannot_be_of_this_database() {
        let reason = "registry.toml:3: column \"b\" does not exist (42703)".to_owned();
        let difference = Difference {
            expected: None,
            found: shown("SELECT 2 AS a"),
            diff: None,
            reason: Some(reason.clone()),
        };
        let compared = compared(Compared::Differs(Box::new(difference)));
        let (found, _) = judged(&declaring(), Ok(&compared));
        let message = format!("public.mv cannot be what registry.toml declares: {reason}");
        assert_eq!(found[0].message, message);
    }

    #[test]
    fn quiet_when_they_are_the_same_or_none_is_declared() {
        let same = compared(Compared::Same);
        assert_eq!(judged(&declaring(), Ok(&same)), (vec![], vec![]));
        let undeclared = registry("version = 1\n[[matview]]\nname = 'public.mv'");
        assert_eq!(judged(&undeclared, Err("not compared".into())), (vec![], vec![]));
    }

    #[test]
    fn holds_an_undeclared_view_against_what_the_migrations_build() {
        let differs = || {
            Compared::Differs(Box::new(Difference {
                expected: Some(shown("SELECT 1 AS a")),
                found: shown("SELECT 2 AS a"),
                diff: None,
                reason: None,
            }))
        };
        let scene = |compared| {
            crate::testing::fresh::scene("[[matview]]\nname = 'public.mv'")
                .live(&["public.mv"])
                .built(&["public.mv"])
                .against_live(compared)
        };
        let found = scene(differs()).found("definition-drift");
        assert_eq!(found[0].message, "public.mv is not what the migrations build");
        let pending = scene(differs()).pending().found("definition-drift");
        assert!(pending[0].message.ends_with("which is pending, changes it"));
        assert_eq!(scene(Compared::Same).found("definition-drift"), []);
        let undecided = scene(Compared::Undecided("other majors".into()));
        assert_eq!(undecided.unjudged("definition-drift")[0].reason, "other majors");
        let deploying = scene(differs()).deploying();
        assert_eq!(deploying.found("definition-drift"), []);
        assert_eq!(deploying.unjudged("definition-drift").len(), 1);
    }

    #[test]
    fn undecided_when_they_could_not_be_compared() {
        let undecided = compared(Compared::Undecided("a lock".into()));
        let nothing = BTreeMap::new();
        for (compared, told) in [
            (Ok(&undecided), "a lock"),
            (Ok(&nothing), "it was not there when definitions were compared"),
            (Err("no answer".to_owned()), "no answer"),
        ] {
            let (found, unjudged) = judged(&declaring(), compared);
            assert_eq!(found, []);
            let reasons: Vec<_> = unjudged.iter().map(|one| one.reason.as_str()).collect();
            assert_eq!(reasons, [told]);
            let subject = unjudged[0].subject.as_ref().expect("a subject");
            assert_eq!(subject.name, "public.mv");
        }
    }
}
