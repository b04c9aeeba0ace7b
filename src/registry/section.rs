//! One table of the registry while it is read: its keys are taken one by one, each of the
//! right type, and what nobody asked for is reported as unknown.

use std::borrow::Cow;
use std::fmt::Display;

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Origin;
use super::mistakes::Mistakes;
use super::text::Text;

/// Where values are from, and where mistakes go.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) mistakes: &'a Mistakes<'a>,
    pub(super) origin: &'a Origin,
}

/// A table that is being read.
pub(super) struct Section<'a, 'i> {
    /// How the file writes it, such as `[database]`.
    title: Cow<'static, str>,
    /// The place of its header in the file, in bytes.
    pub(super) at: usize,
    table: DeTable<'i>,
    asked: Vec<&'static str>,
    source: Source<'a>,
}

/// A key and its value.
pub(super) struct Field<'a, 'i> {
    /// The key, or that of the list which the value is in.
    pub(super) key: Cow<'i, str>,
    /// The place of the key in the file, in bytes.
    pub(super) key_at: usize,
    /// The place of the value in the file, in bytes.
    pub(super) at: usize,
    value: DeValue<'i>,
    is_listed: bool,
    source: Source<'a>,
}

impl<'a, 'i> Section<'a, 'i> {
    /// Starts reading the whole file.
    pub(super) fn root(table: DeTable<'i>, source: Source<'a>) -> Self {
        Self::new("the registry".into(), 0, table, source)
    }

    fn new(title: Cow<'static, str>, at: usize, table: DeTable<'i>, source: Source<'a>) -> Self {
        Self { title, at, table, asked: Vec::with_capacity(12), source }
    }

    /// Returns the line of the header, counted from 1.
    pub(super) fn line(&self) -> usize {
        self.source.mistakes.line(self.at)
    }

    /// Returns where mistakes go.
    pub(super) fn mistakes(&self) -> &'a Mistakes<'a> {
        self.source.mistakes
    }

    /// Notes a mistake of the table as a whole.
    pub(super) fn mistake(&self, message: impl AsRef<str>, hint: Option<String>) {
        self.source.mistakes.add(self.at, message, hint);
    }

    /// Takes the value of a key out of the table.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Field<'a, 'i>> {
        self.asked.push(key);
        let (key, value) = self.table.remove_entry(key)?;
        Some(field(key, value, self.source))
    }

    /// Takes the value of a key that must be there; reports where it is not.
    pub(super) fn require(&mut self, key: &'static str) -> Option<Field<'a, 'i>> {
        let found = self.take(key);
        if found.is_none() {
            self.mistake(format!("`{key}` is missing in {}", self.title), None);
        }
        found
    }

    /// Takes a string that must be there and hold something.
    pub(super) fn require_text(&mut self, key: &'static str) -> Option<Text<'a, 'i>> {
        self.require(key)?.text()?.filled()
    }

    /// Takes a string; where there is one, it holds something.
    pub(super) fn take_text(&mut self, key: &'static str) -> Option<Text<'a, 'i>> {
        self.take(key)?.text()?.filled()
    }

    /// Takes a table, which the file writes as `title`.
    pub(super) fn take_section(
        &mut self,
        key: &'static str,
        title: &'static str,
    ) -> Option<Section<'a, 'i>> {
        self.take(key)?.section(title)
    }

    /// Takes a list of tables, each of which the file writes as `title`.
    pub(super) fn take_sections(
        &mut self,
        key: &'static str,
        title: &'static str,
    ) -> Vec<Section<'a, 'i>> {
        self.take(key).map(|field| field.sections(title)).unwrap_or_default()
    }

    /// Takes a boolean, `false` where there is none.
    pub(super) fn take_flag(&mut self, key: &'static str) -> bool {
        self.take(key).and_then(Field::flag).unwrap_or_default()
    }

    /// Ends the reading of a table whose keys are names that the user chooses, and returns
    /// them in the order of the file.
    pub(super) fn into_fields(self) -> Vec<Field<'a, 'i>> {
        let source = self.source;
        let fields = self.table.into_iter().map(|(key, value)| field(key, value, source));
        let mut fields: Vec<_> = fields.collect();
        fields.sort_by_key(|field| field.key_at);
        fields
    }

    /// Ends the reading: whatever was not asked for is reported.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let at = self.source.origin.offset(key.span().start);
            let key: &str = key.get_ref();
            let message = format!("unknown key `{key}` in {}", self.title);
            self.source.mistakes.add(at, message, self.source.mistakes.meant(key, &self.asked));
        }
    }
}

fn field<'a, 'i>(
    key: Spanned<Cow<'i, str>>,
    value: Spanned<DeValue<'i>>,
    source: Source<'a>,
) -> Field<'a, 'i> {
    Field {
        key_at: source.origin.offset(key.span().start),
        at: source.origin.offset(value.span().start),
        key: key.into_inner(),
        value: value.into_inner(),
        is_listed: false,
        source,
    }
}

impl<'a, 'i> Field<'a, 'i> {
    /// Returns the line of the key, counted from 1.
    pub(super) fn line(&self) -> usize {
        self.source.mistakes.line(self.key_at)
    }

    /// Returns where mistakes go.
    pub(super) fn mistakes(&self) -> &'a Mistakes<'a> {
        self.source.mistakes
    }

    /// Notes a mistake about the value.
    pub(super) fn mistake(&self, message: impl Display, hint: Option<String>) {
        self.source.mistakes.add(self.at, format!("`{}`: {message}", self.key), hint);
    }

    /// Returns a string.
    pub(super) fn text(self) -> Option<Text<'a, 'i>> {
        match self.value {
            DeValue::String(value) => Some(Text {
                key: self.key,
                value,
                at: self.at,
                is_listed: self.is_listed,
                mistakes: self.source.mistakes,
            }),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                self.wrong("a string", Some("put it inside double quotes".to_owned()))
            }
            _ => self.wrong("a string", None),
        }
    }

    /// Returns a boolean.
    pub(super) fn flag(self) -> Option<bool> {
        match &self.value {
            DeValue::Boolean(flag) => Some(*flag),
            DeValue::String(_) => {
                self.wrong("a boolean", Some("write `true` or `false` without quotes".to_owned()))
            }
            _ => self.wrong("a boolean", None),
        }
    }

    /// Returns an integer.
    pub(super) fn integer(self) -> Option<i64> {
        match &self.value {
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().or_else(|| {
                    self.mistake("the number is too large", None);
                    None
                })
            }
            DeValue::String(_) => {
                self.wrong("an integer", Some("write the number without quotes".to_owned()))
            }
            _ => self.wrong("an integer", None),
        }
    }

    /// Returns a date: TOML's own, or the same inside quotes.
    pub(super) fn date(self) -> Option<NaiveDate> {
        let hint = || Some("write `2026-12-05`, year, month and day".to_owned());
        match &self.value {
            DeValue::Datetime(value) => {
                let date = value.date.filter(|_| value.time.is_none());
                let day = date.and_then(|date| {
                    let (month, day) = (u32::from(date.month), u32::from(date.day));
                    NaiveDate::from_ymd_opt(i32::from(date.year), month, day)
                });
                if day.is_none() {
                    self.mistake("expected a date without a time", hint());
                }
                day
            }
            DeValue::String(text) => {
                let is_plain = text.len() == 10 && text.starts_with(|c: char| c.is_ascii_digit());
                let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is_plain);
                if day.is_none() {
                    self.mistake(format!("`{text}` is no date"), hint());
                }
                day
            }
            _ => self.wrong("a date", hint()),
        }
    }

    /// Returns the places of a list's values, or that of the one value, in bytes.
    pub(super) fn places(&self) -> Vec<usize> {
        let offset = |value: &Spanned<DeValue<'_>>| self.source.origin.offset(value.span().start);
        match &self.value {
            DeValue::Array(values) => values.iter().map(offset).collect(),
            _ => vec![self.at],
        }
    }

    /// Tells whether the value is a string.
    pub(super) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    /// Tells whether the value is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Returns a list of strings; those that are none are reported and left out.
    pub(super) fn texts(self) -> Option<Vec<Text<'a, 'i>>> {
        let (key, key_at, source) = (self.key.clone(), self.key_at, self.source);
        let DeValue::Array(values) = self.value else {
            let hint = match &self.value {
                DeValue::String(text) => Some(format!("write `{} = [\"{text}\"]`", self.key)),
                _ => None,
            };
            return self.wrong("an array of strings", hint);
        };
        let element = |value: Spanned<DeValue<'i>>| Field {
            key: key.clone(),
            key_at,
            at: source.origin.offset(value.span().start),
            value: value.into_inner(),
            is_listed: true,
            source,
        };
        Some(values.into_iter().map(element).filter_map(Self::text).collect())
    }

    /// Returns a table, which the file writes as `title`.
    pub(super) fn section(self, title: impl Into<Cow<'static, str>>) -> Option<Section<'a, 'i>> {
        let title = title.into();
        match self.value {
            DeValue::Table(table) => Some(Section::new(title, self.at, table, self.source)),
            _ => {
                let hint = format!("write it as one table, {title}");
                self.wrong("a table", Some(hint))
            }
        }
    }

    /// Returns a list of tables, each of which the file writes as `[[key]]`.
    pub(super) fn sections(self, title: &'static str) -> Vec<Section<'a, 'i>> {
        let source = self.source;
        let hint = || Some(format!("write {title} above each one, with two brackets"));
        let DeValue::Array(values) = self.value else {
            self.wrong::<()>("an array of tables", hint());
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(values.len());
        for value in values {
            let at = source.origin.offset(value.span().start);
            match value.into_inner() {
                DeValue::Table(table) => {
                    sections.push(Section::new(title.into(), at, table, source));
                }
                other => {
                    let message = format!("{title}: expected a table, found {}", kind(&other));
                    source.mistakes.add(at, message, hint());
                }
            }
        }
        sections
    }

    /// Notes that the value is of another type than expected.
    fn wrong<T>(&self, expected: &str, hint: Option<String>) -> Option<T> {
        self.mistake(format!("expected {expected}, found {}", kind(&self.value)), hint);
        None
    }
}

/// Returns what a value is, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
