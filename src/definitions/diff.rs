//! Differences of definitions as unified diffs, by line, from the expected to the found.

use similar::TextDiff;

use super::{Definition, Sides};

/// How many lines around a change are shown.
const CONTEXT: usize = 3;

/// Returns the unified diff of two texts; empty where they are equal.
pub fn unified(expected: &str, found: &str, sides: Sides<'_>) -> String {
    let ended = |text: &str| match text.ends_with('\n') {
        true => text.to_owned(),
        false => format!("{text}\n"),
    };
    let (expected, found) = (ended(expected), ended(found));
    // A diff without an end to its lines would say so, which is of no interest here.
    TextDiff::from_lines(&expected, &found)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(sides.expected, sides.found)
        .to_string()
}

/// Returns the diff of two definitions that differ: of their texts, or of their columns
/// where the texts agree.
pub(super) fn of_definitions(
    expected: &Definition,
    found: &Definition,
    texts_agree: bool,
    sides: Sides<'_>,
) -> String {
    if texts_agree {
        let lines = |definition: &Definition| definition.column_lines().join("\n");
        return unified(&lines(expected), &lines(found), sides);
    }
    // The form for readers leaves out what it takes for clear: parentheses, for example.
    match unified(&expected.pretty, &found.pretty, sides) {
        diff if diff.is_empty() => unified(expected.text(), found.text(), sides),
        diff => diff,
    }
}
