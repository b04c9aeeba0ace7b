//! What dispatches each class: our own claims, `pg_cron`, both or nobody; and whether it
//! still does.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::calendar::Calendar;
use super::export::LeftOut;
use super::export::pg_cron::{Job, jobs};
use super::{Claims, Class, CronJob, Dispatched, PgCron, classes};
use crate::registry::Registry;

/// A class with what is known of its dispatching.
#[derive(Debug, Clone)]
pub struct ClassState<'a> {
    /// The class.
    pub class: Class<'a>,
    /// Its claims; `None`: there are none, or they are not known.
    pub claims: Option<&'a Claims>,
    /// Its jobs in `pg_cron`.
    pub jobs: Vec<&'a CronJob>,
    /// The jobs that it should have there, if `pg_cron` is what dispatches it.
    pub expected: Vec<Job>,
    /// What `pg_cron` cannot carry of it.
    pub left_out: Vec<LeftOut>,
    /// Whether our own schedulers dispatch it still.
    pub claims_go_on: bool,
}

/// What dispatches a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loaded {
    /// `driftgate schedule run`, by its claims.
    Claims,
    /// Jobs of `pg_cron`.
    PgCron,
    /// Both.
    Both,
    /// Nobody.
    Nothing,
}

/// Joins the classes of a registry with what dispatches them.
pub fn states<'a>(registry: &'a Registry, dispatched: &'a Dispatched) -> Vec<ClassState<'a>> {
    let of_the_registry = classes(registry);
    let (all_expected, all_left_out) = jobs(registry, &of_the_registry);
    let state = |class: Class<'a>| {
        let name = class.name.to_owned();
        let claims = dispatched.claims.as_ref().ok().and_then(|claims| claims.get(&name));
        let claims_go_on =
            claims.is_some_and(|claims| !is_silent(&class, dispatched.read_at, claims.last_tick));
        let of = |job: &&CronJob| job.class() == Some(class.name);
        ClassState {
            claims,
            claims_go_on,
            jobs: dispatched.cron.jobs().iter().filter(of).collect(),
            expected: all_expected.iter().filter(|job| job.class == name).cloned().collect(),
            left_out: all_left_out.iter().filter(|left| left.class == name).cloned().collect(),
            class,
        }
    };
    of_the_registry.into_iter().map(state).collect()
}

impl ClassState<'_> {
    /// Tells what dispatches it; claims that have fallen silent count where nothing else does.
    pub fn loaded(&self) -> Loaded {
        let has_jobs = self.jobs.iter().any(|job| job.active);
        match (self.claims.is_some(), has_jobs) {
            (true, true) if self.claims_go_on => Loaded::Both,
            (_, true) => Loaded::PgCron,
            (true, false) => Loaded::Claims,
            (false, false) => Loaded::Nothing,
        }
    }

    /// Tells whether something was seen that dispatches it.
    pub fn is_loaded_for_sure(&self) -> bool {
        self.loaded() != Loaded::Nothing
    }

    /// Tells whether anything is there that should be dispatched.
    pub fn is_used(&self) -> bool {
        !(self.class.views.is_empty() && self.class.tasks.is_empty())
    }

    /// Returns when its newest run in `pg_cron` began.
    pub fn last_job_start(&self) -> Option<DateTime<Utc>> {
        self.jobs.iter().filter(|job| job.active).filter_map(|job| job.last_start).max()
    }
}

/// Tells whether a class has been silent for two of its intervals and the jitter.
pub fn is_silent(class: &Class<'_>, now: DateTime<Utc>, last: DateTime<Utc>) -> bool {
    let calendar = Calendar::of(&class.rules.rhythm);
    let newest = calendar.at_or_before(now - delta(class.rules.jitter));
    newest.and_then(|newest| calendar.before(newest)).is_some_and(|before| last < before)
}

/// Returns by how much the next tick of a class is overdue; `None`: it is not.
pub fn overdue(class: &Class<'_>, now: DateTime<Utc>, last: DateTime<Utc>) -> Option<Duration> {
    let next = Calendar::of(&class.rules.rhythm).after(last)?;
    (now - next - delta(class.rules.jitter)).to_std().ok()
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// How a job of `pg_cron` differs from what the registry declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is not there, and others of its class are.
    Missing(Job),
    /// It is there, and does nothing.
    Inactive(CronJob),
    /// It runs at other times.
    Schedule(Job, CronJob),
    /// It runs something else.
    Command(Job, CronJob),
    /// The registry has no such work in this class, or no such class.
    Undeclared(CronJob),
}

/// Returns how the jobs of `pg_cron` differ from a registry; a class without any job there
/// is dispatched by others.
pub fn differences(registry: &Registry, cron: &PgCron) -> Vec<Difference> {
    let of_the_registry = classes(registry);
    let (expected, _) = jobs(registry, &of_the_registry);
    let found = cron.jobs();
    let mut differences = Vec::new();
    for job in &expected {
        let is_loaded = found.iter().any(|one| one.class() == Some(&job.class));
        match found.iter().find(|one| one.name == job.name) {
            None if is_loaded => differences.push(Difference::Missing(job.clone())),
            None => {}
            Some(one) if !one.active => differences.push(Difference::Inactive(one.clone())),
            Some(one) if one.schedule.trim() != job.schedule => {
                differences.push(Difference::Schedule(job.clone(), one.clone()));
            }
            Some(one) if one.command.trim() != job.command => {
                differences.push(Difference::Command(job.clone(), one.clone()));
            }
            Some(_) => {}
        }
    }
    let undeclared = found.iter().filter(|one| expected.iter().all(|job| job.name != one.name));
    differences.extend(undeclared.cloned().map(Difference::Undeclared));
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::registry;

    const NOW: i64 = 1_800_000_000;

    fn seconds_ago(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(NOW - seconds, 0).expect("a time")
    }

    #[test]
    fn silence_begins_after_two_intervals_and_the_jitter() {
        let registry = registry(
            "version = 1\n[schedules]\na = { every = '1m' }\nb = { every = '1m', jitter = '30s' }\n",
        );
        let classes = classes(&registry);
        // NOW is a tick of both.
        for (class, now, last, silent) in [
            (0, 0, 0, false),
            (0, 0, 60, false),
            (0, 0, 120, true),
            (0, -59, 60, false),
            (1, 0, 120, false),
            (1, -30, 120, true),
        ] {
            let judged = is_silent(&classes[class], seconds_ago(now), seconds_ago(last));
            assert_eq!(judged, silent, "{class} {now} {last}");
        }
        let overdue = overdue(&classes[0], seconds_ago(0), seconds_ago(90));
        assert_eq!(overdue, Some(Duration::from_secs(60)));
    }
}
