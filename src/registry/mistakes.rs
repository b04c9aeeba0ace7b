//! Collects every mistake of a registry with its line, and guesses what was meant.

use std::cell::{Cell, RefCell};

use crate::failure::Mistake;

/// How many words are compared, in one registry, in search of what was meant: enough for
/// a person's mistakes, and no wait when a program wrote ten thousand of them.
const COMPARISONS: usize = 100_000;

/// The longest message in characters; a name of the database is always shown in full.
const LONGEST_MESSAGE: usize = 500;

/// The mistakes found so far in one file.
pub(super) struct Mistakes<'t> {
    file: &'t str,
    /// The byte at which each line starts.
    line_starts: Vec<usize>,
    found: RefCell<Vec<Mistake>>,
    is_broken: Cell<bool>,
    comparisons: Cell<usize>,
}

impl<'t> Mistakes<'t> {
    /// Starts with none.
    pub(super) fn new(file: &'t str, text: &str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            file,
            line_starts: std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect(),
            found: RefCell::default(),
            is_broken: Cell::new(false),
            comparisons: Cell::new(0),
        }
    }

    /// Returns the line, counted from 1, of a place in bytes from the start of the file.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// Notes a mistake at a place in bytes from the start of the file.
    pub(super) fn add(&self, at: usize, message: impl AsRef<str>, hint: Option<String>) {
        self.add_on_line(self.line(at), message, hint);
    }

    /// Notes a mistake on a line, counted from 1.
    pub(super) fn add_on_line(&self, line: usize, message: impl AsRef<str>, hint: Option<String>) {
        self.found.borrow_mut().push(Mistake {
            file: self.file.to_owned(),
            line: Some(line),
            message: printable(message.as_ref()),
            hint: hint.map(|hint| printable(&hint)),
        });
    }

    /// Notes that the file is not TOML at a place.
    pub(super) fn syntax(&self, at: usize, message: impl AsRef<str>, hint: Option<String>) {
        self.is_broken.set(true);
        self.add(at, message, hint);
    }

    /// Tells whether a part of the file could not be parsed.
    ///
    /// What seems to be missing may then stand in that part, and is not reported.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// Returns the candidate that is most like a word, where one is near enough.
    pub(super) fn nearest<S: AsRef<str>>(
        &self,
        word: &str,
        candidates: impl IntoIterator<Item = S>,
    ) -> Option<S> {
        let word = word.to_lowercase();
        let length = word.chars().count();
        let allowed = (length / 3).max(1);
        let mut best: Option<(usize, S)> = None;
        for candidate in candidates {
            let compared = self.comparisons.get();
            if compared >= COMPARISONS || length > 200 {
                break;
            }
            self.comparisons.set(compared + 1);
            let other = candidate.as_ref();
            if other.len().abs_diff(word.len()) > allowed {
                continue;
            }
            let distance = strsim::osa_distance(&word, &other.to_lowercase());
            if distance <= allowed && best.as_ref().is_none_or(|(least, _)| distance < *least) {
                best = Some((distance, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }

    /// Returns the hint that names the nearest candidate, or else all of them.
    pub(super) fn meant(&self, word: &str, candidates: &[&str]) -> Option<String> {
        match self.nearest(word, candidates) {
            Some(nearest) => Some(format!("did you mean `{nearest}`?")),
            None if candidates.is_empty() => None,
            None => Some(format!("known: {}", listed(candidates))),
        }
    }

    /// Returns the mistakes in the order of their lines.
    pub(super) fn finish(self) -> Vec<Mistake> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|mistake| mistake.line);
        found
    }
}

/// Returns words in backticks with commas between them.
fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Returns a text that fits a terminal line: no control characters, and not without end.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST_MESSAGE));
    for (at, character) in text.chars().enumerate() {
        if at == LONGEST_MESSAGE {
            shown.push('…');
            break;
        }
        match character {
            '\n' | '\t' => shown.push(' '),
            control if control.is_control() => shown.extend(control.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        let mistakes = Mistakes::new("r", "a\nbc\n\nd");
        let lines: Vec<_> = (0..8).map(|at| mistakes.line(at)).collect();
        assert_eq!(lines, [1, 1, 2, 2, 2, 3, 4, 4]);
        assert_eq!(Mistakes::new("r", "").line(0), 1);
    }

    #[test]
    fn the_nearest_word_is_named_and_a_distant_one_is_not() {
        let mistakes = Mistakes::new("r", "");
        let keys = ["schedule", "schedules", "owner"];
        assert_eq!(mistakes.nearest("shedule", keys), Some("schedule"));
        assert_eq!(mistakes.nearest("OWNER", keys), Some("owner"));
        assert_eq!(mistakes.nearest("colour", keys), None);
        assert_eq!(
            mistakes.meant("colour", &keys),
            Some("known: `schedule`, `schedules`, `owner`".to_owned())
        );
    }

    #[test]
    fn guessing_ends_after_a_bounded_number_of_comparisons() {
        let mistakes = Mistakes::new("r", "");
        let many = vec!["public.mv_x"; COMPARISONS + 1];
        assert!(mistakes.nearest("something else", many.iter()).is_none());
        assert!(mistakes.nearest("owner", ["owner"]).is_none());
    }

    #[test]
    fn messages_hold_no_control_characters_and_end_somewhere() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a\\u{1b}[31m b");
        assert_eq!(printable(&"x".repeat(5_000)).chars().count(), LONGEST_MESSAGE + 1);
    }
}
