//! What no check compares in this version, and that it is so: a view that was not compared
//! must not pass. No check of its own.

use super::{Facts, Outcome};
use crate::finding::{Subject, Unjudged};
use crate::gate::GateId;

/// Notes every live view whose declared definition was not compared.
pub(super) fn note_definitions(facts: &Facts<'_>, outcome: &mut Outcome) {
    for (entry, live) in facts.comparison.iter().flat_map(|comparison| comparison.in_both()) {
        if entry.definition.is_some() {
            let unjudged = Unjudged {
                check: None,
                subject: Some(Subject::matview(&live.name)),
                reason: "its declared definition is not compared by this version".to_owned(),
            };
            outcome.unjudged.push((GateId::Eg3, unjudged));
        }
    }
}
