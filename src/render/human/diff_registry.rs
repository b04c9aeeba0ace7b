//! `diff-registry` for a reader: only the views that are not where they should be; the
//! findings tell the rest.

use std::io;

use super::Page;
use super::table::{self, Column};
use crate::report::diff_registry::{DiffRow, DiffRows};
use crate::wording::plural;

pub(super) fn render(rows: &DiffRows, page: &mut Page<'_>) -> io::Result<()> {
    let apart: Vec<&DiffRow> = rows.views.iter().filter(|row| row.presence != "in-sync").collect();
    if !apart.is_empty() {
        let columns = [
            Column::left("VIEW"),
            Column::left("REGISTRY"),
            Column::left("MIGRATIONS"),
            Column::left("LIVE"),
            Column::left("PRESENCE"),
        ];
        table::write(page, &columns, &apart, |row| {
            vec![
                row.name.to_string(),
                mark(Some(row.registry)).to_owned(),
                mark(row.migrations).to_owned(),
                mark(Some(row.live)).to_owned(),
                row.presence.to_owned(),
            ]
        })?;
        page.line("")?;
    }
    let in_sync = rows.views.len() - apart.len();
    page.line(&format!(
        "{}: {in_sync} in registry and database, {} in one of them",
        plural(rows.views.len(), "view"),
        apart.len()
    ))?;
    for ignored in &rows.ignored {
        let text = format!("ignored: {} (matches {})", ignored.name, ignored.pattern);
        page.paragraph("", "  ", &text)?;
    }
    page.line("")
}

const fn mark(has: Option<bool>) -> &'static str {
    match has {
        Some(true) => "x",
        Some(false) => "-",
        None => "not looked",
    }
}
