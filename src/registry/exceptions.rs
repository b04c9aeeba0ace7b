//! `[[exception]]`: findings that are accepted for a reason, until a date.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::section::{Field, Section};
use super::text::Text;

/// A finding that is accepted.
///
/// Source: one `[[exception]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionRules {
    /// The check's slug. Source: `check`.
    pub check: String,
    /// The name of the finding's subject, as SQL spells it. Source: `subject`.
    pub subject: String,
    /// Why it is accepted. Source: `reason`.
    pub reason: String,
    /// The last day on which it is. Source: `until`.
    pub until: NaiveDate,
    /// The object as it is now, `sha256:` and 64 hexadecimal digits in lower case; another
    /// object is not excepted. Source: `fingerprint`.
    pub fingerprint: Option<String>,
    /// The line of the header, counted from 1.
    pub line: usize,
}

/// Reads the list of `[[exception]]`; with no known checks, any slug will do.
pub(super) fn read(sections: Vec<Section<'_, '_>>, known: &[&str]) -> Vec<ExceptionRules> {
    let mut lines = BTreeMap::new();
    let mut exceptions = Vec::with_capacity(sections.len());
    for mut section in sections {
        let check = section.require_text("check").and_then(|text| known_check(text, known));
        let subject = section.require_text("subject").map(Text::into_string);
        let reason = section.require_text("reason").map(Text::into_string);
        let until = section.require("until").and_then(Field::date);
        let fingerprint = section.take_text("fingerprint").and_then(|text| fingerprint(&text));
        let line = section.line();
        if let (Some(check), Some(subject), Some(reason), Some(until)) =
            (check, subject, reason, until)
        {
            let accepted = (check.clone(), subject.clone(), fingerprint.clone());
            match lines.get(&accepted) {
                Some(first) => {
                    let message =
                        format!("`{check}` of `{subject}` is excepted on line {first} already");
                    section.mistake(message, Some("keep one of the two".to_owned()));
                }
                None => {
                    lines.insert(accepted, line);
                }
            }
            exceptions.push(ExceptionRules { check, subject, reason, until, fingerprint, line });
        }
        section.finish();
    }
    exceptions
}

fn known_check(text: Text<'_, '_>, known: &[&str]) -> Option<String> {
    if !known.is_empty() && !known.contains(&text.value.as_ref()) {
        let hint = match text.mistakes.nearest(&text.value, known) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "`driftgate explain` lists the checks".to_owned(),
        };
        text.mistake(format!("`{}` is no check", text.value), Some(hint));
    }
    Some(text.into_string())
}

fn fingerprint(text: &Text<'_, '_>) -> Option<String> {
    let digits = text.value.strip_prefix("sha256:").unwrap_or_default();
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(text.value.to_ascii_lowercase());
    }
    let hint = "write `sha256:` and the 64 hexadecimal digits that `driftgate inventory -v` shows"
        .to_owned();
    text.mistake(format!("`{}` is no fingerprint", text.value), Some(hint));
    None
}
