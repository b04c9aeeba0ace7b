//! A server of a test's own that it may crash and start again, and a standby of it. Their
//! files lie in the folder of `scripts/pg`, which goes when this process does.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::poll::until;
use super::server::{self, Server};
use super::session::Session;

/// A server that may be crashed.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Before `_server`: what runs in its folder ends before that is removed.
    again: Option<Postmaster>,
    server: Server,
    programs: PathBuf,
}

impl Cluster {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let server = server::own();
        let mut session = Session::connect(&server.url);
        // As a server is set up that must not lose what it says it has committed.
        session.run("ALTER DATABASE postgres SET synchronous_commit = on");
        let programs = session.value("SELECT setting FROM pg_config() WHERE name = 'BINDIR'");
        Self { again: None, server, programs: programs.into() }
    }

    /// Returns the URL of its maintenance database, as a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// Ends it at once, as a loss of power would: without a checkpoint, and with every
    /// session in whatever it does.
    pub(crate) fn crash(&mut self) {
        let data = self.folder().join("data");
        let lock = data.join("postmaster.pid");
        let text = fs::read_to_string(&lock).expect("it is running");
        send(pid_in(&text), Signal::QUIT);
        self.again = None;
        until("the end of the server", || (!lock.exists()).then_some(()));
    }

    /// Starts it again on the same files.
    pub(crate) fn start_again(&mut self) {
        let folder = self.folder();
        self.again = Some(Postmaster::start(&self.programs, &folder.join("data"), &folder));
    }

    fn folder(&self) -> PathBuf {
        let (_, folder) = self.server.url.split_once("host=").expect("it listens on a socket");
        PathBuf::from(folder)
    }
}

/// A standby that streams from a server.
#[derive(Debug)]
pub(crate) struct Follower {
    _postmaster: Postmaster,
    url: String,
}

impl Follower {
    /// Makes one: a copy of the running server's files, as its own functions for backups
    /// make it, with what tells it to follow.
    pub(crate) fn of(primary: &Cluster) -> Self {
        let (folder, mut session) = (primary.folder(), Session::connect(primary.url()));
        let is_old = session.value("SHOW server_version_num").as_str() < "150000";
        let (begin, end) = match is_old {
            true => ("pg_start_backup('standby', true, false)", "pg_stop_backup(false)"),
            false => ("pg_backup_start('standby', true)", "pg_backup_stop()"),
        };
        let (data, own) = (folder.join("data"), folder.join("standby"));
        session.value(&format!("SELECT {begin}"));
        copy(&data, &own);
        let label = session.value(&format!("SELECT labelfile FROM {end}"));
        let write = |file: &str, text: &str| write_as(&data, &own.join(file), text);
        write("backup_label", &label);
        write("standby.signal", "");
        write(
            "postgresql.auto.conf",
            &format!("primary_conninfo = 'host={} user=postgres'\n", folder.display()),
        );
        fs::remove_file(own.join("postmaster.pid")).expect("it was copied");
        let postmaster = Postmaster::start(&primary.programs, &own, &own);
        let url = format!("postgresql://postgres@/postgres?host={}", own.display());
        Self { _postmaster: postmaster, url }
    }

    /// Returns the URL of its maintenance database, as a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// A server process that this process started; ended when it is dropped.
#[derive(Debug)]
struct Postmaster(Child);

impl Postmaster {
    /// Starts a server on a folder of data, as the account that owns it, and waits until it
    /// takes connections.
    fn start(programs: &Path, data: &Path, socket: &Path) -> Self {
        let owner = fs::metadata(data).expect("the data is there");
        let mut command = Command::new(programs.join("postgres"));
        command.arg("-D").arg(data).arg("-k").arg(socket);
        // What it needs to recover is set no lower than where the files come from.
        command
            .args(["-p", "5432", "-c", "listen_addresses=", "-c", "fsync=off"])
            .args(["-c", "max_connections=200"])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if rustix::process::getuid().is_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let mut postmaster = Self(command.spawn().expect("the server starts"));
        let lock = data.join("postmaster.pid");
        until("a server that takes connections", || {
            if let Some(end) = postmaster.0.try_wait().expect("it can be asked") {
                panic!("the server ended: {end}");
            }
            let text = fs::read_to_string(&lock).unwrap_or_default();
            text.lines().nth(7).is_some_and(|line| line.starts_with("ready")).then_some(())
        });
        postmaster
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        // At once: nothing of it is kept.
        if let Ok(None) = self.0.try_wait() {
            send(i32::try_from(self.0.id()).expect("a process id"), Signal::QUIT);
        }
        let _ = self.0.wait();
    }
}

fn send(pid: i32, signal: Signal) {
    let pid = Pid::from_raw(pid).expect("a process id");
    kill_process(pid, signal).expect("it is running");
}

fn pid_in(lock: &str) -> i32 {
    let first = lock.lines().next().unwrap_or_default();
    first.trim().parse().expect("the file begins with a process id")
}

/// Copies a folder with its owners; what vanishes meanwhile is left out, as a backup may.
fn copy(from: &Path, to: &Path) {
    let owner = fs::metadata(from).expect("the folder is there");
    fs::create_dir(to).expect("a folder can be made");
    own_as(&owner, to);
    fs::set_permissions(to, owner.permissions()).expect("the folder is ours");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let Ok(entry) = entry else { continue };
        let target = to.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => copy(&entry.path(), &target),
            Ok(kind) if kind.is_file() && fs::copy(entry.path(), &target).is_ok() => {
                own_as(&owner, &target);
            }
            _ => {}
        }
    }
}

fn write_as(like: &Path, file: &Path, text: &str) {
    fs::write(file, text).expect("the file can be written");
    own_as(&fs::metadata(like).expect("it is there"), file);
}

fn own_as(owner: &fs::Metadata, path: &Path) {
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid()))
            .expect("root may hand files over");
    }
}
