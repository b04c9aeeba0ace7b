//! The form of `alembic.ini`: what Python's `configparser` makes of a text, without the
//! value of anything.
//!
//! Source: `configparser.ConfigParser` of Python 3.11 with its defaults: strict, `=` and
//! `:`, comments in lines of their own with `#` or `;`, empty lines in values.

use std::collections::BTreeMap;

/// How often a name in a value may lead to another value.
///
/// Source: `MAX_INTERPOLATION_DEPTH`.
const DEEPEST: usize = 10;

/// A configuration: sections of options.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ini {
    sections: BTreeMap<String, BTreeMap<String, String>>,
}

/// A mistake for which Python reads nothing of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IniMistake {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// What is wrong, as a sentence without a full stop.
    pub(super) message: String,
}

/// The section whose options every other has too.
const DEFAULT: &str = "DEFAULT";

impl Ini {
    /// Reads a text.
    pub(super) fn read(text: &str) -> Result<Self, IniMistake> {
        let mut sections: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        let mut section: Option<String> = None;
        let mut option: Option<String> = None;
        let mut indent = 0;
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let mistake = |message: String| Err(IniMistake { line: at + 1, message });
            let value = line.trim();
            let is_comment = value.starts_with(['#', ';']);
            let current = match (&section, &option) {
                (Some(section), Some(option)) => {
                    sections.get_mut(section).and_then(|options| options.get_mut(option))
                }
                _ => None,
            };
            if value.is_empty() || is_comment {
                if let (Some(lines), false) = (current, is_comment) {
                    lines.push(String::new());
                }
                continue;
            }
            let here = line.chars().take_while(|c| c.is_whitespace()).count();
            if let (Some(lines), true) = (current, here > indent) {
                lines.push(value.to_owned());
                continue;
            }
            indent = here;
            if let Some(name) = section_name(value) {
                if sections.contains_key(name) && name != DEFAULT {
                    return mistake(format!("the section [{name}] is there twice"));
                }
                sections.entry(name.to_owned()).or_default();
                (section, option) = (Some(name.to_owned()), None);
                continue;
            }
            let Some(name) = &section else {
                return mistake("it does not begin with a section such as [alembic]".to_owned());
            };
            let Some(split) = value.find(['=', ':']).filter(|at| *at > 0) else {
                return mistake("it is neither a section nor an option with its value".to_owned());
            };
            let key = value[..split].trim_end().to_lowercase();
            let options = sections.entry(name.clone()).or_default();
            if options.contains_key(&key) {
                return mistake(format!("the option {key} of [{name}] is there twice"));
            }
            options.insert(key.clone(), vec![value[split + 1..].trim().to_owned()]);
            option = Some(key);
        }
        let joined = |lines: Vec<String>| lines.join("\n").trim_end().to_owned();
        let of = |options: BTreeMap<String, Vec<String>>| {
            options.into_iter().map(|(key, lines)| (key, joined(lines))).collect()
        };
        Ok(Self {
            sections: sections.into_iter().map(|(name, options)| (name, of(options))).collect(),
        })
    }

    /// Returns the value of an option with the names in it filled in; `here` is the folder
    /// of the file. `None` where there is no such section or option.
    ///
    /// # Errors
    ///
    /// A sentence when a name in it is none, or leads round in a circle.
    pub(super) fn get(
        &self,
        section: &str,
        option: &str,
        here: &str,
    ) -> Result<Option<String>, String> {
        if !self.sections.contains_key(section) {
            return Ok(None);
        }
        let Some(raw) = self.raw(section, option) else { return Ok(None) };
        let look_up = |name: &str| match self.raw(section, name) {
            Some(raw) => Some(raw.to_owned()),
            None => (name == "here").then(|| here.replace('%', "%%")),
        };
        fill_in(raw, &look_up, 0).map(Some).map_err(|why| format!("{option}: {why}"))
    }

    fn raw(&self, section: &str, option: &str) -> Option<&str> {
        let of = |section: &str| self.sections.get(section)?.get(option);
        of(section).or_else(|| of(DEFAULT)).map(String::as_str)
    }
}

/// Returns the name of a section's header; what follows the last `]` is not looked at.
fn section_name(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('[')?;
    let end = inside.rfind(']')?;
    (end > 0).then(|| &inside[..end])
}

/// Fills in `%(name)s`, and makes `%` of `%%`.
///
/// Source: `configparser.BasicInterpolation`.
pub(super) fn fill_in(
    raw: &str,
    look_up: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, String> {
    if depth > DEEPEST {
        return Err("names in its value lead round in a circle".to_owned());
    }
    let mut filled = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('%') {
        filled.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        if let Some(more) = behind.strip_prefix('%') {
            filled.push('%');
            rest = more;
        } else if let Some((name, more)) =
            behind.strip_prefix('(').and_then(|named| named.split_once(")s"))
        {
            let name = name.to_lowercase();
            let value = look_up(&name)
                .ok_or_else(|| format!("its value names `{name}`, which is not there"))?;
            filled.push_str(&fill_in(&value, look_up, depth + 1)?);
            rest = more;
        } else {
            return Err("a `%` in its value is followed by neither `%` nor `(`".to_owned());
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(text: &str, option: &str) -> Result<Option<String>, String> {
        Ini::read(text).expect("it is read").get("alembic", option, "/srv/50%/app")
    }

    #[track_caller]
    fn assert_value(text: &str, expected: &str) {
        assert_eq!(get(text, "x").as_ref().map(Option::as_deref), Ok(Some(expected)), "{text}");
    }

    #[test]
    fn values_are_those_of_configparser() {
        for (text, expected) in [
            ("[alembic]\nx = a", "a"),
            ("[alembic]\nX: a = b", "a = b"),
            ("\u{feff}[alembic]\nx=a", "a"),
            ("[alembic]\nx = a ; no comment", "a ; no comment"),
            ("[alembic]\n# x = b\n  ; x = c\nx =a", "a"),
            ("[alembic]\nx =\n  a\n  b\n", "\na\nb"),
            ("[alembic]\nx = a\n\n  b\n\n# c\ny = 1", "a\n\nb"),
            ("[alembic]\nx = a\n  # in between\n  b", "a\nb"),
            ("[alembic]\n  x = a\n  y = b", "a"),
            ("[alembic] # why not\nx = a", "a"),
            ("[DEFAULT]\nx = a\n[alembic]\ny = 1", "a"),
            ("[DEFAULT]\nx = a\n[alembic]\nx = b\n[other]\nx = c", "b"),
            ("[alembic]\nx = %(here)s/a", "/srv/50%/app/a"),
            ("[alembic]\nx = %(HERE)s/a", "/srv/50%/app/a"),
            ("[alembic]\nx = 100%%", "100%"),
            ("[alembic]\nx = %(y)s/a\ny = %(z)s\nz = 1", "1/a"),
            ("[DEFAULT]\nz = 1\n[alembic]\nx = %(z)s", "1"),
            ("[alembic]\nhere = /elsewhere\nx = %(here)s", "/elsewhere"),
            ("[alembic]\r\nx = a\r\n", "a"),
            ("[alembic]\nx =", ""),
        ] {
            assert_value(text, expected);
        }
    }

    #[test]
    fn an_option_or_section_that_is_not_there_has_no_value() {
        assert_eq!(get("[alembic]\ny = 1", "x"), Ok(None));
        assert_eq!(get("[other]\nx = 1", "x"), Ok(None));
        assert_eq!(get("", "x"), Ok(None));
    }

    #[test]
    fn what_python_refuses_is_refused_with_its_line() {
        for (text, line) in [
            ("x = a", 1),
            ("[alembic]\nx", 2),
            ("[alembic]\nx = a\nX = b", 3),
            ("[a]\n[b]\n[a]", 3),
        ] {
            assert_eq!(Ini::read(text).expect_err(text).line, line, "{text}");
        }
    }

    #[test]
    fn names_that_cannot_be_filled_in_are_told() {
        for text in [
            "[alembic]\nx = %(nothing)s",
            "[alembic]\nx = 50%",
            "[alembic]\nx = %(here",
            "[alembic]\nx = %(x)s",
            "[alembic]\nx = %(y)s\ny = %(x)s",
        ] {
            assert!(get(text, "x").is_err(), "{text}");
        }
        // Of an option that nobody asks for nothing is said.
        assert_value("[alembic]\nx = a\nfile_template = %%(rev)s\nsqlalchemy.url = a%b", "a");
    }
}
