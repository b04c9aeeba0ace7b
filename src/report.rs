//! The report, `driftgate.report/1`: what every command says, as one value. Every output
//! format is a rendering of it, so that they cannot disagree.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::finding::{Finding, Severity};
use crate::gate::{GateResult, Verdict};
use crate::ident::{QualifiedName, RoleName};

pub mod check_grants;
pub mod demo;
pub mod diff_registry;
pub mod explain;
pub mod history;
pub mod inventory;
pub mod lock_status;
pub mod migrate;
pub mod refresh;
pub mod schedule;
pub mod verify;

/// The name and version of the report's form; fields are only added within a version.
pub const SCHEMA: &str = "driftgate.report/1";

/// What identifies a run; made once in `main`, fixed in tests.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The id that joins a run's sessions, reports and rows; a UUID of version 7.
    pub run_id: Uuid,
    /// When the run began by this machine's clock, in UTC. Shown, and never used to judge
    /// what the server's own clock can.
    pub started_at: DateTime<Utc>,
}

/// The project that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProjectFacts {
    /// The registry's path, as a user would name it.
    pub registry: String,
    /// SHA-256 of the registry's bytes, in hexadecimal.
    pub registry_sha256: String,
    /// The state of the repository around it; `None` where there is none, or no `git`.
    pub git: Option<GitFacts>,
}

/// The state of a git repository.
///
/// Source: `git status --porcelain=v2 --branch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GitFacts {
    /// The branch; `None` when the head is detached.
    pub branch: Option<String>,
    /// The commit; `None` before the first one.
    pub commit: Option<String>,
    /// Whether a tracked file differs from the commit.
    pub dirty: bool,
}

/// The database that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetFacts {
    /// The URL, without its password.
    pub url: String,
    /// `current_database()`.
    pub database: String,
    /// `current_user`.
    pub role: RoleName,
    /// Such as `15.18`.
    pub server_version: String,
    /// Whether the server is a standby.
    pub in_recovery: bool,
}

/// A view that the registry says to ignore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// The view.
    pub name: QualifiedName,
    /// The pattern of `[database] ignore` that it matches.
    pub pattern: String,
}

/// The command's own rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// A command without rows of its own, or a failure before there were any.
    Nothing {},
    /// `inventory`.
    Inventory(inventory::InventoryRows),
    /// `diff-registry`.
    DiffRegistry(diff_registry::DiffRows),
    /// `check-grants`.
    CheckGrants(check_grants::GrantRows),
    /// `history`.
    History(history::HistoryRows),
    /// `migrate`.
    Migrate(migrate::MigrateRows),
    /// `migrate verify`.
    Verify(Box<verify::VerifyReport>),
    /// `refresh`.
    Refresh(refresh::RefreshRows),
    /// `schedule`.
    Schedule(schedule::ScheduleRows),
    /// `lock-status`.
    LockStatus(lock_status::LockRows),
    /// `explain`.
    Explain(explain::ExplainRows),
    /// `demo`.
    Demo(demo::DemoRows),
}

/// What a command did and found.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The project, where one was needed or found.
    pub project: Option<ProjectFacts>,
    /// The database, where one was reached.
    pub target: Option<TargetFacts>,
    /// Things worth saying that are no findings, such as how a URL was read.
    pub notes: Vec<String>,
    /// The gates that were judged; empty for a command that lists or changes.
    pub gates: Vec<GateResult>,
    /// Every finding, heaviest first.
    pub findings: Vec<Finding>,
    /// The command's own rows.
    pub data: Data,
    /// The exit code that follows from all this.
    pub exit: Exit,
    /// Why the work could not be done.
    pub failure: Option<Failure>,
}

impl Outcome {
    /// Starts an outcome that found nothing, and did what it should.
    pub const fn new(data: Data) -> Self {
        Self {
            project: None,
            target: None,
            notes: Vec::new(),
            gates: Vec::new(),
            findings: Vec::new(),
            data,
            exit: Exit::Done,
            failure: None,
        }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        let exit = failure.exit();
        Self { exit, failure: Some(failure), ..Self::new(Data::Nothing {}) }
    }
}

/// An outcome with the run that it came from.
#[derive(Debug, Clone)]
pub struct Report {
    /// The subcommand, such as `migrate status`.
    pub command: String,
    /// The run.
    pub run: RunFacts,
    /// How long the run took.
    pub duration: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// How many findings there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Errors that count.
    pub errors: usize,
    /// Warnings that count.
    pub warnings: usize,
    /// Findings that never fail anything.
    pub infos: usize,
    /// Findings that the registry accepts.
    pub excepted: usize,
    /// What could not be judged.
    pub unjudged: usize,
}

impl Report {
    /// Returns the verdict over all gates; `None` for a command that does not judge.
    ///
    /// A failure is never a pass: what was not done or not seen is undecided.
    pub fn verdict(&self) -> Option<Verdict> {
        if self.outcome.gates.is_empty() {
            return match self.outcome.exit {
                Exit::Failed => Some(Verdict::Fail),
                Exit::Usage => None,
                _ => self.outcome.failure.as_ref().map(|_| Verdict::Undecided),
            };
        }
        let verdict = crate::gate::overall(&self.outcome.gates);
        match (&self.outcome.failure, verdict) {
            (Some(_), Verdict::Pass) => Some(Verdict::Undecided),
            _ => Some(verdict),
        }
    }

    /// Returns how many findings there are of each kind.
    pub fn summary(&self) -> Summary {
        let count = |severity| {
            let counts = |one: &&Finding| one.severity == severity && one.exception.is_none();
            self.outcome.findings.iter().filter(counts).count()
        };
        Summary {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            infos: count(Severity::Info),
            excepted: self.outcome.findings.iter().filter(|one| one.exception.is_some()).count(),
            unjudged: self.outcome.gates.iter().map(|gate| gate.unjudged.len()).sum(),
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tool {
            name: &'static str,
            version: &'static str,
        }
        let outcome = &self.outcome;
        let mut report = serializer.serialize_struct("Report", 17)?;
        report.serialize_field("schema", SCHEMA)?;
        report.serialize_field("command", &self.command)?;
        report.serialize_field("run_id", &self.run.run_id)?;
        report.serialize_field("started_at", &timestamp(self.run.started_at))?;
        report.serialize_field("duration_ms", &milliseconds(self.duration))?;
        let tool = Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
        report.serialize_field("tool", &tool)?;
        report.serialize_field("project", &outcome.project)?;
        report.serialize_field("target", &outcome.target)?;
        report.serialize_field("verdict", &self.verdict())?;
        report.serialize_field("exit_code", &outcome.exit.code())?;
        report.serialize_field("summary", &self.summary())?;
        report.serialize_field("notes", &outcome.notes)?;
        report.serialize_field("failure", &outcome.failure)?;
        report.serialize_field("gates", &outcome.gates)?;
        report.serialize_field("findings", &outcome.findings)?;
        report.serialize_field("data", &outcome.data)?;
        report.end()
    }
}

/// Returns a time as RFC 3339 in UTC with milliseconds.
pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Serializes a time as [`timestamp`] writes it.
///
/// # Errors
///
/// When the serializer fails.
pub fn serialize_time<S: Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp(*time))
}

/// Serializes a time as [`timestamp`] writes it, and `None` as null.
///
/// # Errors
///
/// When the serializer fails.
pub fn serialize_optional_time<S: Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(timestamp).serialize(serializer)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
