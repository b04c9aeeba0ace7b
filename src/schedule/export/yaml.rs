//! A small writer of YAML: maps, lists and scalars, with quotes where a text could be read as
//! anything else.

use std::fmt::Write as _;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Yaml {
    Map(Vec<(&'static str, Yaml)>),
    List(Vec<Yaml>),
    Text(String),
    Number(i64),
    Bool(bool),
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Yaml {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Yaml {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl Yaml {
    /// Returns the document.
    pub(super) fn document(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        match self {
            Self::Map(pairs) => {
                for (key, value) in pairs {
                    match value {
                        Self::Map(inner) if !inner.is_empty() => {
                            line(out, &format!("{indent}{key}:"));
                            value.write(out, depth + 1);
                        }
                        Self::List(inner) if !inner.is_empty() => {
                            line(out, &format!("{indent}{key}:"));
                            value.write(out, depth);
                        }
                        scalar => line(out, &format!("{indent}{key}: {}", scalar.scalar())),
                    }
                }
            }
            Self::List(values) => {
                for value in values {
                    let mut inner = String::new();
                    match value {
                        Self::Map(pairs) if !pairs.is_empty() => value.write(&mut inner, depth + 1),
                        scalar => line(&mut inner, &format!("{indent}  {}", scalar.scalar())),
                    }
                    // The dash takes the place of the first line's indent.
                    inner.replace_range(indent.len()..indent.len() + 2, "- ");
                    out.push_str(&inner);
                }
            }
            scalar => line(out, &format!("{indent}{}", scalar.scalar())),
        }
    }

    fn scalar(&self) -> String {
        match self {
            Self::Map(_) => "{}".to_owned(),
            Self::List(_) => "[]".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Text(text) => quoted(text),
        }
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Writes a text plainly where nothing could take it for anything else.
fn quoted(text: &str) -> String {
    const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];
    let begins = text.chars().next().is_some_and(|one| one.is_ascii_alphabetic() || one == '/');
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_./".contains(one);
    let is_word = WORDS.contains(&text.to_ascii_lowercase().as_str());
    if begins && text.chars().all(is_plain) && !is_word {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for one in text.chars() {
        match one {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            one if one.is_control() || !one.is_ascii() => {
                write!(out, "\\U{:08x}", u32::from(one)).expect("writing to a string cannot fail");
            }
            one => out.push(one),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plain_goes_without_quotes() {
        for (text, expected) in [
            ("batch/v1", "batch/v1"),
            ("Europe/Berlin", "Europe/Berlin"),
            ("* * * * *", "\"* * * * *\""),
            ("no", "\"no\""),
            ("1e3", "\"1e3\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("--once", "\"--once\""),
            ("it\"s\\\n", "\"it\\\"s\\\\\\U0000000a\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn maps_and_lists_are_indented_so_that_they_can_be_read() {
        let inner = Yaml::Map(vec![("a", 1.into()), ("b", Yaml::List(vec!["x".into()]))]);
        let yaml =
            Yaml::Map(vec![("list", Yaml::List(vec![inner, "y".into()])), ("c", true.into())]);
        let expected = "list:\n- a: 1\n  b:\n  - x\n- \"y\"\nc: true\n";
        assert_eq!(yaml.document(), expected);
    }
}
