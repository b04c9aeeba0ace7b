//! The rows of `schedule`: the classes, what was dispatched, and what was exported.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::schedule::cost::Cost;
use crate::schedule::export::{ExportFormat, ExportedFile, LeftOut};
use crate::schedule::judge::Loaded;

/// What `schedule` did or found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ScheduleRows {
    /// `schedule list` and `schedule check`.
    Classes(ClassRows),
    /// `schedule run`.
    Ran(RanRows),
    /// `schedule export`.
    Exported(ExportRows),
}

/// The classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassRows {
    /// The classes, by name.
    pub classes: Vec<ClassRow>,
    /// The clock that ages are told by; that of the server where it was reached.
    #[serde(serialize_with = "crate::report::serialize_time")]
    pub now: DateTime<Utc>,
    /// Whether the gate's verdict follows, so that the classes are told in short.
    #[serde(skip)]
    pub is_check: bool,
}

/// A class of `[schedules]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassRow {
    /// Its name.
    pub name: String,
    /// The interval, where it has one.
    pub every: Option<String>,
    /// The cron expression, where it has one.
    pub cron: Option<String>,
    /// The zone whose clock the expression means.
    pub timezone: Option<String>,
    /// The longest time that a tick is delayed by chance, in milliseconds.
    pub jitter_ms: u64,
    /// Its views; a tenant's own stand under their template.
    pub views: Vec<String>,
    /// Its tasks.
    pub tasks: Vec<String>,
    /// When it is due next, without the delay by chance.
    pub next_runs: Vec<String>,
    /// The last tick on record; `None`: none, or not known.
    #[serde(serialize_with = "crate::report::serialize_optional_time")]
    pub last_tick: Option<DateTime<Utc>>,
    /// What came of it; `None`: it has not ended.
    pub last_outcome: Option<String>,
    /// How many ticks of the last day were dispatched, and how many missed.
    pub ticks_of_a_day: Option<u64>,
    /// How many ticks of the last day nobody dispatched.
    pub missed_of_a_day: Option<u64>,
    /// What dispatches it; `None`: not known.
    pub loaded: Option<Loaded>,
    /// What it costs.
    pub cost: Option<Cost>,
    /// What the next change of its clock does to its ticks.
    pub clock_change: Option<String>,
    /// What it costs, in words.
    #[serde(skip)]
    pub cost_told: Option<String>,
}

/// What a scheduler has done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RanRows {
    /// The ticks that were dispatched, of a run with `--once`.
    pub ticks: Vec<TickRow>,
    /// How many ticks were dispatched here.
    pub dispatched: u64,
    /// How many ticks nobody dispatched, which collapsed into these.
    pub missed: u64,
    /// How many of those dispatched failed in whole or in part.
    pub failed: u64,
    /// Whether it was asked for what was due now alone.
    pub once: bool,
}

/// A tick that was dispatched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TickRow {
    /// The class.
    pub class: String,
    /// The tick.
    #[serde(serialize_with = "crate::report::serialize_time")]
    pub tick: DateTime<Utc>,
    /// The run that its refreshes and tasks have.
    pub run_id: Uuid,
    /// How many ticks before it nobody dispatched.
    pub missed: u64,
    /// What came of it.
    pub outcome: &'static str,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it was not a success.
    pub message: Option<String>,
    /// What came of each view and task.
    pub work: Vec<WorkRow>,
}

/// What came of a view or task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkRow {
    /// The view, or the task.
    pub name: String,
    /// Whether it is a task.
    pub is_task: bool,
    /// What came of it.
    pub outcome: &'static str,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What went wrong.
    pub message: Option<String>,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportRows {
    /// For which scheduler.
    pub format: ExportFormat,
    /// The files.
    pub files: Vec<ExportedFile>,
    /// What that scheduler cannot carry.
    pub left_out: Vec<LeftOut>,
    /// The paths that were written; none where they are printed.
    pub written: Vec<String>,
}
