//! `view-altered`: a live view has other indexes, storage options or comment, or another
//! owner, than the migrations give it.

use serde_json::json;

use super::deployment;
use super::{Check, Facts, Outcome, Source, query};
use crate::definitions::{Attribute, AttributeDrift};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

/// Where the migrations were not looked at, there is nothing to hold a view against.
pub(super) const CHECK: Check = Check {
    slug: "view-altered",
    gate: GateId::Eg3,
    severity: Severity::Warning,
    summary: "a live view has other attributes than the migrations give it",
    needs: &[Source::Registry, Source::Snapshot],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let (Some(comparison), Ok(fresh)) = (&facts.comparison, &facts.fresh) else { return };
    for (entry, live) in comparison.in_both() {
        let Some(drift) = fresh.live.get(&live.name) else { continue };
        // An owner that is declared has a check of its own.
        let counts =
            |drift: &&AttributeDrift| entry.owner.is_none() || drift.attribute != Attribute::Owner;
        let attributes: Vec<&AttributeDrift> = drift.attributes.iter().filter(counts).collect();
        if attributes.is_empty() {
            continue;
        }
        let name = &live.name;
        if let Some(reason) = deployment::is_running(facts) {
            outcome.cannot_judge(check, Some(Subject::matview(name)), reason);
            continue;
        }
        let words: Vec<String> = attributes.iter().map(|drift| told(drift)).collect();
        let deployment = deployment::of_making(facts, name);
        let remedy = match deployment.may_be_pending() {
            true => Remedy::says("deploy what is pending").command("driftgate migrate status"),
            false => {
                Remedy::says("change it back, or write a migration that makes it so everywhere")
            }
        };
        let sides = |side: fn(&AttributeDrift) -> &Vec<String>| -> serde_json::Map<_, _> {
            let side =
                |drift: &&AttributeDrift| (word(drift.attribute).to_owned(), json!(side(drift)));
            attributes.iter().map(side).collect()
        };
        outcome.add(
            check
                .finding(
                    Subject::matview(name),
                    format!("{name} is not as the migrations build it: {}", words.join("; ")),
                )
                .evidence(sides(|drift| &drift.expected), sides(|drift| &drift.found))
                .query(query::attributes(name))
                .remedy(remedy)
                .at(facts.location(entry)),
        );
    }
}

/// Returns what differs, each side with what it alone has.
fn told(drift: &AttributeDrift) -> String {
    let alone = |one: &[String], other: &[String]| -> Option<String> {
        let alone: Vec<&str> =
            one.iter().filter(|text| !other.contains(text)).map(String::as_str).collect();
        (!alone.is_empty()).then(|| alone.join(", "))
    };
    let sides = [
        alone(&drift.expected, &drift.found).map(|alone| format!("the migrations alone: {alone}")),
        alone(&drift.found, &drift.expected).map(|alone| format!("live alone: {alone}")),
    ];
    let sides: Vec<String> = sides.into_iter().flatten().collect();
    format!("{} ({})", word(drift.attribute), sides.join("; "))
}

const fn word(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Owner => "owner",
        Attribute::Indexes => "indexes",
        Attribute::Options => "options",
        Attribute::Comment => "comment",
    }
}

#[cfg(test)]
mod tests {
    use crate::definitions::{Attribute, AttributeDrift};
    use crate::testing::fresh::{Scene, scene};

    fn scene_of(entry: &str, attributes: &[Attribute]) -> Scene {
        let drift = |attribute: &Attribute| AttributeDrift {
            attribute: *attribute,
            expected: vec!["x".into()],
            found: vec![],
        };
        scene(entry)
            .live(&["public.a"])
            .built(&["public.a"])
            .altered(attributes.iter().map(drift).collect())
    }

    const ENTRY: &str = "[[matview]]\nname = 'public.a'";
    const OWNED: &str = "[[matview]]\nname = 'public.a'\nowner = 'owner'";

    #[test]
    fn fires_for_each_attribute_that_differs() {
        let scene = scene_of(ENTRY, &[Attribute::Owner, Attribute::Indexes]);
        let found = scene.found("view-altered");
        assert_eq!(found.len(), 1);
        let message = "public.a is not as the migrations build it: owner (the migrations alone: \
                       x); indexes (the migrations alone: x)";
        assert_eq!(found[0].message, message);
        assert_eq!(scene_of(OWNED, &[Attribute::Comment]).found("view-altered").len(), 1);
    }

    #[test]
    fn quiet_when_nothing_differs_or_another_check_tells_it() {
        assert_eq!(scene_of(ENTRY, &[]).found("view-altered"), []);
        assert_eq!(scene_of(OWNED, &[Attribute::Owner]).found("view-altered"), []);
        assert_eq!(scene(ENTRY).live(&["public.a"]).found("view-altered"), []);
    }

    #[test]
    fn undecided_while_a_deploy_is_running() {
        let scene = scene_of(ENTRY, &[Attribute::Options]).deploying();
        assert_eq!(scene.found("view-altered"), []);
        assert_eq!(scene.unjudged("view-altered").len(), 1);
    }
}
