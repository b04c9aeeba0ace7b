//! Schedules: when classes are due, what was dispatched, what a schedule costs, and the same
//! schedule for other schedulers. Plain data and pure rules; the clock is the server's.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::lock_key::LockKey;
use crate::registry::{Registry, RegistryEntry, ScheduleRules, TaskRules};

pub mod calendar;
pub mod clocks;
pub mod cost;
pub mod export;
pub mod fields;
pub mod judge;
pub mod metrics;
pub mod pace;

/// A class of `[schedules]` with what it dispatches.
#[derive(Debug, Clone)]
pub struct Class<'r> {
    /// Its name.
    pub name: &'r str,
    /// When it is due.
    pub rules: &'r ScheduleRules,
    /// Its views, in the order of the registry.
    pub views: Vec<&'r RegistryEntry>,
    /// Its tasks, in the order of the registry.
    pub tasks: Vec<&'r TaskRules>,
}

/// Returns the classes of a registry, by name.
///
/// Templates that are not filled in stand for one view each.
pub fn classes(registry: &Registry) -> Vec<Class<'_>> {
    let of = |schedule: &Option<String>, name: &str| schedule.as_deref() == Some(name);
    registry
        .schedules
        .iter()
        .map(|(name, rules)| Class {
            name,
            rules,
            views: registry.matviews.iter().filter(|entry| of(&entry.schedule, name)).collect(),
            tasks: registry.tasks.iter().filter(|task| task.schedule == *name).collect(),
        })
        .collect()
}

/// What came of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TickOutcome {
    /// Nothing of it failed.
    Success,
    /// Some of it failed, and some did not.
    Partial,
    /// All of it failed, or it could not be begun.
    Failed,
    /// The class was still at work; nothing was done.
    Overlapped,
    /// It had failed repeatedly; nothing was done.
    BackedOff,
    /// The scheduler was asked to stop.
    Cancelled,
}

impl TickOutcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Success,
        Self::Partial,
        Self::Failed,
        Self::Overlapped,
        Self::BackedOff,
        Self::Cancelled,
    ];

    /// Returns the word for it, as records and reports spell it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
            Self::Overlapped => "OVERLAPPED",
            Self::BackedOff => "BACKED_OFF",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Joins what came of the work of one tick; nothing to do is a success.
    pub const fn of(succeeded: usize, failed: usize, cancelled: usize) -> Self {
        match (succeeded, failed, cancelled) {
            (_, _, 1..) => Self::Cancelled,
            (_, 0, 0) => Self::Success,
            (0, _, 0) => Self::Failed,
            (_, _, 0) => Self::Partial,
        }
    }
}

/// Returns the key that keeps a class from overlapping with itself.
///
/// The first eight bytes, big-endian, of SHA-256 of `driftgate:class:NAME`.
pub fn class_key(class: &str) -> LockKey {
    LockKey::of_text(&format!("driftgate:class:{class}"))
}

/// Returns the key that keeps a task from running twice at once.
///
/// The first eight bytes, big-endian, of SHA-256 of `driftgate:task:NAME`.
pub fn task_key(task: &str) -> LockKey {
    LockKey::of_text(&format!("driftgate:task:{task}"))
}

/// What the database knows of dispatching.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatched {
    /// The server's clock when it was read.
    pub read_at: DateTime<Utc>,
    /// The claims of each class that has some; else why they are not known.
    pub claims: Result<BTreeMap<String, Claims>, String>,
    /// What `pg_cron` has.
    pub cron: PgCron,
}

/// The claims of a class, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The newest tick that was claimed.
    pub last_tick: DateTime<Utc>,
    /// When it was claimed, by the server's clock.
    pub last_claimed_at: DateTime<Utc>,
    /// What came of it; `None`: it has not ended, or its scheduler was killed.
    pub last_outcome: Option<String>,
    /// How many ticks of the last day were dispatched.
    pub ticks_of_a_day: u64,
    /// How many ticks of the last day were missed.
    pub missed_of_a_day: u64,
}

/// What `pg_cron` has in this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PgCron {
    /// It is not installed here.
    NotInstalled,
    /// It is installed, and this role may not read its tables; the reason.
    Unreadable(String),
    /// The jobs of this program, by their names.
    Jobs(Vec<CronJob>),
}

/// A job of `pg_cron` whose name begins with `driftgate:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronJob {
    /// `cron.job.jobname`.
    pub name: String,
    /// When it runs, as `pg_cron` has it.
    pub schedule: String,
    /// What it runs.
    pub command: String,
    /// Whether it runs at all.
    pub active: bool,
    /// When it last began; `None`: no run is on record.
    pub last_start: Option<DateTime<Utc>>,
    /// How its last run ended, such as `succeeded`.
    pub last_status: Option<String>,
}

impl PgCron {
    /// Returns the jobs; none where they are not known.
    pub fn jobs(&self) -> &[CronJob] {
        match self {
            Self::Jobs(jobs) => jobs,
            Self::NotInstalled | Self::Unreadable(_) => &[],
        }
    }
}

impl CronJob {
    /// What the names of our jobs begin with.
    pub const PREFIX: &'static str = "driftgate:";

    /// Returns the class in the job's name.
    pub fn class(&self) -> Option<&str> {
        self.name.strip_prefix(Self::PREFIX)?.split(':').next()
    }
}

/// What pacing needs to know of the ticks before, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Before(pub Vec<Option<String>>);

/// A tick that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The tick.
    pub tick: DateTime<Utc>,
    /// How many ticks before it nobody dispatched.
    pub missed: u64,
    /// What came of the ticks before.
    pub before: Before,
}

/// The longest time that anything is reckoned with: what a schedule says beyond is never.
pub(crate) const LONGEST: Duration = Duration::from_secs(400 * 86_400);
