//! `[database]`: the schemas that the registry closes, and what it leaves aside in them.

use std::collections::BTreeSet;
use std::fmt;

use glob::Pattern;

use super::section::Section;
use super::text::Text;
use crate::ident::{Identifier, QualifiedName};

/// What of the database the registry speaks for.
///
/// Source: `[database]`; without it, all schemas and nothing ignored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DatabaseRules {
    /// The closed world. Source: `schemas`.
    pub schemas: Schemas,
    /// Views that are listed as ignored. Source: `ignore`.
    pub ignore: Vec<IgnorePattern>,
}

/// The schemas in which a view that is not registered is a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Schemas {
    /// All but the system's. Source: `"*"`, or no `schemas` at all.
    #[default]
    All,
    /// These alone.
    Listed(BTreeSet<Identifier>),
}

impl Schemas {
    /// Tells whether a schema is part of the closed world.
    pub fn contains(&self, schema: &Identifier) -> bool {
        match self {
            Self::All => {
                let name = schema.as_str();
                // PostgreSQL keeps names that begin with `pg_` for itself.
                !name.starts_with("pg_") && name != "information_schema"
            }
            Self::Listed(schemas) => schemas.contains(schema),
        }
    }
}

impl fmt::Display for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Listed(schemas) => {
                let names: Vec<String> = schemas.iter().map(ToString::to_string).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// A glob pattern for names of views, as SQL spells them: `public.tmp_*`.
///
/// `*` stands for any characters, dots included, `?` for one, `[ab]` for one of a set.
/// Case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnorePattern(Pattern);

impl IgnorePattern {
    /// Returns the pattern as the registry writes it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Tells whether a view's name matches.
    pub fn matches(&self, name: &QualifiedName) -> bool {
        self.matches_spelling(&name.to_string())
    }

    /// Tells whether a name matches that is spelt as SQL does.
    pub(super) fn matches_spelling(&self, spelling: &str) -> bool {
        self.0.matches(spelling)
    }
}

/// Reads `[database]`.
pub(super) fn read(mut section: Section<'_, '_>) -> DatabaseRules {
    let schemas = section.take("schemas").and_then(|field| {
        if field.is_text() {
            let text = field.text()?;
            if text.value == "*" {
                return Some(Schemas::All);
            }
            let hint = format!("write `schemas = [\"{}\"]`, or `\"*\"` for all", text.value);
            text.mistake("expected an array of strings, found a string", Some(hint));
            return None;
        }
        let at = field.at;
        let mistakes = section.mistakes();
        let texts = field.texts()?;
        if texts.is_empty() {
            let hint = "leave the key out, or write `[\"*\"]`, for all schemas".to_owned();
            mistakes.add(at, "`schemas`: no schema is listed", Some(hint));
        }
        let named: Vec<_> = texts.into_iter().filter(|text| text.value != "*").collect();
        let all = named.is_empty();
        let listed = Text::read_all(&named, Text::identifier);
        Some(if all { Schemas::All } else { Schemas::Listed(listed.into_iter().collect()) })
    });
    let ignore = section.take("ignore").and_then(|field| field.texts()).unwrap_or_default();
    let ignore = ignore.iter().filter_map(pattern).collect();
    section.finish();
    DatabaseRules { schemas: schemas.unwrap_or_default(), ignore }
}

fn pattern(text: &Text<'_, '_>) -> Option<IgnorePattern> {
    let pattern = text.value.as_ref();
    if !pattern.contains(['.', '*', '[']) {
        let hint = format!("write `*.{pattern}` for a view of that name in any schema");
        text.mistake(format!("`{pattern}` matches no name with a schema"), Some(hint));
        return None;
    }
    match Pattern::new(pattern) {
        Ok(pattern) => Some(IgnorePattern(pattern)),
        Err(error) => {
            let hint = "`*` stands for any characters, `?` for one, `[ab]` for one of a set";
            let message = format!("`{pattern}` is no glob pattern: {}", error.msg);
            text.mistake(message, Some(hint.to_owned()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_schemas_are_all_but_the_systems() {
        for (schema, contained) in [
            ("public", true),
            ("rpt", true),
            ("pg_catalog", false),
            ("pg_temp_3", false),
            ("information_schema", false),
        ] {
            let schema = Identifier::from_catalog(schema);
            assert_eq!(Schemas::All.contains(&schema), contained, "{schema}");
        }
    }

    #[test]
    fn patterns_match_names_as_sql_spells_them() {
        let pattern = |text| IgnorePattern(Pattern::new(text).expect("a pattern"));
        let tmp = QualifiedName::from_catalog("public", "tmp_1");
        let weird = QualifiedName::from_catalog("public", "Tmp 1");
        assert!(pattern("public.tmp_*").matches(&tmp));
        assert!(pattern("*.tmp_?").matches(&tmp));
        assert!(!pattern("public.tmp_*").matches(&weird));
        assert!(pattern("public.\"Tmp *\"").matches(&weird));
        assert!(!pattern("tmp_1").matches(&tmp));
    }
}
