//! What it means that a server refuses a query: decided by SQLSTATE and by the text at the
//! place that the server points at, never by the message.

use crate::ident::Identifier;

/// What the server said of a query that it did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// SQLSTATE.
    pub sqlstate: String,
    /// The server's message, without secrets.
    pub message: String,
    /// The place in the query that it is about, in characters from 1.
    pub position: Option<usize>,
}

/// What a refusal means for the comparison with a view that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The query names what the database does not have; a view that is there cannot be it.
    NotHere,
    /// The role lacks a right.
    Denied,
    /// Nothing follows from it.
    Nothing,
}

impl Refused {
    /// Returns what the refusal of a query means.
    ///
    /// A name without a schema may be meant for a schema that was not looked in, so that it
    /// is not found says nothing. A column belongs to a relation that was found.
    pub fn meaning(&self, query: &str) -> Meaning {
        match self.sqlstate.as_str() {
            "42501" => Meaning::Denied,
            "42703" | "3F000" => Meaning::NotHere,
            "42P01" | "42883" | "42704" if self.is_at_a_schema(query) => Meaning::NotHere,
            _ => Meaning::Nothing,
        }
    }

    /// Returns the line of the query that it is about, counted from 1.
    pub fn line(&self, query: &str) -> Option<usize> {
        let before = self.position?.checked_sub(1)?;
        Some(query.chars().take(before).filter(|one| *one == '\n').count() + 1)
    }

    /// Returns the server's words: `syntax error at or near "x" (42601)`.
    pub fn words(&self) -> String {
        format!("{} ({})", self.message, self.sqlstate)
    }

    /// Tells whether a name with its schema stands at the place that it is about.
    fn is_at_a_schema(&self, query: &str) -> bool {
        let Some(before) = self.position.and_then(|position| position.checked_sub(1)) else {
            return false;
        };
        let rest: String = query.chars().skip(before).collect();
        behind_a_name(&rest).is_some_and(|behind| behind.trim_start().starts_with('.'))
    }
}

/// Tells whether a query seems to name something in a schema; it is good for a hint.
pub fn names_schema(query: &str, schema: &Identifier) -> bool {
    let spelt = format!("{schema}.");
    let query = if spelt.starts_with('"') { query.to_owned() } else { query.to_lowercase() };
    query.match_indices(&spelt).any(|(at, _)| {
        let before = query[..at].chars().next_back();
        !before.is_some_and(|one| one.is_alphanumeric() || matches!(one, '_' | '$' | '.'))
    })
}

/// Returns what stands behind the identifier that a text begins with.
fn behind_a_name(text: &str) -> Option<&str> {
    if let Some(mut quoted) = text.strip_prefix('"') {
        loop {
            let (_, behind) = quoted.split_once('"')?;
            match behind.strip_prefix('"') {
                Some(further) => quoted = further,
                None => return Some(behind),
            }
        }
    }
    let is_part = |one: char| one.is_alphanumeric() || matches!(one, '_' | '$') || !one.is_ascii();
    let end = text.find(|one| !is_part(one)).unwrap_or(text.len());
    (end > 0).then(|| &text[end..])
}
