//! `schedule-overload`: the refreshes of a tick take longer than the time until the next.

use chrono::DateTime;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::schedule::calendar::Calendar;
use crate::schedule::classes;
use crate::schedule::cost::Cost;

pub(super) const CHECK: Check = Check {
    slug: "schedule-overload",
    gate: GateId::Eg5,
    severity: Severity::Warning,
    summary: "the refreshes of a class take longer than the time between its ticks",
    needs: &[Source::Registry],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    if facts.registry.schedules.is_empty() {
        outcome.cannot_judge(check, None, super::schedule_unused::NO_CLASS);
    }
    let from = facts.read_at.unwrap_or(DateTime::UNIX_EPOCH);
    let history = facts.history.as_ref().ok().copied();
    for class in classes(facts.registry) {
        let Some(gaps) = Calendar::of(&class.rules.rhythm).gaps(from) else { continue };
        let cost = Cost::of(&class, gaps, history);
        if !cost.cannot_keep_up() {
            continue;
        }
        let message = format!("{} cannot keep up: {}", class.name, cost.told());
        outcome.add(
            check
                .finding(Subject::class(class.name), message)
                .evidence(
                    serde_json::json!({ "interval_ms": cost.interval_ms }),
                    serde_json::json!(cost),
                )
                .remedy(Remedy::says(
                    "let the class tick less often, raise --jobs of `driftgate schedule run`, or \
                     move views to another class",
                ))
                .at(facts.line(class.rules.line)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::schedule::{Known, judged};

    fn overloaded(took: u64) -> bool {
        let outcome = judged(
            "a = { every = '1s' }",
            "",
            &[Known::Tick("a", 0), Known::Took("public.mv_a", took)],
        );
        outcome.findings.iter().any(|one| one.check == "schedule-overload")
    }

    #[test]
    fn fires_when_the_work_is_longer_than_the_interval() {
        assert!(overloaded(1_001));
    }

    #[test]
    fn quiet_up_to_the_interval_and_where_nothing_is_on_record() {
        assert!(!overloaded(1_000));
        let outcome = judged("a = { every = '1s' }", "", &[Known::Tick("a", 0)]);
        assert!(outcome.findings.is_empty(), "{outcome:?}");
    }
}
