//! Makes what dispatches a schedule, and judges it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::checks::{self, Facts, Outcome};
use crate::gate::GateId;
use crate::history::History;
use crate::registry::Registry;
use crate::schedule::export::pg_cron::jobs;
use crate::schedule::{Claims, CronJob, Dispatched, PgCron, classes};

/// Something that is known of dispatching.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    /// The last tick of a class is so many seconds old.
    Tick(&'static str, u64),
    /// `pg_cron` has all jobs as declared, last begun so many seconds ago.
    JobsAsDeclared(u64),
    /// `pg_cron` has all jobs as declared, and never ran one.
    JobsNeverRun,
    /// `pg_cron` has a job; an empty command is that of the registry.
    Job { name: &'static str, schedule: &'static str, command: &'static str, active: bool },
    /// `pg_cron` may not be read.
    CronUnreadable,
    /// The claims are not known.
    NoClaims,
    /// How long the refreshes of a view take, in milliseconds.
    Took(&'static str, u64),
}

/// Judges EG-5 for a registry of schedules with the view `public.mv_a` in the class `a`.
pub(crate) fn judged(schedules: &str, more: &str, known: &[Known]) -> Outcome {
    let registry = super::registry(&format!(
        "version = 1\n[schedules]\n{schedules}\n[[matview]]\nname = 'public.mv_a'\n\
         schedule = 'a'\n{more}"
    ));
    let dispatched = dispatched(&registry, known);
    let took: Vec<_> = known
        .iter()
        .filter_map(
            |one| if let Known::Took(view, took) = one { Some((*view, *took)) } else { None },
        )
        .collect();
    let history = History::Known(super::history::records(&took));
    let facts = Facts::new(&registry, Err("not looked".to_owned()), Err("not looked".to_owned()))
        .with_schedule(Ok(&dispatched))
        .with_history(Ok(&history));
    let mut outcome = checks::run(&[GateId::Eg5], &facts);
    // Facts without a snapshot leave every view unjudged.
    outcome.unjudged.retain(|(_, one)| one.check.is_some());
    outcome
}

/// Judges EG-5 for a registry.
pub(crate) fn judged_registry(registry: &Registry, dispatched: Option<&Dispatched>) -> Outcome {
    let facts = Facts::new(registry, Err("not looked".to_owned()), Err("not looked".to_owned()))
        .with_schedule(dispatched.ok_or_else(|| "not looked".to_owned()));
    checks::run(&[GateId::Eg5], &facts)
}

/// Tells whether a check left something unjudged.
pub(crate) fn unjudged(outcome: &Outcome, check: &str) -> bool {
    outcome.unjudged.iter().any(|(_, one)| one.check == Some(check))
}

fn dispatched(registry: &Registry, known: &[Known]) -> Dispatched {
    let ago = |seconds: u64| read_at() - Duration::from_secs(seconds);
    let (declared, _) = jobs(registry, &classes(registry));
    let as_declared = |last_start: Option<DateTime<Utc>>| {
        declared
            .iter()
            .map(|job| CronJob {
                name: job.name.clone(),
                schedule: job.schedule.clone(),
                command: job.command.clone(),
                active: true,
                last_start,
                last_status: None,
            })
            .collect::<Vec<_>>()
    };
    let mut claims = Ok(BTreeMap::new());
    let mut cron = PgCron::Jobs(Vec::new());
    for one in known {
        match *one {
            Known::Tick(class, seconds) => {
                let claim = Claims {
                    last_tick: ago(seconds),
                    last_claimed_at: ago(seconds),
                    last_outcome: None,
                    ticks_of_a_day: 1,
                    missed_of_a_day: 0,
                };
                if let Ok(claims) = &mut claims {
                    claims.insert(class.to_owned(), claim);
                }
            }
            Known::JobsAsDeclared(seconds) => cron = PgCron::Jobs(as_declared(Some(ago(seconds)))),
            Known::JobsNeverRun => cron = PgCron::Jobs(as_declared(None)),
            Known::Job { name, schedule, command, active } => {
                let declared = declared.iter().find(|job| job.name == name);
                let own = declared.map_or_else(String::new, |job| job.command.clone());
                cron = PgCron::Jobs(vec![CronJob {
                    name: name.to_owned(),
                    schedule: schedule.to_owned(),
                    command: if command.is_empty() { own } else { command.to_owned() },
                    active,
                    last_start: Some(ago(1)),
                    last_status: None,
                }]);
            }
            Known::CronUnreadable => cron = PgCron::Unreadable("no right".to_owned()),
            Known::NoClaims => claims = Err("the history is not installed".to_owned()),
            Known::Took(..) => {}
        }
    }
    Dispatched { read_at: read_at(), claims, cron }
}

fn read_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}
