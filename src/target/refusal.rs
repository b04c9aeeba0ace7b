//! Why a connection text or a variable is refused. No sentence here repeats a value: a
//! damaged URL may hold its password anywhere.

use super::Source;
use crate::failure::Failure;

/// One reason to refuse, with what to do about it.
#[derive(Debug)]
pub(super) struct Refusal {
    sentence: String,
    hints: Vec<String>,
    variable: bool,
}

/// Where a value was found, for the sentence that refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the URL or keyword string.
    Given,
    /// In a variable of libpq.
    Variable(&'static str),
}

impl Refusal {
    /// Refuses the text that was given.
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hints: Vec::new(), variable: false }
    }

    /// Refuses a value; `part` is its name in the text, `predicate` completes the sentence.
    pub(super) fn of(origin: Origin, part: &str, predicate: &str) -> Self {
        match origin {
            Origin::Given => Self::new(format!("{part} {predicate}")),
            Origin::Variable(name) => {
                let sentence = format!("`{name}` {predicate}");
                Self { sentence, hints: Vec::new(), variable: true }
            }
        }
    }

    /// Adds what to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Turns it into a failure that names who gave the text.
    pub(super) fn into_failure(self, source: Source) -> Failure {
        let message = if self.variable {
            self.sentence
        } else {
            format!("cannot use {source}: {}", self.sentence)
        };
        self.hints.into_iter().fold(Failure::usage(message), Failure::hint)
    }
}
