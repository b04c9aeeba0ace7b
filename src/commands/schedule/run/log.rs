//! The log of a scheduler on stderr: one line for everything that happens, in words and
//! `key=value`, or as JSON.

use std::io::Write as _;

use chrono::Utc;
use serde_json::{Value, json};

use crate::commands::schedule::LogForm;
use crate::report::timestamp;

/// How much an event weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warning,
    Error,
}

/// Where events go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log {
    form: LogForm,
    /// Whether only what is wrong is told.
    quiet: bool,
}

impl Log {
    pub(super) const fn new(form: LogForm, quiet: bool) -> Self {
        Self { form, quiet }
    }

    /// Tells of an event; what is null is left out.
    pub(super) fn say(&self, level: Level, event: &str, facts: &[(&str, Value)]) {
        if self.quiet && level == Level::Info {
            return;
        }
        let word = match level {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let line = line(self.form, &timestamp(Utc::now()), word, event, facts);
        // Nobody listening is no reason to stop.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

fn line(form: LogForm, at: &str, level: &str, event: &str, facts: &[(&str, Value)]) -> String {
    let told = facts.iter().filter(|(_, value)| !value.is_null());
    match form {
        LogForm::Json => {
            let mut line = json!({ "at": at, "level": level, "event": event });
            for (key, value) in told {
                line[*key] = value.clone();
            }
            format!("{line}\n")
        }
        LogForm::Text => {
            let mut line = format!("{at} {level} {event}");
            for (key, value) in told {
                let value = match value {
                    Value::String(text) if is_plain(text) => text.clone(),
                    other => other.to_string(),
                };
                line += &format!(" {key}={value}");
            }
            line + "\n"
        }
    }
}

fn is_plain(text: &str) -> bool {
    let odd = |one: char| one.is_whitespace() || one.is_control() || one == '"' || one == '=';
    !text.is_empty() && !text.chars().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line_and_leaves_out_what_is_null() {
        let facts = [
            ("class", json!("hourly")),
            ("missed", json!(2)),
            ("why", json!("a\nb")),
            ("no", Value::Null),
        ];
        assert_eq!(
            line(LogForm::Text, "T", "info", "tick", &facts),
            "T info tick class=hourly missed=2 why=\"a\\nb\"\n"
        );
        let json = line(LogForm::Json, "T", "info", "tick", &facts);
        let parsed: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&parsed["class"], &parsed["missed"]), (&json!("hourly"), &json!(2)));
        assert!(parsed.get("no").is_none());
    }
}
