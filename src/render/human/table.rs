//! Tables without borders: aligned columns that a reader can follow and `awk` can split.

use std::io;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::UnicodeWidthStr;

use super::Page;
use crate::wording::printable;

/// How many rows are laid out at once: a table of all 10,000 views would cost more memory
/// than everything else together.
const CHUNK: usize = 500;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) right_aligned: bool,
}

impl Column {
    pub(super) const fn left(title: &'static str) -> Self {
        Self { title, right_aligned: false }
    }

    pub(super) const fn right(title: &'static str) -> Self {
        Self { title, right_aligned: true }
    }
}

/// Writes a table; the rows are made as they are needed.
///
/// The first column holds names and is as wide as the widest. Where the rest does not fit
/// beside it within the page, each row's name stands on a line above its other cells.
pub(super) fn write<R>(
    page: &mut Page<'_>,
    columns: &[Column],
    rows: &[R],
    cells: impl Fn(&R) -> Vec<String>,
) -> io::Result<()> {
    let cells = |row: &R| -> Vec<String> {
        cells(row).into_iter().map(|cell| printable(&cell).into_owned()).collect()
    };
    let widths = widths(columns, rows, cells);
    let stacked = whole(&widths) > page.appearance.width;
    let shown = if stacked { &columns[1..] } else { columns };
    let shown_widths = if stacked { &widths[1..] } else { &widths[..] };
    if stacked {
        page.line(columns[0].title)?;
    }
    for (at, chunk) in rows.chunks(CHUNK).enumerate() {
        let mut table = table(shown, shown_widths, at == 0);
        if stacked {
            if at == 0 {
                write_lines(page, &table, "  ")?;
            }
            for row in chunk {
                let mut row = cells(row);
                let rest = row.split_off(1);
                page.line(&row.remove(0))?;
                table = self::table(shown, shown_widths, false);
                table.add_row(rest);
                write_lines(page, &table, "  ")?;
            }
        } else {
            table.add_rows(chunk.iter().map(cells));
            write_lines(page, &table, "")?;
        }
    }
    Ok(())
}

/// Tells whether every row fits on one line of the page.
pub(super) fn fits<R>(
    page: &Page<'_>,
    columns: &[Column],
    rows: &[R],
    cells: impl Fn(&R) -> Vec<String>,
) -> bool {
    whole(&widths(columns, rows, cells)) <= page.appearance.width
}

fn widths<R>(columns: &[Column], rows: &[R], cells: impl Fn(&R) -> Vec<String>) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.title.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(cells(row)) {
            *width = (*width).max(printable(&cell).width());
        }
    }
    widths
}

/// Returns how wide a line of these columns is.
fn whole(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
}

fn table(columns: &[Column], widths: &[usize], has_header: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if has_header {
        table.set_header(columns.iter().map(|column| column.title));
    } else {
        // The columns exist only once a row does; their widths are set by constraints.
        table.set_constraints([]);
    }
    let constraints = widths.iter().map(|width| {
        ColumnConstraint::Absolute(Width::Fixed(u16::try_from(width + 2).unwrap_or(u16::MAX)))
    });
    let constraints: Vec<_> = constraints.collect();
    if !has_header {
        table.set_header(columns.iter().map(|_| ""));
    }
    table.set_constraints(constraints);
    for (column, shown) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        if shown.right_aligned {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn write_lines(page: &mut Page<'_>, table: &Table, indent: &str) -> io::Result<()> {
    for line in table.lines() {
        let line = line.trim_end();
        if !line.is_empty() {
            page.line(&format!("{indent}{line}"))?;
        }
    }
    Ok(())
}
