//! `migrate verify` for a reader: each view with the migrations that made it what it is, and
//! how far they got.

use std::io;

use super::Page;
use crate::report::verify::{VerifyReport, VerifyRows, ViewRow};
use crate::wording::plural;

pub(super) fn render(rows: &VerifyReport, page: &mut Page<'_>) -> io::Result<()> {
    let rows = &rows.verify;
    for view in &rows.views {
        page.paragraph("", "  ", &told(view))?;
    }
    if !rows.views.is_empty() {
        page.line("")?;
    }
    page.paragraph("", "  ", &summary(rows))
}

fn told(view: &ViewRow) -> String {
    let mut parts = Vec::new();
    parts.extend(view.created_by.as_ref().map(|by| format!("created by {by}")));
    if !view.changed_by.is_empty() {
        parts.push(format!("changed by {}", view.changed_by.join(", ")));
    }
    parts.extend(view.dropped_by.as_ref().map(|by| format!("dropped by {by}")));
    match parts[..] {
        [] => view.name.to_string(),
        _ => format!("{}: {}", view.name, parts.join("; ")),
    }
}

fn summary(rows: &VerifyRows) -> String {
    let place = match rows.place.source {
        "local" => "a throwaway server",
        "server" => "the target's server",
        _ => "the database that was named",
    };
    let views = rows.views.iter().filter(|view| view.dropped_by.is_none()).count();
    let seeded = rows
        .seeded_before
        .as_ref()
        .map(|file| format!(", with rows from {file} on"))
        .unwrap_or_default();
    let applied = match (rows.applied, rows.total) {
        (applied, total) if applied == total => plural(total, "migration"),
        (applied, total) => format!("{applied} of {}", plural(total, "migration")),
    };
    format!(
        "{applied} applied to a new database (PostgreSQL {}, {place}) as {}{seeded}: {}.",
        rows.place.server_version,
        rows.place.role,
        plural(views, "materialized view")
    )
}
