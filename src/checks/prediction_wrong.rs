//! `prediction-wrong`: `check-grants --prove` tried a refresh, and it ended otherwise than
//! predicted: a defect of this program, or a right that changed in between.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::grants::Proved;

pub(super) const CHECK: Check = Check {
    slug: "prediction-wrong",
    gate: GateId::Eg4,
    severity: Severity::Error,
    summary: "a refresh that was tried ended otherwise than predicted",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for refreshes in &grants.refreshes {
        let judged = &refreshes.judged;
        let (Some(proved), Some(predicted)) = (&refreshes.proved, judged.can_refresh) else {
            continue;
        };
        let really = match proved {
            Proved::Refreshed => true,
            Proved::Denied => false,
            Proved::NotTried(reason) => {
                let about = format!("as {}: {reason}", judged.role);
                outcome.cannot_judge(check, Some(Subject::matview(&judged.view)), about);
                continue;
            }
        };
        if really == predicted {
            continue;
        }
        let could = |can| if can { "could" } else { "could not" };
        outcome.add(
            check
                .finding(
                    Subject::matview(&judged.view),
                    format!(
                        "{} {} refresh {} when it was tried, against the prediction",
                        judged.role,
                        could(really),
                        judged.view,
                    ),
                )
                .evidence(
                    json!({ "role": judged.role, "can_refresh": predicted }),
                    json!({ "role": judged.role, "can_refresh": really }),
                )
                .query(query::refresh_rights(&judged.role, &judged.view))
                .remedy(Remedy::says(
                    "run it again; if it stays, please report it with the output of -v, and \
                     trust what was tried",
                ))
                .at(facts.registry.entry(&judged.view).and_then(|entry| facts.location(entry))),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::grants::Proved;
    use crate::testing::grants::{World, found, unjudged, world};

    fn denied() -> World {
        world("[roles.app]\n[[matview]]\nname = 'public.mv'\nrefresh = 'plain'")
            .role("app")
            .role("owner")
            .matview("public.mv", "owner")
    }

    #[test]
    fn fires_when_the_proof_says_otherwise() {
        assert_eq!(found("prediction-wrong", &denied().proved(Proved::Refreshed)).len(), 1);
    }

    #[test]
    fn quiet_when_it_agrees_or_nothing_was_tried() {
        assert!(found("prediction-wrong", &denied().proved(Proved::Denied)).is_empty());
        assert!(found("prediction-wrong", &denied()).is_empty());
        assert!(unjudged("prediction-wrong", &denied()).is_empty());
    }

    #[test]
    fn undecided_when_it_could_not_be_tried() {
        let busy = denied().proved(Proved::NotTried("busy".to_owned()));
        assert_eq!(unjudged("prediction-wrong", &busy).len(), 1);
    }
}
