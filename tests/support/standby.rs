//! A standby: a server that is recovering and takes no changes. It is gone when it is
//! dropped, and at the latest when this process ends, however it ends.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::poll::until;
use super::server::{repository, socket_folder};

/// A standby at work.
#[derive(Debug)]
pub(crate) struct Standby {
    keeper: Child,
    folder: TempDir,
}

/// Makes a cluster, has it recover from nowhere, and runs it while the input is open.
const KEEP: &str = r#"
    "$0/initdb" -D "$1/data" -U postgres -A trust --no-sync -E UTF8 --locale=C >"$1/log" 2>&1
    : >"$1/data/standby.signal"
    "$0/postgres" -D "$1/data" -k "$1" -p 5432 -c listen_addresses= -c fsync=off \
        >>"$1/log" 2>&1 </dev/null &
    cat >/dev/null
    kill -QUIT $!
    wait"#;

impl Standby {
    /// Starts one of the major under test.
    pub(crate) fn start() -> Self {
        let asked =
            Command::new(repository().join("scripts/pg")).args(["--bin", "system"]).output();
        let programs = asked.expect("scripts/pg starts").stdout;
        let programs = String::from_utf8(programs).expect("a path");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut command = Command::new("sh");
        if rustix::process::geteuid().is_root() {
            // PostgreSQL refuses to run as root; the account of the test server may.
            let owner = fs::metadata(socket_folder()).expect("the server has a folder");
            let (user, group) = (owner.uid(), owner.gid());
            chown(folder.path(), Some(user), Some(group)).expect("root may give it away");
            command = Command::new("setpriv");
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
            command.args(["--clear-groups", "sh"]);
        }
        command.args(["-c", KEEP, programs.trim()]).arg(folder.path());
        let keeper = command
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let standby = Self { keeper, folder };
        until("a standby that lets readers in", || {
            let state = fs::read_to_string(standby.folder.path().join("data/postmaster.pid"));
            state.is_ok_and(|state| state.contains("ready")).then_some(())
        });
        standby
    }

    /// Returns the URL of its maintenance database, as a superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@/postgres?host={}", self.folder.path().display())
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
