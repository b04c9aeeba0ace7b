//! `history` for a reader.

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Page;
use super::table::{self, Column};
use crate::refresh::RefreshOutcome;
use crate::report::history::{HistoryRows, InstalledRow, ListRows, PrunedRow, RefreshRow};
use crate::wording::{self, plural};

pub(super) fn render(rows: &HistoryRows, page: &mut Page<'_>) -> io::Result<()> {
    match rows {
        HistoryRows::Installed(row) => installed(row, page),
        HistoryRows::List(rows) => list(rows, page),
        HistoryRows::Pruned(row) => pruned(row, page),
    }
}

fn installed(row: &InstalledRow, page: &mut Page<'_>) -> io::Result<()> {
    let version = row.version;
    page.line(&match row.version_before {
        None => format!("installed, version {version}"),
        Some(before) if before == version => format!("already installed, version {version}"),
        Some(before) => format!("brought up to date, from version {before} to {version}"),
    })?;
    for granted in &row.granted {
        let text = if granted.is_new {
            format!("granted: {} may read and add to the history", granted.role)
        } else {
            format!("{} may read and add to the history already", granted.role)
        };
        page.paragraph("", "  ", &text)?;
    }
    for role in &row.missing_roles {
        let text = format!(
            "not granted: the server has no role {role}, which the registry names; run this \
             again when it has"
        );
        page.paragraph("", "  ", &text)?;
    }
    if row.granted.is_empty() && row.missing_roles.is_empty() {
        let text = "nothing was granted: no registry names a role that refreshes; --grant-to \
                    ROLE lets one read and add to the history";
        page.paragraph("", "  ", text)?;
    }
    Ok(())
}

fn pruned(row: &PrunedRow, page: &mut Page<'_>) -> io::Result<()> {
    let rows = count(row.rows, "row");
    let age = age(row.older_than_seconds);
    let done = if row.dry_run { "would be removed" } else { "removed" };
    let mut text = format!("{rows} {done}, older than {age}");
    if row.kept > 0 {
        text.push_str(&format!("; {} kept: the last success of a view", count(row.kept, "row")));
    }
    if row.ticks > 0 {
        text.push_str(&format!("; {} of schedules {done}", count(row.ticks, "row")));
    }
    page.paragraph("", "  ", &text)
}

/// Returns an age as it is typed: in days where it is whole ones.
fn age(seconds: u64) -> String {
    match seconds {
        days if days > 0 && days % 86_400 == 0 => count(days / 86_400, "day"),
        _ => wording::duration(Duration::from_secs(seconds)),
    }
}

fn count(number: u64, noun: &str) -> String {
    plural(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

fn list(rows: &ListRows, page: &mut Page<'_>) -> io::Result<()> {
    if rows.refreshes.is_empty() {
        return page.line("No such refresh is on record.");
    }
    if page.is_verbose() {
        for row in &rows.refreshes {
            details(row, page)?;
        }
    } else {
        table(&rows.refreshes, page)?;
        page.line("")?;
    }
    let noun = if rows.refreshes.len() == 1 { "refresh" } else { "refreshes" };
    let more = if rows.has_more { ", the newest; --limit shows more" } else { "" };
    page.line(&format!("{} {noun}{more}", rows.refreshes.len()))
}

fn table(rows: &[RefreshRow], page: &mut Page<'_>) -> io::Result<()> {
    let some_tenant = rows.iter().any(|row| row.tenant.is_some());
    let mut columns = vec![Column::left("VIEW")];
    columns.extend(some_tenant.then_some(Column::left("TENANT")));
    columns.extend([
        Column::left("ENDED (UTC)"),
        Column::left("OUTCOME"),
        Column::left("MODE"),
        Column::right("TOOK"),
    ]);
    table::write(page, &columns, rows, |row| {
        let mut cells = vec![row.view.to_string()];
        cells.extend(some_tenant.then(|| row.tenant.clone().unwrap_or_else(|| "-".to_owned())));
        cells.extend([
            to_the_second(row.finished_at),
            row.outcome.clone(),
            row.mode.clone(),
            took(row),
        ]);
        cells
    })
}

fn details(row: &RefreshRow, page: &mut Page<'_>) -> io::Result<()> {
    page.line(&row.view.to_string())?;
    let mut facts = vec![
        ("outcome", format!("{} ({})", row.outcome, row.mode)),
        ("ended", format!("{} UTC, after {}", to_the_millisecond(row.finished_at), took(row))),
    ];
    if let Some(as_of) = row.as_of.filter(|_| row.outcome == RefreshOutcome::Success.word()) {
        facts.push(("rows as of", format!("{} UTC", to_the_millisecond(as_of))));
    }
    if let Some(tenant) = &row.tenant {
        facts.push(("tenant", tenant.clone()));
    }
    for (name, before, after) in [
        ("rows", row.rows_before, row.rows_after),
        ("tenants", row.tenants_before, row.tenants_after),
    ] {
        if before.is_some() || after.is_some() {
            facts.push((name, format!("{} before, {} after", counted(before), counted(after))));
        }
    }
    if let Some(error) = &row.error {
        let code = error.sqlstate.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
        facts.push(("why", format!("{}{code}", error.message)));
        facts.extend(error.hint.clone().map(|hint| ("hint", hint)));
    }
    let key = row.lock.key.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    facts.extend([
        ("lock", format!("{} ({}: {key})", row.lock.name, row.lock.scheme)),
        ("role", format!("{}, on PostgreSQL {}", row.role, row.server_version)),
        ("run", row.run_id.to_string()),
        ("correlation", row.correlation_id.clone()),
    ]);
    for (name, value) in facts {
        page.paragraph(&format!("  {name:<11} "), &" ".repeat(14), &value)?;
    }
    page.line("")
}

fn counted(number: Option<i64>) -> String {
    number.map_or_else(|| "not counted".to_owned(), |number| number.to_string())
}

fn took(row: &RefreshRow) -> String {
    wording::duration(Duration::from_millis(row.duration_ms))
}

fn to_the_second(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn to_the_millisecond(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}
