//! Refreshing: what is to be refreshed, in which order, under which lock, and what came of
//! it. Plain data and pure planning; `pg/refresh_view.rs` carries one refresh out.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ident::{Identifier, QualifiedName};
use crate::lock_key::LockKey;
use crate::registry::LockScheme;
use crate::rights::Oid;
use crate::tenant_safety::SafetyClass;

pub mod order;
pub mod plan;

/// What came of one refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefreshOutcome {
    /// Refreshed and committed.
    Success,
    /// Somebody else holds the key; nothing was done.
    SkippedLockHeld,
    /// It is fresh enough; nothing was done.
    SkippedFresh,
    /// A view that it reads was not refreshed; nothing was done.
    SkippedUpstream,
    /// A lock on the relation was not to be had in time; nothing was done.
    LockTimeout,
    /// The statement took longer than it may; rolled back.
    TimedOut,
    /// It would lose tenants' rows; nothing was done.
    RefusedUnsafe,
    /// It cannot be done as declared; nothing was done.
    RefusedUnfit,
    /// It made a tenant vanish; rolled back.
    RolledBack,
    /// Cancelled by an interrupt; rolled back.
    Cancelled,
    /// The deadline came before its turn; nothing was done.
    NotReached,
    /// The server refused; rolled back.
    Failed,
}

impl RefreshOutcome {
    /// Returns the word for it, as reports and history spell it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::SkippedLockHeld => "SKIPPED_LOCK_HELD",
            Self::SkippedFresh => "SKIPPED_FRESH",
            Self::SkippedUpstream => "SKIPPED_UPSTREAM",
            Self::LockTimeout => "LOCK_TIMEOUT",
            Self::TimedOut => "TIMED_OUT",
            Self::RefusedUnsafe => "REFUSED_UNSAFE",
            Self::RefusedUnfit => "REFUSED_UNFIT",
            Self::RolledBack => "ROLLED_BACK",
            Self::Cancelled => "CANCELLED",
            Self::NotReached => "NOT_REACHED",
            Self::Failed => "FAILED",
        }
    }

    /// Tells whether the view's contents are as a refresh would leave them, as far as its
    /// dependents are concerned: they may go on.
    pub const fn lets_dependents_go_on(self) -> bool {
        matches!(self, Self::Success | Self::SkippedFresh | Self::SkippedLockHeld)
    }
}

/// How a view is refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Readers go on reading.
    Concurrently,
    /// Readers wait.
    Plain,
    /// The first fill of a view that was never populated: plain, and nobody can be reading.
    FirstFill,
}

impl Mode {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Concurrently => "concurrently",
            Self::Plain => "plain",
            Self::FirstFill => "first-fill",
        }
    }

    /// Tells whether it takes the lock that readers wait for.
    pub const fn blocks_readers(self) -> bool {
        matches!(self, Self::Plain)
    }
}

/// A lock that a refresh takes, with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedKey {
    /// The scheme that made it.
    pub scheme: LockScheme,
    /// The key.
    pub key: LockKey,
    /// View and tenant, as a reader would name it.
    pub name: String,
}

/// One refresh that is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The relation.
    pub view: QualifiedName,
    /// Its object id.
    pub oid: Oid,
    /// The tenant whose view it is; `None` for a view that tenants share.
    pub tenant: Option<String>,
    /// How.
    pub mode: Mode,
    /// The keys that it takes, the view's first.
    pub keys: Vec<NamedKey>,
    /// Settings of its transaction, the tenant's among them.
    pub settings: BTreeMap<String, String>,
    /// What a refresh would do to tenants.
    pub class: SafetyClass,
    /// Whether `row_security = off` can be set without a false alarm.
    pub guard: bool,
    /// The column to count tenants by.
    pub tenant_column: Option<Identifier>,
    /// Whether a tenant may be gone afterwards.
    pub tenants_may_vanish: bool,
    /// ANALYZE after the commit.
    pub analyze: bool,
    /// How old its contents may be; `None`: not declared.
    pub max_staleness: Option<Duration>,
    /// The places in the plan that come before it.
    pub after: Vec<usize>,
    /// Why it is not done at all, known before anything is sent.
    pub refusal: Option<Refusal>,
}

/// Why a refresh is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The outcome that it leads to.
    pub outcome: RefreshOutcome,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What is to be refreshed, in an order in which it can be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The refreshes; each comes after those that it depends on.
    pub tasks: Vec<Task>,
    /// Things worth saying, such as that one refresh serves all tenants.
    pub notes: Vec<String>,
}

/// The server's error, without DETAIL, which may hold row data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefreshError {
    /// SQLSTATE; `None` when the server said nothing.
    pub sqlstate: Option<String>,
    /// The server's words, or ours.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What came of one refresh, in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefreshResult {
    /// The relation.
    pub view: QualifiedName,
    /// The tenant whose view it is.
    pub tenant: Option<String>,
    /// What joins this refresh with the caller's own logs.
    pub correlation_id: String,
    /// What came of it.
    pub outcome: RefreshOutcome,
    /// How it was done, or would have been.
    pub mode: Mode,
    /// When it began, by the server's clock where the server was asked, in UTC.
    #[serde(serialize_with = "crate::report::serialize_time")]
    pub started_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Rows before, where they were counted.
    pub rows_before: Option<i64>,
    /// Rows after, where they were counted.
    pub rows_after: Option<i64>,
    /// Tenants before, where they were counted.
    pub tenants_before: Option<i64>,
    /// Tenants after, where they were counted.
    pub tenants_after: Option<i64>,
    /// The lock that decided.
    pub lock: NamedKey,
    /// Why it was not done, or what went wrong.
    pub error: Option<RefreshError>,
    /// Things worth saying about it.
    pub notes: Vec<String>,
}
