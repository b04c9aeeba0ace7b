//! The rows of `history`: what was installed, what is on record, what was removed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::history::{Granted, Installed, Pruned, RecordedRefresh};
use crate::ident::{QualifiedName, RoleName};

/// What `history` did or found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryRows {
    /// `history install`.
    Installed(InstalledRow),
    /// `history prune`.
    Pruned(PrunedRow),
    /// `history list`, newest first.
    #[serde(untagged)]
    List(ListRows),
}

/// What installing came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstalledRow {
    /// The version that is there now.
    pub version: i32,
    /// The version that was there before; `None`: nothing was.
    pub version_before: Option<i32>,
    /// The roles that were asked for, and may read and add to the history now.
    pub granted: Vec<Granted>,
    /// Roles of the registry that the server does not have.
    pub missing_roles: Vec<RoleName>,
}

/// The refreshes that were asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListRows {
    /// The refreshes, newest first.
    pub refreshes: Vec<RefreshRow>,
    /// Whether there are more than the limit allowed.
    pub has_more: bool,
}

/// What pruning came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrunedRow {
    /// The rows that were removed, or would be.
    pub rows: u64,
    /// The old rows that stay: the last success of its view each.
    pub kept: u64,
    /// The ticks and runs of tasks that were removed, or would be.
    pub ticks: u64,
    /// Whether nothing was removed, because it was only asked what would be.
    pub dry_run: bool,
    /// The age from which on rows are old.
    pub older_than_seconds: u64,
}

/// One refresh on record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefreshRow {
    /// The id of this refresh.
    pub id: Uuid,
    /// The run that it belongs to.
    pub run_id: Uuid,
    /// What joins it with the caller's own logs.
    pub correlation_id: String,
    /// The view.
    pub view: QualifiedName,
    /// The tenant whose view it is; `None` for a view that tenants share.
    pub tenant: Option<String>,
    /// What came of it.
    pub outcome: String,
    /// How it was done, or would have been.
    pub mode: String,
    /// When it began, by the clock of the client, RFC 3339 in UTC.
    #[serde(serialize_with = "crate::report::serialize_time")]
    pub started_at: DateTime<Utc>,
    /// The instant whose rows the view then held, by the clock of the server.
    #[serde(serialize_with = "crate::report::serialize_optional_time")]
    pub as_of: Option<DateTime<Utc>>,
    /// When it ended, by the clock of the server.
    #[serde(serialize_with = "crate::report::serialize_time")]
    pub finished_at: DateTime<Utc>,
    /// How long it took; the wait for its key is left out.
    pub duration_ms: u64,
    /// How long it waited for its key.
    pub waited_ms: u64,
    /// Rows before, where they were counted.
    pub rows_before: Option<i64>,
    /// Rows after, where they were counted.
    pub rows_after: Option<i64>,
    /// Tenants before, where they were counted.
    pub tenants_before: Option<i64>,
    /// Tenants after, where they were counted.
    pub tenants_after: Option<i64>,
    /// The lock that decided.
    pub lock: LockRow,
    /// Why it was not done, or what went wrong.
    pub error: Option<ErrorRow>,
    /// The role that did it.
    pub role: RoleName,
    /// The version of the server.
    pub server_version: String,
    /// The version of this program.
    pub tool_version: String,
}

/// The lock of a refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockRow {
    /// How its key was made.
    pub scheme: String,
    /// The key: one bigint, or two int4.
    pub key: Vec<i64>,
    /// What the key stands for.
    pub name: String,
}

/// Why a refresh was not done, or what went wrong; never row data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorRow {
    /// SQLSTATE; `None` when the server said nothing.
    pub sqlstate: Option<String>,
    /// The server's words, or ours.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Returns the row of an installation.
pub fn installed(installed: Installed) -> HistoryRows {
    HistoryRows::Installed(InstalledRow {
        version: installed.version,
        version_before: installed.before,
        granted: installed.granted,
        missing_roles: installed.missing,
    })
}

/// Returns the rows of a listing.
pub fn list(refreshes: Vec<RecordedRefresh>, has_more: bool) -> HistoryRows {
    let refreshes = refreshes.into_iter().map(refresh).collect();
    HistoryRows::List(ListRows { refreshes, has_more })
}

/// Returns the row of a pruning.
pub fn pruned(pruned: &Pruned, older_than: Duration, dry_run: bool) -> HistoryRows {
    HistoryRows::Pruned(PrunedRow {
        rows: pruned.rows,
        kept: pruned.kept,
        ticks: pruned.ticks,
        dry_run,
        older_than_seconds: older_than.as_secs(),
    })
}

fn refresh(recorded: RecordedRefresh) -> RefreshRow {
    let (sqlstate, hint) = (recorded.sqlstate, recorded.hint);
    RefreshRow {
        id: recorded.id,
        run_id: recorded.run_id,
        correlation_id: recorded.correlation_id,
        view: recorded.view,
        tenant: recorded.tenant,
        outcome: recorded.outcome,
        mode: recorded.mode,
        started_at: recorded.started_at,
        as_of: recorded.as_of,
        finished_at: recorded.finished_at,
        duration_ms: recorded.duration_ms,
        waited_ms: recorded.waited_ms,
        rows_before: recorded.rows.0,
        rows_after: recorded.rows.1,
        tenants_before: recorded.tenants.0,
        tenants_after: recorded.tenants.1,
        lock: LockRow {
            scheme: recorded.lock_scheme,
            key: recorded.lock_key,
            name: recorded.lock_name,
        },
        error: recorded.message.map(|message| ErrorRow { sqlstate, message, hint }),
        role: recorded.role,
        server_version: recorded.server_version,
        tool_version: recorded.tool_version,
    }
}
