//! `inventory` for a reader: a line a view; with `-v` everything that is known of each.

use std::io;

use super::Page;
use super::table::{self, Column};
use crate::render::Detail;
use crate::report::inventory::{InventoryRow, InventoryRows};
use crate::snapshot::ReadStatus;
use crate::tenant_safety::SafetyClass;
use crate::wording;

pub(super) fn render(rows: &InventoryRows, page: &mut Page<'_>) -> io::Result<()> {
    if rows.matviews.is_empty() {
        page.line("The database has no materialized view.")?;
    } else if page.appearance.detail == Detail::Verbose {
        for row in &rows.matviews {
            details(row, page)?;
        }
    } else {
        list(rows, page)?;
        page.line("")?;
    }
    for ignored in &rows.ignored {
        let text = format!("ignored: {} (matches {})", ignored.name, ignored.pattern);
        page.paragraph("", "  ", &text)?;
    }
    totals(rows, page)
}

fn list(rows: &InventoryRows, page: &mut Page<'_>) -> io::Result<()> {
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
    table::write(page, &columns, &rows.matviews, |row| {
        let mut cells = vec![
            row.name.to_string(),
            row.owner.to_string(),
            row.rows_estimate.map_or_else(|| "?".to_owned(), wording::about),
            row.size_bytes.map_or_else(|| "?".to_owned(), wording::size),
            fitness(row).to_owned(),
            row.tenant_safety.map_or("?", SafetyClass::word).to_owned(),
        ];
        cells.extend(some_unregistered.then(|| registered(row).to_owned()));
        cells
    })
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

fn details(row: &InventoryRow, page: &mut Page<'_>) -> io::Result<()> {
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
