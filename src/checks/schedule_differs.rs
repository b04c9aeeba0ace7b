//! `schedule-differs`: what is loaded in `pg_cron` is not what the registry declares.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::schedule::judge::{Difference, differences};
use crate::schedule::{CronJob, PgCron};

pub(super) const CHECK: Check = Check {
    slug: "schedule-differs",
    gate: GateId::Eg5,
    severity: Severity::Error,
    summary: "pg_cron has loaded something else than the registry declares",
    needs: &[Source::Registry, Source::Schedule],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(dispatched) = &facts.schedule else { return };
    if let PgCron::Unreadable(reason) = &dispatched.cron {
        outcome.cannot_judge(check, None, reason.clone());
    }
    for difference in differences(facts.registry, &dispatched.cron) {
        let (class, message, declared, observed) = told(&difference);
        let remedy = match &difference {
            Difference::Undeclared(job) => {
                Remedy::says("take the job out of pg_cron, or declare it")
                    .sql(format!("SELECT cron.unschedule({})", crate::ident::literal(&job.name)))
            }
            _ => {
                Remedy::says("load the schedule anew").command("driftgate schedule export pg-cron")
            }
        };
        let line = facts.registry.schedules.get(&class).and_then(|rules| facts.line(rules.line));
        outcome.add(
            check
                .finding(Subject::class(&class), message)
                .evidence(declared, observed)
                .query(query::cron_jobs(&class))
                .remedy(remedy)
                .at(line),
        );
    }
}

type Told = (String, String, serde_json::Value, serde_json::Value);

fn told(difference: &Difference) -> Told {
    let class_of = |job: &CronJob| job.class().unwrap_or_default().to_owned();
    match difference {
        Difference::Missing(job) => (
            job.class.clone(),
            format!("the job {} is not loaded, and others of its class are", job.name),
            json!({ "schedule": job.schedule, "command": job.command }),
            json!(null),
        ),
        Difference::Inactive(job) => (
            class_of(job),
            format!("the job {} is loaded, and not active", job.name),
            json!({ "active": true }),
            json!({ "active": false }),
        ),
        Difference::Schedule(job, found) => (
            job.class.clone(),
            format!(
                "the job {} runs at `{}`, and `{}` is declared",
                job.name, found.schedule, job.schedule
            ),
            json!({ "schedule": job.schedule }),
            json!({ "schedule": found.schedule }),
        ),
        Difference::Command(job, found) => (
            job.class.clone(),
            format!("the job {} runs another command than would be exported now", job.name),
            json!({ "command": job.command }),
            json!({ "command": found.command }),
        ),
        Difference::Undeclared(job) => (
            class_of(job),
            format!("the job {} is loaded, and the registry declares no such work", job.name),
            json!(null),
            json!({ "schedule": job.schedule, "command": job.command }),
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::schedule::{Known, judged, unjudged};

    const A: &str = "a = { every = '1m' }";
    const B: &str = "[[matview]]\nname = 'public.mv_b'\nschedule = 'a'\n";

    fn differing(view: &str, known: Known) -> Vec<String> {
        let outcome = judged(A, view, &[Known::Tick("a", 1_000_000), known]);
        let differing = outcome.findings.into_iter().filter(|one| one.check == "schedule-differs");
        differing.map(|one| one.message).collect()
    }

    #[test]
    fn fires_for_each_way_to_differ() {
        let other = |schedule: &'static str, command: &'static str, active| Known::Job {
            name: "driftgate:a:public.mv_a",
            schedule,
            command,
            active,
        };
        for (view, known, word) in [
            ("", other("*/5 * * * *", "", true), "runs at `*/5 * * * *`"),
            ("", other("* * * * *", "SELECT 1", true), "another command"),
            ("", other("* * * * *", "SELECT 1", false), "not active"),
            (
                "",
                Known::Job {
                    name: "driftgate:gone:x",
                    schedule: "* * * * *",
                    command: "SELECT 1",
                    active: true,
                },
                "declares no such work",
            ),
            (B, other("* * * * *", "SELECT 1", true), "is not loaded"),
        ] {
            let messages = differing(view, known);
            assert!(messages.iter().any(|one| one.contains(word)), "{word}: {messages:?}");
        }
    }

    #[test]
    fn quiet_when_what_is_loaded_is_what_is_declared_or_nothing_is() {
        assert_eq!(differing(B, Known::JobsAsDeclared(10)), Vec::<String>::new());
        assert_eq!(differing(B, Known::Tick("a", 10)), Vec::<String>::new());
    }

    #[test]
    fn undecided_when_pg_cron_may_not_be_read() {
        let outcome = judged(A, "", &[Known::Tick("a", 10), Known::CronUnreadable]);
        assert!(unjudged(&outcome, "schedule-differs"), "{outcome:?}");
    }
}
