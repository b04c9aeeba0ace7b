//! Rendering: the one place that chooses how a report is written. Renderers write what the
//! report says and decide nothing.

use std::io::{self, Write};

use crate::report::Report;

mod human;
mod json;

/// The form of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Text for a reader at a terminal.
    #[default]
    Human,
    /// One JSON document, `driftgate.report/1`.
    Json,
}

/// How much text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Rows and verdicts alone.
    Quiet,
    /// What a reader needs to act.
    Normal,
    /// The SQL behind each finding, and every fact of each row.
    Verbose,
}

/// How text looks; decided once, in `settings.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    /// Whether to colour.
    pub color: bool,
    /// The columns that a line may take.
    pub width: usize,
    /// How much to say.
    pub detail: Detail,
}

/// Writes a report.
///
/// # Errors
///
/// When `out` cannot be written to; what was written until then stays written.
pub fn render(
    report: &Report,
    format: Format,
    appearance: Appearance,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Human => human::render(report, appearance, out),
        Format::Json => json::render(report, out),
    }
}
