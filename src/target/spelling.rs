//! How a target is written: masked for people, whole for the programs that driftgate starts.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{DEFAULT_PORT, Host, RootCertificates, SslMode, Target};

/// What is escaped in a URL: all but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same, for paths in a parameter.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The variables that would change where a child program connects; those that a target does
/// not set must not be inherited.
const VARIABLES: [&str; 14] = [
    "PGCONNECT_TIMEOUT",
    "PGDATABASE",
    "PGHOST",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSWORD",
    "PGPORT",
    "PGSERVICE",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGTARGETSESSIONATTRS",
    "PGUSER",
];

/// libpq's variables for a child program. `Debug` masks the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProgramEnvironment {
    /// The variables to set.
    pub set: Vec<(&'static str, String)>,
    /// The variables to remove.
    pub unset: Vec<&'static str>,
}

impl fmt::Debug for ProgramEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.set.iter().map(|(name, value)| {
            (*name, if *name == "PGPASSWORD" { "***" } else { value.as_str() })
        });
        f.debug_map().entries(shown).finish()
    }
}

impl Target {
    /// Returns the URL with `***` for the password, fit to be shown and copied.
    pub fn masked_url(&self) -> String {
        let mut url = self.url(self.password.as_ref().map(|_| "***"));
        push_parameters(&mut url, &self.shown_parameters());
        url
    }

    /// Returns the URL with the password, for the environment of a child program; never for
    /// output.
    pub fn secret_url(&self) -> String {
        let password = self.password.as_ref().map(|password| escape(password.expose()));
        let mut url = self.url(password.as_deref());
        let mut parameters = self.shown_parameters();
        parameters.extend(self.further_parameters());
        push_parameters(&mut url, &parameters);
        url
    }

    /// Returns libpq's variables for a child program that is to connect to this target.
    pub fn for_program(&self) -> ProgramEnvironment {
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Socket(directory) => directory.to_string_lossy().into_owned(),
        };
        let mut set = vec![
            ("PGHOST", host),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", self.user.clone()),
            ("PGDATABASE", self.database.clone()),
            ("PGSSLMODE", self.sslmode.to_string()),
        ];
        if let Some(address) = self.hostaddr {
            set.push(("PGHOSTADDR", address.to_string()));
        }
        if let Some(password) = &self.password {
            set.push(("PGPASSWORD", password.expose().to_owned()));
        }
        set.extend(self.further_parameters().into_iter().map(|(name, value)| match name {
            "sslrootcert" => ("PGSSLROOTCERT", value),
            "sslcert" => ("PGSSLCERT", value),
            "sslkey" => ("PGSSLKEY", value),
            _ => ("PGCONNECT_TIMEOUT", value),
        }));
        let is_set = |name: &str| set.iter().any(|(other, _)| *other == name);
        let unset = VARIABLES.into_iter().filter(|name| !is_set(name)).collect();
        ProgramEnvironment { set, unset }
    }

    /// Returns the URL up to its parameters, with a password that is ready to stand in it.
    fn url(&self, password: Option<&str>) -> String {
        let mut url = format!("postgresql://{}", escape(&self.user));
        if let Some(password) = password {
            url.push(':');
            url.push_str(password);
        }
        url.push('@');
        if let Host::Name(name) = &self.host {
            if name.contains(':') {
                url.push_str(&format!("[{}]", name.replace('%', "%25")));
            } else {
                url.push_str(&escape(name));
            }
            url.push_str(&format!(":{}", self.port));
        }
        url.push('/');
        url.push_str(&escape(&self.database));
        url
    }

    /// Returns the parameters that tell one target from another.
    fn shown_parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        if let Host::Socket(directory) = &self.host {
            parameters.push(("host", directory.to_string_lossy().into_owned()));
            if self.port != DEFAULT_PORT {
                parameters.push(("port", self.port.to_string()));
            }
        }
        if let Some(address) = self.hostaddr {
            parameters.push(("hostaddr", address.to_string()));
        }
        if self.sslmode != SslMode::default() {
            parameters.push(("sslmode", self.sslmode.to_string()));
        }
        parameters
    }

    /// Returns the parameters that only programs need.
    fn further_parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        match &self.sslrootcert {
            Some(RootCertificates::File(path)) => {
                parameters.push(("sslrootcert", path.to_string_lossy().into_owned()));
            }
            Some(RootCertificates::System) => {
                parameters.push(("sslrootcert", "system".to_owned()));
            }
            None => {}
        }
        if let Some(client) = &self.client_certificate {
            parameters.push(("sslcert", client.certificate.to_string_lossy().into_owned()));
            parameters.push(("sslkey", client.key.to_string_lossy().into_owned()));
        }
        if let Some(limit) = self.connect_timeout {
            parameters.push(("connect_timeout", limit.as_secs().to_string()));
        }
        parameters
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked_url())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}, from {})", self.masked_url(), self.source)
    }
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn push_parameters(url: &mut String, parameters: &[(&'static str, String)]) {
    for (at, (name, value)) in parameters.iter().enumerate() {
        let value = utf8_percent_encode(value, RESERVED_IN_PATH);
        url.push_str(&format!("{}{name}={value}", if at == 0 { '?' } else { '&' }));
    }
}
