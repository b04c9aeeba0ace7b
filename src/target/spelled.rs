//! What a URL or keyword string says, before the environment is asked: values by parameter.

use std::collections::BTreeMap;

use super::parameters::{self, Treatment};
use super::refusal::{Origin, Refusal};
use super::{SslMode, keywords, url};

/// The values of a text, by parameter of libpq. It has no `Debug`: one is the password.
#[derive(Default)]
pub(super) struct Spelled {
    values: BTreeMap<&'static str, String>,
    named: BTreeMap<&'static str, String>,
    /// What was translated or dropped.
    pub(super) notes: Vec<String>,
}

impl Spelled {
    /// Reads a URL or a keyword string.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        check_whole(text)?;
        let mut spelled = Self::default();
        if keywords::is_keyword_string(text) {
            keywords::read(text, &mut spelled)?;
        } else {
            url::read(text, &mut spelled)?;
        }
        Ok(spelled)
    }

    /// Returns a value; an empty one counts as none.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Tells whether a parameter was written by its name, whatever was done with it.
    pub(super) fn names(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// Puts a value that stands in the front part of a URL, where it needs no name.
    pub(super) fn put(&mut self, name: &'static str, value: String) -> Result<(), Refusal> {
        check_value(name, &value)?;
        self.values.insert(name, value);
        Ok(())
    }

    /// Takes a parameter by its name, and does with it what the table says.
    ///
    /// `nameable` tells whether an unknown name may be repeated: not where it may be a piece
    /// of a password that holds a character with a meaning in URLs.
    pub(super) fn take(
        &mut self,
        name: &str,
        value: String,
        nameable: bool,
    ) -> Result<(), Refusal> {
        let Some((name, treatment)) = parameters::find(name) else {
            return Err(unknown(name, nameable));
        };
        check_value(name, &value)?;
        match treatment {
            Treatment::Settled => return self.settle(name, value),
            Treatment::Ssl => {
                let mode = mode_of_ssl(&value)?;
                self.notes.push(format!("`ssl` is read as `sslmode={mode}`"));
                return self.settle("sslmode", mode.to_string());
            }
            Treatment::Idle => self.dropped(name, "it does nothing here"),
            Treatment::Foreign(program) => {
                self.dropped(name, &format!("it is an option of {program}"));
            }
            Treatment::Unless(harmless, _) if harmless.contains(&value.as_str()) => {
                self.dropped(name, "its value asks for nothing here");
            }
            Treatment::Unless(_, reason) | Treatment::Refused(reason) => {
                if !value.is_empty() {
                    let refusal = Refusal::of(Origin::Given, &quoted(name), reason.predicate);
                    return Err(refusal.hint(reason.hint));
                }
            }
        }
        self.named.insert(name, value);
        Ok(())
    }

    fn settle(&mut self, name: &'static str, value: String) -> Result<(), Refusal> {
        if name == "sslmode" && SslMode::from_spelling(&value).is_none() {
            return Err(not_a_mode(Origin::Given, &value));
        }
        if let Some(before) = self.named.insert(name, value.clone())
            && before != value
        {
            return Err(match name {
                "host" | "hostaddr" | "port" => several_hosts(Origin::Given),
                _ => Refusal::new(format!("`{name}` is given twice, with different values"))
                    .hint("leave one of the two out"),
            });
        }
        if let Some(before) = self.values.insert(name, value.clone())
            && before != value
            && !before.is_empty()
        {
            self.notes.push(format!(
                "`{name}` is given twice; the one behind the `?` counts, as in libpq"
            ));
        }
        Ok(())
    }

    fn dropped(&mut self, name: &str, why: &str) {
        let note = format!("`{name}` is dropped: {why}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Refuses a host or port that stands for several.
pub(super) fn several_hosts(origin: Origin) -> Refusal {
    Refusal::of(origin, "it", "names several hosts")
        .hint("name the one server that is meant; for a cluster, its primary")
}

/// Refuses a text that is no `sslmode`.
pub(super) fn not_a_mode(origin: Origin, text: &str) -> Refusal {
    let modes = SslMode::ALL.map(SslMode::as_str);
    let predicate = format!("is none of {}", modes.join(", "));
    let refusal = Refusal::of(origin, "`sslmode`", &predicate);
    let text = text.to_ascii_lowercase().replace('_', "-");
    match similar::get_close_matches(text.as_str(), &modes, 1, 0.7).first() {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None => refusal,
    }
}

/// Returns a parameter's name as sentences write it.
pub(super) fn quoted(name: &str) -> String {
    format!("`{name}`")
}

/// Refuses control characters; a tab may stand in a password.
pub(super) fn check_characters(origin: Origin, part: &str, value: &str) -> Result<(), Refusal> {
    let tabs = part == "`password`";
    if value.chars().any(|character| character.is_control() && !(tabs && character == '\t')) {
        return Err(Refusal::of(origin, part, "holds a line break or another control character")
            .hint("a value that was read from a file often ends with a line break: remove it"));
    }
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<(), Refusal> {
    check_characters(Origin::Given, &quoted(name), value)
}

fn check_whole(text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new("it is empty").hint(
            "leave it out to connect as libpq's variables say, or write \
             `postgresql://user@host:port/database`",
        ));
    }
    if text.chars().any(|character| character.is_control() && character != '\t') {
        return Err(Refusal::new("it holds a line break or another control character")
            .hint("a value that was read from a file often ends with a line break: remove it"));
    }
    if text.starts_with(['"', '\'']) {
        return Err(Refusal::new("it begins with a quotation mark").hint(
            "remove the quotation marks: `docker --env-file` and others keep them as part of \
             the value",
        ));
    }
    Ok(())
}

/// Reads the `ssl` of other programs: libpq and JDBC know `true`, asyncpg the values of
/// `sslmode`.
fn mode_of_ssl(value: &str) -> Result<SslMode, Refusal> {
    match value {
        "1" | "on" | "true" | "yes" => Ok(SslMode::Require),
        "0" | "false" | "no" | "off" => Ok(SslMode::Disable),
        _ => SslMode::from_spelling(value).ok_or_else(|| {
            Refusal::new("`ssl` is neither true nor false, nor a value of `sslmode`").hint(format!(
                "write `sslmode=` with one of {}",
                SslMode::ALL.map(SslMode::as_str).join(", ")
            ))
        }),
    }
}

fn unknown(name: &str, nameable: bool) -> Refusal {
    let refusal = if nameable && is_plain_name(name) {
        Refusal::new(format!("the parameter `{name}` is not known"))
    } else {
        Refusal::new(
            "it holds a parameter that is not known; the name is not repeated here, since it \
             may be part of a password",
        )
        .hint("in a password, write `%26` for `&`, `%3F` for `?`, `%3D` for `=`, `%2F` for `/`")
    };
    match parameters::nearest(name) {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None if name.eq_ignore_ascii_case("database") => refusal.hint("did you mean `dbname`?"),
        None => refusal.hint("leave it out if it is for another program"),
    }
}

/// Tells whether an unknown name is one name: where separators were forgotten, it is several
/// with a password between them.
fn is_plain_name(name: &str) -> bool {
    let characters = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=32).contains(&name.len())
        && name.chars().all(characters)
        && !name.to_ascii_lowercase().contains("pass")
        && !parameters::PARAMETERS.iter().any(|parameter| name.ends_with(parameter.name))
}
