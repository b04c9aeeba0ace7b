//! `refresh` for a reader: a line for each view, and below it what to know about those that
//! were not refreshed; of a long run, only those and the count of the others.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use owo_colors::Style;

use super::Page;
use super::table::{self, Column};
use crate::exit::Exit;
use crate::refresh::{RefreshOutcome, RefreshResult};
use crate::report::refresh::{PlanRow, PlanRows, RefreshRows};
use crate::wording::{duration, plural};

/// Up to how many refreshes are listed one by one, unless more is asked for.
const MOST_LISTED: usize = 50;

pub(super) fn render(rows: &RefreshRows, exit: Exit, page: &mut Page<'_>) -> io::Result<()> {
    match &rows.plan {
        Some(plan) => render_plan(plan, page),
        None => render_results(&rows.refreshes, exit, page),
    }
}

fn render_results(results: &[RefreshResult], exit: Exit, page: &mut Page<'_>) -> io::Result<()> {
    let lists_all = results.len() <= MOST_LISTED || page.is_verbose();
    let listed: Vec<&RefreshResult> = results
        .iter()
        .filter(|result| lists_all || result.outcome != RefreshOutcome::Success)
        .collect();
    if !listed.is_empty() {
        write_table(&listed, page)?;
        page.line("")?;
    }
    for result in &listed {
        write_why(result, page)?;
    }
    let mut counts: BTreeMap<RefreshOutcome, usize> = BTreeMap::new();
    for result in results {
        *counts.entry(result.outcome).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.iter().map(|(outcome, count)| format!("{count} {}", outcome.word())).collect();
    let style = match exit {
        Exit::Done => Style::new().green().bold(),
        Exit::LockHeld | Exit::Undecided => Style::new().yellow().bold(),
        _ => Style::new().red().bold(),
    };
    let of = plural(results.len(), "refresh").replace("refreshs", "refreshes");
    let rest = format!(": {} (exit {})", counts.join(", "), exit.code());
    page.styled_line("", &of, style, &rest)
}

fn write_table(results: &[&RefreshResult], page: &mut Page<'_>) -> io::Result<()> {
    let has_tenants = results.iter().any(|result| result.tenant.is_some());
    let has_rows = results.iter().any(|result| result.rows_after.is_some());
    let mut columns = vec![Column::left("VIEW")];
    if has_tenants {
        columns.push(Column::left("TENANT"));
    }
    columns.extend([Column::left("OUTCOME"), Column::left("MODE"), Column::right("TOOK")]);
    if has_rows {
        columns.extend([Column::right("ROWS"), Column::right("TENANTS")]);
    }
    table::write(page, &columns, results, |result| {
        let mut cells = vec![result.view.to_string()];
        if has_tenants {
            cells.push(result.tenant.clone().unwrap_or_else(|| "-".to_owned()));
        }
        let began = result.as_of.is_some();
        cells.push(result.outcome.word().to_owned());
        cells.push(if began { result.mode.word() } else { "-" }.to_owned());
        cells.push(duration(Duration::from_millis(result.duration_ms)));
        if has_rows {
            cells.push(change(result.rows_before, result.rows_after));
            cells.push(change(result.tenants_before, result.tenants_after));
        }
        cells
    })
}

/// Writes a count before and after, once where they are equal.
fn change(before: Option<i64>, after: Option<i64>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before == after => after.to_string(),
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (None, Some(count)) | (Some(count), None) => count.to_string(),
        (None, None) => "-".to_owned(),
    }
}

/// Writes what there is to know about one refresh beyond its line.
fn write_why(result: &RefreshResult, page: &mut Page<'_>) -> io::Result<()> {
    let mut lines = Vec::new();
    let is_plain_to_see = result.outcome == RefreshOutcome::SkippedFresh && !page.is_verbose();
    if let Some(error) = result.error.as_ref().filter(|_| !is_plain_to_see) {
        let code = error.sqlstate.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        lines.push(format!("{}{code}", error.message));
        lines.extend(error.hint.as_ref().map(|hint| format!("hint: {hint}")));
    }
    if let Some(serves) = result.serves.filter(|_| result.outcome == RefreshOutcome::Success) {
        let tenants = plural(serves, "tenant");
        lines.push(format!("one refresh of the shared view serves {tenants}"));
    }
    lines.extend(result.notes.iter().cloned());
    if lines.is_empty() {
        return Ok(());
    }
    page.line(&format!("{}: {}", result.view, result.outcome.word()))?;
    for line in lines {
        page.paragraph("  ", "    ", &line)?;
    }
    page.line("")
}

fn render_plan(plan: &PlanRows, page: &mut Page<'_>) -> io::Result<()> {
    let columns = [
        Column::left("VIEW"),
        Column::right("N"),
        Column::left("MODE"),
        Column::left("CLASS"),
        Column::right("EXPECTED"),
        Column::left("AFTER"),
    ];
    table::write(page, &columns, &plan.steps, |step| {
        vec![
            step.view.to_string(),
            step.n.to_string(),
            match &step.refusal {
                Some(refusal) => refusal.outcome.word().to_owned(),
                None => step.mode.word().to_owned(),
            },
            step.class.word().to_owned(),
            step.expected_ms.map_or_else(
                || "?".to_owned(),
                |expected| duration(Duration::from_millis(expected)),
            ),
            match step.after.is_empty() {
                true => "-".to_owned(),
                false => numbers(&step.after),
            },
        ]
    })?;
    page.line("")?;
    for step in &plan.steps {
        write_step(step, page)?;
    }
    let limits = plan.limits;
    let told = |milliseconds: u64| match milliseconds {
        0 => "none".to_owned(),
        some => duration(Duration::from_millis(some)),
    };
    page.paragraph(
        "",
        "  ",
        &format!(
            "limits: lock {}, statement {}, readers queue {} at most",
            told(limits.lock_timeout_ms),
            told(limits.statement_timeout_ms),
            told(limits.max_convoy_ms)
        ),
    )?;
    page.line("Nothing was refreshed: this is the plan alone.")
}

fn write_step(step: &PlanRow, page: &mut Page<'_>) -> io::Result<()> {
    let mut lines = Vec::new();
    if let Some(refusal) = &step.refusal {
        lines.push(format!("it would be refused: {}", refusal.reason));
        lines.extend(refusal.hint.as_ref().map(|hint| format!("hint: {hint}")));
    }
    if step.blocks_readers && step.refusal.is_none() {
        lines.push("readers wait while it runs".to_owned());
    }
    if step.counted && step.refusal.is_none() {
        lines.push("rows are counted before and after".to_owned());
    }
    lines.extend(step.hindrances.iter().cloned());
    if page.is_verbose() {
        for lock in &step.locks {
            let key: Vec<String> = lock.key.to_string().split(", ").map(str::to_owned).collect();
            let (scheme, key) = (lock.scheme.as_str(), key.join(", "));
            lines.push(format!("key of {}: {key} ({scheme})", lock.name));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    page.line(&format!("{}. {}", step.n, step.view))?;
    for line in lines {
        page.paragraph("  ", "    ", &line)?;
    }
    page.line("")
}

fn numbers(places: &[usize]) -> String {
    places.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}
