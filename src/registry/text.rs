//! A string of the registry while it is read: turned into a name, a duration or a choice,
//! or reported with a hint that says how to spell it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use super::mistakes::Mistakes;
use crate::ident::{IdentError, Identifier, QualifiedName, RoleName};

/// The longest duration that is accepted: what is longer is a slip, and sums of it overflow.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A string with its place.
pub(super) struct Text<'a, 'i> {
    /// The key, or that of the list which the string is in.
    pub(super) key: Cow<'i, str>,
    pub(super) value: Cow<'i, str>,
    /// The place in the file, in bytes.
    pub(super) at: usize,
    /// One of a list's strings.
    pub(super) is_listed: bool,
    pub(super) mistakes: &'a Mistakes<'a>,
}

/// What a string is expected to name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A relation with its schema.
    Relation,
    /// A column, role or schema.
    Single,
}

impl<'i> Text<'_, 'i> {
    /// Notes a mistake about the string.
    pub(super) fn mistake(&self, message: impl Display, hint: Option<String>) {
        self.mistakes.add(self.at, format!("`{}`: {message}", self.key), hint);
    }

    /// Returns the string itself, unless it is blank or holds a NUL.
    pub(super) fn filled(self) -> Option<Self> {
        if self.value.trim().is_empty() {
            self.mistake("the string is empty", None);
            return None;
        }
        if self.value.contains('\0') {
            self.mistake("the string holds a NUL character", None);
            return None;
        }
        Some(self)
    }

    /// Returns the string for good.
    pub(super) fn into_string(self) -> String {
        self.value.into_owned()
    }

    /// Returns a column or schema name.
    pub(super) fn identifier(&self) -> Option<Identifier> {
        self.name(Kind::Single)
    }

    /// Returns a role name.
    pub(super) fn role(&self) -> Option<RoleName> {
        self.name(Kind::Single)
    }

    /// Returns a relation's name with its schema.
    pub(super) fn relation(&self) -> Option<QualifiedName> {
        self.name(Kind::Relation)
    }

    fn name<T: FromStr<Err = IdentError>>(&self, kind: Kind) -> Option<T> {
        match self.value.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.bad_name(&error, kind == Kind::Relation);
                None
            }
        }
    }

    /// Notes that the string is no name, and says how to write it.
    pub(super) fn bad_name(&self, error: &IdentError, with_schema: bool) {
        let text = self.value.as_ref();
        let hint = match error {
            IdentError::Unquoted { .. } | IdentError::NoSchema(_) => {
                respelt(text, with_schema).map(|name| self.write(&name))
            }
            IdentError::TooManyParts(_) if with_schema => {
                let example = self.write("public.\"name.with.dots\"");
                Some(format!("give schema and name; where a name holds a dot, {example}"))
            }
            IdentError::TooManyParts(_) => Some(format!(
                "give one name without a schema; where it holds a dot, {}",
                self.write(&Identifier::from_catalog(text).to_string())
            )),
            IdentError::Quotes(_) => Some(
                "put the whole name inside double quotes, and write a double quote within it twice"
                    .to_owned(),
            ),
            IdentError::TooLong(_) => {
                Some("write the name as the database holds it, at most 63 bytes".to_owned())
            }
            IdentError::Empty if with_schema => Some("write `schema.name`".to_owned()),
            IdentError::Empty | IdentError::Nul => None,
        };
        self.mistake(error, hint);
    }

    /// Returns the hint to write another string in this place.
    fn write(&self, value: &str) -> String {
        let value = toml_string(value);
        if self.is_listed {
            format!("write `{value}`")
        } else {
            format!("write `{} = {value}`", self.key)
        }
    }

    /// Returns a duration of at least `least`.
    pub(super) fn duration(&self, least: Duration) -> Option<Duration> {
        let text = self.value.as_ref();
        let hint = "write a number with its unit, such as `90s`, `2h30m` or `1day`";
        let duration = match humantime::parse_duration(text) {
            Ok(duration) => duration,
            Err(error) => {
                self.mistake(format!("`{text}` is no duration: {error}"), Some(hint.to_owned()));
                return None;
            }
        };
        if duration < least {
            let message = match duration.is_zero() {
                true => format!("`{text}` is no time at all"),
                false => format!("`{text}` is shorter than {}", humantime::format_duration(least)),
            };
            self.mistake(message, None);
            return None;
        }
        if duration > LONGEST {
            self.mistake(format!("`{text}` is longer than 100 years"), None);
            return None;
        }
        Some(duration)
    }

    /// Returns the choice that the string names.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.value.as_ref();
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.mistake(format!("`{text}` is not known"), self.mistakes.meant(text, &names));
        }
        found.map(|(_, choice)| *choice)
    }

    /// Returns the name of a schedule or task, which files and units are named after too.
    pub(super) fn label(self) -> Option<String> {
        if is_label(&self.value) {
            return Some(self.value.into_owned());
        }
        self.mistake(format!("`{}` is no name", self.value), Some(LABEL_HINT.to_owned()));
        None
    }

    /// Reads each string of a list, and reports those that name the same thing again.
    pub(super) fn read_all<T: Ord>(texts: &[Self], read: impl FnMut(&Self) -> Option<T>) -> Vec<T> {
        let names: Vec<_> = texts.iter().map(read).collect();
        let mut seen = BTreeSet::new();
        for (text, name) in texts.iter().zip(&names) {
            if name.as_ref().is_some_and(|name| !seen.insert(name)) {
                text.mistake(format!("`{}` is listed twice", text.value), None);
            }
        }
        drop(seen);
        names.into_iter().flatten().collect()
    }
}

/// What a label may hold, as a hint.
pub(super) const LABEL_HINT: &str = "use letters, digits, `_`, `-` and `.`, at most 63, and begin \
                                     with a letter or digit";

/// Tells whether a text may name a schedule or a task.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Returns a name with quotes where SQL wants them, where it is clear what was meant.
fn respelt(text: &str, with_schema: bool) -> Option<String> {
    if text.contains('"') {
        return None;
    }
    let part = |raw: &str| {
        let read = raw.parse::<Identifier>().or_else(|_| Identifier::new(raw));
        read.ok().map(|name| name.to_string())
    };
    match text.split_once('.') {
        _ if !with_schema => part(text),
        Some((schema, name)) => Some(format!("{}.{}", part(schema)?, part(name)?)),
        None => Some(format!("public.{}", part(text)?)),
    }
}

/// Returns a text as TOML writes it.
pub(super) fn toml_string(text: &str) -> String {
    let needs_escapes = text.contains(|c: char| c.is_control()) || text.contains('\'');
    if needs_escapes {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        let plain = escaped.chars().map(|c| match c {
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
            c => c.to_string(),
        });
        format!("\"{}\"", plain.collect::<String>())
    } else if text.contains(['"', '\\']) {
        format!("'{text}'")
    } else {
        format!("\"{text}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_respelt_as_the_registry_wants_them() {
        for (text, with_schema, respelling) in [
            ("public.Weird Name", true, Some("public.\"Weird Name\"")),
            ("Public.a-b", true, Some("public.\"a-b\"")),
            ("mv_x", true, Some("public.mv_x")),
            ("Weird Name", true, Some("public.\"Weird Name\"")),
            ("my role", false, Some("\"my role\"")),
            ("a.\"b c", true, None),
            (".b c", true, None),
        ] {
            assert_eq!(respelt(text, with_schema).as_deref(), respelling, "{text}");
        }
    }

    #[test]
    fn strings_are_written_as_toml_that_is_read_back() {
        for text in ["plain", "say \"hi\"", "it's", "it's \"x\"", "back\\slash", "a\u{1}b'"] {
            let line = format!("x = {}", toml_string(text));
            let table = line.parse::<toml::Table>().expect("valid TOML");
            assert_eq!(table["x"].as_str(), Some(text), "{line}");
        }
    }
}
