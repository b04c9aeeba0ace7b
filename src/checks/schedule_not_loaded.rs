//! `schedule-not-loaded`: a class is declared, and nothing dispatches it.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::schedule::PgCron;
use crate::schedule::judge::{ClassState, Loaded, states};

pub(super) const CHECK: Check = Check {
    slug: "schedule-not-loaded",
    gate: GateId::Eg5,
    severity: Severity::Error,
    summary: "a class is declared, and no scheduler dispatches it",
    needs: &[Source::Registry, Source::Schedule],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(dispatched) = &facts.schedule else { return };
    for state in states(facts.registry, dispatched).iter().filter(|state| state.is_used()) {
        let name = state.class.name;
        let unknown = match (&dispatched.claims, &dispatched.cron) {
            (Err(reason), _) | (_, PgCron::Unreadable(reason)) => Some(reason),
            _ => None,
        };
        match (state.loaded(), unknown) {
            (Loaded::Claims | Loaded::Both, _) => {}
            (Loaded::PgCron, _) => half(check, facts, state, outcome),
            (Loaded::Nothing, Some(reason)) => {
                outcome.cannot_judge(check, Some(Subject::class(name)), reason.clone());
            }
            (Loaded::Nothing, None) => {
                let message = format!(
                    "no tick of {name} is on record, and pg_cron has no job of it: nothing \
                     dispatches it"
                );
                outcome.add(finding(check, facts, state, message));
            }
        }
    }
}

/// What `pg_cron` cannot carry of a class is dispatched by nobody.
fn half(check: &Check, facts: &Facts<'_>, state: &ClassState<'_>, outcome: &mut Outcome) {
    if let Some(first) = state.left_out.first() {
        let more = match state.left_out.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!(
            "pg_cron alone dispatches {}: nothing does {}{more}",
            state.class.name,
            first.told()
        );
        outcome.add(finding(check, facts, state, message));
    }
}

fn finding(
    check: &Check,
    facts: &Facts<'_>,
    state: &ClassState<'_>,
    message: String,
) -> crate::finding::Finding {
    let name = state.class.name;
    let names = |views: Vec<String>| json!({ "work": views });
    let views = state.class.views.iter().map(|entry| entry.name.to_string());
    let work = views.chain(state.class.tasks.iter().map(|task| task.name.clone()));
    check
        .finding(Subject::class(name), message)
        .evidence(names(work.collect()), json!({ "jobs": state.jobs.len() }))
        .query(query::last_tick(name))
        .remedy(
            Remedy::says(
                "keep `driftgate schedule run` running, or load what `driftgate schedule export` \
                 prints",
            )
            .command(format!("driftgate schedule run --once --class {name}")),
        )
        .at(facts.line(state.class.rules.line))
}

#[cfg(test)]
mod tests {
    use crate::testing::schedule::{Known, judged, unjudged};

    const A: &str = "a = { every = '1m' }";

    #[test]
    fn fires_when_no_tick_is_on_record_and_no_job_is_there() {
        let outcome = judged(A, "", &[]);
        assert_eq!(outcome.findings[0].check, "schedule-not-loaded", "{outcome:?}");
    }

    #[test]
    fn fires_for_what_pg_cron_cannot_carry() {
        let view = "[[matview]]\nname = 'public.mv_t'\nschedule = 'a'\ntenant_column = 'tenant'\n";
        let outcome = judged(A, view, &[Known::JobsAsDeclared(10)]);
        assert_eq!(outcome.findings[0].check, "schedule-not-loaded", "{outcome:?}");
        assert!(outcome.findings[0].message.contains("public.mv_t"), "{outcome:?}");
    }

    #[test]
    fn quiet_when_ticks_are_on_record_or_jobs_are_there() {
        for known in [Known::Tick("a", 30), Known::JobsAsDeclared(30)] {
            let outcome = judged(A, "", &[known]);
            assert!(outcome.findings.is_empty(), "{outcome:?}");
        }
    }

    #[test]
    fn undecided_when_the_claims_cannot_be_read() {
        let outcome = judged(A, "", &[Known::NoClaims]);
        assert!(unjudged(&outcome, "schedule-not-loaded"), "{outcome:?}");
        assert!(outcome.findings.is_empty(), "{outcome:?}");
    }
}
