//! `schedule-silent`: a class was dispatched, and is no longer.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::schedule::judge::{Loaded, is_silent, states};
use crate::wording;

pub(super) const CHECK: Check = Check {
    slug: "schedule-silent",
    gate: GateId::Eg5,
    severity: Severity::Error,
    summary: "the last tick of a class is older than two of its intervals",
    needs: &[Source::Registry, Source::Schedule],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(dispatched) = &facts.schedule else { return };
    for state in states(facts.registry, dispatched).iter().filter(|state| state.is_used()) {
        let name = state.class.name;
        let by_cron = state.loaded() == Loaded::PgCron;
        let last = match by_cron {
            true => state.last_job_start(),
            false => state.claims.map(|claims| claims.last_tick),
        };
        let Some(last) = last else {
            if by_cron {
                let reason = "pg_cron has its jobs, and no run of them is on record yet";
                outcome.cannot_judge(check, Some(Subject::class(name)), reason);
            }
            continue;
        };
        if !is_silent(&state.class, dispatched.read_at, last) {
            continue;
        }
        let age = (dispatched.read_at - last).to_std().unwrap_or_default();
        let (who, query) = match by_cron {
            true => ("the last run of its jobs in pg_cron began", query::cron_jobs(name)),
            false => ("its last tick is", query::last_tick(name)),
        };
        let verb = if by_cron { " ago" } else { " old" };
        let message = format!(
            "{name} has fallen silent: {who} {}{verb}, more than two of its intervals",
            wording::duration(age)
        );
        outcome.add(
            check
                .finding(Subject::class(name), message)
                .evidence(
                    json!({ "jitter_seconds": state.class.rules.jitter.as_secs() }),
                    json!({
                        "last_tick": crate::report::timestamp(last), "age_seconds": age.as_secs(),
                    }),
                )
                .query(query)
                .remedy(
                    Remedy::says("see whether the scheduler still runs and reaches the database")
                        .command("driftgate schedule list"),
                )
                .at(facts.line(state.class.rules.line)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::schedule::{Known, judged, unjudged};

    const A: &str = "a = { every = '1m' }";

    fn is_silent(known: &[Known]) -> bool {
        let outcome = judged(A, "", known);
        outcome.findings.iter().any(|one| one.check == "schedule-silent")
    }

    #[test]
    fn fires_after_two_intervals_whoever_dispatched() {
        assert!(is_silent(&[Known::Tick("a", 180)]));
        assert!(is_silent(&[Known::JobsAsDeclared(180)]));
        assert!(is_silent(&[Known::Tick("a", 9000), Known::JobsAsDeclared(180)]));
    }

    #[test]
    fn quiet_while_one_of_them_goes_on() {
        assert!(!is_silent(&[Known::Tick("a", 60)]));
        assert!(!is_silent(&[Known::JobsAsDeclared(60)]));
        assert!(!is_silent(&[Known::Tick("a", 9000), Known::JobsAsDeclared(30)]));
        assert!(!is_silent(&[]));
    }

    #[test]
    fn undecided_when_no_run_of_a_job_is_on_record() {
        let outcome = judged(A, "", &[Known::JobsNeverRun]);
        assert!(unjudged(&outcome, "schedule-silent"), "{outcome:?}");
    }
}
