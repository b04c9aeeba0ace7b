//! Every connection parameter that is known, and what is done with it.
//!
//! Source: `PQconndefaults` of libpq 15 and 18.

use super::foreign;

/// One parameter of libpq.
pub(super) struct Parameter {
    /// Its name in a URL or keyword string.
    pub(super) name: &'static str,
    /// The variable that stands in for it.
    pub(super) variable: Option<&'static str>,
    /// What is done with it.
    pub(super) treatment: Treatment,
}

/// What is done with a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Treatment {
    /// It becomes part of the target.
    Settled,
    /// The `ssl` of JDBC, asyncpg and others: read as `sslmode`.
    Ssl,
    /// It tunes libpq and has nothing to tune here: dropped with a note.
    Idle,
    /// Only another program knows it: dropped with a note that names the program.
    Foreign(&'static str),
    /// It asks for something that cannot be kept, unless it has one of these values.
    Unless(&'static [&'static str], Reason),
    /// It asks for something that cannot be kept.
    Refused(Reason),
}

/// Why a parameter is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reason {
    /// Completes a sentence that begins with the parameter's name.
    pub(super) predicate: &'static str,
    /// What to do.
    pub(super) hint: &'static str,
}

const OFF: &[&str] = &["0", "false", "off", "no"];

const UNSAFE_TO_DROP: &str = "leave it out if the connection is safe enough without it";

const PASSPHRASE: Reason = refused(
    "is the passphrase of an encrypted key, which driftgate cannot read",
    "give a key without a passphrase in `sslkey`, readable by nobody else",
);
const OAUTH: Reason = refused("asks for OAuth, which driftgate cannot do", "use a password");
const SCRAM_KEY: Reason =
    refused("is a SCRAM key, which driftgate cannot use", "give the password instead");
const REVOCATION: Reason =
    refused("asks for a revocation list, which driftgate cannot check", UNSAFE_TO_DROP);
const SERVICE: Reason = refused(
    "names a service file's entry, which driftgate does not read",
    "write its host, port, database and user in the URL, and unset `PGSERVICE`",
);
const OPTIONS: Reason = refused(
    "asks for settings at connecting, which poolers refuse",
    "leave it out (`env -u PGOPTIONS` for the variable) and use driftgate's own flags, such as \
     `--statement-timeout` and `--lock-timeout`",
);

/// Makes a reason.
pub(super) const fn refused(predicate: &'static str, hint: &'static str) -> Reason {
    Reason { predicate, hint }
}

/// Makes a row of the table.
pub(super) const fn parameter(
    name: &'static str,
    variable: Option<&'static str>,
    treatment: Treatment,
) -> Parameter {
    Parameter { name, variable, treatment }
}

/// The parameters of libpq, and `ssl`, which it takes over from JDBC.
pub(super) const PARAMETERS: &[Parameter] = &{
    use Treatment::{Idle, Refused, Settled, Ssl, Unless};
    [
        parameter("host", Some("PGHOST"), Settled),
        parameter("hostaddr", Some("PGHOSTADDR"), Settled),
        parameter("port", Some("PGPORT"), Settled),
        parameter("user", Some("PGUSER"), Settled),
        parameter("password", Some("PGPASSWORD"), Settled),
        parameter("dbname", Some("PGDATABASE"), Settled),
        parameter("passfile", Some("PGPASSFILE"), Settled),
        parameter("sslmode", Some("PGSSLMODE"), Settled),
        parameter("sslrootcert", Some("PGSSLROOTCERT"), Settled),
        parameter("sslcert", Some("PGSSLCERT"), Settled),
        parameter("sslkey", Some("PGSSLKEY"), Settled),
        parameter("connect_timeout", Some("PGCONNECT_TIMEOUT"), Settled),
        parameter("ssl", None, Ssl),
        parameter("service", Some("PGSERVICE"), Refused(SERVICE)),
        // The variable alone names a file that nobody asked to read.
        parameter("servicefile", None, Refused(SERVICE)),
        parameter("options", Some("PGOPTIONS"), Refused(OPTIONS)),
        parameter(
            "target_session_attrs",
            Some("PGTARGETSESSIONATTRS"),
            Unless(
                &["any"],
                refused(
                    "asks to choose among several servers",
                    "name the server that is meant, and leave it out",
                ),
            ),
        ),
        parameter(
            "channel_binding",
            Some("PGCHANNELBINDING"),
            Unless(
                &["disable", "prefer"],
                refused("asks for channel binding, which driftgate cannot do", UNSAFE_TO_DROP),
            ),
        ),
        parameter(
            "gssencmode",
            Some("PGGSSENCMODE"),
            Unless(
                &["disable", "prefer"],
                refused(
                    "asks for GSSAPI encryption, which driftgate cannot do",
                    "use TLS: `sslmode=verify-full`",
                ),
            ),
        ),
        parameter(
            "require_auth",
            Some("PGREQUIREAUTH"),
            Refused(refused(
                "limits how to log in, which driftgate cannot promise",
                UNSAFE_TO_DROP,
            )),
        ),
        parameter(
            "requirepeer",
            Some("PGREQUIREPEER"),
            Refused(refused(
                "asks whom the server runs as, which driftgate cannot check",
                UNSAFE_TO_DROP,
            )),
        ),
        parameter("requiressl", Some("PGREQUIRESSL"), Unless(&["0"], REQUIRESSL)),
        parameter("sslcrl", Some("PGSSLCRL"), Refused(REVOCATION)),
        parameter("sslcrldir", Some("PGSSLCRLDIR"), Refused(REVOCATION)),
        parameter("sslpassword", None, Refused(PASSPHRASE)),
        parameter(
            "sslcertmode",
            Some("PGSSLCERTMODE"),
            Unless(
                &["allow"],
                refused(
                    "rules when to show a client certificate, which driftgate leaves to the server",
                    "leave it out, and with it `sslcert` where none is to be shown",
                ),
            ),
        ),
        parameter(
            "sslnegotiation",
            Some("PGSSLNEGOTIATION"),
            Unless(
                &["postgres"],
                refused(
                    "asks for TLS from the first byte, which driftgate cannot do",
                    "leave it out: the server takes the usual negotiation as well",
                ),
            ),
        ),
        parameter(
            "ssl_min_protocol_version",
            Some("PGSSLMINPROTOCOLVERSION"),
            // TLS 1.2 is the oldest that the driver speaks.
            Unless(
                &["TLSv1", "TLSv1.1", "TLSv1.2"],
                refused(
                    "asks for more than TLS 1.2, which driftgate cannot promise",
                    UNSAFE_TO_DROP,
                ),
            ),
        ),
        parameter(
            "min_protocol_version",
            Some("PGMINPROTOCOLVERSION"),
            Unless(
                &["3.0"],
                refused(
                    "asks for a newer protocol than 3.0, which driftgate does not speak",
                    "leave it out",
                ),
            ),
        ),
        parameter(
            "replication",
            None,
            Unless(
                OFF,
                refused("asks for a replication connection", "leave it out: driftgate sends SQL"),
            ),
        ),
        parameter("scram_client_key", None, Refused(SCRAM_KEY)),
        parameter("scram_server_key", None, Refused(SCRAM_KEY)),
        parameter("oauth_issuer", None, Refused(OAUTH)),
        parameter("oauth_client_id", None, Refused(OAUTH)),
        parameter("oauth_client_secret", None, Refused(OAUTH)),
        parameter("oauth_scope", None, Refused(OAUTH)),
        parameter("application_name", None, Idle),
        parameter("fallback_application_name", None, Idle),
        parameter("authtype", None, Idle),
        parameter("client_encoding", None, Idle),
        parameter("gssdelegation", None, Idle),
        parameter("gsslib", None, Idle),
        parameter("keepalives", None, Idle),
        parameter("keepalives_count", None, Idle),
        parameter("keepalives_idle", None, Idle),
        parameter("keepalives_interval", None, Idle),
        parameter("krbsrvname", None, Idle),
        parameter("load_balance_hosts", None, Idle),
        parameter("max_protocol_version", None, Idle),
        parameter("ssl_max_protocol_version", None, Idle),
        parameter("sslcompression", None, Idle),
        parameter("sslkeylogfile", None, Idle),
        parameter("sslsni", None, Idle),
        parameter("tcp_user_timeout", None, Idle),
        parameter("tty", None, Idle),
    ]
};

const REQUIRESSL: Reason =
    refused("is the old spelling of `sslmode`", "write `sslmode=require` in its place");

/// Returns the name as the table keeps it, and what is done with the parameter.
pub(super) fn find(name: &str) -> Option<(&'static str, Treatment)> {
    let known = PARAMETERS.iter().chain(foreign::REFUSED);
    if let Some(parameter) = known.into_iter().find(|parameter| parameter.name == name) {
        return Some((parameter.name, parameter.treatment));
    }
    foreign::DROPPED.iter().find_map(|(program, names)| {
        let found = names.iter().find(|candidate| **candidate == name)?;
        Some((*found, Treatment::Foreign(program)))
    })
}

/// Returns the parameter of libpq that a misspelt name most likely meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let names: Vec<&'static str> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
    similar::get_close_matches(name.to_ascii_lowercase().as_str(), &names, 1, 0.7).pop()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_stands_in_the_tables_twice() {
        let mut seen = BTreeSet::new();
        let known = PARAMETERS.iter().chain(foreign::REFUSED).map(|parameter| parameter.name);
        for name in
            known.chain(foreign::DROPPED.iter().flat_map(|(_, names)| names.iter().copied()))
        {
            assert!(seen.insert(name), "{name} twice");
        }
    }

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        for (typed, meant) in [
            ("sslmod", Some("sslmode")),
            ("SSLMODE", Some("sslmode")),
            ("ssl_mode", Some("sslmode")),
            ("passwd", Some("password")),
            ("database", None),
            ("conect_timeout", Some("connect_timeout")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
    }
}
