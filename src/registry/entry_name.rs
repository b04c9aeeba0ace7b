//! The name of a registry entry: one view, or a template that is filled in for each tenant.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::ident::{IdentError, Identifier, QualifiedName};

/// What an entry names.
///
/// Source: `name` of a `[[matview]]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryName {
    /// One view.
    Fixed(QualifiedName),
    /// One view per tenant.
    PerTenant(NameTemplate),
}

/// A view's name with placeholders, such as `tenant_{slug}.mv_revenue`.
///
/// A placeholder names a column of the tenants query. In a part inside double quotes,
/// `{{` and `}}` stand for the braces themselves. Two templates are equal when they are
/// filled in to the same names, however they are spelt.
#[derive(Debug, Clone)]
pub struct NameTemplate {
    source: Box<str>,
    schema: Box<[Piece]>,
    name: Box<[Piece]>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Text(Box<str>),
    /// A column of the tenants query.
    Column(Box<str>),
}

/// Why a text names no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryNameError {
    /// It is no qualified name, placeholders apart.
    #[error(transparent)]
    Name(#[from] IdentError),
    /// A brace without its counterpart.
    #[error("`{0}` has a brace that does not match")]
    Braces(String),
    /// What stands between braces is no column name.
    #[error("`{{{0}}}` is no placeholder")]
    Placeholder(String),
}

/// Why a template cannot be filled in for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// The tenants query has no such column, or it is null or empty.
    #[error("the tenants query gives no value for `{{{0}}}`")]
    NoValue(String),
    /// The name would be none, for example because it is too long.
    #[error(transparent)]
    Name(#[from] IdentError),
}

impl EntryName {
    /// Returns the view's name, unless there is one per tenant.
    pub fn fixed(&self) -> Option<&QualifiedName> {
        match self {
            Self::Fixed(name) => Some(name),
            Self::PerTenant(_) => None,
        }
    }

    /// Tells whether this is a template that some tenant's values would fill in to a name.
    pub fn may_stand_for(&self, name: &QualifiedName) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::PerTenant(template) => template.may_stand_for(name),
        }
    }

    /// Returns how the registry spells one view's name: as SQL does, and with braces
    /// doubled, which would else be placeholders.
    pub fn spell(name: &QualifiedName) -> String {
        name.to_string().replace('{', "{{").replace('}', "}}")
    }
}

impl fmt::Display for EntryName {
    /// Writes one view's name as SQL spells it, and a template as the registry does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(name) => name.fmt(f),
            Self::PerTenant(template) => template.fmt(f),
        }
    }
}

impl FromStr for EntryName {
    type Err = EntryNameError;

    /// Reads a name as SQL spells it, with placeholders or without.
    fn from_str(text: &str) -> Result<Self, EntryNameError> {
        if !text.contains(['{', '}']) {
            return Ok(Self::Fixed(text.parse()?));
        }
        let [schema, name] = read_parts(text)?;
        let template = NameTemplate { source: text.into(), schema, name };
        // With every placeholder one byte long, what does not fit now never will.
        let name = template.fill(|_| Some("x"))?;
        let is_fixed = template.columns().is_empty();
        Ok(if is_fixed { Self::Fixed(name) } else { Self::PerTenant(template) })
    }
}

impl NameTemplate {
    /// Returns the columns of the tenants query that are used, each once.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        for piece in self.schema.iter().chain(&self.name) {
            if let Piece::Column(column) = piece
                && !columns.contains(&column.as_ref())
            {
                columns.push(column.as_ref());
            }
        }
        columns
    }

    /// Tells whether some tenant's values would make this name; without the tenants, that
    /// is all that can be known.
    pub fn may_stand_for(&self, name: &QualifiedName) -> bool {
        fits(&self.schema, name.schema.as_str()) && fits(&self.name, name.name.as_str())
    }

    /// Returns one tenant's view, from the tenant's row of the tenants query.
    ///
    /// Schema and name are each put together from the raw values and are one identifier,
    /// whatever quotes or dots the values hold.
    ///
    /// # Errors
    ///
    /// [`ExpandError`] when a column is missing, or when the outcome is no identifier.
    pub fn expand(&self, tenant: &BTreeMap<String, String>) -> Result<QualifiedName, ExpandError> {
        // Nothing is no value: a name that only the rest of the template makes says no tenant.
        self.fill(|column| tenant.get(column).map(String::as_str).filter(|value| !value.is_empty()))
    }

    fn fill<'v>(
        &self,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> Result<QualifiedName, ExpandError> {
        let part = |pieces: &[Piece]| {
            let mut raw = String::new();
            for piece in pieces {
                raw.push_str(match piece {
                    Piece::Text(text) => text,
                    Piece::Column(column) => {
                        value(column).ok_or_else(|| ExpandError::NoValue(column.to_string()))?
                    }
                });
            }
            Ok::<_, ExpandError>(Identifier::new(&raw)?)
        };
        Ok(QualifiedName { schema: part(&self.schema)?, name: part(&self.name)? })
    }
}

/// Tells whether a raw text can be put together from pieces, each column being some text.
fn fits(pieces: &[Piece], text: &str) -> bool {
    match pieces {
        [] => text.is_empty(),
        [Piece::Text(piece), rest @ ..] => {
            text.strip_prefix(piece.as_ref()).is_some_and(|behind| fits(rest, behind))
        }
        [Piece::Column(_), rest @ ..] => text
            .char_indices()
            .skip(1)
            .map(|(at, _)| at)
            .chain([text.len()])
            .any(|end| end > 0 && fits(rest, &text[end..])),
    }
}

impl From<ExpandError> for EntryNameError {
    fn from(error: ExpandError) -> Self {
        match error {
            ExpandError::NoValue(column) => Self::Placeholder(column),
            ExpandError::Name(error) => Self::Name(error),
        }
    }
}

impl PartialEq for NameTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for NameTemplate {}

impl PartialOrd for NameTemplate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NameTemplate {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.schema, &self.name).cmp(&(&other.schema, &other.name))
    }
}

impl fmt::Display for NameTemplate {
    /// Writes the template as the registry spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Splits a template into the pieces of its schema and of its name.
fn read_parts(whole: &str) -> Result<[Box<[Piece]>; 2], EntryNameError> {
    let mut reader = PartReader { whole, rest: whole, pieces: Vec::new(), text: String::new() };
    let schema = reader.read_part()?;
    let Some(rest) = reader.rest.strip_prefix('.') else {
        return Err(IdentError::NoSchema(whole.to_owned()).into());
    };
    reader.rest = rest;
    let name = reader.read_part()?;
    if reader.rest.is_empty() {
        Ok([schema, name])
    } else {
        Err(IdentError::TooManyParts(whole.to_owned()).into())
    }
}

/// Reads a template from the front.
struct PartReader<'t> {
    whole: &'t str,
    rest: &'t str,
    pieces: Vec<Piece>,
    text: String,
}

impl PartReader<'_> {
    /// Reads up to the dot that ends a part, or to the end.
    fn read_part(&mut self) -> Result<Box<[Piece]>, EntryNameError> {
        if self.rest.starts_with('"') {
            self.rest = &self.rest[1..];
            self.read_quoted()?;
            if !(self.rest.is_empty() || self.rest.starts_with('.')) {
                return Err(IdentError::Quotes(self.whole.to_owned()).into());
            }
        } else {
            self.read_unquoted()?;
        }
        self.end_text();
        if self.pieces.is_empty() {
            return Err(IdentError::Empty.into());
        }
        Ok(std::mem::take(&mut self.pieces).into())
    }

    fn read_quoted(&mut self) -> Result<(), EntryNameError> {
        loop {
            let Some(character) = self.next() else {
                return Err(IdentError::Quotes(self.whole.to_owned()).into());
            };
            let is_doubled = self.rest.starts_with(character);
            match character {
                '"' | '{' | '}' if is_doubled => {
                    self.next();
                    self.text.push(character);
                }
                '"' => return Ok(()),
                '{' => self.read_placeholder()?,
                '}' => return Err(EntryNameError::Braces(self.whole.to_owned())),
                other => self.text.push(other),
            }
        }
    }

    fn read_unquoted(&mut self) -> Result<(), EntryNameError> {
        while !self.rest.starts_with('.')
            && let Some(character) = self.next()
        {
            let is_first = self.text.is_empty() && self.pieces.is_empty();
            match character {
                '{' => self.read_placeholder()?,
                '}' => return Err(EntryNameError::Braces(self.whole.to_owned())),
                'A'..='Z' | 'a'..='z' | '_' => self.text.push(character.to_ascii_lowercase()),
                '0'..='9' | '$' if !is_first => self.text.push(character),
                other if !other.is_ascii() => self.text.push(other),
                _ => {
                    let name = self.whole.to_owned();
                    return Err(IdentError::Unquoted { name, character }.into());
                }
            }
        }
        Ok(())
    }

    /// Reads the column name up to the closing brace; the opening one is behind us.
    fn read_placeholder(&mut self) -> Result<(), EntryNameError> {
        let Some((column, behind)) = self.rest.split_once('}') else {
            return Err(EntryNameError::Braces(self.whole.to_owned()));
        };
        let is_plain = !column.contains(['"', '{']);
        let Some(Ok(column)) = is_plain.then(|| column.parse::<Identifier>()) else {
            return Err(EntryNameError::Placeholder(column.to_owned()));
        };
        self.end_text();
        self.pieces.push(Piece::Column(column.as_str().into()));
        self.rest = behind;
        Ok(())
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn next(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template(text: &str) -> NameTemplate {
        match text.parse() {
            Ok(EntryName::PerTenant(template)) => template,
            other => panic!("{text} is no template: {other:?}"),
        }
    }

    fn row(columns: &[(&str, &str)]) -> BTreeMap<String, String> {
        columns.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn a_template_is_filled_in_part_by_part() {
        let row = row(&[("slug", "acme"), ("id", "7"), ("odd", "A.\"b\"")]);
        for (text, schema, name) in [
            ("tenant_{slug}.mv_revenue", "tenant_acme", "mv_revenue"),
            ("Tenant_{Slug}.mv_{slug}_{id}", "tenant_acme", "mv_acme_7"),
            ("{odd}.mv", "A.\"b\"", "mv"),
            ("\"T {slug}\".\"{{{id}}} \"\"x\"\"\"", "T acme", "{7} \"x\""),
        ] {
            let expanded = template(text).expand(&row);
            assert_eq!(expanded, Ok(QualifiedName::from_catalog(schema, name)), "{text}");
            assert_eq!(template(text).to_string(), text);
        }
        let two = template("tenant_{slug}.mv_{id}_{slug}");
        assert_eq!(two.columns(), ["slug", "id"]);
    }

    #[test]
    fn a_template_may_stand_for_the_names_that_some_values_make() {
        for (text, name, may) in [
            ("tenant_{slug}.mv", "tenant_acme.mv", true),
            ("tenant_{slug}.mv", "tenant_.mv", false),
            ("tenant_{slug}.mv", "tenant_acme.mv_x", false),
            ("{a}_{b}.mv_{a}", "é_y_z.mv_1", true),
            ("{a}_{b}.mv_{a}", "xy.mv_1", false),
        ] {
            let name = name.parse().expect("a name");
            assert_eq!(template(text).may_stand_for(&name), may, "{text} {name}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_is_refused() {
        let tenant = template("{slug}.mv_{id}");
        assert_eq!(tenant.expand(&row(&[("slug", "a")])), Err(ExpandError::NoValue("id".into())));
        assert_eq!(
            tenant.expand(&row(&[("slug", ""), ("id", "1")])),
            Err(ExpandError::NoValue("slug".into()))
        );
        let long = "x".repeat(64);
        assert_eq!(
            tenant.expand(&row(&[("slug", &long), ("id", "1")])),
            Err(ExpandError::Name(IdentError::TooLong(long)))
        );
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in [
            "{slug}",
            "a.{",
            "a.{}",
            "a.}",
            "a.{slug",
            "a.b}{",
            "a.{two words}",
            "a.{1}",
            "a.{{x}}",
            "a.b.{c}",
            "a b.{c}",
            "\"{c}.b",
            "\"a\"{c}.b",
            "a.\"{c}\"d",
            "1{c}.b",
            ".{c}",
            "{c}.",
            "{c}.\"\"",
            "a.\"}\"{c}",
        ] {
            assert!(text.parse::<EntryName>().is_err(), "{text}");
        }
        let long = format!("a.{}{{slug}}", "x".repeat(63));
        assert!(long.parse::<EntryName>().is_err());
    }

    #[test]
    fn templates_are_equal_when_they_give_the_same_names() {
        assert_eq!(template("Tenant_{slug}.mv"), template("tenant_{SLUG}.\"mv\""));
        assert_ne!(template("tenant_{slug}.mv"), template("tenant_{id}.mv"));
    }

    #[test]
    fn a_name_that_holds_braces_can_be_registered() {
        let name = QualifiedName::from_catalog("public", "a{b}");
        let entry = EntryName::Fixed(name.clone());
        assert_eq!(EntryName::spell(&name), "public.\"a{{b}}\"");
        assert_eq!(EntryName::spell(&name).parse(), Ok(entry));
    }

    proptest! {
        #[test]
        fn every_name_is_read_back_as_the_registry_spells_it(
            schema in "[^\\x00]{1,15}",
            name in "[^\\x00]{1,15}",
        ) {
            let name = QualifiedName::from_catalog(schema, name);
            prop_assert_eq!(EntryName::spell(&name).parse(), Ok(EntryName::Fixed(name)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[ab.\"{}1 é]{0,16}") {
            if let Ok(EntryName::PerTenant(template)) = text.parse::<EntryName>() {
                prop_assert!(!template.columns().is_empty());
            }
        }

        #[test]
        fn a_value_never_leaves_its_identifier(value in "[^\\x00]{1,15}") {
            let expanded = template("t_{v}.mv").expand(&row(&[("v", &value)]));
            prop_assert_eq!(expanded, Ok(QualifiedName::from_catalog(format!("t_{value}"), "mv")));
        }
    }
}
