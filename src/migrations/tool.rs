//! Runs the project's own migrating program: with the database in its environment, its
//! output kept, and ended with all that it started when its time is up or this program ends.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{Tool, alembic, command};
use crate::failure::{Failure, FailureKind};
use crate::registry::{MigrationsKind, Registry};
use crate::target::{Resolved, Target};
use crate::wording;

mod output;

use output::Kept;

/// How long a migrating program may take where nothing else is said.
pub const TIME_LIMIT: Duration = Duration::from_secs(3_600);

/// What is run, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRun {
    /// The command line, as the reader would type it.
    pub shown: String,
    /// The program's file.
    pub program: PathBuf,
    /// What it is given.
    pub args: Vec<String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// Whether the URL should do without `%`: what many projects' `env.py` hands to
    /// `configparser`, which takes it for the beginning of a name.
    pub avoids_percent: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolEnd {
    /// What it wrote, to either stream, without passwords; the middle of a long output is
    /// left out.
    pub output: String,
    /// How long it took.
    pub took: Duration,
    /// Why it is not done; `None`: it ended with exit code 0.
    pub failure: Option<Failure>,
}

/// Returns how the project's migrations are applied: with `upgrade head` for Alembic.
///
/// # Errors
///
/// [`FailureKind::Usage`] for kind `sql`, which no program of the project's applies; else
/// when the configuration, the folder or the program is not there.
pub fn plan(registry: &Registry) -> Result<ToolRun, Failure> {
    plan_to(registry, "head")
}

/// Returns how the project's migrations are applied up to a revision; only Alembic has any,
/// and for a command all of them are.
///
/// # Errors
///
/// As [`plan`].
pub fn plan_to(registry: &Registry, revision: &str) -> Result<ToolRun, Failure> {
    let Some(rules) = &registry.migrations else { return Err(super::load::missing(registry)) };
    match &rules.kind {
        MigrationsKind::Sql => Err(Failure::usage(format!(
            "{} has migrations of kind \"sql\": no program of the project's applies them",
            registry.source.display
        ))),
        MigrationsKind::Alembic => alembic::run(registry, rules, revision),
        MigrationsKind::Command { program, args } => command::run(rules, program, args),
    }
}

/// Runs the project's migrations on a database; a limit of zero is none.
///
/// `DATABASE_URL` and `MIGRATION_DATABASE_URL` name the database in the form of a
/// synchronous driver, and libpq's variables say the same. If the future is dropped, the
/// program and its whole process group are ended; a shell beside it sees to that even when
/// this program is killed.
///
/// # Errors
///
/// [`FailureKind::Machine`] when it cannot be started. That it failed is told in the value.
pub async fn run(plan: &ToolRun, target: &Resolved, limit: Duration) -> Result<ToolEnd, Failure> {
    const LOOK_AGAIN: Duration = Duration::from_millis(20);
    let started = Instant::now();
    let shown = target.redactor.redact(&plan.shown);
    let mut running = Running::start(plan, &target.target).map_err(|error| {
        Failure::new(FailureKind::Machine, format!("could not run `{shown}`"))
            .cause(error.to_string())
    })?;
    let mut is_late = false;
    let status = loop {
        if let Some(status) = running.ended() {
            break Some(status);
        }
        if !limit.is_zero() && started.elapsed() >= limit {
            is_late = true;
            break None;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    running.finish();
    let output = output::without_rows(&target.redactor.redact(&running.output().await));
    let failure = if is_late {
        Some(late(&shown, limit, &output))
    } else {
        status.filter(|status| *status != 0).map(|status| failed(&shown, status, &output, plan))
    };
    Ok(ToolEnd { output, took: started.elapsed(), failure })
}

/// Returns the tool of a kind.
pub const fn of_kind(kind: &MigrationsKind) -> Option<Tool> {
    match kind {
        MigrationsKind::Sql => None,
        MigrationsKind::Alembic => Some(Tool::Alembic),
        MigrationsKind::Command { .. } => Some(Tool::Command),
    }
}

/// Finds a program: by its path, below a folder, where the name holds a slash, else in
/// `PATH`.
///
/// # Errors
///
/// [`FailureKind::Machine`] when there is none that may be run.
pub fn find_program(name: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let missing = |where_to: &str| {
        Failure::new(FailureKind::Machine, format!("the program `{name}` is not there"))
            .cause(format!("it was looked for {where_to}"))
    };
    if name.contains('/') {
        let path = folder.join(name);
        return if is_program(&path) {
            Ok(path)
        } else if path.exists() {
            Err(Failure::new(FailureKind::Machine, format!("`{name}` cannot be run"))
                .hint(format!("make it a program: chmod +x {}", path.display())))
        } else {
            Err(missing(&format!("at {}", path.display())))
        };
    }
    in_path(name, folder).ok_or_else(|| missing("in PATH").hint("install it, or name its path"))
}

/// Looks for a program in `PATH`; a folder of it that is relative is meant from `folder`.
pub fn in_path(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|one| folder.join(one).join(name)).find(|one| is_program(one))
}

/// Tells whether a file may be run.
pub fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Refuses a folder that is not there.
///
/// # Errors
///
/// [`FailureKind::Project`] that names it.
pub fn needs_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Failure::new(FailureKind::Project, format!("{} is no folder", folder.display()))
        .hint("[migrations] path in the registry names it, relative to the registry"))
}

/// Returns the URL for the environment of a program.
fn url(plan: &ToolRun, target: &Target) -> String {
    let url = target.secret_url();
    if plan.avoids_percent && url.contains('%') {
        // libpq takes the password from its own variable.
        return Target { password: None, ..target.clone() }.secret_url();
    }
    url
}

fn failed(shown: &str, status: i32, output: &str, plan: &ToolRun) -> Failure {
    const KILLED: i32 = 128;
    let how = match status {
        status if status > KILLED => format!("was ended by signal {}", status - KILLED),
        status => format!("ended with exit code {status}"),
    };
    let mut failure = Failure::new(FailureKind::Refused, format!("`{shown}` {how}"));
    failure.causes = output::last_lines(output);
    if failure.causes.is_empty() {
        failure = failure.cause("it wrote nothing");
    }
    if let Some(module) = output::missing_module(output) {
        failure = failure.hint(format!(
            "Python has no module {module}: install it where {} looks for modules",
            plan.program.display()
        ));
        if ["psycopg", "psycopg2"].contains(&module) {
            failure = failure.hint(
                "for `postgresql://` SQLAlchemy takes psycopg from its version 2.1 on, and \
                 psycopg2 before",
            );
        }
    }
    failure.hint("what it did before it failed is for it to know: see what is there")
}

fn late(shown: &str, limit: Duration, output: &str) -> Failure {
    let message = format!("`{shown}` took longer than {} and was ended", wording::duration(limit));
    let mut failure = Failure::new(FailureKind::Timeout, message);
    failure.causes = output::last_lines(output);
    failure
        .hint("give it more time with --timeout; 0 is no limit")
        .hint("a statement that it sent may still be running on the server; it ends by itself")
}

/// The program at work, under a shell that leads its process group.
#[derive(Debug)]
struct Running {
    shell: Child,
    /// Held open by nobody else; its closing tells the shell that this program has ended.
    pipe: Option<ChildStdin>,
    kept: Arc<Mutex<Kept>>,
    is_finished: bool,
}

/// What the shell does: it runs the program (its arguments) without input, and as soon as
/// the pipe at its own input closes, which the kernel does even for a program that was
/// killed, ends the whole group. A trap, and not an ignored signal: that would be handed
/// on to the program. The shell ends as the program ends.
const SCRIPT: &str = r#"
trap : HUP INT TERM
exec 3<&0 </dev/null
"$@" 3<&- &
job=$!
{
    trap '' HUP INT TERM
    read -r _
    kill -TERM 0
    sleep 2
    kill -KILL 0
} <&3 3<&- >/dev/null 2>&1 &
watcher=$!
exec 3<&- >/dev/null 2>&1
while :; do
    wait "$job"
    status=$?
    kill -0 "$job" || break
done
kill -KILL "$watcher"
exit "$status"
"#;

/// How long the group may take to end by itself when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

impl Running {
    fn start(plan: &ToolRun, target: &Target) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "driftgate"])
            .arg(&plan.program)
            .args(&plan.args)
            .current_dir(&plan.folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let variables = target.for_program();
        for name in variables.unset {
            command.env_remove(name);
        }
        for name in ["DRIFTGATE_DATABASE_URL", "DRIFTGATE_MIGRATION_DATABASE_URL"] {
            command.env_remove(name);
        }
        command.envs(variables.set);
        let url = OsString::from(url(plan, target));
        command.env("DATABASE_URL", &url).env("MIGRATION_DATABASE_URL", &url);
        let mut shell = command.spawn()?;
        // Its own copies of the pipe's writing end go with it.
        drop(command);
        let pipe = shell.stdin.take();
        let kept = Arc::new(Mutex::new(Kept::default()));
        read_on(reader, Arc::clone(&kept));
        Ok(Self { shell, pipe, kept, is_finished: false })
    }

    /// Returns the exit code, once the program has ended; leaves it a zombie, so that the
    /// number of its group cannot become another's.
    fn ended(&self) -> Option<i32> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(Pid::from_child(&self.shell)), options) {
            Ok(None) | Err(rustix::io::Errno::INTR) => None,
            Ok(Some(status)) => {
                let by_signal = status.terminating_signal().map(|signal| signal + 128);
                Some(status.exit_status().or(by_signal).unwrap_or(-1))
            }
            // There is no such child any more.
            Err(_) => Some(-1),
        }
    }

    /// Ends what is left of the group, and the shell with it.
    fn finish(&mut self) {
        const LOOK_AGAIN: Duration = Duration::from_millis(10);
        if std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        let group = Pid::from_child(&self.shell);
        // What has ended by itself is not there to be told.
        let _ = kill_process_group(group, Signal::TERM);
        let end = Instant::now() + GRACE;
        while self.ended().is_none() && Instant::now() < end {
            thread::sleep(LOOK_AGAIN);
        }
        let _ = kill_process_group(group, Signal::KILL);
        self.pipe = None;
        let _ = self.shell.wait();
    }

    /// Returns what was written. Somebody who left the group may hold the stream open: he
    /// is not waited for.
    async fn output(&self) -> String {
        const LOOK_AGAIN: Duration = Duration::from_millis(5);
        let end = Instant::now() + Duration::from_secs(1);
        while !lock(&self.kept).is_closed() && Instant::now() < end {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        lock(&self.kept).text()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Keeps what comes out of a pipe, in a thread of its own, until it closes.
fn read_on(mut reader: io::PipeReader, kept: Arc<Mutex<Kept>>) {
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => lock(&kept).add(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        lock(&kept).close();
    });
}

fn lock(kept: &Mutex<Kept>) -> std::sync::MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
