//! A unified diff on a page: lines that are too long go on below, and are broken between
//! words alone, never within a name or a literal.

use std::io;

use owo_colors::Style;
use unicode_width::UnicodeWidthStr;

use super::Page;
use crate::wording::{plural, printable};

/// How many lines are shown where no more detail was asked for.
const MOST_LINES: usize = 60;

/// Where the lines stand.
const INDENT: &str = "    ";

pub(super) fn write(page: &mut Page<'_>, diff: &str) -> io::Result<()> {
    let lines: Vec<&str> = diff.lines().collect();
    let shown = if page.is_verbose() { lines.len() } else { lines.len().min(MOST_LINES) };
    for line in &lines[..shown] {
        let style = match line.as_bytes().first() {
            Some(b'+') => Style::new().green(),
            Some(b'-') => Style::new().red(),
            _ => Style::new(),
        };
        for part in folded(&printable(line), page.appearance.width.saturating_sub(INDENT.len())) {
            page.styled_line(INDENT, &part, style, "")?;
        }
    }
    match lines.len() - shown {
        0 => Ok(()),
        hidden => page.line(&format!("{INDENT}{} more; -v shows all", plural(hidden, "line"))),
    }
}

/// Folds a line of a diff to a width; the further lines repeat its sign, and stand deeper.
fn folded(line: &str, width: usize) -> Vec<String> {
    let sign = line.get(..1).unwrap_or_default();
    let text = &line[sign.len()..];
    let depth = text.len() - text.trim_start().len();
    let further = format!("{sign}{}", " ".repeat(depth + 2));
    let (mut lines, mut at, mut folded) = (Vec::new(), sign.to_owned(), false);
    for word in words(text) {
        let has_text = !at[sign.len()..].trim().is_empty();
        if has_text && at.width() + word.trim_end().width() > width {
            lines.push(at.trim_end().to_owned());
            (at, folded) = (further.clone(), true);
        }
        let fresh = folded && at == further;
        at.push_str(if fresh { word.trim_start() } else { word });
    }
    lines.push(at.trim_end().to_owned());
    lines
}

/// Splits a text before each space that is in no quotes.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut from, mut quote) = (Vec::new(), 0, None);
    for (at, one) in text.char_indices() {
        match (one, quote) {
            ('\'' | '"', None) => quote = Some(one),
            (one, Some(open)) if one == open => quote = None,
            (' ', None) if at > from => {
                words.push(&text[from..at]);
                from = at;
            }
            _ => {}
        }
    }
    words.push(&text[from..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_fits_stays_as_it_is() {
        for line in ["", " ", "+", "-   SELECT  a", "@@ -1,2 +1,2 @@", "--- views/mv.sql"] {
            assert_eq!(folded(line, 40), [line.trim_end()]);
        }
    }

    #[test]
    fn a_long_line_is_folded_between_words_below_its_sign() {
        assert_eq!(
            folded("+   WHERE (a > 1) AND (b < 2)", 18),
            ["+   WHERE (a > 1)", "+     AND (b < 2)"]
        );
    }

    #[test]
    fn names_and_literals_are_not_broken() {
        assert_eq!(
            folded("-SELECT \"a long name\", 'one  two three' AS x", 20),
            ["-SELECT", "-  \"a long name\",", "-  'one  two three'", "-  AS x"]
        );
    }
}
