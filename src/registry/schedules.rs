//! `[schedules]`: the classes of refreshes and tasks, and when each is due.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};

use super::section::{Field, Section};
use super::text::{LABEL_HINT, Text, is_label};

/// When the views and tasks of a class are due.
///
/// Source: one key of `[schedules]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRules {
    /// The ticks. Source: `every`, or `cron` and `timezone`.
    pub rhythm: Rhythm,
    /// The longest time, drawn by chance, that a tick is delayed. Source: `jitter`; zero
    /// where absent, and shorter than the interval of `every`.
    pub jitter: Duration,
    /// The line of the schedule's name, counted from 1.
    pub line: usize,
}

/// When a class ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rhythm {
    /// At equal intervals, of one second or more.
    Every(Duration),
    /// By the calendar.
    Cron {
        /// Five fields, which [`parse_cron`] reads; at least one tick lies ahead.
        expression: String,
        /// The zone whose clock the fields mean; UTC where absent.
        timezone: Tz,
    },
}

/// Reads a cron expression: minute, hour, day, month and weekday, or a word such as `@daily`.
///
/// # Errors
///
/// [`CronError`] when it is none, or has seconds or years.
pub fn parse_cron(expression: &str) -> Result<Cron, CronError> {
    if !expression.is_ascii() {
        let message = "a character that is not ASCII".to_owned();
        return Err(CronError::IllegalCharacters(message));
    }
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(expression)
}

/// Reads `[schedules]`.
///
/// A schedule with a mistake in it is among the outcome, so that its users are not said
/// to name an unknown one.
pub(super) fn read(section: Section<'_, '_>) -> BTreeMap<String, ScheduleRules> {
    let mut schedules = BTreeMap::new();
    for field in section.into_fields() {
        let (name, line) = (field.key.to_string(), field.line());
        if !is_label(&name) {
            let message = format!("`{name}` is no name for a schedule");
            field.mistakes().add(field.key_at, message, Some(LABEL_HINT.to_owned()));
        }
        let title = format!("the schedule `{name}`");
        let rules = field.section(title).and_then(read_one);
        let (rhythm, jitter) = rules.unwrap_or((Rhythm::Every(Duration::ZERO), Duration::ZERO));
        schedules.insert(name, ScheduleRules { rhythm, jitter, line });
    }
    schedules
}

fn read_one(mut section: Section<'_, '_>) -> Option<(Rhythm, Duration)> {
    let every = section.take("every");
    let cron = section.take("cron");
    let timezone = section.take("timezone");
    let jitter = section.take("jitter").and_then(Field::text);
    let jitter_length = jitter.as_ref().and_then(|text| text.duration(Duration::ZERO));
    let rhythm = match (every, cron) {
        (Some(every), None) => {
            if let Some(timezone) = timezone {
                timezone.mistake("it is only for `cron`; an interval has no time zone", None);
            }
            every.text().and_then(|text| text.duration(Duration::from_secs(1))).map(Rhythm::Every)
        }
        (None, Some(cron)) => {
            let timezone = match timezone {
                Some(field) => field.text().and_then(|text| read_timezone(&text)),
                None => Some(Tz::UTC),
            };
            let expression = cron.text().and_then(read_cron);
            timezone
                .zip(expression)
                .map(|(timezone, expression)| Rhythm::Cron { expression, timezone })
        }
        (Some(_), Some(cron)) => {
            cron.mistake("a schedule has either `every` or `cron`, not both", None);
            None
        }
        (None, None) => {
            let hint = "write `every = \"60s\"` or `cron = \"0 * * * *\"`".to_owned();
            section.mistake("a schedule needs `every` or `cron`", Some(hint));
            None
        }
    };
    if let (Some(Rhythm::Every(every)), Some(text), Some(length)) =
        (&rhythm, &jitter, jitter_length)
        && length >= *every
    {
        let message = format!("`{}` is not shorter than the interval", text.value);
        text.mistake(message, Some("ticks would overtake each other".to_owned()));
    }
    section.finish();
    Some((rhythm?, jitter_length.unwrap_or_default()))
}

fn read_cron(text: Text<'_, '_>) -> Option<String> {
    let expression = text.value.trim();
    let hint = || Some("write minute, hour, day, month and weekday: `30 3 * * 1-5`".to_owned());
    let fields = expression.split_whitespace().count();
    if fields != 5 && !expression.starts_with('@') {
        let message = format!("`{expression}` has {fields} fields, and a cron expression has 5");
        text.mistake(message, hint());
        return None;
    }
    let cron = match parse_cron(expression) {
        Ok(cron) => cron,
        Err(error) => {
            let message = format!("`{expression}` is no cron expression: {}", reason(&error));
            text.mistake(message, hint());
            return None;
        }
    };
    // Any moment will do: whether it ever ticks does not depend on today.
    if cron.find_next_occurrence(&DateTime::UNIX_EPOCH, true).is_err() {
        text.mistake(format!("`{expression}` never ticks: there is no such day"), None);
        return None;
    }
    Some(expression.to_owned())
}

/// Returns the library's reason as a part of our sentence.
fn reason(error: &CronError) -> String {
    let reason = match error {
        CronError::InvalidPattern(reason)
        | CronError::IllegalCharacters(reason)
        | CronError::ComponentError(reason) => reason.replace("CronPattern", "it"),
        other => other.to_string(),
    };
    let mut characters = reason.trim_end_matches('.').chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

fn read_timezone(text: &Text<'_, '_>) -> Option<Tz> {
    let name = text.value.as_ref();
    if let Ok(timezone) = name.parse() {
        return Some(timezone);
    }
    let known = || TZ_VARIANTS.iter().map(|timezone| timezone.name());
    let hint = match text.mistakes.nearest(name, known()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "write an IANA name such as `Europe/Berlin`, or `UTC`".to_owned(),
    };
    text.mistake(format!("`{name}` is no time zone"), Some(hint));
    None
}
