//! The rows of `refresh`: what came of each view, or what would be done.

use std::time::Duration;

use serde::Serialize;

use crate::ident::QualifiedName;
use crate::pg::session::Limits;
use crate::refresh::{Mode, NamedKey, Plan, RefreshOutcome, RefreshResult, Refusal};
use crate::tenant_safety::SafetyClass;

/// What `refresh` did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefreshRows {
    /// What came of each view, in the order of the plan; empty with `--dry-run`.
    pub refreshes: Vec<RefreshResult>,
    /// What would be done, in that order; `None` without `--dry-run`.
    pub plan: Option<PlanRows>,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanRows {
    /// The limits of each transaction.
    pub limits: LimitRows,
    /// The refreshes; each comes after those that it reads.
    pub steps: Vec<PlanRow>,
}

/// The limits of each transaction, in milliseconds; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LimitRows {
    /// The time to wait for a lock.
    pub lock_timeout_ms: u64,
    /// The time that one statement may take.
    pub statement_timeout_ms: u64,
    /// How long readers may queue behind a plain refresh that waits.
    pub max_convoy_ms: u64,
}

/// One refresh that would be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanRow {
    /// Its place, from 1.
    pub n: usize,
    /// The view.
    pub view: QualifiedName,
    /// The tenant whose view it is.
    pub tenant: Option<String>,
    /// How it would be refreshed.
    pub mode: Mode,
    /// What that would do to tenants.
    pub class: SafetyClass,
    /// Whether tenants would be counted before and after.
    pub counted: bool,
    /// The keys that it would take.
    pub locks: Vec<NamedKey>,
    /// The places that come before it.
    pub after: Vec<usize>,
    /// Whether readers would have to wait.
    pub blocks_readers: bool,
    /// What would make it wait or be skipped now, in words.
    pub hindrances: Vec<String>,
    /// How long it would take, by the last ten on record, in milliseconds.
    pub expected_ms: Option<u64>,
    /// Why it would not be done.
    pub refusal: Option<Refusal>,
}

impl RefreshRows {
    /// Makes the rows of refreshes that were done.
    pub const fn of(refreshes: Vec<RefreshResult>) -> Self {
        Self { refreshes, plan: None }
    }

    /// Returns how many refreshes had an outcome.
    pub fn count(&self, outcome: RefreshOutcome) -> usize {
        self.refreshes.iter().filter(|result| result.outcome == outcome).count()
    }
}

/// Makes the rows of a plan.
///
/// `hindrances` are what stands in the way of each now.
pub fn plan_rows(
    plan: &Plan,
    hindrances: Vec<Vec<String>>,
    limits: &Limits,
    max_convoy: Duration,
) -> RefreshRows {
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let steps = plan
        .tasks
        .iter()
        .zip(1..)
        .zip(hindrances)
        .map(|((task, n), hindrances)| PlanRow {
            hindrances,
            n,
            view: task.view.clone(),
            tenant: task.tenant.clone(),
            mode: task.mode,
            class: task.safety.class,
            counted: task.safety.counted,
            locks: task.keys.clone(),
            after: task.after.iter().map(|place| place + 1).collect(),
            blocks_readers: task.mode.blocks_readers(),
            expected_ms: task.last.as_ref().map(|last| last.typical_ms),
            refusal: task.refusal.clone(),
        })
        .collect();
    let limits = LimitRows {
        lock_timeout_ms: milliseconds(limits.lock.0),
        statement_timeout_ms: milliseconds(limits.statement.0),
        max_convoy_ms: milliseconds(max_convoy),
    };
    RefreshRows { refreshes: Vec::new(), plan: Some(PlanRows { limits, steps }) }
}
