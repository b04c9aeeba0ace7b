//! `explain` for a reader: the list of checks by gate, or the page of one.

use std::io;

use super::Page;
use super::table::{self, Column};
use crate::explain::{Piece, pieces};
use crate::report::explain::ExplainRows;

pub(super) fn render(rows: &ExplainRows, page: &mut Page<'_>) -> io::Result<()> {
    if let [one] = rows.checks.as_slice()
        && let Some(text) = one.page
    {
        for piece in pieces(text) {
            match piece {
                Piece::Paragraph(words) => page.paragraph("", "", &words)?,
                Piece::Verbatim(line) => page.line(&format!("  {line}"))?,
                Piece::Gap => page.line("")?,
            }
        }
        return Ok(());
    }
    let columns = [Column::left("CHECK"), Column::left("GATE"), Column::left("SEVERITY")];
    table::write(page, &columns, &rows.checks, |row| {
        let gate = row.gate.map_or_else(|| "-".to_owned(), |gate| gate.to_string());
        vec![row.check.to_owned(), gate, row.severity.word().to_owned()]
    })?;
    page.line("")?;
    page.line("`driftgate explain CHECK` tells more of one.")
}
