//! The history: the refreshes on record, as plain data. `pg/history.rs` keeps the tables.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::ident::{QualifiedName, RoleName};
use crate::refresh::RefreshOutcome;
use crate::snapshot::ServerFacts;

/// The outcomes of a refresh that was tried and did not succeed, or was refused; a refresh
/// that was skipped is none of them.
pub const FAILED: [RefreshOutcome; 7] = [
    RefreshOutcome::LockTimeout,
    RefreshOutcome::TimedOut,
    RefreshOutcome::RefusedUnsafe,
    RefreshOutcome::RefusedUnfit,
    RefreshOutcome::RolledBack,
    RefreshOutcome::Cancelled,
    RefreshOutcome::Failed,
];

/// What is on record, or why nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub enum History {
    /// The tables were never installed.
    NotInstalled,
    /// They are there, and this role or this version cannot read them; the reason.
    Unreadable(String),
    /// What they hold.
    Known(Records),
}

/// What the tables hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// Whether this role may add to them; else the reason.
    pub writable: Result<(), String>,
    /// The server's clock when they were read, in UTC.
    pub read_at: DateTime<Utc>,
    /// The last successful refresh of each view that is there and has one.
    pub last_success: BTreeMap<QualifiedName, LastRefresh>,
    /// The last refresh of each view that was tried and did not succeed, where no success
    /// came after it.
    pub failed_since: BTreeMap<QualifiedName, FailedRefresh>,
}

/// A successful refresh on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRefresh {
    /// The instant whose rows it holds, by the server's clock.
    pub as_of: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The middle of how long the last ten took, in milliseconds.
    pub typical_ms: u64,
    /// Whether somebody else has refreshed or altered the view since; `None`: the view of
    /// this name is another relation now.
    pub touched_since: Option<bool>,
}

/// A refresh on record that was tried and did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRefresh {
    /// When it ended, by the server's clock.
    pub at: DateTime<Utc>,
    /// The outcome, such as `TIMED_OUT`.
    pub outcome: String,
    /// SQLSTATE, where the server sent one.
    pub sqlstate: Option<String>,
}

impl fmt::Display for FailedRefresh {
    /// Writes the outcome, with the SQLSTATE where the server sent one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.outcome)?;
        match &self.sqlstate {
            Some(sqlstate) => write!(f, " ({sqlstate})"),
            None => Ok(()),
        }
    }
}

impl Records {
    /// Returns how old the rows of a refresh are, by the server's clock.
    pub fn age(&self, last: &LastRefresh) -> Duration {
        (self.read_at - last.as_of).to_std().unwrap_or_default()
    }
}

/// What installing came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// The version that was there before; `None`: nothing was.
    pub before: Option<i32>,
    /// The version that is there now.
    pub version: i32,
    /// The roles that may read and add to the history now, as they were asked for.
    pub granted: Vec<Granted>,
    /// Roles of the registry that the server does not have.
    pub missing: Vec<RoleName>,
    /// What the server said of itself.
    pub server: ServerFacts,
}

/// A role that may read and add to the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// The role.
    pub role: RoleName,
    /// Whether it was granted now; else it had the rights already.
    pub is_new: bool,
}

/// Which refreshes to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of these views; none: of all.
    pub views: Vec<QualifiedName>,
    /// Of this run.
    pub run: Option<Uuid>,
    /// Of this tenant's views.
    pub tenant: Option<String>,
    /// Those alone that were tried and did not succeed.
    pub failed: bool,
    /// Ended at most so long ago, by the server's clock.
    pub since: Option<Duration>,
    /// So many at most, newest first.
    pub limit: u32,
}

/// One refresh on record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRefresh {
    /// The id of this refresh.
    pub id: Uuid,
    /// The run that it belongs to.
    pub run_id: Uuid,
    /// What joins it with the caller's own logs.
    pub correlation_id: String,
    /// The view.
    pub view: QualifiedName,
    /// The tenant whose view it is.
    pub tenant: Option<String>,
    /// What came of it.
    pub outcome: String,
    /// How it was done, or would have been.
    pub mode: String,
    /// When it began, by the clock of the client.
    pub started_at: DateTime<Utc>,
    /// The instant whose rows the view then held, by the server's clock.
    pub as_of: Option<DateTime<Utc>>,
    /// When it ended, by the server's clock.
    pub finished_at: DateTime<Utc>,
    /// How long it took, in milliseconds; the wait for its key is left out.
    pub duration_ms: u64,
    /// How long it waited for its key, in milliseconds.
    pub waited_ms: u64,
    /// Rows before and after, where they were counted.
    pub rows: (Option<i64>, Option<i64>),
    /// Tenants before and after, where they were counted.
    pub tenants: (Option<i64>, Option<i64>),
    /// How the key of its lock was made.
    pub lock_scheme: String,
    /// The key.
    pub lock_key: Vec<i64>,
    /// What the key stands for.
    pub lock_name: String,
    /// SQLSTATE, where the server sent one.
    pub sqlstate: Option<String>,
    /// Why it was not done, or what went wrong.
    pub message: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The role that did it.
    pub role: RoleName,
    /// The version of the server.
    pub server_version: String,
    /// The version of this program.
    pub tool_version: String,
}

/// What pruning came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The rows that were removed, or would be.
    pub rows: u64,
    /// The rows that are older than asked for, and stay: the last success of its view each.
    pub kept: u64,
    /// The ticks and runs of tasks that were removed, or would be.
    pub ticks: u64,
}
