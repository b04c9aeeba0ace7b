//! The report as one JSON document.

use std::io::{self, Write};

use crate::report::Report;

/// Writes the report as indented JSON with a line break at its end.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}
