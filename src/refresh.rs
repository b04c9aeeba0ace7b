//! Refreshing: what is to be refreshed, in which order, under which lock, and what came of
//! it. Plain data and pure planning; `pg/refresh_view.rs` carries one refresh out.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::exit::Exit;
use crate::history::LastRefresh;
use crate::ident::{Identifier, QualifiedName};
use crate::lock_key::LockKey;
use crate::registry::{LockScheme, RefreshMode};
use crate::rights::Oid;
use crate::tenant_safety::SafetyClass;

pub mod failed;
pub mod loss;
pub mod order;
pub mod plan;
pub mod queue;
pub mod select;

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

    /// Tells whether the view's dependents may go on.
    ///
    /// Not after a key that somebody else held: that refresh is still running, so a
    /// dependent would be built on the old rows and keep the other run from building it anew.
    pub const fn lets_dependents_go_on(self) -> bool {
        matches!(self, Self::Success | Self::SkippedFresh)
    }

    /// Tells whether something was tried or refused, so that it belongs on record.
    pub const fn is_on_record(self) -> bool {
        !matches!(
            self,
            Self::SkippedLockHeld | Self::SkippedFresh | Self::SkippedUpstream | Self::NotReached
        )
    }

    /// Returns the exit code that this outcome asks for.
    pub const fn exit(self, waited: bool, fail_on_skip: bool) -> Exit {
        match self {
            Self::Success | Self::SkippedFresh => Exit::Done,
            Self::LockTimeout => Exit::LockHeld,
            Self::SkippedLockHeld if waited || fail_on_skip => Exit::LockHeld,
            Self::SkippedUpstream if fail_on_skip => Exit::LockHeld,
            Self::SkippedLockHeld | Self::SkippedUpstream => Exit::Done,
            Self::NotReached => Exit::Undecided,
            Self::TimedOut
            | Self::RefusedUnsafe
            | Self::RefusedUnfit
            | Self::RolledBack
            | Self::Cancelled
            | Self::Failed => Exit::Failed,
        }
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
    /// Its object id; `None`: the database does not have it.
    pub oid: Option<Oid>,
    /// The tenant whose view it is; `None` for a view that tenants share.
    pub tenant: Option<String>,
    /// How many of the tenants that were asked for one refresh of a shared view serves.
    pub serves: Option<usize>,
    /// How the registry wants it refreshed.
    pub declared: RefreshMode,
    /// How it would be refreshed now.
    pub mode: Mode,
    /// The keys that it takes, the view's first.
    pub keys: Vec<NamedKey>,
    /// The key of the one who waits to be next.
    pub next_in_line: LockKey,
    /// Settings of its transaction, the tenant's among them.
    pub settings: BTreeMap<String, String>,
    /// What a refresh would do to tenants.
    pub safety: Safety,
    /// What that was judged by.
    pub rules: SafetyRules,
    /// The columns that are unique together, as declared.
    pub unique_key: Option<Vec<Identifier>>,
    /// ANALYZE after the commit.
    pub analyze: bool,
    /// It is left alone while its rows are younger than this.
    pub fresh_for: Option<Duration>,
    /// The last successful refresh on record.
    pub last: Option<LastRefresh>,
    /// The places in the plan that come before it.
    pub after: Vec<usize>,
    /// Its turn among those that could begin: the lower, the sooner.
    pub turn: usize,
    /// Why it is not done at all, known before anything is sent.
    pub refusal: Option<Refusal>,
}

/// What a refresh of a view may do to tenants, and what is held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safety {
    /// The class.
    pub class: SafetyClass,
    /// `row_security = off` is set: it can be, without a false alarm or a wanted filter
    /// being taken for an error.
    pub guard: bool,
    /// Whether rows are counted before and after, by tenant where there is a column for it.
    pub counted: bool,
}

/// What the judging of a view's safety rests on, besides the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SafetyRules {
    /// Whether the view is one tenant's.
    pub is_one_tenants: bool,
    /// The column to count tenants by.
    pub tenant_column: Option<Identifier>,
    /// Whether a tenant may be gone afterwards.
    pub tenants_may_vanish: bool,
    /// Whether it is known which setting holds the tenant.
    pub has_setting: bool,
    /// Whether counting was asked for.
    pub count: bool,
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
    /// Things worth saying, such as that freshness is not known.
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
    /// How many of the tenants that were asked for this one refresh of a shared view serves.
    pub serves: Option<usize>,
    /// What joins this refresh with the caller's own logs.
    pub correlation_id: String,
    /// What came of it.
    pub outcome: RefreshOutcome,
    /// How it was done, or would have been.
    pub mode: Mode,
    /// When it began by this machine's clock, waiting included, in UTC.
    #[serde(serialize_with = "crate::report::serialize_time")]
    pub started_at: DateTime<Utc>,
    /// The instant whose rows it holds, by the server's clock: what was committed later is
    /// not in it. `None` unless the refresh itself began.
    #[serde(serialize_with = "crate::report::serialize_optional_time")]
    pub as_of: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds; the wait for its key is left out.
    pub duration_ms: u64,
    /// How long it waited for its key, in milliseconds.
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
    pub lock: NamedKey,
    /// Why it was not done, or what went wrong.
    pub error: Option<RefreshError>,
    /// Whether a bounded wait for the key ran out.
    #[serde(skip)]
    pub waited: bool,
    /// Things worth saying about it.
    pub notes: Vec<String>,
}

impl RefreshResult {
    /// Starts the result of a refresh that has not been done yet.
    pub fn of(task: &Task, correlation_id: &str, started_at: DateTime<Utc>) -> Self {
        Self {
            view: task.view.clone(),
            tenant: task.tenant.clone(),
            serves: task.serves,
            correlation_id: correlation_id.to_owned(),
            outcome: RefreshOutcome::NotReached,
            mode: task.mode,
            started_at,
            as_of: None,
            duration_ms: 0,
            waited_ms: 0,
            rows_before: None,
            rows_after: None,
            tenants_before: None,
            tenants_after: None,
            lock: task.keys[0].clone(),
            error: None,
            waited: false,
            notes: Vec::new(),
        }
    }
}
