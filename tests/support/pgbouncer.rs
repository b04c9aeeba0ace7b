//! PgBouncer in front of the test server, on a free port of the loopback. It is gone when it
//! is dropped, and at the latest when this process ends, however it ends.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::poll::until;
use super::server;

/// When a client gives its server connection back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// When it disconnects.
    Session,
    /// After each transaction.
    Transaction,
    /// After each statement.
    Statement,
}

/// How a pooler is started.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pooling: Pooling,
    size: usize,
    processes: usize,
    users: Vec<String>,
    settings: Vec<String>,
}

impl Pool {
    /// Pools like this, with so many server connections, for the superuser.
    pub(crate) fn of(pooling: Pooling, size: usize) -> Self {
        let users = vec!["postgres".to_owned()];
        Self { pooling, size, processes: 1, users, settings: Vec::new() }
    }

    /// Lets a role in as well.
    pub(crate) fn user(mut self, role: &str) -> Self {
        self.users.push(role.to_owned());
        self
    }

    /// Adds a line to its settings.
    pub(crate) fn setting(mut self, line: &str) -> Self {
        self.settings.push(line.to_owned());
        self
    }

    /// Has so many processes share the port, each with a pool of its own.
    pub(crate) fn processes(mut self, count: usize) -> Self {
        self.processes = count;
        self.setting("so_reuseport = 1")
    }

    /// Starts it.
    pub(crate) fn start(self) -> PgBouncer {
        // Another process may take the port before it does.
        for _ in 0..10 {
            if let Some(started) = self.try_to_start() {
                return started;
            }
        }
        panic!("PgBouncer found no port to listen on");
    }

    fn try_to_start(&self) -> Option<PgBouncer> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("the loopback has a free port").port();
        let mut started = PgBouncer { port, keepers: Vec::new(), folder: folder() };
        for number in 0..self.processes {
            let folder = started.folder.path().join(number.to_string());
            fs::create_dir(&folder).expect("a folder can be made");
            started.keepers.push(self.start_one(port, &folder));
            let said = until("PgBouncer, up or ended", || {
                let said = fs::read_to_string(folder.join("log")).unwrap_or_default();
                (said.contains("process up") || said.contains("FATAL")).then_some(said)
            });
            if said.contains("FATAL") {
                // What keeps it from starting for good would do so ten times.
                assert!(said.contains("in use"), "PgBouncer did not start:\n{said}");
                return None;
            }
        }
        Some(started)
    }

    fn start_one(&self, port: u16, folder: &Path) -> Keeper {
        let (ini, users, log) = (folder.join("ini"), folder.join("users"), folder.join("log"));
        let mut list = String::new();
        for user in &self.users {
            list.push_str(&format!("\"{user}\" \"\"\n"));
        }
        fs::write(&users, list).expect("a file can be written");
        let mode = match self.pooling {
            Pooling::Session => "session",
            Pooling::Transaction => "transaction",
            Pooling::Statement => "statement",
        };
        let settings = format!(
            "[databases]\n* = host={} port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n\
             pool_mode = {mode}\ndefault_pool_size = {}\nmax_client_conn = 500\n{}\n",
            server::socket_folder().display(),
            users.display(),
            self.size,
            self.settings.join("\n"),
        );
        fs::write(&ini, settings).expect("a file can be written");
        let log = fs::File::create(&log).expect("a file can be made");
        Keeper::start(&ini, log)
    }
}

/// PgBouncer at work.
#[derive(Debug)]
pub(crate) struct PgBouncer {
    port: u16,
    keepers: Vec<Keeper>,
    folder: TempDir,
}

impl PgBouncer {
    /// Returns the URL of a database by way of the pooler, as a role that it lets in.
    pub(crate) fn url(&self, database: &str, role: &str) -> String {
        format!("postgresql://{role}@127.0.0.1:{}/{database}", self.port)
    }
}

/// A shell that runs PgBouncer for as long as its own input is open: the end of this process,
/// which no way of dying can withhold, is the end of both.
#[derive(Debug)]
struct Keeper(Child);

const KEEP: &str = r#""$@" </dev/null & cat >/dev/null; kill -KILL $!; wait"#;

impl Keeper {
    fn start(ini: &Path, log: fs::File) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", KEEP, "sh"]).arg(program());
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root; the server's own account may use the server's socket.
            command.args(["-u", &account_of(&server::socket_folder())]);
        }
        let child = command
            .arg(ini)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("a shell starts");
        Self(child)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Returns the program; without it these tests fail.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps it where the path of an ordinary account does not lead.
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let mut found = folders.map(|folder| folder.join("pgbouncer")).filter(|file| file.is_file());
    found.next().expect("PgBouncer is installed; scripts/test installs it")
}

/// Makes a folder that the server's account may look into.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), open).expect("a folder of one's own can be opened");
    folder
}

fn account_of(folder: &Path) -> String {
    let owner = fs::metadata(folder).expect("the folder is there").uid().to_string();
    let asked = Command::new("id").args(["-nu", &owner]).output().expect("id starts");
    String::from_utf8(asked.stdout).expect("a name").trim().to_owned()
}
