//! `inventory` for a reader: a line a view; with `-v` everything that is known of each.

use std::io;
use std::time::Duration;

use super::Page;
use super::alike::{self, Line};
use super::table::{self, Column};
use crate::render::Detail;
use crate::report::inventory::{InventoryRow, InventoryRows};
use crate::report::timestamp;
use crate::snapshot::ReadStatus;
use crate::tenant_safety::SafetyClass;
use crate::wording;

pub(super) fn render(rows: &InventoryRows, page: &mut Page<'_>) -> io::Result<()> {
    if rows.matviews.is_empty() {
        page.line("The database has no materialized view.")?;
    } else if page.appearance.detail == Detail::Verbose {
        for row in &rows.matviews {
            details(row, rows.history_missing.is_none(), page)?;
        }
    } else {
        list(rows, page)?;
        page.line("")?;
    }
    if let Some(reason) = rows.history_missing.as_ref().filter(|_| page.is_verbose()) {
        page.paragraph("", "  ", &format!("history of refreshes: {reason}"))?;
    }
    for ignored in &rows.ignored {
        let text = format!("ignored: {} (matches {})", ignored.name, ignored.pattern);
        page.paragraph("", "  ", &text)?;
    }
    totals(rows, page)
}

fn list<'r>(rows: &'r InventoryRows, page: &mut Page<'_>) -> io::Result<()> {
    // A column in which every row says the same is left to the totals.
    let some_unregistered = rows.matviews.iter().any(|row| row.registered == Some(false));
    let mut columns = vec![
        Column::left("VIEW"),
        Column::left("OWNER"),
        Column::right("ROWS"),
        Column::right("SIZE"),
        Column::left("REFRESH"),
    ];
    columns.push(Column::left("TENANTS"));
    columns.extend(some_unregistered.then_some(Column::left("REGISTRY")));
    let some_age = rows.matviews.iter().any(|row| row.last_refresh.is_some());
    let says = |row: &'r InventoryRow| {
        (&row.owner, fitness(row), row.tenant_safety.map(SafetyClass::word), row.registered)
    };
    let lines = alike::lines(&rows.matviews, |row| row.template.as_deref(), says);
    let cells = |line: &Line<'_, InventoryRow>| {
        let row = line.first();
        let estimates = line.rows().iter().map(|row| row.rows_estimate);
        let sizes = line.rows().iter().map(|row| row.size_bytes);
        let mut cells = vec![
            line.name(|row| row.name.to_string()),
            row.owner.to_string(),
            estimates.sum::<Option<f64>>().map_or_else(|| "?".to_owned(), wording::about),
            sizes.sum::<Option<i64>>().map_or_else(|| "?".to_owned(), wording::size),
            fitness(row).to_owned(),
            row.tenant_safety.map_or("?", SafetyClass::word).to_owned(),
        ];
        cells.extend(some_unregistered.then(|| registered(row).to_owned()));
        cells
    };
    let mut columns_with_age = columns.clone();
    columns_with_age.push(Column::right("AGE"));
    let with_age = |line: &Line<'_, InventoryRow>| {
        let mut cells = cells(line);
        cells.push(age_of_all(line.rows()));
        cells
    };
    // The age is left to -v where it alone would break the lines.
    let has_room = some_age
        && (table::fits(page, &columns_with_age, &lines, with_age)
            || !table::fits(page, &columns, &lines, cells));
    if !has_room {
        table::write(page, &columns, &lines, cells)?;
        return oldest(&rows.matviews, page);
    }
    table::write(page, &columns_with_age, &lines, with_age)?;
    if rows.matviews.iter().any(|row| row.refreshed_since == Some(true)) {
        page.line("")?;
        let text = "AGE with a <: somebody else has refreshed or altered it since the last \
                    refresh on record, so its rows may be younger.";
        page.paragraph("", "  ", text)?;
    }
    Ok(())
}

/// Writes which view holds the oldest rows, where there is no room for the age of each.
fn oldest(rows: &[InventoryRow], page: &mut Page<'_>) -> io::Result<()> {
    let ages = rows.iter().filter_map(|row| Some((row.last_refresh.as_ref()?.age_seconds, row)));
    let Some((seconds, row)) = ages.max_by_key(|(age, _)| *age) else { return Ok(()) };
    let age = age(seconds);
    let since = match row.refreshed_since {
        Some(true) => ", or younger ones: somebody else refreshed or altered it since",
        _ => "",
    };
    let text = format!("oldest: {} holds the rows of {age} ago{since}; -v tells of each", row.name);
    page.line("")?;
    page.paragraph("", "  ", &text)
}

/// Returns the age of the oldest rows; a `<` in front where they may be younger.
fn age_of_all(rows: &[&InventoryRow]) -> String {
    let ages = rows.iter().map(|row| Some((row.last_refresh.as_ref()?.age_seconds, row)));
    let Some(ages) = ages.collect::<Option<Vec<_>>>() else { return "-".to_owned() };
    let oldest = ages.into_iter().max_by_key(|(age, _)| *age);
    oldest.map_or_else(String::new, |(seconds, row)| {
        let sign = if row.refreshed_since == Some(true) { "<" } else { "" };
        format!("{sign}{}", age(seconds))
    })
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        _ => wording::duration(Duration::from_secs(seconds)),
    }
}

/// Returns how the view can be refreshed as it is now.
fn fitness(row: &InventoryRow) -> &'static str {
    match (row.status, row.populated, row.concurrent_ready) {
        (ReadStatus::Busy, ..) => "busy",
        (_, false, _) => "not populated",
        (_, true, true) => "concurrent",
        (_, true, false) => "plain only",
    }
}

fn registered(row: &InventoryRow) -> &'static str {
    match row.registered {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

fn details(row: &InventoryRow, has_history: bool, page: &mut Page<'_>) -> io::Result<()> {
    page.line(&row.name.to_string())?;
    let names = |names: &[crate::ident::QualifiedName]| match names {
        [] => "nothing".to_owned(),
        names => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let indexes = row.indexes.iter().map(|index| {
        let mut words = vec![if index.unique { "unique" } else { "not unique" }];
        if !index.valid {
            words.push("not valid");
        }
        if index.usable_for_concurrent {
            words.push("usable for concurrent");
        }
        format!("{} ({}): {}", index.name, index.columns.join(", "), words.join(", "))
    });
    let size = row.size_bytes.map_or_else(
        || "not read".to_owned(),
        |bytes| format!("{} ({bytes} bytes)", wording::size(bytes)),
    );
    let rows = row.rows_estimate.map_or_else(
        || "never analyzed".to_owned(),
        |rows| format!("{} by estimate", wording::about(rows)),
    );
    let fingerprint = row.fingerprint.as_ref().map_or_else(
        || "not read".to_owned(),
        |print| format!("as printed by (PostgreSQL {})", print.server_major),
    );
    let mut facts = vec![
        ("owner", row.owner.to_string()),
        ("refresh", fitness(row).to_owned()),
        ("registered", registered(row).to_owned()),
        ("tenants", row.tenant_safety.map_or("not read", SafetyClass::word).to_owned()),
        ("size", size),
        ("rows", rows),
        ("reads", names(&row.depends_on)),
        ("read by", names(&row.dependents)),
    ];
    facts.extend(has_history.then(|| ("rows as of", as_of(row))));
    facts.extend(indexes.map(|index| ("index", index)));
    if let Some(comment) = &row.comment {
        facts.push(("comment", comment.to_string()));
    }
    facts.push(("definition", fingerprint));
    for (name, value) in facts {
        page.paragraph(&format!("  {name:<11} "), &" ".repeat(14), &value)?;
    }
    if let Some(print) = &row.fingerprint {
        // On a line of its own: it is as wide as the page, and there to be copied.
        page.line(&format!("    sha256:{}", print.sha256))?;
    }
    page.line("")
}

/// Returns the instant whose rows it holds, as far as that is on record.
fn as_of(row: &InventoryRow) -> String {
    let mut text = match &row.last_refresh {
        None => "not on record".to_owned(),
        Some(last) => {
            let took = wording::duration(Duration::from_millis(last.duration_ms));
            format!("{}, {} ago; that took {took}", timestamp(last.at), age(last.age_seconds))
        }
    };
    if row.refreshed_since == Some(true) {
        text += "; refreshed or altered by someone else since";
    }
    if let Some(failed) = &row.failed_since {
        let code = failed.sqlstate.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
        let at = timestamp(failed.at);
        text += &format!("; the last try ended with {}{code} at {at}", failed.outcome);
    }
    text
}

fn totals(rows: &InventoryRows, page: &mut Page<'_>) -> io::Result<()> {
    let count = |wanted: &dyn Fn(&InventoryRow) -> bool| {
        rows.matviews.iter().filter(|row| wanted(row)).count()
    };
    let bytes: i64 = rows.matviews.iter().filter_map(|row| row.size_bytes).sum();
    let mut parts = vec![format!(
        "{}, {}",
        wording::plural(rows.matviews.len(), "materialized view"),
        if count(&|row| row.status == ReadStatus::Busy) > 0 {
            format!("{} read", wording::size(bytes))
        } else {
            wording::size(bytes)
        }
    )];
    for (number, word) in [
        (count(&|row| !row.populated), "not populated"),
        (count(&|row| row.populated && !row.concurrent_ready), "plain only"),
        (count(&|row| row.registered == Some(false)), "not registered"),
        (count(&|row| row.status == ReadStatus::Busy), "busy"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    if !rows.matviews.is_empty()
        && count(&|row| row.registered == Some(true)) == rows.matviews.len()
    {
        parts.push("all registered".to_owned());
    }
    page.line(&parts.join(", "))?;
    if count(&|row| row.status == ReadStatus::Busy) > 0 {
        page.paragraph(
            "",
            "  ",
            "busy: another session holds an exclusive lock, such as a running refresh; size and \
             definition were not read (exit 3). Run it again when that session is done.",
        )?;
    }
    Ok(())
}
