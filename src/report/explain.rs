//! The rows of `explain`: the checks, and the page of the one that was asked for.

use serde::Serialize;

use crate::checks::Check;
use crate::finding::Severity;
use crate::gate::GateId;

/// What `explain` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainRows {
    /// The checks; one alone where one was asked for.
    pub checks: Vec<ExplainedCheck>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedCheck {
    /// Its slug.
    pub check: &'static str,
    /// The gate it belongs to; `None`: that of the check which an exception is about.
    pub gate: Option<GateId>,
    /// The severity of what it finds.
    pub severity: Severity,
    /// What is wrong when it fires.
    pub summary: &'static str,
    /// Its page, as Markdown; `None` in the list of all.
    pub page: Option<&'static str>,
}

impl ExplainedCheck {
    /// Takes over what the table of checks says of one.
    pub const fn of(check: &Check) -> Self {
        Self {
            check: check.slug,
            gate: Some(check.gate),
            severity: check.severity,
            summary: check.summary,
            page: None,
        }
    }

    /// Makes the row for a check on exceptions.
    pub fn on_exceptions(slug: &'static str) -> Self {
        let summary = match slug {
            "exception-expired" => "an exception is past its last day",
            _ => "an exception matched nothing",
        };
        Self { check: slug, gate: None, severity: Severity::Warning, summary, page: None }
    }
}
