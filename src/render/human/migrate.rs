//! `migrate` for a reader.

use std::io;

use super::Page;
use super::table::{self, Column};
use crate::report::migrate::{MigrateRows, MigrationRow, MigrationRows};
use crate::wording::plural;

pub(super) fn render(rows: &MigrateRows, command: &str, page: &mut Page<'_>) -> io::Result<()> {
    let rows = &rows.migrations;
    match command {
        "migrate heads" => heads(rows, page),
        "migrate history" => {
            history(&rows.history, rows.unknown.as_deref().unwrap_or_default(), page)
        }
        "migrate up" => {
            for row in &rows.applied {
                let took = row.duration_ms.unwrap_or_default();
                page.line(&format!("applied {} ({took} ms)", shown(row)))?;
            }
            page.line(&match (rows.applied.len(), rows.pending.as_ref().map_or(0, Vec::len)) {
                (0, 0) => "Nothing to apply: the database is at the head.".to_owned(),
                (done, 0) => {
                    format!("{} applied; the database is at the head.", plural(done, "migration"))
                }
                (done, left) => format!("{} applied, {left} left.", plural(done, "migration")),
            })
        }
        _ => status(rows, page),
    }
}

fn heads(rows: &MigrationRows, page: &mut Page<'_>) -> io::Result<()> {
    for head in &rows.heads {
        page.line(head)?;
    }
    if rows.heads.is_empty() {
        return page.line("The project has no migration.");
    }
    for files in &rows.shared {
        page.line("")?;
        page.paragraph(
            "",
            "",
            &format!(
                "{} claim the same version: no order can apply them. Give all but one of them, \
                 those that no database has seen, the next free number.",
                files.join(" and ")
            ),
        )?;
    }
    Ok(())
}

fn status(rows: &MigrationRows, page: &mut Page<'_>) -> io::Result<()> {
    let unknown = || "?".to_owned();
    let count = |rows: &Option<Vec<MigrationRow>>| {
        rows.as_ref().map_or_else(unknown, |rows| rows.len().to_string())
    };
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    for (name, value) in [
        ("head", list(&rows.heads)),
        ("current", rows.current.as_deref().map_or_else(unknown, list)),
        ("ledger", rows.ledger.to_owned()),
        ("pending", count(&rows.pending)),
        ("unknown", count(&rows.unknown)),
        ("changed", count(&rows.changed)),
    ] {
        page.paragraph(&format!("{name:<9} "), &" ".repeat(10), &value)?;
    }
    page.line("")
}

fn history(
    known: &[MigrationRow],
    unknown: &[MigrationRow],
    page: &mut Page<'_>,
) -> io::Result<()> {
    let columns = [Column::left("MIGRATION"), Column::left("APPLIED"), Column::left("STATE")];
    let rows: Vec<&MigrationRow> = known.iter().chain(unknown).collect();
    table::write(page, &columns, &rows, |row| {
        let state = match (&row.file, row.success) {
            (None, _) => "not in the project",
            (_, None) => "pending",
            (_, Some(true)) => "applied",
            (_, Some(false)) => "did not finish",
        };
        let applied_at = row.applied_at.as_deref().map_or_else(|| "-".to_owned(), to_the_second);
        vec![shown(row), applied_at, state.to_owned()]
    })
}

fn shown(row: &MigrationRow) -> String {
    row.file.clone().unwrap_or_else(|| format!("{} {}", row.id, row.description))
}

/// Returns a time of the report, RFC 3339 in UTC, without the fraction of its second.
fn to_the_second(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}
