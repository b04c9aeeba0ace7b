//! Passwords: a type that does not print them, and what takes them out of other texts.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::environment::Environment;
use super::{DATABASE_URL_VARIABLES, MIGRATION_DATABASE_URL_VARIABLES};

/// What is written in place of a password.
const MASK: &str = "***";

/// The shortest password that is looked for in texts, in characters: a shorter one cannot be
/// told from ordinary text.
const SHORTEST: usize = 4;

/// A password. `Debug` and `Display` write `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    /// Makes a password of its text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text: for the server or a child program, never for output.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Takes passwords out of text that driftgate did not write itself: answers of the server,
/// output of other programs, complaints about the command line.
///
/// A password of fewer than four characters is masked only inside a URL, and so is one that
/// stands in clear beside itself (user `postgres`, password `postgres`).
#[derive(Clone, Default)]
pub struct Redactor {
    /// Every spelling to look for, percent-encoding undone; the longest first.
    secrets: Vec<String>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} spellings)", self.secrets.len())
    }
}

impl Redactor {
    /// Makes a redactor of what may be passwords in texts that were not understood, such as
    /// the words of a command line.
    pub fn suspecting<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut redactor = Self::default();
        for text in texts {
            for (secret, beside) in suspects(text) {
                redactor.add(&secret, &beside);
            }
        }
        redactor
    }

    /// Makes a redactor of the passwords in `PGPASSWORD` and in the variables that hold URLs.
    pub fn of_environment(environment: &dyn Environment) -> Self {
        let text =
            |name: &&str| environment.variable(name).and_then(|text| text.into_string().ok());
        let names = DATABASE_URL_VARIABLES.iter().chain(&MIGRATION_DATABASE_URL_VARIABLES);
        let urls: Vec<String> = names.filter_map(text).collect();
        let mut redactor = Self::suspecting(urls.iter().map(String::as_str));
        if let Some(password) = text(&"PGPASSWORD") {
            let beside: Vec<String> =
                ["PGUSER", "PGDATABASE", "PGHOST"].iter().filter_map(text).collect();
            redactor.add(&password, &format!("postgresql:// {}", beside.join(" ")));
        }
        redactor
    }

    /// Looks for a password from now on, unless it is too short or occurs in `beside`: text
    /// that is shown together with it anyway.
    pub fn add(&mut self, secret: &str, beside: &str) {
        if secret.chars().count() < SHORTEST || beside.contains(secret) {
            return;
        }
        self.keep(spellings(secret));
    }

    /// Looks for the passwords of another redactor as well.
    pub fn merge(&mut self, other: &Self) {
        self.keep(other.secrets.iter().cloned());
    }

    /// No longer looks for what occurs in a text that is shown anyway.
    pub(super) fn forget(&mut self, shown: &str) {
        self.secrets.retain(|secret| !shown.contains(secret.as_str()));
    }

    fn keep(&mut self, spellings: impl IntoIterator<Item = String>) {
        for spelling in spellings {
            if !self.secrets.contains(&spelling) {
                self.secrets.push(spelling);
            }
        }
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Returns a text with `***` for every password, raw or percent-encoded in any way, and
    /// for whatever stands as a password in a URL.
    pub fn redact(&self, text: &str) -> String {
        let mut text = mask_urls(text);
        // A replacement may bring the pieces of another occurrence together. Each round makes
        // the text shorter, so there is a last one.
        while let Some(shorter) = self.redact_once(&text) {
            text = shorter;
        }
        text
    }

    fn redact_once(&self, text: &str) -> Option<String> {
        let mut redacted = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(character) = text[at..].chars().next() {
            let rest = &text.as_bytes()[at..];
            let found =
                self.secrets.iter().find_map(|secret| match_length(rest, secret.as_bytes()));
            match found {
                Some(length) => {
                    redacted.push_str(MASK);
                    at += length;
                }
                None => {
                    redacted.push(character);
                    at += character.len_utf8();
                }
            }
        }
        (redacted != text).then_some(redacted)
    }
}

/// Returns how many bytes of `text` spell `secret`, each byte as it is or percent-encoded.
fn match_length(text: &[u8], secret: &[u8]) -> Option<usize> {
    let Some((wanted, later)) = secret.split_first() else { return Some(0) };
    if let [b'%', high, low, rest @ ..] = text
        && hex(*high).zip(hex(*low)) == Some((wanted >> 4, wanted & 15))
        && let Some(length) = match_length(rest, later)
    {
        return Some(3 + length);
    }
    let (first, rest) = text.split_first()?;
    let same = first == wanted || (*first == b'+' && *wanted == b' ');
    if same { match_length(rest, later).map(|length| 1 + length) } else { None }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Returns a password as other programs may write it: as it is, inside a string of SQL, of
/// Python or of JSON, and with the `%` doubled for Python's formatting.
fn spellings(secret: &str) -> Vec<String> {
    let escaped = secret.replace('\\', "\\\\");
    vec![
        secret.to_owned(),
        escaped.replace('"', "\\\""),
        escaped.replace('\'', "\\'"),
        secret.replace('\'', "''"),
        escaped,
        secret.escape_debug().to_string(),
        secret.replace('%', "%%"),
    ]
}

/// Returns what may be a password in a text, each with the rest of the text.
fn suspects(text: &str) -> Vec<(String, String)> {
    let mut pieces = Vec::new();
    for (at, _) in text.match_indices("://") {
        let begin = at + 3;
        let colon = text[begin..].find(':').map(|found| begin + found + 1);
        let ends = [text[begin..].find('@'), text[begin..].rfind('@')];
        for (from, to) in ends.into_iter().flatten().filter_map(|to| Some((colon?, begin + to))) {
            if from < to {
                pieces.push((from, to));
            }
        }
    }
    for word in ["password=", "PASSWORD="] {
        for (at, _) in text.match_indices(word) {
            let begin = at + word.len();
            let end = text[begin..].find(|c: char| c == '&' || c.is_whitespace());
            pieces.push((begin, end.map_or(text.len(), |end| begin + end)));
        }
    }
    let mut found = Vec::new();
    for (from, to) in pieces {
        let (raw, beside) = (&text[from..to], format!("{} {}", &text[..from], &text[to..]));
        let raw = raw.trim_matches(['\'', '"']);
        found.push((percent_decode_str(raw).decode_utf8_lossy().into_owned(), beside.clone()));
        found.push((raw.to_owned(), beside));
    }
    found
}

/// Masks what stands between user and host in every URL of a text.
fn mask_urls(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (scheme, behind) = rest.split_at(at + 3);
        masked.push_str(scheme);
        let is_end = |c: char| c.is_whitespace() || "\"'`<>".contains(c);
        let word = &behind[..behind.find(is_end).unwrap_or(behind.len())];
        let front = &word[..word.find(['/', '?', '#']).unwrap_or(word.len())];
        let end = front.rfind('@').or_else(|| {
            // In a URL of PostgreSQL the password may hold a `/` that was not escaped.
            if is_postgresql(scheme) { word.rfind('@') } else { None }
        });
        let colon = end.and_then(|end| word[..end].find(':'));
        match (colon, end) {
            (Some(colon), Some(end)) => {
                masked.push_str(&word[..=colon]);
                masked.push_str(MASK);
                rest = &behind[end..];
            }
            _ => rest = behind,
        }
    }
    masked.push_str(rest);
    masked
}

/// Tells whether a text ends with `postgresql://`, `postgres://` or a form with a driver.
fn is_postgresql(text: &str) -> bool {
    let text = text.trim_end_matches("://").to_ascii_lowercase();
    let mut words = text.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '_');
    words.next().is_some_and(|scheme| scheme.starts_with("postgres"))
}
