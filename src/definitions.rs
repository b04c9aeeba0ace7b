//! Definitions as the server stores them: compared by what it prints of them, with their
//! columns, and never by the text that somebody wrote. Pure; `pg/compare_definitions.rs`
//! has the server print.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ident::{Identifier, QualifiedName, RoleName};

mod calls;
mod diff;
mod file;
mod refused;
mod spelling;

pub use diff::unified;
pub use file::{Declared, declared, file_of};
pub use refused::{Meaning, Refused, names_schema};
pub use spelling::{agree_as_they_stand, spellings};

/// How often a definition is made anew from the server's own print of it; every form that
/// was tried prints the same after two.
pub const MOST_ROUNDS: usize = 3;

/// A column of a view.
///
/// Source: `pg_attribute`, without dropped columns, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewColumn {
    /// `attname`.
    pub name: Identifier,
    /// `format_type(atttypid, atttypmod)`, with the schema of types that are not built in.
    pub type_name: String,
    /// `attcollation`; `None`: the type has none, or it is the database's default.
    pub collation: Option<QualifiedName>,
}

impl std::fmt::Display for ViewColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.type_name)?;
        match &self.collation {
            Some(collation) => write!(f, " COLLATE {collation}"),
            None => Ok(()),
        }
    }
}

/// How far the prints of a definition went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The last print, made into a view, is printed the same: the fixed point.
    Settled,
    /// It did not come to that, for this reason.
    Open(String),
}

/// A definition as one server prints it under an empty search path.
///
/// A view that is made from its own print may print otherwise: a dump and its restoration
/// do that. The fixed point of it does not change any more, so it can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// What is printed of the view, and then of a view made from each print; at least one.
    pub rounds: Vec<String>,
    /// How far the prints went.
    pub end: End,
    /// The last print in a form for readers.
    pub pretty: String,
    /// The columns.
    pub columns: Vec<ViewColumn>,
    /// The major version of the server, such as 15.
    pub server_major: i32,
}

impl Definition {
    /// Returns the fixed point; where there is none, the last print.
    pub fn text(&self) -> &str {
        self.rounds.last().map_or("", String::as_str)
    }

    /// Tells whether the prints of two definitions come together: what follows in one then
    /// follows in the other, so both have the same fixed point.
    ///
    /// A function that one of them calls, and the other uses by a syntax of its own, is the
    /// same function: a database that was upgraded has the one, and a new one the other.
    pub fn meets(&self, other: &Self) -> bool {
        self.rounds.iter().any(|text| other.rounds.contains(text))
            || calls::in_calls(self.text()) == calls::in_calls(other.text())
    }

    /// Returns the lines that describe the columns.
    pub fn column_lines(&self) -> Vec<String> {
        self.columns.iter().map(ToString::to_string).collect()
    }
}

/// A view as one database has it; what two databases may have differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundView {
    /// Schema and name.
    pub name: QualifiedName,
    /// The role that owns it.
    pub owner: RoleName,
    /// `pg_class.reloptions`, sorted.
    pub options: Vec<String>,
    /// `COMMENT ON MATERIALIZED VIEW`.
    pub comment: Option<String>,
    /// What a lock may hide; else why it was not read, in one sentence.
    pub stored: Result<Stored, String>,
}

/// What the server prints of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The definition.
    pub definition: Definition,
    /// The indexes, by text.
    pub indexes: Vec<FoundIndex>,
}

/// An index as the server prints it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundIndex {
    /// `pg_get_indexdef` without the index's name, which the server may have chosen:
    /// `CREATE UNIQUE INDEX ON public.mv USING btree (tenant_id)`.
    pub text: String,
    /// Its name, in the schema of the view.
    pub name: Identifier,
}

/// What is wrong with a definition, for a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was expected; `None`: there is no such query in this database.
    pub expected: Option<Shown>,
    /// What was found.
    pub found: Shown,
    /// Unified, from the expected to the found; `None`: there is nothing to compare with.
    pub diff: Option<String>,
    /// Why there is nothing to compare with, in one sentence.
    pub reason: Option<String>,
}

/// A definition for a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The text in a form for readers.
    pub definition: String,
    /// The columns, each with type and collation.
    pub columns: Vec<String>,
}

impl From<&Definition> for Shown {
    fn from(definition: &Definition) -> Self {
        Self { definition: definition.pretty.clone(), columns: definition.column_lines() }
    }
}

/// What comparing two definitions came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// They have the same fixed point and the same columns.
    Same,
    /// They do not.
    Differs(Box<Difference>),
    /// It cannot be told, for this reason.
    Undecided(String),
}

/// What comparing came to for each view, by name.
pub type ComparedViews = BTreeMap<QualifiedName, Compared>;

impl Compared {
    /// Returns the word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs(_) => "differs",
            Self::Undecided(_) => "undecided",
        }
    }

    /// Returns the difference as a unified diff.
    pub fn diff(&self) -> Option<&str> {
        match self {
            Self::Differs(difference) => difference.diff.as_deref(),
            Self::Same | Self::Undecided(_) => None,
        }
    }
}

/// What the two sides of a diff are called in its first lines.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The expected side, such as `views/mv.sql`.
    pub expected: &'a str,
    /// The found side, such as `public.mv`.
    pub found: &'a str,
}

/// Compares two definitions.
///
/// Between servers of different majors, whose prints differ by themselves, only an
/// agreement of the texts says something.
pub fn compare(expected: &Definition, found: &Definition, sides: Sides<'_>) -> Compared {
    let is_met = expected.meets(found);
    if is_met && expected.columns == found.columns {
        return Compared::Same;
    }
    if !is_met {
        if expected.server_major != found.server_major {
            return Compared::Undecided(format!(
                "PostgreSQL {} and {} print definitions differently, and the prints do not agree",
                expected.server_major, found.server_major
            ));
        }
        for one in [expected, found] {
            if let End::Open(reason) = &one.end {
                return Compared::Undecided(reason.clone());
            }
        }
    }
    Compared::Differs(Box::new(Difference {
        expected: Some(expected.into()),
        found: found.into(),
        diff: Some(diff::of_definitions(expected, found, is_met, sides)),
        reason: None,
    }))
}

/// Something beside the definition that two databases have differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeDrift {
    /// What it is.
    pub attribute: Attribute,
    /// What was expected.
    pub expected: Vec<String>,
    /// What was found.
    pub found: Vec<String>,
}

/// What belongs to a view beside its definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attribute {
    /// The owner.
    Owner,
    /// The indexes, unique keys among them, whatever their names.
    Indexes,
    /// The storage options.
    Options,
    /// The comment.
    Comment,
}

/// Returns what two databases have differently of a view, the definition aside; indexes
/// that were not read are not compared.
pub fn attribute_drift(expected: &FoundView, found: &FoundView) -> Vec<AttributeDrift> {
    let owner = |view: &FoundView| vec![view.owner.to_string()];
    let comment = |view: &FoundView| view.comment.iter().cloned().collect::<Vec<_>>();
    let mut pairs = vec![
        (Attribute::Owner, owner(expected), owner(found)),
        (Attribute::Options, expected.options.clone(), found.options.clone()),
        (Attribute::Comment, comment(expected), comment(found)),
    ];
    if let (Ok(one), Ok(other)) = (&expected.stored, &found.stored) {
        let texts = |stored: &Stored| -> Vec<String> {
            stored.indexes.iter().map(|index| index.text.clone()).collect()
        };
        pairs.push((Attribute::Indexes, texts(one), texts(other)));
    }
    pairs
        .into_iter()
        .filter(|(_, expected, found)| expected != found)
        .map(|(attribute, expected, found)| AttributeDrift { attribute, expected, found })
        .collect()
}

#[cfg(test)]
mod tests;
