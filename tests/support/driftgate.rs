//! The program as an operator runs it: with nothing in its environment but what a test puts
//! there, and with everything it says looked at.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

use super::poll::{DEADLINE, within};
use super::project::Project;

/// A command line of the program, to be run.
#[derive(Debug)]
pub(crate) struct Driftgate {
    command: Command,
    home: TempDir,
}

/// Starts a command line of the program.
pub(crate) fn driftgate<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Driftgate {
    let home = tempfile::tempdir().expect("a folder can be made");
    let mut command = Command::new(cargo_bin!("driftgate"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        // A new database takes long: who looks at one says so.
        .env("DRIFTGATE_FRESH", "none")
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Driftgate { command, home }
}

impl Driftgate {
    /// Runs it in a project's folder.
    pub(crate) fn project(self, project: &Project) -> Self {
        self.folder(project.path())
    }

    /// Runs it in a folder.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Names the database, as a deployment does: in the environment.
    pub(crate) fn database(self, url: &str) -> Self {
        self.env("DATABASE_URL", url)
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sends stdout elsewhere.
    pub(crate) fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Run {
        self.start().wait()
    }

    /// Runs it with `--format json` and returns what it says.
    pub(crate) fn json(self) -> Run {
        self.args(["--format", "json"]).run()
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let child = self.command.spawn().expect("the program starts");
        Running { child: Some(child), _home: self.home }
    }
}

/// The program at work; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Option<Child>,
    _home: TempDir,
}

impl Running {
    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("waited for once").id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.expect("a process id"), signal).expect("it is running");
    }

    /// Tells whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("waited for once");
        child.try_wait().expect("it can be asked").is_some()
    }

    /// Waits for its end.
    pub(crate) fn wait(self) -> Run {
        self.wait_within(DEADLINE)
    }

    /// Waits for its end, which must come soon.
    pub(crate) fn wait_within(mut self, limit: Duration) -> Run {
        let mut child = self.child.take().expect("waited for once");
        let id = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let killer = Killer { id: id.expect("a process id") };
        let (outcome, arrival) = std::sync::mpsc::channel();
        drop(child.stdin.take());
        std::thread::spawn(move || outcome.send(child.wait_with_output()));
        let output = within(limit, "ended", || arrival.try_recv().ok());
        std::mem::forget(killer);
        Run::from(output.expect("its output can be read"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ends a process that a test gave up on.
struct Killer {
    id: rustix::process::Pid,
}

impl Drop for Killer {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.id, rustix::process::Signal::KILL);
    }
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The product.
    pub(crate) stdout: String,
    /// The conversation.
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Run {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that stderr says something.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "no “{words}” in:\n{}", self.stderr);
        self
    }

    /// Asserts that stdout shows something.
    #[track_caller]
    pub(crate) fn shows(self, words: &str) -> Self {
        assert!(self.stdout.contains(words), "no “{words}” in:\n{}", self.stdout);
        self
    }

    /// Returns stdout as the one JSON document that it must be.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}; one JSON document:\n{}\n{}", self.stdout, self.stderr)
        })
    }
}

/// Returns the findings of a report as `check subject`, in its order.
pub(crate) fn findings(report: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    report["findings"]
        .as_array()
        .expect("a report has findings")
        .iter()
        .map(|finding| format!("{} {}", word(&finding["check"]), word(&finding["subject"]["name"])))
        .collect()
}

/// Returns the verdict of a gate of a report.
pub(crate) fn verdict<'a>(report: &'a Value, gate: &str) -> &'a str {
    report["gates"]
        .as_array()
        .expect("a report has gates")
        .iter()
        .find(|one| one["id"] == gate)
        .and_then(|one| one["verdict"].as_str())
        .unwrap_or("not judged")
}

/// Returns the row of `data.matviews` with a name.
#[track_caller]
pub(crate) fn matview<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["data"]["matviews"]
        .as_array()
        .expect("an inventory has rows")
        .iter()
        .find(|row| row["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {:#}", report["data"]))
}
