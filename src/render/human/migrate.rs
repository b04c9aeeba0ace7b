//! `migrate` for a reader.

use std::io;

use super::Page;
use super::table::{self, Column};
use crate::report::migrate::{MigrateRows, MigrationRow, MigrationRows};
use crate::wording::{duration, plural};

pub(super) fn render(rows: &MigrateRows, command: &str, page: &mut Page<'_>) -> io::Result<()> {
    let rows = &rows.migrations;
    match command {
        "migrate heads" => heads(rows, page),
        "migrate history" => history(rows, page),
        "migrate up" => up(rows, page),
        _ => status(rows, page),
    }
}

fn up(rows: &MigrationRows, page: &mut Page<'_>) -> io::Result<()> {
    for row in &rows.applied {
        match row.duration_ms {
            Some(took) => page.line(&format!("applied {} ({took} ms)", shown(row)))?,
            None => page.paragraph("", "  ", &format!("applied {}", shown(row)))?,
        }
    }
    if let Some(run) = &rows.run {
        let took = duration(std::time::Duration::from_millis(run.duration_ms));
        page.paragraph("", "  ", &format!("`{}` ran for {took}.", run.command))?;
    }
    let left = rows.pending.as_ref().map(Vec::len);
    let done = plural(rows.applied.len(), "migration");
    page.line(&match (rows.applied.len(), left) {
        (_, None) if rows.kind == "command" => {
            "What it applied is known to it alone: it has no ledger to read.".to_owned()
        }
        (_, None) => "What is left is not known.".to_owned(),
        (0, Some(0)) => "Nothing to apply: the database is at the head.".to_owned(),
        (_, Some(0)) => format!("{done} applied; the database is at the head."),
        (_, Some(left)) => format!("{done} applied, {left} left."),
    })
}

fn heads(rows: &MigrationRows, page: &mut Page<'_>) -> io::Result<()> {
    if rows.kind == "command" {
        return page.line("The command alone knows its migrations.");
    }
    for head in heads_as_printed(rows) {
        page.line(&head)?;
    }
    if rows.heads.is_empty() && rows.doubts.is_empty() && rows.problems.is_empty() {
        return page.line("The project has no migration.");
    }
    if rows.kind == "alembic" {
        return troubles(rows, page);
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

/// Says why Alembic's revisions have no order, or not a known one.
fn troubles(rows: &MigrationRows, page: &mut Page<'_>) -> io::Result<()> {
    if rows.heads.len() > 1 && rows.doubts.is_empty() {
        page.line("")?;
        page.paragraph(
            "",
            "",
            "There is more than one head: `alembic upgrade head` does nothing.",
        )?;
        page.line(&format!(
            "Merge them: alembic merge -m \"merge heads\" {}",
            rows.heads.join(" ")
        ))?;
    }
    for (what, sentences) in [("error", &rows.problems), ("undecided", &rows.doubts)] {
        for sentence in sentences {
            page.line("")?;
            page.paragraph(&format!("{what}: "), "  ", sentence)?;
        }
    }
    Ok(())
}

fn heads_as_printed(rows: &MigrationRows) -> Vec<String> {
    let printed = |head: &String| {
        let row = rows.history.iter().find(|row| row.id == *head && row.revision.is_some());
        let revision = row.and_then(|row| row.revision.as_ref());
        revision.map_or_else(|| head.clone(), |revision| revision.printed.of_heads())
    };
    rows.heads.iter().map(printed).collect()
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
    let head = match (rows.kind, rows.doubts.is_empty()) {
        ("command", _) | (_, false) => unknown(),
        _ => list(&rows.heads),
    };
    for (name, value) in [
        ("head", head),
        ("current", rows.current.as_deref().map_or_else(unknown, list)),
        ("ledger", ledger(rows)),
        ("pending", count(&rows.pending)),
        ("unknown", count(&rows.unknown)),
        ("changed", count(&rows.changed)),
    ] {
        page.paragraph(&format!("{name:<9} "), &" ".repeat(10), &value)?;
    }
    page.line("")
}

/// Tells the state of the ledger, and whose it is where it is not the usual one.
fn ledger(rows: &MigrationRows) -> String {
    match (rows.tool, rows.ledger) {
        ("sqlx", ledger) | (_, ledger @ "none") => ledger.to_owned(),
        (tool, ledger) => format!("{ledger}, that of {tool}"),
    }
}

fn history(rows: &MigrationRows, page: &mut Page<'_>) -> io::Result<()> {
    let unknown = rows.unknown.as_deref().unwrap_or_default();
    let is_known = rows.pending.is_some();
    if rows.kind == "alembic" {
        // The lines are Alembic's own; whole ones, so that they can be compared.
        for row in rows.history.iter().chain(unknown) {
            let printed = row.revision.as_ref().map(|revision| revision.printed.of_history());
            let line = printed.unwrap_or_else(|| row.id.clone());
            page.paragraph(&format!("{:<8} ", state(row, is_known)), &" ".repeat(11), &line)?;
        }
        return troubles(rows, page);
    }
    let columns = [Column::left("MIGRATION"), Column::left("APPLIED"), Column::left("STATE")];
    let listed: Vec<&MigrationRow> = rows.history.iter().chain(unknown).collect();
    table::write(page, &columns, &listed, |row| {
        let applied_at = row.applied_at.as_deref().map_or_else(|| "-".to_owned(), to_the_second);
        vec![shown(row), applied_at, state(row, is_known).to_owned()]
    })
}

const fn state(row: &MigrationRow, is_known: bool) -> &'static str {
    match (&row.file, row.success) {
        (None, _) => "not in the project",
        (_, None) if !is_known => "?",
        (_, None) => "pending",
        (_, Some(true)) => "applied",
        (_, Some(false)) => "did not finish",
    }
}

fn shown(row: &MigrationRow) -> String {
    row.file
        .clone()
        .unwrap_or_else(|| format!("{} {}", row.id, row.description).trim_end().to_owned())
}

/// Returns a time of the report, RFC 3339 in UTC, without the fraction of its second.
fn to_the_second(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}
