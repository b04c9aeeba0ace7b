//! From what a text says to a target: what it leaves open is filled from libpq's variables,
//! then from libpq's files and defaults.

use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::{Environment, PassfileRead};
use super::parameters::{PARAMETERS, Treatment};
use super::passfile;
use super::refusal::{Origin, Refusal};
use super::secret::Password;
use super::spelled::{Spelled, check_characters, not_a_mode, quoted, several_hosts};
use super::{ClientCertificate, DEFAULT_PORT, Host, RootCertificates, Source, SslMode, Target};

/// The directories where builds of libpq look for a socket when told no host.
///
/// Source: `DEFAULT_PGSOCKET_DIR`: the first is that of the distributions, the second that
/// of PostgreSQL's own sources.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Permission bits that others than the owner have.
const OTHERS: u32 = 0o077;

struct Value {
    text: String,
    origin: Origin,
}

struct Tls {
    mode: SslMode,
    roots: Option<RootCertificates>,
    client: Option<ClientCertificate>,
}

struct Settling<'a> {
    spelled: Spelled,
    environment: &'a dyn Environment,
    from_environment: Vec<String>,
    notes: Vec<String>,
}

/// Settles a target, with notes on what was dropped, translated or filled in.
pub(super) fn settle(
    mut spelled: Spelled,
    source: Source,
    environment: &dyn Environment,
) -> Result<(Target, Vec<String>), Refusal> {
    let mut notes = std::mem::take(&mut spelled.notes);
    let mut settling =
        Settling { spelled, environment, from_environment: Vec::new(), notes: Vec::new() };
    settling.check_other_variables()?;
    if let (Source::Flag(name), Some(_)) = (source, settling.spelled.value("password")) {
        notes.push(format!(
            "the password in `{name}` can be seen by everyone who may list the processes of this \
             machine; a variable or a password file keeps it private"
        ));
    }
    let port = settling.port()?;
    let (host, hostaddr) = settling.host(port)?;
    let user = settling.user()?;
    let database = settling.value("dbname")?.map_or_else(|| user.clone(), |value| value.text);
    let tls = settling.tls(&host)?;
    let connect_timeout = settling.connect_timeout()?;
    let mut target = Target {
        host,
        hostaddr,
        port,
        user,
        database,
        password: None,
        sslmode: tls.mode,
        sslrootcert: tls.roots,
        client_certificate: tls.client,
        connect_timeout,
        source,
    };
    target.password = settling.password(&target)?;
    if !settling.from_environment.is_empty() {
        let parts = settling.from_environment.join(", ");
        notes.push(format!("taken from the environment: {parts}"));
    }
    notes.append(&mut settling.notes);
    Ok((target, notes))
}

/// Tells who names the target when no URL was given.
pub(super) fn source_of_nothing(environment: &dyn Environment) -> Source {
    let set = PARAMETERS
        .iter()
        .filter(|parameter| matches!(parameter.treatment, Treatment::Settled))
        .filter_map(|parameter| parameter.variable)
        .any(|name| environment.variable(name).is_some_and(|value| !value.is_empty()));
    if set { Source::LibpqVariables } else { Source::Defaults }
}

/// Returns a variable that is set and not empty.
pub(super) fn variable(
    environment: &dyn Environment,
    name: &'static str,
) -> Result<Option<String>, Refusal> {
    let Some(value) = environment.variable(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.into_string() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Refusal::of(Origin::Variable(name), "it", "is not UTF-8")),
    }
}

impl Settling<'_> {
    /// Refuses the variables that ask for what cannot be kept, unless the text has its own say.
    fn check_other_variables(&self) -> Result<(), Refusal> {
        for parameter in PARAMETERS {
            let (harmless, reason): (&[&str], _) = match parameter.treatment {
                Treatment::Unless(harmless, reason) => (harmless, reason),
                Treatment::Refused(reason) => (&[], reason),
                _ => continue,
            };
            let Some(name) = parameter.variable.filter(|_| !self.spelled.names(parameter.name))
            else {
                continue;
            };
            let value = variable(self.environment, name)?;
            if value.is_some_and(|value| !harmless.contains(&value.as_str())) {
                let refusal = Refusal::of(Origin::Variable(name), "it", reason.predicate);
                return Err(refusal.hint(reason.hint));
            }
        }
        Ok(())
    }

    /// Returns a parameter's value from the text, else from its variable.
    fn value(&mut self, name: &'static str) -> Result<Option<Value>, Refusal> {
        if let Some(text) = self.spelled.value(name) {
            return Ok(Some(Value { text: text.to_owned(), origin: Origin::Given }));
        }
        let parameter = PARAMETERS.iter().find(|parameter| parameter.name == name);
        let Some(stand_in) = parameter.and_then(|parameter| parameter.variable) else {
            return Ok(None);
        };
        let Some(text) = variable(self.environment, stand_in)? else { return Ok(None) };
        let origin = Origin::Variable(stand_in);
        check_characters(origin, &quoted(name), &text)?;
        self.from_environment.push(format!("{name} (`{stand_in}`)"));
        Ok(Some(Value { text, origin }))
    }

    fn port(&mut self) -> Result<u16, Refusal> {
        let Some(Value { text, origin }) = self.value("port")? else { return Ok(DEFAULT_PORT) };
        if text.contains(',') {
            return Err(several_hosts(origin));
        }
        match text.trim().parse() {
            Ok(0) | Err(_) => {
                Err(Refusal::of(origin, "the port", "is not a number from 1 to 65535"))
            }
            Ok(port) => Ok(port),
        }
    }

    fn host(&mut self, port: u16) -> Result<(Host, Option<IpAddr>), Refusal> {
        let host = match self.value("host")? {
            Some(value) => Some(read_host(&value)?),
            None => None,
        };
        let hostaddr = match self.value("hostaddr")? {
            Some(value) if value.text.contains(',') => return Err(several_hosts(value.origin)),
            Some(value) => Some(value.text.parse::<IpAddr>().map_err(|_| {
                Refusal::of(value.origin, "`hostaddr`", "is not an IP address")
                    .hint("write a name as the host")
            })?),
            None => None,
        };
        Ok(match (host, hostaddr) {
            (Some(Host::Name(name)), hostaddr) => (Host::Name(name), hostaddr),
            // An address wins over a socket, as in libpq; it is then the host's only name.
            (_, Some(address)) => (Host::Name(address.to_string()), None),
            (Some(socket), None) => (socket, None),
            (None, None) => (self.default_host(port), None),
        })
    }

    fn default_host(&self, port: u16) -> Host {
        let socket = format!(".s.PGSQL.{port}");
        SOCKET_DIRECTORIES
            .iter()
            .find(|directory| self.environment.exists(&Path::new(directory).join(&socket)))
            .map_or_else(
                || Host::Name("localhost".to_owned()),
                |directory| Host::Socket(PathBuf::from(directory)),
            )
    }

    fn user(&mut self) -> Result<String, Refusal> {
        if let Some(value) = self.value("user")? {
            return Ok(value.text);
        }
        self.environment.user().filter(|user| !user.is_empty()).ok_or_else(|| {
            Refusal::new("it names no user, and the operating system's user has no name")
                .hint("write the user in the URL, or set `PGUSER`")
        })
    }

    fn tls(&mut self, host: &Host) -> Result<Tls, Refusal> {
        let roots = self.value("sslrootcert")?;
        let system = roots.as_ref().is_some_and(|value| value.text == "system");
        let mode = match self.value("sslmode")? {
            Some(value) => SslMode::from_spelling(&value.text)
                .ok_or_else(|| not_a_mode(value.origin, &value.text))?,
            None if system => SslMode::VerifyFull,
            None => SslMode::default(),
        };
        if let Some(roots) = roots.as_ref().filter(|_| system && mode != SslMode::VerifyFull) {
            let predicate = "is `system`, which needs `sslmode=verify-full`";
            return Err(Refusal::of(roots.origin, "`sslrootcert`", predicate)
                .hint("write `sslmode=verify-full`, or name a file of certificates"));
        }
        let client = self.client_certificate(host, mode)?;
        let roots = match roots {
            Some(_) if system => Some(RootCertificates::System),
            Some(value) => Some(RootCertificates::File(value.text.into())),
            None => self.default_roots(host, mode),
        };
        // Without this, a file of certificates would be named and never looked at.
        let upgrade = mode == SslMode::Require && matches!(roots, Some(RootCertificates::File(_)));
        if upgrade {
            self.notes.push(
                "`sslmode=require` with a file of root certificates is read as `verify-ca`, as \
                 libpq does"
                    .to_owned(),
            );
        }
        Ok(Tls { mode: if upgrade { SslMode::VerifyCa } else { mode }, roots, client })
    }

    fn default_roots(&mut self, host: &Host, mode: SslMode) -> Option<RootCertificates> {
        let wanted = matches!(mode, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull);
        if !wanted || matches!(host, Host::Socket(_)) {
            return None;
        }
        if let Some(path) = self.own_file("root.crt") {
            self.notes.push(format!("root certificates: `{}`, libpq's default", path.display()));
            return Some(RootCertificates::File(path));
        }
        if mode == SslMode::VerifyFull {
            self.notes.push("root certificates: those of the operating system".to_owned());
            return Some(RootCertificates::System);
        }
        None
    }

    fn client_certificate(
        &mut self,
        host: &Host,
        mode: SslMode,
    ) -> Result<Option<ClientCertificate>, Refusal> {
        let certificate = self.value("sslcert")?;
        let key = self.value("sslkey")?;
        let given = certificate.is_some() || key.is_some();
        if !given && (mode == SslMode::Disable || matches!(host, Host::Socket(_))) {
            return Ok(None);
        }
        let missing = |value: &Value, part: &str, other: &str| {
            let predicate = format!("is given without {other}");
            Refusal::of(value.origin, part, &predicate).hint(format!("give {other} too"))
        };
        let own = (self.own_file("postgresql.crt"), self.own_file("postgresql.key"));
        let (certificate, key) = match (certificate, key, own) {
            (Some(certificate), Some(key), _) => (certificate.text.into(), key.text.into()),
            (Some(certificate), None, (_, Some(key))) => (certificate.text.into(), key),
            (None, Some(key), (Some(certificate), _)) => (certificate, key.text.into()),
            (Some(value), None, _) => return Err(missing(&value, "`sslcert`", "`sslkey`")),
            (None, Some(value), _) => return Err(missing(&value, "`sslkey`", "`sslcert`")),
            (None, None, (Some(certificate), Some(key))) => {
                let shown = certificate.display();
                self.notes.push(format!("client certificate: `{shown}`, libpq's default"));
                (certificate, key)
            }
            (None, None, _) => return Ok(None),
        };
        Ok(Some(ClientCertificate { certificate, key }))
    }

    fn connect_timeout(&mut self) -> Result<Option<Duration>, Refusal> {
        let Some(Value { text, origin }) = self.value("connect_timeout")? else { return Ok(None) };
        let seconds: i32 = text.trim().parse().map_err(|_| {
            Refusal::of(origin, "`connect_timeout`", "is not a whole number of seconds")
        })?;
        match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => Ok(Some(Duration::from_secs(seconds))),
            _ => {
                self.notes.push(
                    "`connect_timeout` asks for no limit; driftgate's own limit holds \
                     (`--connect-timeout`)"
                        .to_owned(),
                );
                Ok(None)
            }
        }
    }

    /// Returns the password, from the text, its variable or the password file.
    fn password(&mut self, target: &Target) -> Result<Option<Password>, Refusal> {
        if let Some(value) = self.value("password")? {
            return Ok(Some(Password::new(value.text)));
        }
        let (path, asked_for) = match self.value("passfile")? {
            Some(value) => (PathBuf::from(value.text), true),
            None => match self.home() {
                Some(home) => (home.join(".pgpass"), false),
                None => return Ok(None),
            },
        };
        let shown = path.display();
        let note = match self.environment.passfile(&path) {
            PassfileRead::Absent if !asked_for => return Ok(None),
            PassfileRead::Absent => format!("the password file `{shown}` does not exist"),
            PassfileRead::NotPlain => {
                format!("the password file `{shown}` is not a plain file and is ignored")
            }
            PassfileRead::Unreadable(reason) => {
                format!("the password file `{shown}` cannot be read: {reason}")
            }
            PassfileRead::Plain { mode, .. } if mode & OTHERS != 0 => format!(
                "the password file `{shown}` is open to others and is ignored, as libpq does; \
                 `chmod 600` mends it"
            ),
            PassfileRead::Plain { text, .. } => match find_password(&text, target) {
                Some(password) => {
                    self.notes.push(format!("the password comes from `{shown}`"));
                    return Ok(Some(Password::new(password)));
                }
                None => return Ok(None),
            },
        };
        self.notes.push(note);
        Ok(None)
    }

    fn home(&self) -> Option<PathBuf> {
        self.environment.variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }

    /// Returns a file of `~/.postgresql`, if it is there.
    fn own_file(&self, name: &str) -> Option<PathBuf> {
        let path = self.home()?.join(".postgresql").join(name);
        self.environment.exists(&path).then_some(path)
    }
}

fn find_password(text: &[u8], target: &Target) -> Option<String> {
    let name = match &target.host {
        Host::Name(name) => name.clone(),
        Host::Socket(directory) => directory.to_string_lossy().into_owned(),
    };
    let mut hosts = vec![name.as_str()];
    if SOCKET_DIRECTORIES.contains(&name.as_str()) {
        hosts.insert(0, "localhost");
    }
    let wanted = passfile::Wanted {
        hosts: &hosts,
        port: target.port,
        database: &target.database,
        user: &target.user,
    };
    passfile::find(text, &wanted)
}

fn read_host(value: &Value) -> Result<Host, Refusal> {
    let text = value.text.as_str();
    if text.starts_with('/') {
        return Ok(Host::Socket(PathBuf::from(text)));
    }
    if text.contains(',') {
        return Err(several_hosts(value.origin));
    }
    let refuse = |predicate| Refusal::of(value.origin, "the host", predicate);
    if text.starts_with('@') {
        return Err(refuse("is an abstract socket, which driftgate cannot reach")
            .hint("name the directory of a socket, or a host"));
    }
    let number = text.split('%').next().unwrap_or_default();
    let is_name = text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if !is_name && number.parse::<Ipv6Addr>().is_err() {
        return Err(refuse("is not a host name, an IP address or the directory of a socket")
            .hint("write the port as `port`, and a directory with its leading `/`"));
    }
    Ok(Host::Name(text.to_owned()))
}
