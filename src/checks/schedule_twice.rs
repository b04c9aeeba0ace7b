//! `schedule-twice`: two schedulers dispatch the same class.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::schedule::judge::{Loaded, states};

pub(super) const CHECK: Check = Check {
    slug: "schedule-twice",
    gate: GateId::Eg5,
    severity: Severity::Warning,
    summary: "two schedulers dispatch the same class",
    needs: &[Source::Registry, Source::Schedule],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(dispatched) = &facts.schedule else { return };
    for state in states(facts.registry, dispatched) {
        if state.loaded() != Loaded::Both {
            continue;
        }
        let name = state.class.name;
        let jobs: Vec<_> = state.jobs.iter().map(|job| job.name.as_str()).collect();
        let message = format!(
            "`driftgate schedule run` claims the ticks of {name}, and pg_cron runs {} of it too",
            crate::wording::plural(jobs.len(), "job")
        );
        outcome.add(
            check
                .finding(Subject::class(name), message)
                .evidence(json!(null), json!({ "jobs": jobs }))
                .query(query::cron_jobs(name))
                .remedy(
                    Remedy::says("let one of them do it: stop the other, or take its jobs away")
                        .sql(format!(
                            "SELECT cron.unschedule(jobname) FROM cron.job WHERE \
                             starts_with(jobname::text, {})",
                            crate::ident::literal(&format!("driftgate:{name}:"))
                        )),
                )
                .at(facts.line(state.class.rules.line)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::schedule::{Known, judged};

    const A: &str = "a = { every = '1m' }";

    fn twice(known: &[Known]) -> bool {
        let outcome = judged(A, "", known);
        outcome.findings.iter().any(|one| one.check == "schedule-twice")
    }

    #[test]
    fn fires_when_both_go_on() {
        assert!(twice(&[Known::Tick("a", 30), Known::JobsAsDeclared(30)]));
    }

    #[test]
    fn quiet_when_one_has_stopped_or_is_not_there() {
        assert!(!twice(&[Known::Tick("a", 9000), Known::JobsAsDeclared(30)]));
        assert!(!twice(&[Known::Tick("a", 30)]));
        assert!(!twice(&[Known::JobsAsDeclared(30)]));
    }
}
