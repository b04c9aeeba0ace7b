//! `check-grants` for a reader: for each view who can refresh it and what that would do,
//! and for each table that roles must not write whether they can.

use std::collections::BTreeMap;
use std::io;

use super::Page;
use super::alike;
use super::table::{self, Column};
use crate::ident::{QualifiedName, RoleName};
use crate::render::Detail;
use crate::report::check_grants::{GrantRows, ProtectionRow, RefreshabilityRow, SafetyRow};

pub(super) fn render(rows: &GrantRows, page: &mut Page<'_>) -> io::Result<()> {
    refreshability(&rows.refreshability, page)?;
    proofs(&rows.refreshability, page)?;
    tenant_safety(&rows.tenant_safety, page)?;
    protection(&rows.protection, page)
}

/// One line a role and way: roles that can refresh everything alike are not listed view by
/// view, unless more is asked for.
fn refreshability(rows: &[RefreshabilityRow], page: &mut Page<'_>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    if page.appearance.detail == Detail::Verbose {
        let columns = [
            Column::left("VIEW"),
            Column::left("ROLE"),
            Column::left("REFRESH"),
            Column::left("VIA"),
            Column::left("MUST"),
        ];
        table::write(page, &columns, rows, |row| {
            vec![
                row.view.to_string(),
                row.role.to_string(),
                can(row).to_owned(),
                row.via.as_str().to_owned(),
                if row.required { "yes" } else { "-" }.to_owned(),
            ]
        })?;
    } else {
        let mut roles: BTreeMap<&RoleName, Vec<&RefreshabilityRow>> = BTreeMap::new();
        for row in rows {
            roles.entry(&row.role).or_default().push(row);
        }
        let roles: Vec<_> = roles.into_iter().collect();
        let columns = [
            Column::left("ROLE"),
            Column::right("CAN REFRESH"),
            Column::right("OF VIEWS"),
            Column::left("VIA"),
            Column::right("MUST"),
            Column::right("MUST AND CANNOT"),
        ];
        table::write(page, &columns, &roles, |(role, rows)| {
            let able = rows.iter().filter(|row| row.can_refresh == Some(true));
            let mut via: Vec<&str> = able.clone().map(|row| row.via.as_str()).collect();
            via.sort_unstable();
            via.dedup();
            let must = rows.iter().filter(|row| row.required);
            let cannot = must.clone().filter(|row| row.can_refresh != Some(true));
            vec![
                role.to_string(),
                able.count().to_string(),
                rows.len().to_string(),
                if via.is_empty() { "-".to_owned() } else { via.join(", ") },
                must.count().to_string(),
                cannot.count().to_string(),
            ]
        })?;
    }
    page.line("")
}

/// Says how many refreshes were really tried, and how they ended.
fn proofs(rows: &[RefreshabilityRow], page: &mut Page<'_>) -> io::Result<()> {
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for proof in rows.iter().filter_map(|row| row.proof.as_deref()) {
        let end = proof.split_once(':').map_or(proof, |(end, _)| end);
        *ends.entry(end).or_default() += 1;
    }
    if ends.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
    page.line(&format!("really tried, and rolled back: {}", told.join(", ")))?;
    page.line("")
}

fn can(row: &RefreshabilityRow) -> &'static str {
    match (row.can_refresh, row.after_set_role) {
        (Some(true), _) => "can",
        (Some(false), true) => "after SET ROLE",
        (Some(false), false) => "cannot",
        (None, _) => "not known",
    }
}

fn tenant_safety<'r>(rows: &'r [SafetyRow], page: &mut Page<'_>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns =
        [Column::left("VIEW"), Column::left("TENANT SAFETY"), Column::left("READABLE BY")];
    let says = |row: &'r SafetyRow| (row.verdict, &row.readable_by);
    let lines = alike::lines(rows, |row| row.template.as_deref(), says);
    table::write(page, &columns, &lines, |line| {
        let (name, row) = (line.name(|row| row.view.to_string()), line.first());
        vec![name, row.verdict.to_owned(), roles(&row.readable_by)]
    })?;
    if page.appearance.detail == Detail::Verbose {
        for row in rows.iter().filter(|row| row.verdict != "clear") {
            page.line("")?;
            page.line(&row.view.to_string())?;
            for (name, values) in reasons(row) {
                page.paragraph(&format!("  {name}: "), "    ", &values)?;
            }
        }
    }
    page.line("")
}

fn roles(names: &[RoleName]) -> String {
    match names {
        [] => "-".to_owned(),
        names => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Returns why a view is not clear, fact by fact.
fn reasons(row: &SafetyRow) -> Vec<(&'static str, String)> {
    let names = |names: &[QualifiedName]| {
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut reasons = Vec::new();
    for filtered in &row.filtered_by {
        let policies: Vec<String> = filtered.policies.iter().map(ToString::to_string).collect();
        let policies = if policies.is_empty() {
            "no policy lets it see a row".to_owned()
        } else {
            format!("by {}", policies.join(", "))
        };
        let text = format!("{} as {} ({policies})", filtered.table, filtered.as_role);
        reasons.push(("row-level security filters", text));
    }
    if row.reads_setting {
        reasons.push(("depends on", "a setting of the session".to_owned()));
    }
    for (name, values) in [
        ("calls", row.functions.join(", ")),
        ("reads foreign tables", names(&row.foreign_tables)),
        ("open policies on", names(&row.open_policies)),
        ("as its upstream", names(&row.because_of)),
    ] {
        if !values.is_empty() {
            reasons.push((name, values));
        }
    }
    reasons
}

fn protection(rows: &[ProtectionRow], page: &mut Page<'_>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns =
        [Column::left("TABLE"), Column::left("ROLE"), Column::left("WRITING"), Column::left("VIA")];
    table::write(page, &columns, rows, |row| {
        let via = if row.via.is_empty() { "-".to_owned() } else { row.via.join(", ") };
        vec![row.table.to_string(), row.role.to_string(), row.level.to_owned(), via]
    })?;
    page.line("")
}
