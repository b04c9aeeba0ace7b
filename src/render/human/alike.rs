//! Views of one tenant each: where many of one template say the same, they share a line.

use std::collections::HashMap;
use std::hash::Hash;

/// How many views that say the same are still listed one by one.
const MOST_LISTED: usize = 3;

/// What stands on one line of a list of views.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'r, R> {
    /// A view by itself.
    One(&'r R),
    /// Views of a template that say the same.
    Alike(&'r str, Vec<&'r R>),
}

impl<'r, R> Line<'r, R> {
    /// Returns a view that says what all of the line say.
    pub(super) fn first(&self) -> &'r R {
        match self {
            Self::One(row) => row,
            Self::Alike(_, rows) => rows[0],
        }
    }

    /// Returns all views of the line.
    pub(super) fn rows(&self) -> &[&'r R] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Alike(_, rows) => rows,
        }
    }

    /// Returns what names the line.
    pub(super) fn name(&self, of_one: impl Fn(&R) -> String) -> String {
        match self {
            Self::One(row) => of_one(row),
            Self::Alike(template, rows) => format!("{template} ({} views)", rows.len()),
        }
    }
}

/// Puts views of one template that say the same on one line, where the first of them is.
pub(super) fn lines<'r, R, S: Eq + Hash>(
    rows: &'r [R],
    template: impl Fn(&'r R) -> Option<&'r str>,
    says: impl Fn(&'r R) -> S,
) -> Vec<Line<'r, R>> {
    let key = |row: &'r R| Some((template(row)?, says(row)));
    let mut groups: HashMap<(&str, S), Vec<&'r R>> = HashMap::new();
    for row in rows {
        if let Some(key) = key(row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups.retain(|_, rows| rows.len() > MOST_LISTED);
    let mut lines = Vec::new();
    for row in rows {
        match key(row).filter(|key| groups.contains_key(key)) {
            None => lines.push(Line::One(row)),
            Some(key) => {
                let group = groups.get_mut(&key).map(std::mem::take).unwrap_or_default();
                // The others of the group find it taken.
                if !group.is_empty() {
                    lines.push(Line::Alike(key.0, group));
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The template, what is said, and the name.
    type Row = (Option<&'static str>, u8, &'static str);

    fn told(rows: &[Row]) -> Vec<String> {
        let lines = lines(rows, |row| row.0, |row| row.1);
        lines.iter().map(|line| line.name(|row| row.2.to_owned())).collect()
    }

    #[test]
    fn many_views_that_say_the_same_share_a_line_and_the_odd_one_stands_out() {
        let t = Some("t_{s}.mv");
        let rows = [
            (None, 1, "a"),
            (t, 1, "t_a.mv"),
            (t, 2, "t_b.mv"),
            (t, 1, "t_c.mv"),
            (t, 1, "t_d.mv"),
            (t, 1, "t_e.mv"),
            (Some("u"), 1, "u_a.mv"),
            (None, 1, "z"),
        ];
        assert_eq!(told(&rows), ["a", "t_{s}.mv (4 views)", "t_b.mv", "u_a.mv", "z"]);
    }

    #[test]
    fn a_few_are_listed() {
        let t = Some("t");
        assert_eq!(told(&[(t, 1, "a"), (t, 1, "b"), (t, 1, "c")]), ["a", "b", "c"]);
        assert_eq!(told(&[(None, 1, "a"); 5]), ["a"; 5]);
    }
}
