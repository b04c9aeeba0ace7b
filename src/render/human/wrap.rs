//! Wrapping at white space: a word that is wider than the line stands on a line of its
//! own, whole, because it may be a name that the reader wants to copy.

use unicode_width::UnicodeWidthStr;

/// Returns the lines of a text, each at most `width` columns wide where its words allow.
pub(super) fn wrapped(text: &str, first: &str, further: &str, width: usize) -> Vec<String> {
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
