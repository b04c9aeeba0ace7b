//! URLs: `postgresql://user:password@host:port/database?parameter=value`, and SQLAlchemy's
//! `postgresql+driver://`.
//!
//! Source: `conninfo_uri_parse_options` in libpq's `fe-connect.c`. One difference, kept on
//! purpose: of several `@` the last ends the password; libpq takes the first, and would go
//! on to look for a host that holds the rest of the password.

use std::net::Ipv6Addr;
use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::refusal::Refusal;
use super::spelled::{Spelled, several_hosts};

const HOW_TO_WRITE: &str = "write it as `postgresql://user:password@host:port/database`";
const HOW_TO_ESCAPE: &str = "in a user name or password, write `%2F` for `/`, `%3F` for `?`, \
     `%23` for `#`, `%40` for `@`, `%3A` for `:`, `%25` for `%`";

/// Reads a URL.
pub(super) fn read(text: &str, spelled: &mut Spelled) -> Result<(), Refusal> {
    let rest = behind_scheme(text, spelled)?;
    if rest.contains(|c: char| c.is_ascii_whitespace()) {
        return Err(Refusal::new("it holds a blank").hint("write `%20` for a blank, or remove it"));
    }
    if rest.contains('#') {
        return Err(Refusal::new("it holds a `#`, which programs read in different ways")
            .hint(HOW_TO_ESCAPE));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (front, behind) = rest.split_at(end);
    let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
    check_at_signs(front, path, behind)?;
    let (credentials, server) = match front.rsplit_once('@') {
        Some((credentials, server)) => (Some(credentials), server),
        None => (None, front),
    };
    if let Some(credentials) = credentials {
        read_credentials(credentials, spelled)?;
    }
    read_server(server, credentials.is_some(), spelled)?;
    if let Some(database) = path.strip_prefix('/') {
        // With the `?` forgotten, the parameters, and a password, would be the database.
        if database.contains('=') {
            return Err(Refusal::new("the database holds `=`")
                .hint("parameters begin with `?`; in a name, write `%3D` for `=`"));
        }
        spelled.put("dbname", decode(database, "the database")?)?;
    }
    let doubtful = doubtful(rest, front);
    read_query(query, rest.len() - query.len(), &doubtful, spelled)
}

/// Settles the scheme, and returns what stands behind `://`.
fn behind_scheme<'a>(text: &'a str, spelled: &mut Spelled) -> Result<&'a str, Refusal> {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("jdbc:") {
        return Err(Refusal::new("`jdbc:` is Java's spelling").hint(
            "leave out `jdbc:`, and write user and password in front of the host: \
             `postgresql://user:password@host:port/database`",
        ));
    }
    let scheme_is_written = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
    };
    let Some((scheme, rest)) =
        text.split_once("://").filter(|(scheme, _)| scheme_is_written(scheme))
    else {
        let begins = ["postgresql:", "postgres:", "postgresql+", "postgres+"];
        let sentence = if begins.iter().any(|begin| lower.starts_with(begin)) {
            "`postgresql` is not followed by `://`"
        } else {
            "it is neither a URL nor a keyword string"
        };
        return Err(Refusal::new(sentence).hint(HOW_TO_WRITE));
    };
    let scheme = scheme.to_ascii_lowercase();
    let (base, driver) = match scheme.split_once('+') {
        Some((base, driver)) => (base, Some(driver)),
        None => (scheme.as_str(), None),
    };
    if !["postgresql", "postgres"].contains(&base) {
        return Err(foreign_scheme(base));
    }
    if driver.is_some() {
        spelled.notes.push(format!("`{scheme}` is SQLAlchemy's spelling; read as `postgresql`"));
    }
    Ok(rest)
}

/// Refuses another scheme; only those that are known are repeated.
fn foreign_scheme(scheme: &str) -> Refusal {
    const KNOWN: [&str; 18] = [
        "cockroachdb",
        "file",
        "http",
        "https",
        "mariadb",
        "mongodb",
        "mssql",
        "mysql",
        "oracle",
        "pgsql",
        "postgis",
        "psql",
        "redis",
        "redshift",
        "snowflake",
        "sqlite",
        "sqlite3",
        "tcp",
    ];
    let near = similar::get_close_matches(scheme, &["postgresql", "postgres"], 1, 0.7);
    match (KNOWN.contains(&scheme), near.first()) {
        (false, Some(_)) => Refusal::new("its scheme is misspelt")
            .hint(format!("did you mean `postgresql`? {HOW_TO_WRITE}")),
        (true, _) => Refusal::new(format!("`{scheme}` is not a scheme of PostgreSQL"))
            .hint(format!("driftgate connects to PostgreSQL only; {HOW_TO_WRITE}")),
        (false, None) => Refusal::new("its scheme is not one of PostgreSQL")
            .hint(format!("driftgate connects to PostgreSQL only; {HOW_TO_WRITE}")),
    }
}

/// Refuses an `@` where it shows that a user name or password was cut at `/` or `?`.
fn check_at_signs(front: &str, path: &str, behind: &str) -> Result<(), Refusal> {
    let before_slash = behind.split('/').next().unwrap_or_default();
    if path.contains('@') {
        return Err(Refusal::new("an `@` stands behind the first `/`").hint(HOW_TO_ESCAPE));
    }
    if !front.contains('@') && before_slash.contains('@') {
        return Err(Refusal::new("an `@` stands behind a `?`").hint(HOW_TO_ESCAPE));
    }
    Ok(())
}

fn read_credentials(credentials: &str, spelled: &mut Spelled) -> Result<(), Refusal> {
    let (user, password) = match credentials.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (credentials, None),
    };
    if user.contains('@') {
        // A password whose `:` was mistyped would be shown as part of the user.
        return Err(Refusal::new("an `@` stands in the user").hint(HOW_TO_ESCAPE));
    }
    if credentials.contains('@') {
        spelled.notes.push(
            "the URL holds several `@`; the last one is taken as the end of the password (write \
             `%40` for the others)"
                .to_owned(),
        );
    }
    spelled.put("user", decode(user, "the user")?)?;
    if let Some(password) = password {
        spelled.put("password", decode(password, "the password")?)?;
    }
    Ok(())
}

fn read_server(server: &str, behind_at: bool, spelled: &mut Spelled) -> Result<(), Refusal> {
    if server.contains(',') {
        return Err(several_hosts(super::refusal::Origin::Given));
    }
    let (host, port) = if let Some(bracketed) = server.strip_prefix('[') {
        let unclosed = || Refusal::new("the `[` of an IPv6 address is not closed by `]`");
        let (address, port) = bracketed.split_once(']').ok_or_else(unclosed)?;
        let address = decode(address, "the host")?;
        let number = address.split('%').next().unwrap_or_default();
        if number.parse::<Ipv6Addr>().is_err() {
            return Err(Refusal::new("no IPv6 address stands between `[` and `]`"));
        }
        let port = match port.strip_prefix(':') {
            Some(port) => port,
            None if port.is_empty() => "",
            None => return Err(Refusal::new("only `:` and a port may follow the `]` of the host")),
        };
        (address, port)
    } else {
        let (host, port) = server.split_once(':').unwrap_or((server, ""));
        (decode(host, "the host")?, port)
    };
    let port = decode(port, "the port")?;
    if !port.is_empty() && port.parse::<u16>().ok().is_none_or(|port| port == 0) {
        return Err(bad_port(&port, behind_at));
    }
    spelled.put("host", host)?;
    spelled.put("port", port)
}

/// Refuses a port without repeating it: it may be a password whose `@` was forgotten.
fn bad_port(port: &str, behind_at: bool) -> Refusal {
    let refusal = Refusal::new("the port is not a number from 1 to 65535");
    if port.contains(':') {
        return refusal
            .hint("write an IPv6 address in brackets: `postgresql://[::1]:5432/database`");
    }
    if behind_at { refusal } else { refusal.hint(HOW_TO_WRITE).hint(HOW_TO_ESCAPE) }
}

/// Returns where a password may stand if the URL is damaged: from the first `:` to the last
/// `@`, and everywhere behind a `:` that nothing follows. Names from there are not repeated.
fn doubtful(rest: &str, front: &str) -> Range<usize> {
    let Some(from) = rest.find(':') else { return 0..0 };
    let cut_short = front.ends_with(':') && !front.contains('@');
    let to = if cut_short { Some(rest.len()) } else { rest.rfind('@') };
    from..to.unwrap_or(from)
}

/// Reads the parameters; `at` is where the query begins in what `doubtful` counts in.
fn read_query(
    query: &str,
    mut at: usize,
    doubtful: &Range<usize>,
    spelled: &mut Spelled,
) -> Result<(), Refusal> {
    let mut behind_password = false;
    for pair in query.split('&') {
        let begin = at;
        at += pair.len() + 1;
        if pair.is_empty() {
            continue;
        }
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Refusal::new("a parameter has no `=`").hint(HOW_TO_WRITE_PARAMETERS));
        };
        if value.contains('=') {
            return Err(
                Refusal::new("the value of a parameter holds `=`").hint(HOW_TO_WRITE_PARAMETERS)
            );
        }
        let name = decode(name, "the name of a parameter")?;
        let value = decode(value, "the value of a parameter")?;
        let nameable = !behind_password && !doubtful.contains(&begin);
        spelled.take(&name, value, nameable)?;
        behind_password = name == "password";
    }
    Ok(())
}

const HOW_TO_WRITE_PARAMETERS: &str = "write parameters as `?name=value&name=value`; in a value, \
     write `%26` for `&`, `%3D` for `=`";

/// Undoes percent-encoding; `+` stays `+`, as in libpq.
fn decode(raw: &str, part: &str) -> Result<String, Refusal> {
    let bytes = raw.as_bytes();
    for (at, _) in raw.match_indices('%') {
        let escape = bytes.get(at + 1..at + 3).unwrap_or_default();
        if escape.len() < 2 || !escape.iter().all(u8::is_ascii_hexdigit) {
            return Err(Refusal::new(format!("{part} holds a `%` that begins no escape"))
                .hint("write `%25` for a `%`"));
        }
    }
    let decoded = percent_decode_str(raw).decode_utf8();
    let decoded = decoded.map_err(|_| {
        Refusal::new(format!("{part} is not UTF-8 once its escapes are undone"))
            .hint("write the escapes of the UTF-8 bytes: `%C3%A9` for `é`")
    })?;
    Ok(decoded.into_owned())
}
