//! The output of a program: kept up to a size, without its middle, and what of it is told.

use std::collections::VecDeque;

/// How much of the beginning is kept, in bytes.
const HEAD: usize = 16 * 1024;

/// How much of the end is kept, in bytes.
const TAIL: usize = 48 * 1024;

/// How many lines of the end are told with a failure.
const LINES: usize = 15;

/// The beginning and the end of an output.
#[derive(Debug, Default)]
pub(super) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: usize,
    is_closed: bool,
}

impl Kept {
    /// Adds what was written.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let to_head = bytes.len().min(HEAD - self.head.len());
        self.head.extend(&bytes[..to_head]);
        self.tail.extend(&bytes[to_head..]);
        let too_much = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..too_much);
        self.left_out += too_much;
    }

    /// Says that nothing more will come.
    pub(super) const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Tells whether nothing more will come.
    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns the text. Around a gap only whole lines stay: half a password would not be
    /// recognised.
    pub(super) fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if self.left_out == 0 {
            return String::from_utf8_lossy(&[&self.head[..], &tail].concat()).into_owned();
        }
        let is_end = |byte: &u8| *byte == b'\n';
        let head = self.head.iter().rposition(is_end).map_or(0, |at| at + 1);
        let begin = tail.iter().position(is_end).map_or(tail.len(), |at| at + 1);
        let left_out = self.left_out + (self.head.len() - head) + begin;
        format!(
            "{}[{left_out} bytes left out]\n{}",
            String::from_utf8_lossy(&self.head[..head]),
            String::from_utf8_lossy(&tail[begin..])
        )
    }
}

/// Returns an output without what the server adds to an error from the rows of tables.
///
/// Source: the fields DETAIL and CONTEXT as libpq and psql print them, and the parameters of
/// a statement as SQLAlchemy does.
pub(super) fn without_rows(output: &str) -> String {
    const FIELDS: [&str; 3] = ["DETAIL:", "CONTEXT:", "[parameters:"];
    let told = |line: &str| {
        let end = line.len() - line.trim_end_matches(['\n', '\r']).len();
        let text = line.trim_start();
        let field = FIELDS.iter().find(|field| text.starts_with(**field));
        field.map_or_else(
            || line.to_owned(),
            |field| format!("{field} left out{}", &line[line.len() - end..]),
        )
    };
    output.split_inclusive('\n').map(told).collect()
}

/// Returns the last lines of an output that say something.
pub(super) fn last_lines(output: &str) -> Vec<String> {
    let lines: Vec<&str> =
        output.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Returns the module that Python says it has not, where that ended the run.
pub(super) fn missing_module(output: &str) -> Option<&str> {
    let line = output.lines().rev().find(|line| !line.trim().is_empty())?;
    let (_, said) = line.split_once("No module named ")?;
    let module = said.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
    (!module.is_empty()).then_some(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_output_is_kept_whole() {
        let mut kept = Kept::default();
        kept.add(b"one\n");
        kept.add(b"two");
        assert_eq!(kept.text(), "one\ntwo");
    }

    #[test]
    fn of_a_long_output_beginning_and_end_are_kept_in_whole_lines() {
        let mut kept = Kept::default();
        for number in 0..20_000 {
            kept.add(format!("line {number} of the output\n").as_bytes());
        }
        let text = kept.text();
        assert!(text.len() <= HEAD + TAIL + 40, "{}", text.len());
        let is_whole = |line: &str| line.starts_with("line ") && line.ends_with(" output");
        let mut others = text.lines().filter(|line| !is_whole(line));
        assert!(others.next().expect("a gap is told").ends_with("bytes left out]"));
        assert_eq!(others.next(), None);
        assert!(text.ends_with("line 19999 of the output\n"), "{text}");
    }

    #[test]
    fn one_endless_line_is_left_out() {
        let mut kept = Kept::default();
        kept.add(&vec![b'x'; 100_000]);
        assert_eq!(kept.text(), "[100000 bytes left out]\n");
    }

    #[test]
    fn the_last_lines_are_told_and_empty_ones_are_not() {
        let output: String = (0..30).map(|number| format!("{number}\n\n")).collect();
        let lines = last_lines(&output);
        assert_eq!((lines.len(), lines[0].as_str()), (15, "15"));
        assert!(last_lines("\n \n").is_empty());
    }

    #[test]
    fn rows_of_tables_are_left_out() {
        assert_eq!(
            without_rows("ERROR:  a\nDETAIL:  Key (id)=(7) exists.\n  CONTEXT:  COPY t: \"7\"\nb"),
            "ERROR:  a\nDETAIL: left out\nCONTEXT: left out\nb"
        );
        assert_eq!(without_rows("[parameters: {'a': 1}]"), "[parameters: left out");
        assert_eq!(without_rows("no DETAIL: here\n"), "no DETAIL: here\n");
    }

    #[test]
    fn a_missing_module_is_recognised() {
        let of = |text| missing_module(text);
        assert_eq!(of("x\nModuleNotFoundError: No module named 'psycopg2'\n"), Some("psycopg2"));
        assert_eq!(of("/usr/bin/python3: No module named alembic"), Some("alembic"));
        assert_eq!(of("No module named 'a'\nanother end"), None);
    }
}
