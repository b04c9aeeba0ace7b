//! `diff-registry` for a reader: only the views that are not where they should be; the
//! findings tell the rest.

use std::collections::BTreeMap;
use std::io;

use super::Page;
use super::alike;
use super::table::{self, Column};
use crate::report::diff_registry::{DiffRow, DiffRows};
use crate::wording::plural;

pub(super) fn render(rows: &DiffRows, page: &mut Page<'_>) -> io::Result<()> {
    let apart: Vec<&DiffRow> = rows.views.iter().filter(|row| row.presence != "in-sync").collect();
    let lines = alike::lines(&apart, |row| row.template.as_deref(), |row| row.presence);
    if !lines.is_empty() {
        let columns = [
            Column::left("VIEW"),
            Column::left("REGISTRY"),
            Column::left("MIGRATIONS"),
            Column::left("LIVE"),
            Column::left("PRESENCE"),
        ];
        table::write(page, &columns, &lines, |line| {
            let row = line.first();
            vec![
                line.name(|row| row.name.to_string()),
                mark(Some(row.registry)).to_owned(),
                mark(row.migrations).to_owned(),
                mark(row.live).to_owned(),
                row.presence.to_owned(),
            ]
        })?;
        page.line("")?;
    }
    let in_sync = rows.views.len() - apart.len();
    let is_looked_at = rows.views.iter().any(|row| row.migrations.is_some());
    let (all, others) = match is_looked_at {
        true => ("registry, migrations and database", "not in all of them"),
        false => ("registry and database", "in one of them"),
    };
    let views = plural(rows.views.len(), "view");
    page.paragraph("", "  ", &format!("{views}: {in_sync} in {all}, {} {others}", apart.len()))?;
    of_tenants(rows, page)?;
    for ignored in &rows.ignored {
        let text = format!("ignored: {} (matches {})", ignored.name, ignored.pattern);
        page.paragraph("", "  ", &text)?;
    }
    page.line("")
}

/// Says of each template how many tenants have their view.
fn of_tenants(rows: &DiffRows, page: &mut Page<'_>) -> io::Result<()> {
    let mut templates: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in rows.views.iter().filter(|row| row.registry) {
        let Some(template) = &row.template else { continue };
        let (tenants, in_sync) = templates.entry(template).or_default();
        *tenants += 1;
        *in_sync += usize::from(row.presence == "in-sync");
    }
    for (template, (tenants, in_sync)) in templates {
        let told = match tenants == in_sync {
            true => format!("{}, in sync", plural(tenants, "tenant")),
            false => format!("{in_sync} of {} in sync", plural(tenants, "tenant")),
        };
        page.paragraph("", "  ", &format!("{template}: {told}"))?;
    }
    Ok(())
}

const fn mark(has: Option<bool>) -> &'static str {
    match has {
        Some(true) => "x",
        Some(false) => "-",
        None => "not looked",
    }
}
