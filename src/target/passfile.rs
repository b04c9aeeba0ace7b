//! The lines of `.pgpass`: `hostname:port:database:username:password`.
//!
//! Source: "The Password File" in the manual of PostgreSQL 18, section 32.16, and
//! `passwordFromFile` in libpq's `fe-connect.c`.

/// What a line is compared with.
pub(super) struct Wanted<'a> {
    /// The host in every spelling that a line may use for it.
    pub(super) hosts: &'a [&'a str],
    /// The port.
    pub(super) port: u16,
    /// The database.
    pub(super) database: &'a str,
    /// The role.
    pub(super) user: &'a str,
}

/// Returns the password of the first line that fits, or `None`.
///
/// A line that is not UTF-8 fits nothing; an empty password counts as none.
pub(super) fn find(text: &[u8], wanted: &Wanted<'_>) -> Option<String> {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .map(|line| line.trim_end_matches('\r'))
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| password_of(line, wanted))
        .filter(|password| !password.is_empty())
}

fn password_of(line: &str, wanted: &Wanted<'_>) -> Option<String> {
    let rest = wanted.hosts.iter().find_map(|host| behind_field(line, host))?;
    let rest = behind_field(rest, &wanted.port.to_string())?;
    let rest = behind_field(rest, wanted.database)?;
    let rest = behind_field(rest, wanted.user)?;
    Some(take_field(rest).0)
}

/// Returns what stands behind the first field if that field fits.
fn behind_field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let (field, rest) = take_field(line);
    if field == wanted { rest } else { None }
}

/// Takes the first field off a line, without its backslashes; the rest is `None` when no
/// colon ends the field.
fn take_field(line: &str) -> (String, Option<&str>) {
    let mut field = String::new();
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            ':' => return (field, Some(&line[at + 1..])),
            '\\' => field.push(characters.next().map_or('\\', |(_, next)| next)),
            _ => field.push(character),
        }
    }
    (field, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let wanted = Wanted {
            hosts: &["db.example", "localhost"],
            port: 5432,
            database: "a:b",
            user: "u\\v",
        };
        find(text.as_bytes(), &wanted)
    }

    #[test]
    fn lines_are_matched_as_libpq_matches_them() {
        for (text, password) in [
            ("db.example:5432:a\\:b:u\\\\v:pw", Some("pw")),
            ("localhost:5432:a\\:b:u\\\\v:pw\r\n", Some("pw")),
            ("*:*:*:*:p\\:w\\\\x", Some("p:w\\x")),
            ("*:*:*:*:pw:ignored", Some("pw")),
            ("*:*:*:*:pw\\", Some("pw\\")),
            ("*:*:*:*:", None),
            ("*:*:*:u\\\\v", None),
            ("#*:*:*:*:no\n*:*:*:*:yes\n", Some("yes")),
            ("other:*:*:*:no\n\nbroken\n*:5432:*:*:first\n*:*:*:*:second", Some("first")),
            ("*:5433:*:*:no", None),
            ("*:*:a:b:no", None),
            ("**:*:*:*:no", None),
            ("*.example:*:*:*:no", None),
            ("*:*:*:*: spaces kept ", Some(" spaces kept ")),
            ("", None),
        ] {
            assert_eq!(found(text).as_deref(), password, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_passed_over() {
        let wanted = Wanted { hosts: &["h"], port: 1, database: "d", user: "u" };
        assert_eq!(find(b"*:*:*:*:\xff\n*:*:*:*:pw", &wanted).as_deref(), Some("pw"));
    }
}
