//! The keeper: a shell beside this program that makes the private directory, runs the
//! server in it, and takes both away as soon as the pipe to this program closes, which
//! the kernel does even for a program that was killed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::account::{Account, Refusal};
use super::find::Programs;
use crate::failure::{Failure, FailureKind};

/// What the keeper does.
///
/// `$1` is the private directory, `$2` the folder of the programs, `$3` a further option
/// of initdb or nothing; the rest are the arguments of `postgres`. Standard input is the
/// pipe that tells the end of the program. Standard output tells the program how initdb
/// or the server ended, and what initdb complained of, which a full disk would swallow;
/// it closes when there is nothing left that runs. The signals go to the whole group: to
/// initdb with all its children, or to the postmaster. They are repeated because one that
/// comes before the server has set its handlers is lost. A hung session outlives the
/// postmaster, so its children are killed by number, where there is a `pgrep` to tell
/// them. The last line ends what else is left of the group.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM PIPE
dir=$1 bin=$2 option=$3
shift 3
exec 3<&0
umask 077
mkdir "$dir" 2>&1 && cd "$dir" && exec 4>"$dir/log" || exit

attend() {
    name=$1
    shift
    "$@" </dev/null >/dev/null 2>&4 3<&- 4>&- &
    job=$!
    {
        read -r _
        for _ in 1 2 3; do kill -INT 0; sleep 1; done
        for _ in 1 2; do kill -QUIT 0; sleep 1; done
        kill -KILL "$job" $(pgrep -P "$job")
    } <&3 >/dev/null 4>&- &
    watcher=$!
    wait "$job"
    status=$?
    kill -KILL "$watcher"
    echo "$name $status"
    return "$status"
}

attend initdb "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync \
    -E UTF8 --locale=C ${option:+"$option"} 4>&1 &&
    attend postgres "$bin/postgres" -D "$dir/data" "$@"
exec >/dev/null
read -r _ <&3
cd /
for _ in 1 2 3; do
    rm -rf "$dir"
    [ -e "$dir" ] || break
    sleep 1
done
kill -KILL 0
"#;

/// The port in the name of the socket; nothing listens on TCP.
pub(super) const PORT: u16 = 5432;

/// The longest path of a socket, in bytes, that every platform and driver takes.
const SOCKET_PATH_MAX: usize = 99;

/// What the name of the private directory begins with; 16 hexadecimal digits follow.
const NAME: &str = "driftgate-";

/// How often a state is looked at again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long the keeper may take: it waits up to 5 s for the server, then removes.
const END_LIMIT: Duration = Duration::from_secs(8);

/// How long a server without its keeper gets for an immediate shutdown.
const ORPHAN_LIMIT: Duration = Duration::from_secs(2);

/// How many lines of a log are told.
const TAIL_LINES: usize = 10;

/// Tells whether clients can name a socket in a private directory under this folder.
///
/// A comma sets hosts apart in libpq, and nothing escapes it.
pub(super) fn folder_serves(folder: &Path) -> bool {
    let length = socket_in(&folder.join(NAME)).as_os_str().len() + 16;
    length <= SOCKET_PATH_MAX && !folder.as_os_str().as_bytes().contains(&b',')
}

fn socket_in(dir: &Path) -> PathBuf {
    dir.join(format!(".s.PGSQL.{PORT}"))
}

/// A server with its private directory, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Keeper {
    dir: PathBuf,
    child: Child,
    /// Held open by nobody else; closing it is what ends the server.
    pipe: Option<ChildStdin>,
    reports: ChildStdout,
    said: Vec<u8>,
    is_finished: bool,
}

impl Keeper {
    /// Starts initdb and then the server, in a new directory under `folder`.
    pub(super) fn start(
        account: &Account,
        folder: &Path,
        programs: &Programs,
        settings: &[(&str, &str)],
    ) -> Result<Self, Refusal> {
        let random = uuid::Uuid::now_v7().as_u64_pair().1;
        let dir = folder.join(format!("{NAME}{random:016x}"));
        let option = if programs.version().major >= 14 { "--no-instructions" } else { "" };
        let mut shell = account.shell(SCRIPT);
        shell.arg(&dir).arg(programs.folder()).arg(option).args(server_arguments(&dir, settings));
        // Away from the terminal's group, so that Ctrl-C reaches this program alone.
        shell.process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let closed = |error: io::Error| Refusal::Closed(format!("{account}: {error}"));
        let mut child = shell.spawn().map_err(closed)?;
        let pipe = child.stdin.take();
        let reports = child.stdout.take().expect("standard output is piped");
        let keeper = Self { dir, child, pipe, reports, said: Vec::new(), is_finished: false };
        fcntl_setfl(&keeper.reports, OFlags::NONBLOCK).map_err(|error| closed(error.into()))?;
        Ok(keeper)
    }

    /// Returns the private directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns what ended, and how, if the server is no longer coming up or running.
    pub(super) fn ending(&mut self) -> Option<String> {
        let is_closed = self.read_reports();
        let said = String::from_utf8_lossy(&self.said);
        let mut endings = said.lines().filter_map(report).filter(|ending| *ending != ("initdb", 0));
        match endings.next() {
            Some((name, status)) => Some(format!("`{name}` ended with status {status}")),
            None => is_closed.then(|| "its keeper ended".to_owned()),
        }
    }

    /// Reads what the keeper has said so far; true when it will say no more.
    fn read_reports(&mut self) -> bool {
        let mut buffer = [0; 256];
        loop {
            match self.reports.read(&mut buffer) {
                Ok(0) => return true,
                Ok(n) => self.said.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Tells whether the server takes connections, and from this process.
    ///
    /// The postmaster writes its state into the last line of `postmaster.pid`.
    /// Source: `LOCK_FILE_LINE_PM_STATUS`, PostgreSQL 10 and later.
    pub(super) fn is_ready(&self) -> io::Result<bool> {
        let state = match std::fs::read(self.dir.join("data/postmaster.pid")) {
            Ok(state) => state,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if state.trim_ascii_end().rsplit(|byte| *byte == b'\n').next() != Some(b"ready") {
            return Ok(false);
        }
        UnixStream::connect(socket_in(&self.dir)).map(|_| true)
    }

    /// Returns the last lines of what initdb complained of and the server wrote.
    pub(super) fn log_tail(&self) -> Vec<String> {
        let log = read_end(&self.dir.join("log"), 8192).unwrap_or_default();
        let (said, log) = (String::from_utf8_lossy(&self.said), String::from_utf8_lossy(&log));
        let complaints = said.lines().filter(|line| report(line).is_none());
        let lines: Vec<_> = complaints.chain(log.lines()).map(str::to_owned).collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec()
    }

    /// Ends the server and removes its directory; fails if something stayed behind.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.pipe = None;
        let limit = Instant::now() + END_LIMIT;
        while !self.has_ended() && Instant::now() < limit {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.finish()
    }

    /// Tells whether the keeper has ended; leaves it a zombie, so that the number of its
    /// group cannot become another's.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(Pid::from_child(&self.child)), options) {
            Ok(status) => status.is_some(),
            // The only error left is that there is no such child any more.
            Err(error) => error != rustix::io::Errno::INTR,
        }
    }

    /// Takes away by force what the keeper has left, and the keeper itself.
    fn finish(&mut self) -> Result<(), Failure> {
        self.is_finished = true;
        let group = Pid::from_child(&self.child);
        if self.has_ended() && self.dir.exists() {
            // Somebody killed the keeper: the server has not been told yet.
            let _ = kill_process_group(group, Signal::QUIT);
            wait_until(ORPHAN_LIMIT, || !self.dir.join("data/postmaster.pid").exists());
        }
        let killed = kill_process_group(group, Signal::KILL);
        let mut left = Failure::new(FailureKind::Machine, "a throwaway PostgreSQL stayed behind");
        if let Err(error) = killed
            && !self.has_ended()
        {
            left = left
                .cause(format!("process group {}: {error}", group.as_raw_nonzero()))
                .hint(format!("end it: kill -9 -- -{}", group.as_raw_nonzero()));
        } else {
            wait_until(ORPHAN_LIMIT, || !matches!(self.child.try_wait(), Ok(None)));
        }
        let mut removed = Ok(());
        // Its last processes may still be writing: a few attempts.
        wait_until(ORPHAN_LIMIT, || {
            removed = std::fs::remove_dir_all(&self.dir);
            !self.dir.exists()
        });
        if self.dir.exists() {
            let reason = removed.err().map(|error| format!(": {error}")).unwrap_or_default();
            left = left
                .cause(format!("`{}` is still there{reason}", self.dir.display()))
                .hint("remove that directory");
        }
        if left.causes.is_empty() { Ok(()) } else { Err(left) }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        self.pipe = None;
        wait_until(END_LIMIT, || self.has_ended());
        if let Err(failure) = self.finish() {
            tracing::warn!("{failure}");
        }
    }
}

/// Reads a line in which the keeper tells what ended, and with which status.
fn report(line: &str) -> Option<(&str, u8)> {
    let (name, status) = line.split_once(' ')?;
    (["initdb", "postgres"].contains(&name)).then_some((name, status.parse().ok()?))
}

/// Looks again and again until something holds, for at most `limit`.
fn wait_until(limit: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !holds() && Instant::now() < end {
        thread::sleep(LOOK_AGAIN);
    }
}

fn read_end(file: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut end = Vec::new();
    file.take(bytes).read_to_end(&mut end)?;
    Ok(end)
}

/// Returns the arguments of `postgres` after its data directory.
///
/// A later one wins: a caller may change how the server works, never where it listens.
fn server_arguments(dir: &Path, settings: &[(&str, &str)]) -> Vec<OsString> {
    let durability = [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")];
    let mut arguments = Vec::new();
    for (name, value) in durability.iter().chain(&[("max_connections", "50")]).chain(settings) {
        arguments.extend([OsString::from("-c"), OsString::from(format!("{name}={value}"))]);
    }
    let port = PORT.to_string();
    arguments.extend(["-c", "listen_addresses=", "-p", port.as_str(), "-k"].map(OsString::from));
    arguments.push(quoted(dir.as_os_str()));
    arguments
}

/// Quotes a directory for `unix_socket_directories`, which is a list set apart by commas.
fn quoted(dir: &OsStr) -> OsString {
    let mut quoted = vec![b'"'];
    for byte in dir.as_bytes() {
        quoted.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_serves_up_to_a_socket_path_of_99_bytes_without_a_comma() {
        // The name of the directory is 26 bytes long, that of the socket 13.
        let longest = format!("/{}", "d".repeat(99 - 26 - 13 - 3));
        assert!(folder_serves(Path::new(&longest)));
        assert!(!folder_serves(Path::new(&format!("{longest}d"))));
    }

    #[test]
    fn reports_of_the_keeper_are_told_from_complaints_of_initdb() {
        assert_eq!(report("initdb 0"), Some(("initdb", 0)));
        assert_eq!(report("postgres 137"), Some(("postgres", 137)));
        for line in ["initdb: error: could not write", "initdb failed", "mkdir 1", ""] {
            assert_eq!(report(line), None, "{line}");
        }
    }

    #[test]
    fn a_directory_is_quoted_as_one_element_of_a_list() {
        assert_eq!(quoted(OsStr::new("/tmp/a, \"b\"")), "\"/tmp/a, \"\"b\"\"\"");
    }

    #[test]
    fn no_setting_can_make_the_server_listen_elsewhere() {
        let arguments = server_arguments(Path::new("/tmp/x"), &[("listen_addresses", "*")]);
        let at = |wanted: &str| arguments.iter().rposition(|argument| argument == wanted);
        assert!(at("listen_addresses=") > at("listen_addresses=*"));
        assert_eq!(arguments.last().expect("there are arguments"), "\"/tmp/x\"");
    }
}
