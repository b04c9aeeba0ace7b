//! Findings: facts worth an operator's attention, each with the evidence it rests on.

use serde::Serialize;
use serde_json::Value;

use crate::gate::GateId;
use crate::ident::{QualifiedName, RoleName};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; never fails anything.
    Info,
    /// Fails only where the caller asks for it with `--fail-on warning`.
    Warning,
    /// Fails its gate.
    Error,
}

impl Severity {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What kind of thing a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectKind {
    /// A materialized view.
    Matview,
    /// An ordinary table.
    Table,
    /// A relation of any kind.
    Relation,
    /// A role.
    Role,
    /// A migration file or a row of the ledger.
    Migration,
    /// A database, as the URL names it.
    Database,
    /// A class of `[schedules]`.
    Class,
    /// An `[[exception]]` of the registry.
    Exception,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Subject {
    /// The kind of thing.
    pub kind: SubjectKind,
    /// Its name; relations as SQL spells them, with their schema.
    pub name: String,
}

impl Subject {
    /// Makes the subject for a materialized view.
    pub fn matview(name: &QualifiedName) -> Self {
        Self { kind: SubjectKind::Matview, name: name.to_string() }
    }

    /// Makes the subject for a table.
    pub fn table(name: &QualifiedName) -> Self {
        Self { kind: SubjectKind::Table, name: name.to_string() }
    }

    /// Makes the subject for a relation of any kind.
    pub fn relation(name: &QualifiedName) -> Self {
        Self { kind: SubjectKind::Relation, name: name.to_string() }
    }

    /// Makes the subject for a role.
    pub fn role(name: &RoleName) -> Self {
        Self { kind: SubjectKind::Role, name: name.to_string() }
    }

    /// Makes the subject for a class of `[schedules]`.
    pub fn class(name: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Class, name: name.into() }
    }

    /// Makes the subject for a database.
    pub fn database(name: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Database, name: name.into() }
    }

    /// Makes the subject for a migration.
    pub fn migration(name: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Migration, name: name.into() }
    }
}

/// What a finding rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Evidence {
    /// What the project says should be.
    pub declared: Value,
    /// What was seen.
    pub observed: Value,
    /// SQL that shows the observed value when pasted into `psql`.
    pub query: Option<String>,
}

/// What would make a finding go away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Remedy {
    /// One sentence: who moves, and how.
    pub summary: String,
    /// The statements, where SQL can do it.
    pub sql: Vec<String>,
    /// The command of this program that helps next.
    pub command: Option<String>,
}

impl Remedy {
    /// Makes a remedy that is a sentence alone.
    pub fn says(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    /// Adds a statement.
    #[must_use]
    pub fn sql(mut self, statement: impl Into<String>) -> Self {
        self.sql.push(statement.into());
        self
    }

    /// Adds the command that helps next.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }
}

/// A place in one of the project's files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The file, as the report names it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// Why a finding is accepted, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedException {
    /// The reason that the registry gives.
    pub reason: String,
    /// The last day on which it holds, in UTC.
    pub until: chrono::NaiveDate,
}

/// One fact worth an operator's attention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The slug of the check that found it.
    pub check: &'static str,
    /// The gate that the check belongs to.
    pub gate: GateId,
    /// A second gate that it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<GateId>,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// One sentence for a reader.
    pub message: String,
    /// What it rests on.
    pub evidence: Evidence,
    /// What would make it go away.
    pub remedy: Option<Remedy>,
    /// The line of the registry, or of a migration, that it is about.
    pub location: Option<Location>,
    /// Set when the registry accepts the finding.
    pub exception: Option<AppliedException>,
}

impl Finding {
    /// Tells whether the finding counts at a severity: at least as heavy, and not accepted.
    pub fn counts_at(&self, least: Severity) -> bool {
        self.exception.is_none() && self.severity >= least
    }

    /// Adds the declared and the observed value.
    #[must_use]
    pub fn evidence(mut self, declared: impl Into<Value>, observed: impl Into<Value>) -> Self {
        self.evidence.declared = declared.into();
        self.evidence.observed = observed.into();
        self
    }

    /// Adds the SQL that would falsify the finding.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.evidence.query = Some(query.into());
        self
    }

    /// Adds what would make it go away.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(remedy);
        self
    }

    /// Adds the place in the project's files.
    #[must_use]
    pub fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }
}

/// Something that a check could not judge, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unjudged {
    /// The slug of the check; `None` when it concerns the gate as a whole.
    pub check: Option<&'static str>,
    /// What could not be judged; `None` when it is everything.
    pub subject: Option<Subject>,
    /// Why, and what to do about it, in one sentence.
    pub reason: String,
}

/// Sorts findings for a reader: heaviest first, then by subject and check.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.subject.cmp(&b.subject))
            .then_with(|| a.check.cmp(b.check))
    });
}
