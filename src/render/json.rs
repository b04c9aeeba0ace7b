//! The report as one JSON document.

use std::io::{self, Write};

use crate::report::Report;

/// Writes the report as indented JSON with a line break at its end.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    // A document of many rows is very many small writes, which cost more by way of `dyn`.
    let mut out = io::BufWriter::with_capacity(1 << 16, out);
    serde_json::to_writer_pretty(&mut out, report)?;
    out.write_all(b"\n")?;
    out.flush()
}
