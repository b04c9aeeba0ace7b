//! `schedule` for a reader.

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Page;
use super::table::{self, Column};
use crate::report::schedule::{ClassRow, ClassRows, ExportRows, RanRows, ScheduleRows, TickRow};
use crate::schedule::export::ExportFormat;
use crate::schedule::judge::Loaded;
use crate::wording::{self, plural};

pub(super) fn render(rows: &ScheduleRows, page: &mut Page<'_>) -> io::Result<()> {
    match rows {
        ScheduleRows::Classes(rows) => classes(rows, page),
        ScheduleRows::Ran(rows) => ran(rows, page),
        ScheduleRows::Exported(rows) => exported(rows, page),
    }
}

fn classes(rows: &ClassRows, page: &mut Page<'_>) -> io::Result<()> {
    if rows.classes.is_empty() {
        return page.line("The registry declares no class in [schedules].");
    }
    let columns = [
        Column::left("CLASS"),
        Column::left("DUE"),
        Column::left("LAST TICK (UTC)"),
        Column::left("OUTCOME"),
        Column::left("DISPATCHED BY"),
    ];
    table::write(page, &columns, &rows.classes, |row| {
        vec![
            row.name.clone(),
            due(row),
            row.last_tick.map_or_else(|| "-".to_owned(), to_the_second),
            row.last_outcome.clone().unwrap_or_else(|| "-".to_owned()),
            loaded(row).to_owned(),
        ]
    })?;
    page.line("")?;
    if rows.is_check && !page.is_verbose() {
        return Ok(());
    }
    rows.classes.iter().try_for_each(|row| class(row, page))
}

fn due(row: &ClassRow) -> String {
    match (&row.every, &row.cron, &row.timezone) {
        (Some(every), _, _) => format!("every {every}"),
        (_, Some(cron), Some(zone)) => format!("{cron} {zone}"),
        _ => "-".to_owned(),
    }
}

const fn loaded(row: &ClassRow) -> &'static str {
    match row.loaded {
        None => "not known",
        Some(Loaded::Claims) => "schedule run",
        Some(Loaded::PgCron) => "pg_cron",
        Some(Loaded::Both) => "both",
        Some(Loaded::Nothing) => "nobody",
    }
}

fn class(row: &ClassRow, page: &mut Page<'_>) -> io::Result<()> {
    page.line(&row.name)?;
    let mut facts = vec![("next", row.next_runs.join(", "))];
    for (name, list) in [("views", &row.views), ("tasks", &row.tasks)] {
        if !list.is_empty() {
            facts.push((name, list.join(", ")));
        }
    }
    if row.jitter_ms > 0 {
        let jitter = wording::duration(Duration::from_millis(row.jitter_ms));
        facts.push(("jitter", format!("up to {jitter} later, drawn for each tick")));
    }
    facts.extend(row.cost_told.clone().map(|told| ("cost", told)));
    if let (Some(ticks), Some(missed)) = (row.ticks_of_a_day, row.missed_of_a_day) {
        facts.push(("last day", format!("{ticks} dispatched, {missed} missed")));
    }
    facts.extend(row.clock_change.clone().map(|told| ("clock", told)));
    for (name, value) in facts {
        page.paragraph(&format!("  {name:<8} "), &" ".repeat(11), &value)?;
    }
    page.line("")
}

fn ran(rows: &RanRows, page: &mut Page<'_>) -> io::Result<()> {
    for row in &rows.ticks {
        tick(row, page)?;
    }
    if rows.once && rows.ticks.is_empty() {
        return page.line("Nothing was due.");
    }
    let failed = match rows.failed {
        0 => String::new(),
        failed => format!(", {failed} of them failed in whole or in part"),
    };
    let ticks = plural(usize::try_from(rows.dispatched).unwrap_or(usize::MAX), "tick");
    page.line(&format!("{ticks} dispatched{failed}; {} missed", rows.missed))
}

fn tick(row: &TickRow, page: &mut Page<'_>) -> io::Result<()> {
    let took = wording::duration(Duration::from_millis(row.duration_ms));
    let message = row.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
    let tick = to_the_second(row.tick);
    page.paragraph("", "  ", &format!("{} {tick} {} ({took}){message}", row.class, row.outcome))?;
    for work in &row.work {
        let took = wording::duration(Duration::from_millis(work.duration_ms));
        let kind = if work.is_task { "task " } else { "" };
        let message =
            work.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
        let text = format!("{kind}{} {} ({took}){message}", work.name, work.outcome);
        page.paragraph("  ", "    ", &text)?;
    }
    Ok(())
}

/// Prints each file whole, and nothing else: what is printed is what is to be loaded.
fn exported(rows: &ExportRows, page: &mut Page<'_>) -> io::Result<()> {
    for path in &rows.written {
        page.line(&format!("written: {path}"))?;
    }
    if !rows.written.is_empty() {
        for left in &rows.left_out {
            page.paragraph("left out: ", "  ", &left.told())?;
        }
        return Ok(());
    }
    let several = rows.files.len() > 1;
    for (at, file) in rows.files.iter().enumerate() {
        if several {
            let is_yaml = file.name.ends_with(".yaml");
            if at > 0 {
                page.line(if is_yaml { "---" } else { "" })?;
            }
            page.line(&format!("# {}", file.name))?;
        }
        for line in file.text.lines() {
            page.line(line)?;
        }
    }
    // One file says by itself what it lacks.
    if matches!(rows.format, ExportFormat::Systemd | ExportFormat::Kubernetes) {
        for left in &rows.left_out {
            page.paragraph("# Left out: ", "#   ", &left.told())?;
        }
    }
    Ok(())
}

fn to_the_second(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}
