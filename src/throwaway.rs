//! A PostgreSQL of this machine's own programs: in a private directory, on a Unix socket,
//! without TCP, and gone within ten seconds when this program ends, however it ends.

mod account;
mod find;
mod keeper;

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use self::account::{Account, Refusal};
use self::keeper::Keeper;
use crate::failure::{Failure, FailureKind};

pub use self::find::{Programs, Version};

/// How long initdb and the start may take together, on the slowest machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// What stands for itself in the path and the query of a URL.
const PLAIN: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A running PostgreSQL server that nobody else uses.
///
/// Its superuser is `postgres`, without a password; only the account that runs it, and
/// root, can reach the socket. Dropping it ends every session, stops the server and
/// removes all its files, and blocks meanwhile: some hundredths of a second as a rule,
/// ten seconds at most.
#[derive(Debug)]
pub struct Throwaway {
    keeper: Keeper,
}

impl Throwaway {
    /// The port in the name of the socket; nothing listens on TCP.
    pub const PORT: u16 = keeper::PORT;

    /// Makes a new cluster (UTF8, locale C, time zone UTC) and starts a server on it.
    ///
    /// `settings` are configuration parameters of the server, by name and value; they
    /// outrank those which only make it fast (`fsync` and its like), but cannot change
    /// where it listens. Root's server runs as account `postgres`, else `nobody`. Needs a
    /// Tokio runtime with its clock. If the future is dropped, nothing stays behind.
    ///
    /// # Errors
    ///
    /// `Machine` if no account can run the programs, if `TMPDIR` cannot be used, or if
    /// initdb or the server ended (the causes hold the end of what they wrote); `Timeout`
    /// if the server did not become ready within two minutes. Nothing stays behind.
    pub async fn start(programs: &Programs, settings: &[(&str, &str)]) -> Result<Self, Failure> {
        let context = format!("could not start a throwaway PostgreSQL {}", programs.version().full);
        let mut reasons = Vec::new();
        for account in Account::candidates() {
            match launch(&account, programs, settings).await {
                Ok(keeper) => return Ok(Self { keeper }),
                Err(Refusal::Closed(reason)) => reasons.push(reason),
                Err(Refusal::Final(failure)) => return Err(failure.context(context)),
            }
        }
        Err(account::all_closed(reasons).context(context))
    }

    /// Returns the directory of the socket: what `psql -h` and `PGHOST` take.
    pub fn socket_dir(&self) -> &Path {
        self.keeper.dir()
    }

    /// Returns the URL of a database of this server, for its superuser.
    ///
    /// In the form that libpq reads. The port is named although it is the usual one,
    /// because `PGPORT` would change the name of the socket that is looked for.
    pub fn url(&self, database: &str) -> String {
        url(self.socket_dir(), database)
    }

    /// Returns the last lines of what initdb and the server wrote, ten at most.
    pub fn log_tail(&self) -> Vec<String> {
        self.keeper.log_tail()
    }

    /// Ends every session, stops the server and removes all its files.
    ///
    /// # Errors
    ///
    /// `Machine` if a process or the directory is still there after ten seconds; the
    /// causes say which.
    pub async fn stop(self) -> Result<(), Failure> {
        self.keeper.stop().await
    }
}

/// Starts a server as one account and waits until it takes connections.
async fn launch(
    account: &Account,
    programs: &Programs,
    settings: &[(&str, &str)],
) -> Result<Keeper, Refusal> {
    let folder = account.folder(programs)?;
    let mut keeper = Keeper::start(account, &folder, programs, settings)?;
    let limit = Instant::now() + START_LIMIT;
    loop {
        if let Some(ending) = keeper.ending() {
            let failure = Failure::new(FailureKind::Machine, ending);
            return Err(Refusal::Final(give_up(keeper, failure).await));
        }
        match keeper.is_ready() {
            Ok(true) => return Ok(keeper),
            Ok(false) => {}
            Err(error) => return Err(Refusal::Closed(format!("{account}: its socket: {error}"))),
        }
        if Instant::now() > limit {
            let message = format!("it was not ready after {} s", START_LIMIT.as_secs());
            let failure = Failure::new(FailureKind::Timeout, message);
            return Err(Refusal::Final(give_up(keeper, failure).await));
        }
        tokio::time::sleep(keeper::LOOK_AGAIN).await;
    }
}

/// Adds what the server wrote to a failure, and takes away what there is of the server.
async fn give_up(keeper: Keeper, mut failure: Failure) -> Failure {
    failure.causes.extend(keeper.log_tail());
    failure = failure.hint(match keeper.stop().await {
        Ok(()) => "nothing was left behind; TMPDIR names another folder to try it in".to_owned(),
        Err(left) => format!("{}: {}", left.message, left.causes.join("; ")),
    });
    failure
}

fn url(dir: &Path, database: &str) -> String {
    let host = percent_encode(dir.as_os_str().as_bytes(), &PLAIN);
    let database = percent_encode(database.as_bytes(), const { &PLAIN.add(b'/') });
    format!("postgresql://postgres@/{database}?host={host}&port={}", Throwaway::PORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_socket_port_and_database() {
        assert_eq!(
            url(Path::new("/tmp/driftgate-1f"), "app_test"),
            "postgresql://postgres@/app_test?host=/tmp/driftgate-1f&port=5432"
        );
    }

    #[test]
    fn a_url_hides_what_would_end_one_of_its_parts() {
        assert_eq!(
            url(Path::new("/tmp/a b&c+d%\"é"), "x/y?z#1"),
            "postgresql://postgres@/x%2Fy%3Fz%231?host=/tmp/a%20b%26c%2Bd%25%22%C3%A9&port=5432"
        );
    }
}
