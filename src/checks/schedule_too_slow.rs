//! `schedule-too-slow`: a view may not be as old as its schedule lets it become.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Remedy, Severity, Subject, SubjectKind};
use crate::gate::GateId;
use crate::schedule::calendar::Calendar;
use crate::wording;

pub(super) const CHECK: Check = Check {
    slug: "schedule-too-slow",
    gate: GateId::Eg5,
    severity: Severity::Error,
    summary: "the time between two ticks is longer than max_staleness",
    needs: &[Source::Registry],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    if facts.registry.schedules.is_empty() {
        outcome.cannot_judge(check, None, super::schedule_unused::NO_CLASS);
    }
    let from = facts.read_at.unwrap_or(DateTime::UNIX_EPOCH);
    let mut told = BTreeSet::new();
    for entry in &facts.registry.matviews {
        let (Some(class), Some(limit)) = (&entry.schedule, entry.max_staleness) else { continue };
        let Some(rules) = facts.registry.schedules.get(class) else { continue };
        let Some(gaps) = Calendar::of(&rules.rhythm).gaps(from) else { continue };
        let name = entry.template_spelling().unwrap_or_else(|| entry.name.to_string());
        if gaps.longest <= limit || !told.insert(name.clone()) {
            continue;
        }
        let (longest, allowed) = (wording::duration(gaps.longest), wording::duration(limit));
        let subject = Subject { kind: SubjectKind::Matview, name: name.clone() };
        let message = format!(
            "{name} may be {allowed} old, and its class {class} lets up to {longest} pass between \
             two ticks: it can never hold"
        );
        outcome.add(
            check
                .finding(subject, message)
                .evidence(
                    json!({ "max_staleness_seconds": limit.as_secs() }),
                    json!({ "class": class, "longest_gap_seconds": gaps.longest.as_secs() }),
                )
                .remedy(Remedy::says(
                    "let the class tick more often, or allow the view to be older",
                ))
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::schedule::judged;

    fn slow(schedule: &str, limit: &str) -> usize {
        let view = format!(
            "[[matview]]\nname = 'public.mv_b'\nschedule = 'a'\nmax_staleness = '{limit}'\n"
        );
        let outcome = judged(schedule, &view, &[]);
        outcome.findings.iter().filter(|one| one.check == "schedule-too-slow").count()
    }

    #[test]
    fn fires_when_the_longest_gap_is_longer() {
        assert_eq!(slow("a = { every = '61m' }", "1h"), 1);
        assert_eq!(slow("a = { cron = '0 6 * * 1-5' }", "1day"), 1);
    }

    #[test]
    fn quiet_up_to_the_limit() {
        assert_eq!(slow("a = { every = '1h' }", "1h"), 0);
        assert_eq!(slow("a = { cron = '0 6 * * 1-5' }", "3days"), 0);
    }
}
