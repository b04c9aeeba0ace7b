//! From facts to verdicts: runs the checks of some gates, applies the registry's
//! exceptions, and judges each gate. The one road that every judging command takes.

use chrono::NaiveDate;

use crate::checks::{self, Facts};
use crate::exceptions;
use crate::finding::Finding;
use crate::gate::{self, FailOn, GateId, GateResult};

/// The findings of a run, and the verdict of each gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Every finding, heaviest first.
    pub findings: Vec<Finding>,
    /// The gates, in the order asked for.
    pub gates: Vec<GateResult>,
}

/// Judges gates from facts; `today` is the date in UTC that exceptions are measured by.
pub fn judge(gates: &[GateId], facts: &Facts<'_>, fail_on: FailOn, today: NaiveDate) -> Judgement {
    let mut outcome = checks::run(gates, facts);
    exceptions::apply(facts, gates, today, &mut outcome);
    let results = gates
        .iter()
        .map(|id| {
            let run = checks::of_gates(&[*id]).map(|check| check.slug).collect();
            let unjudged = outcome
                .unjudged
                .iter()
                .filter(|(gate, _)| gate == id)
                .map(|(_, unjudged)| unjudged.clone())
                .collect();
            gate::judge(*id, run, &outcome.findings, unjudged, fail_on)
        })
        .collect();
    Judgement { findings: outcome.findings, gates: results }
}
