//! The connection: which database is meant, settled from the command line, the environment
//! and libpq's files, and written without its password. Nothing here connects; `pg` does.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Failure;

mod environment;
mod foreign;
mod keywords;
mod parameters;
mod passfile;
mod refusal;
mod secret;
mod settle;
mod spelled;
mod spelling;
mod url;

#[cfg(test)]
mod tests;

pub use environment::{Environment, PassfileRead, ThisMachine};
pub use secret::{Password, Redactor};
pub use spelling::ProgramEnvironment;

use spelled::Spelled;

/// The port of a server that was told none.
///
/// Source: `DEF_PGPORT` of libpq.
pub const DEFAULT_PORT: u16 = 5432;

/// The flag that names the database.
pub const DATABASE_URL_FLAG: &str = "--database-url";

/// The flag that names the database with the role that migrates.
pub const MIGRATION_DATABASE_URL_FLAG: &str = "--migration-database-url";

/// The variables that name the database, the first one that is set wins.
pub const DATABASE_URL_VARIABLES: [&str; 2] = ["DRIFTGATE_DATABASE_URL", "DATABASE_URL"];

/// The variables that name the database with the role that migrates, the first one wins.
pub const MIGRATION_DATABASE_URL_VARIABLES: [&str; 2] =
    ["DRIFTGATE_MIGRATION_DATABASE_URL", "MIGRATION_DATABASE_URL"];

/// Where to connect, and as whom: settled, so that nobody asks the environment again.
///
/// `Debug` and `Display` write the URL with `***` for the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The server.
    pub host: Host,
    /// The address to connect to in place of looking up the host's name.
    pub hostaddr: Option<IpAddr>,
    /// The port; for a socket, the number in its file name.
    pub port: u16,
    /// The role to log in as.
    pub user: String,
    /// The database.
    pub database: String,
    /// The password; `None` where none was given or found.
    pub password: Option<Password>,
    /// How much TLS is asked for; it means nothing on a socket.
    pub sslmode: SslMode,
    /// Whom to trust to sign the server's certificate; `None` leaves it to the driver.
    pub sslrootcert: Option<RootCertificates>,
    /// What the client shows to the server that asks for a certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// The limit on connecting, in whole seconds, that came with the URL or from
    /// `PGCONNECT_TIMEOUT`; `None` where none did.
    pub connect_timeout: Option<Duration>,
    /// Who named the target.
    pub source: Source,
}

/// The server: over TCP, or by the socket of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A host name, or an IP address without brackets.
    Name(String),
    /// The directory that holds the socket.
    Socket(PathBuf),
}

/// How much TLS is asked for.
///
/// Source: `sslmode` in the manual of PostgreSQL 18, section 32.1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// None.
    Disable,
    /// Only if the server refuses to do without.
    Allow,
    /// If the server has it.
    #[default]
    Prefer,
    /// Always, with whatever certificate the server shows.
    Require,
    /// Always, with a certificate signed by somebody trusted.
    VerifyCa,
    /// Always, with a trusted certificate for the very host that was asked for.
    VerifyFull,
}

impl SslMode {
    /// Every mode, in the order of the manual.
    pub const ALL: [Self; 6] =
        [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// Returns the mode as libpq spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// Returns the mode of that spelling.
    pub fn from_spelling(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom to trust to sign the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// The certificates in a file.
    File(PathBuf),
    /// Those that the operating system trusts; libpq 16 and later call it `system`.
    System,
}

/// The client's certificate with its key; one is of no use without the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of its private key.
    pub key: PathBuf,
}

/// Who named a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A flag, such as `--database-url`.
    Flag(&'static str),
    /// A variable that holds a whole URL, such as `DATABASE_URL`.
    Variable(&'static str),
    /// libpq's variables alone.
    LibpqVariables,
    /// Nobody: the server that libpq takes when told nothing.
    Defaults,
    /// The program itself, for a server that it started.
    Throwaway,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => write!(f, "`{name}`"),
            Self::LibpqVariables => f.write_str("libpq's variables"),
            Self::Defaults => f.write_str("libpq's defaults"),
            Self::Throwaway => f.write_str("the throwaway server"),
        }
    }
}

/// The URLs that were typed. It has no `Debug`, since they may hold passwords.
#[derive(Clone, Copy, Default)]
pub struct Typed<'a> {
    /// Source: `--database-url`.
    pub database_url: Option<&'a str>,
    /// Source: `--migration-database-url`.
    pub migration_database_url: Option<&'a str>,
}

/// A target, with what its reader should know.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Where to connect.
    pub target: Target,
    /// What was translated, dropped or taken from elsewhere; sentences without a full stop.
    pub notes: Vec<String>,
    /// What takes the passwords out of text that others wrote.
    pub redactor: Redactor,
}

impl Target {
    /// Settles the database: the flag, then `DRIFTGATE_DATABASE_URL`, then `DATABASE_URL`,
    /// then libpq's variables.
    ///
    /// # Errors
    ///
    /// As [`Target::resolve`].
    pub fn resolve_database(
        typed: Typed<'_>,
        environment: &dyn Environment,
    ) -> Result<Resolved, Failure> {
        Self::resolve_first(
            &[(DATABASE_URL_FLAG, typed.database_url)],
            &DATABASE_URL_VARIABLES,
            environment,
        )
    }

    /// Settles the database for the role that migrates: its own flag and variables, then
    /// those of [`Target::resolve_database`].
    ///
    /// # Errors
    ///
    /// As [`Target::resolve`].
    pub fn resolve_migration(
        typed: Typed<'_>,
        environment: &dyn Environment,
    ) -> Result<Resolved, Failure> {
        let flags = [(MIGRATION_DATABASE_URL_FLAG, typed.migration_database_url)];
        let own = typed.migration_database_url.is_some()
            || MIGRATION_DATABASE_URL_VARIABLES
                .iter()
                .any(|name| environment.variable(name).is_some_and(|value| !value.is_empty()));
        if own {
            Self::resolve_first(&flags, &MIGRATION_DATABASE_URL_VARIABLES, environment)
        } else {
            Self::resolve_database(typed, environment)
        }
    }

    fn resolve_first(
        flags: &[(&'static str, Option<&str>)],
        variables: &[&'static str],
        environment: &dyn Environment,
    ) -> Result<Resolved, Failure> {
        for (name, typed) in flags {
            if let Some(text) = typed {
                return Self::resolve(Some((text, Source::Flag(name))), environment);
            }
        }
        for name in variables {
            let value = settle::variable(environment, name)
                .map_err(|refusal| refusal.into_failure(Source::Variable(name)))?;
            if let Some(text) = value {
                return Self::resolve(Some((&text, Source::Variable(name))), environment);
            }
        }
        Self::resolve(None, environment)
    }

    /// Settles a target from a URL or keyword string, and what it leaves open from libpq's
    /// variables, files and defaults.
    ///
    /// # Errors
    ///
    /// A usage failure when the text or a variable is not understood, contradicts itself,
    /// or asks for what cannot be kept. Nothing was contacted; no password is repeated.
    pub fn resolve(
        given: Option<(&str, Source)>,
        environment: &dyn Environment,
    ) -> Result<Resolved, Failure> {
        let (spelled, source) = match given {
            Some((text, source)) => {
                let spelled = Spelled::read(text);
                (spelled.map_err(|refusal| refusal.into_failure(source))?, source)
            }
            None => (Spelled::default(), settle::source_of_nothing(environment)),
        };
        let (target, notes) = settle::settle(spelled, source, environment)
            .map_err(|refusal| refusal.into_failure(source))?;
        let mut redactor = Redactor::of_environment(environment);
        redactor.merge(&Redactor::suspecting(given.map(|(text, _)| text)));
        if let Some(password) = &target.password {
            redactor.add(password.expose(), "");
        }
        redactor.forget(&target.masked_url());
        Ok(Resolved { target, notes, redactor })
    }

    /// Makes the target of a server that the program started, on a socket of its own.
    pub fn throwaway(
        directory: impl Into<PathBuf>,
        port: u16,
        user: impl Into<String>,
        database: impl Into<String>,
    ) -> Self {
        Self {
            host: Host::Socket(directory.into()),
            hostaddr: None,
            port,
            user: user.into(),
            database: database.into(),
            password: None,
            sslmode: SslMode::default(),
            sslrootcert: None,
            client_certificate: None,
            connect_timeout: None,
            source: Source::Throwaway,
        }
    }

    /// Returns the same server and role with another database.
    #[must_use]
    pub fn with_database(&self, database: impl Into<String>) -> Self {
        Self { database: database.into(), ..self.clone() }
    }
}
