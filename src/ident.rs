//! Names of database objects: validated when made, quoted when written, so that no
//! statement is ever put together from a raw name.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The longest identifier that PostgreSQL keeps, in bytes (`NAMEDATALEN - 1`).
pub const MAX_IDENTIFIER_BYTES: usize = 63;

/// Why a text is no identifier, or no qualified name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentError {
    /// Nothing between two dots, or an empty text.
    #[error("a name is empty")]
    Empty,
    /// PostgreSQL would cut it, and it would then name another object.
    #[error("`{0}` is longer than 63 bytes; PostgreSQL would cut it")]
    TooLong(String),
    /// A character that must be inside double quotes.
    #[error("`{name}` is no identifier: `{character}` must be inside double quotes")]
    Unquoted {
        /// The whole text.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// A double quote that is not closed, or text behind a closing one.
    #[error("`{0}` has a double quote that does not match")]
    Quotes(String),
    /// NUL cannot stand in a name.
    #[error("a name holds a NUL character")]
    Nul,
    /// A name without its schema.
    #[error("`{0}` has no schema")]
    NoSchema(String),
    /// More than `schema.name`.
    #[error("`{0}` has more than two parts")]
    TooManyParts(String),
}

/// One identifier, unquoted; shown as SQL would spell it, in quotes only where needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier(Box<str>);

impl Identifier {
    /// Makes an identifier from its unquoted text.
    ///
    /// # Errors
    ///
    /// [`IdentError`] when it is empty, longer than 63 bytes or holds a NUL.
    pub fn new(raw: &str) -> Result<Self, IdentError> {
        if raw.is_empty() {
            return Err(IdentError::Empty);
        }
        if raw.contains('\0') {
            return Err(IdentError::Nul);
        }
        if raw.len() > MAX_IDENTIFIER_BYTES {
            return Err(IdentError::TooLong(raw.to_owned()));
        }
        Ok(Self(raw.into()))
    }

    /// Takes over a name that the catalog holds, and which is therefore one.
    pub fn from_catalog(raw: impl Into<Box<str>>) -> Self {
        Self(raw.into())
    }

    /// Returns the text as the catalog keeps it, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if needs_quotes(&self.0) {
            write!(f, "\"{}\"", self.0.replace('"', "\"\""))
        } else {
            f.write_str(&self.0)
        }
    }
}

impl FromStr for Identifier {
    type Err = IdentError;

    /// Reads one identifier as SQL spells it: folded to lower case unless quoted.
    fn from_str(text: &str) -> Result<Self, IdentError> {
        let mut parts = split(text)?;
        match (parts.pop(), parts.is_empty()) {
            (Some(one), true) => Self::new(&one),
            _ => Err(IdentError::TooManyParts(text.to_owned())),
        }
    }
}

impl Serialize for Identifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A relation's name with its schema, ordered by schema and then name.
///
/// Source: `pg_namespace.nspname` and `pg_class.relname`; or the registry and the
/// command line, in the spelling of SQL (`rpt."Weird Name"`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    /// The schema.
    pub schema: Identifier,
    /// The name within the schema.
    pub name: Identifier,
}

impl QualifiedName {
    /// Joins two names that the catalog holds.
    pub fn from_catalog(schema: impl Into<Box<str>>, name: impl Into<Box<str>>) -> Self {
        Self { schema: Identifier::from_catalog(schema), name: Identifier::from_catalog(name) }
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl FromStr for QualifiedName {
    type Err = IdentError;

    /// Reads `schema.name` as SQL spells it.
    fn from_str(text: &str) -> Result<Self, IdentError> {
        let parts = split(text)?;
        match parts.as_slice() {
            [schema, name] => {
                Ok(Self { schema: Identifier::new(schema)?, name: Identifier::new(name)? })
            }
            [_] => Err(IdentError::NoSchema(text.to_owned())),
            _ => Err(IdentError::TooManyParts(text.to_owned())),
        }
    }
}

impl Serialize for QualifiedName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A role's name; roles belong to the whole server, not to a database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RoleName(pub Identifier);

impl RoleName {
    /// Takes over a name from `pg_roles.rolname`.
    pub fn from_catalog(raw: impl Into<Box<str>>) -> Self {
        Self(Identifier::from_catalog(raw))
    }

    /// Returns the name as the catalog keeps it, without quotes.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RoleName {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        text.parse().map(Self)
    }
}

/// Returns a text as an SQL string literal, safe whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// Splits a dotted name into its unquoted parts.
fn split(text: &str) -> Result<Vec<String>, IdentError> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, behind) = take_part(text, rest)?;
        if part.is_empty() {
            return Err(IdentError::Empty);
        }
        parts.push(part);
        match behind.strip_prefix('.') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(parts),
            None => return Err(IdentError::Quotes(text.to_owned())),
        }
    }
}

/// Takes one part off the front; returns it unquoted, and what stands behind it.
fn take_part<'a>(whole: &str, rest: &'a str) -> Result<(String, &'a str), IdentError> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut part = String::new();
        let mut at = 0;
        while let Some(found) = quoted[at..].find('"') {
            part.push_str(&quoted[at..at + found]);
            at += found + 1;
            if !quoted[at..].starts_with('"') {
                return Ok((part, &quoted[at..]));
            }
            part.push('"');
            at += 1;
        }
        return Err(IdentError::Quotes(whole.to_owned()));
    }
    let end = rest.find('.').unwrap_or(rest.len());
    let part = &rest[..end];
    for (at, character) in part.chars().enumerate() {
        let allowed = character.is_ascii_alphabetic()
            || character == '_'
            || !character.is_ascii()
            || (at > 0 && (character.is_ascii_digit() || character == '$'));
        if !allowed {
            return Err(IdentError::Unquoted { name: whole.to_owned(), character });
        }
    }
    // PostgreSQL folds ASCII letters only, in a UTF-8 database.
    Ok((part.to_ascii_lowercase(), &rest[end..]))
}

/// Tells whether an identifier must be quoted, by the rule of the server's `quote_ident`.
fn needs_quotes(raw: &str) -> bool {
    let safe = raw.bytes().enumerate().all(|(at, byte)| {
        byte.is_ascii_lowercase() || byte == b'_' || (at > 0 && byte.is_ascii_digit())
    });
    !safe || KEYWORDS.binary_search(&raw).is_ok()
}

/// The key words that must be quoted, sorted.
///
/// Source: `pg_get_keywords()` where `catcode <> 'U'`, PostgreSQL 13 to 18 together.
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn key_words_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn names_are_spelt_as_sql_would() {
        for (raw, spelt) in [
            ("mv_x", "mv_x"),
            ("Weird Name", "\"Weird Name\""),
            ("mv;drop table x", "\"mv;drop table x\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("select", "\"select\""),
            ("1st", "\"1st\""),
            ("übersicht", "\"übersicht\""),
        ] {
            assert_eq!(Identifier::new(raw).expect("valid").to_string(), spelt);
        }
    }

    #[test]
    fn unquoted_names_are_folded_and_quoted_ones_are_kept() {
        let name: QualifiedName = "Public.\"MV x\"".parse().expect("valid");
        assert_eq!(name, QualifiedName::from_catalog("public", "MV x"));
    }

    #[test]
    fn what_is_no_qualified_name_is_refused() {
        for text in [
            "", "x", "a.b.c", "a.", ".b", "a.b;drop", "a.\"b", "a.\"b\"c", "a.1b", "a.b c",
            "a.\"\"",
        ] {
            assert!(text.parse::<QualifiedName>().is_err(), "{text}");
        }
        let long = format!("a.{}", "x".repeat(64));
        assert_eq!(long.parse::<QualifiedName>(), Err(IdentError::TooLong("x".repeat(64))));
    }

    #[test]
    fn literals_double_quotes_and_mark_backslashes() {
        assert_eq!(literal("o'clock"), "'o''clock'");
        assert_eq!(literal("a\\b'"), "E'a\\\\b'''");
    }

    proptest! {
        #[test]
        fn every_name_is_read_back_as_it_was_written(
            schema in "[^\\x00]{1,15}",
            name in "[^\\x00]{1,15}",
        ) {
            let written = QualifiedName {
                schema: Identifier::new(&schema).expect("short"),
                name: Identifier::new(&name).expect("short"),
            };
            prop_assert_eq!(written.to_string().parse::<QualifiedName>(), Ok(written));
        }
    }
}
