//! Words that several renderings share: counts, sizes and durations as a
//! reader says them, and lines that fit a page.

use std::borrow::Cow;
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

/// Returns a count with its noun: `1 error`, `2 errors`.
pub fn plural(count: usize, noun: &str) -> String {
    let word = match (count, noun.strip_suffix('y')) {
        (1, _) => return format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{count} {word}")
}

/// Returns a size in bytes with a binary unit and at most one decimal: `40 kB`, `1.2 GB`.
///
/// The units are those of the server's `pg_size_pretty`: 1 kB is 1,024 bytes.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = i128::from(bytes) * 10;
    let mut unit = "B";
    for next in UNITS {
        if tenths < 10 * 1024 {
            break;
        }
        tenths = (tenths + 512) / 1024;
        unit = next;
    }
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {unit}"),
        (whole, _) if whole >= 100 => format!("{whole} {unit}"),
        (whole, tenth) => format!("{whole}.{tenth} {unit}"),
    }
}

/// Returns an estimated number of rows, rounded so that it does not look exact.
pub fn about(rows: f64) -> String {
    match rows {
        rows if rows < 1_000.0 => format!("~{rows:.0}"),
        rows if rows < 1_000_000.0 => format!("~{:.1} k", rows / 1e3),
        rows if rows < 1e9 => format!("~{:.1} M", rows / 1e6),
        rows => format!("~{:.1} G", rows / 1e9),
    }
}

/// Returns a duration with its two largest units: `812ms`, `2m 5s`, `3h 10m`.
pub fn duration(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        return format!("{}ms", duration.as_millis());
    }
    let seconds = duration.as_secs();
    if seconds < 60 {
        return format!("{:.1}s", duration.as_secs_f64());
    }
    let text = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Returns a text without control characters, each spelt as an escape: a name may hold a
/// line break, or a code that a terminal obeys.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let spelt = |one: char| {
        if one.is_control() { one.escape_default().collect() } else { String::from(one) }
    };
    Cow::Owned(text.chars().map(spelt).collect())
}

/// Returns the lines of a text, each at most `width` columns wide where its words allow.
///
/// A word that is wider stands on a line of its own, whole, because it may be a name that
/// the reader wants to copy.
pub fn wrapped(text: &str, first: &str, further: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let space = usize::from(!is_empty);
        if !is_empty && line.width() + space + word.width() > width {
            lines.push(std::mem::replace(&mut line, further.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_take_their_plural() {
        assert_eq!(plural(0, "error"), "0 errors");
        assert_eq!(plural(1, "query"), "1 query");
        assert_eq!(plural(2, "query"), "2 queries");
        assert_eq!(plural(2, "key"), "2 keys");
    }

    #[test]
    fn sizes_have_one_decimal_where_it_says_something() {
        for (bytes, said) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 kB"),
            (40_960, "40 kB"),
            (1_572_864, "1.5 MB"),
            (268_435_456, "256 MB"),
            (i64::MAX, "8192 PB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }

    #[test]
    fn control_characters_are_spelt_out() {
        assert_eq!(printable("plain ü"), "plain ü");
        assert_eq!(printable("a\nb\u{1b}[31mc\t"), "a\\nb\\u{1b}[31mc\\t");
    }

    #[test]
    fn durations_have_two_units() {
        for (milliseconds, said) in
            [(812, "812ms"), (5_250, "5.2s"), (125_000, "2m 5s"), (11_405_000, "3h 10m")]
        {
            assert_eq!(duration(Duration::from_millis(milliseconds)), said);
        }
    }

    #[test]
    fn lines_keep_to_the_width_and_words_stay_whole() {
        assert_eq!(wrapped("one two three", "- ", "  ", 9), ["- one two", "  three"]);
        assert_eq!(
            wrapped("a public.a_very_long_name b", "", "  ", 10),
            ["a", "  public.a_very_long_name", "  b"]
        );
        assert_eq!(wrapped("", "x", "  ", 10), ["x"]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(wrapped("表表 表表", "", "", 8), ["表表", "表表"]);
    }
}
