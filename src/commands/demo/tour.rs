//! The guide of the tour: prints what is about to happen, lets it happen, and makes sure
//! that it ended as it should.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;

use owo_colors::{OwoColorize, Style};
use tokio::process::Command;

use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::pg::run_script::run_script;
use crate::pg::session::Endpoint;
use crate::render::Format;
use crate::report::demo::{DemoRows, DemoStep};
use crate::target::{Source, Target, ThisMachine};
use crate::throwaway::{Programs, Throwaway};
use crate::wording::wrapped;

/// A tour under way.
pub(super) struct Tour<'a> {
    context: &'a Context,
    endpoint: Endpoint,
    url: String,
    folder: &'a Path,
    chapters: usize,
    steps: Vec<DemoStep>,
    closed: Cell<bool>,
}

impl<'a> Tour<'a> {
    /// Starts a tour in a project's folder, on a server of its own.
    pub(super) fn new(
        context: &'a Context,
        server: &Throwaway,
        folder: &'a Path,
    ) -> Result<Self, Failure> {
        let url = server.url("postgres");
        let resolved = Target::resolve(Some((&url, Source::Throwaway)), &ThisMachine)?;
        let endpoint = context.endpoint_of(resolved, None);
        Ok(Self {
            context,
            endpoint,
            url,
            folder,
            chapters: 0,
            steps: Vec::new(),
            closed: Cell::new(false),
        })
    }

    /// Says where the tour takes place.
    pub(super) fn introduce(&self, programs: &Programs) -> Result<(), Failure> {
        self.say(&format!(
            "A throwaway PostgreSQL {} runs on a private socket, and a copy of the reference \
             project lies in {}. What follows is what you would type there, with",
            programs.version().full,
            self.folder.display(),
        ))?;
        self.line(&format!("  export DATABASE_URL='{}'", self.url))
    }

    /// Opens a chapter.
    pub(super) fn chapter(&mut self, title: &str) -> Result<(), Failure> {
        self.chapters += 1;
        let heading = format!("{}. {title}", self.chapters);
        let underline = "=".repeat(heading.len());
        self.line("")?;
        self.line(&self.styled(&heading, Style::new().bold()))?;
        self.line(&self.styled(&underline, Style::new().bold()))
    }

    /// Says something, wrapped to the width, with an empty line before it.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        self.line("")?;
        let lines = wrapped(text, "", "", self.context.settings.appearance.width);
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Runs a command of this program and expects how it ends.
    pub(super) async fn run(&mut self, words: &[&str], expected: Exit) -> Result<(), Failure> {
        let typed = format!("driftgate {}", words.join(" "));
        self.prompt("$", &typed)?;
        let code = self.spawn(words).await?;
        self.steps.push(DemoStep {
            command: typed.clone(),
            exit_code: code,
            expected_exit_code: i32::from(expected.code()),
        });
        if code != i32::from(expected.code()) {
            return Err(Failure::new(FailureKind::Internal, "the tour went wrong")
                .cause(format!("`{typed}` ended with {code}, not with {}", expected.code()))
                .hint("this is a defect of driftgate, or something interfered; run it again"));
        }
        if code != 0 {
            self.line(&self.styled(&format!("(exit code {code})"), Style::new().dimmed()))?;
        }
        Ok(())
    }

    /// Sends statements to the server, as `psql` would.
    pub(super) async fn sql(&self, sql: &'static str) -> Result<(), Failure> {
        for statement in sql.split("; ") {
            self.prompt("postgres=#", &format!("{statement};"))?;
        }
        run_script(&self.endpoint, sql, "change the database of the tour").await
    }

    /// Sends a file of the project to the server.
    pub(super) async fn script(&self, name: &str, sql: &'static str) -> Result<(), Failure> {
        self.prompt("$", &format!("psql -q -f {name}"))?;
        run_script(&self.endpoint, sql, "let tenants move in").await
    }

    /// Waits until the reader has seen enough.
    pub(super) async fn wait_for_enter(&self) {
        let said = self.say("Kept as it is; press Enter to end it, and remove everything.");
        let waiting = tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new()));
        if said.is_ok() {
            // The end of the input ends the waiting as well.
            let _ = waiting.await;
        }
    }

    /// Returns the commands that were run.
    pub(super) fn steps(self) -> DemoRows {
        DemoRows { steps: self.steps }
    }

    async fn spawn(&self, words: &[&str]) -> Result<i32, Failure> {
        let failed = |error: io::Error| {
            Failure::new(FailureKind::Machine, "could not run this program again")
                .cause(error.to_string())
        };
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(words).current_dir(self.folder).stdin(Stdio::null()).kill_on_drop(true);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_about_a_database(name)) {
            command.env_remove(name);
        }
        command.env("DATABASE_URL", &self.url);
        if self.context.settings.appearance.color {
            command.env("DRIFTGATE_COLOR", "always");
        }
        if self.is_silent() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let status = command.status().await.map_err(failed)?;
        // A signal has no exit code; none of the expected ones is negative.
        Ok(status.code().unwrap_or(-1))
    }

    fn prompt(&self, prompt: &str, typed: &str) -> Result<(), Failure> {
        self.line("")?;
        let prompt = self.styled(prompt, Style::new().green().bold());
        self.line(&format!("{prompt} {}", self.styled(typed, Style::new().bold())))
    }

    fn styled(&self, text: &str, style: Style) -> String {
        if self.context.settings.appearance.color {
            text.style(style).to_string()
        } else {
            text.to_owned()
        }
    }

    /// Tells whether stdout belongs to a report in another form.
    fn is_silent(&self) -> bool {
        let settings = &self.context.settings;
        settings.format != Format::Human || settings.quiet || self.closed.get()
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        if self.is_silent() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            // Nobody is listening any more: the tour goes on in silence, to its clean end.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed.set(true),
            Err(error) => {
                return Err(Failure::new(FailureKind::Machine, "could not write to stdout")
                    .cause(error.to_string()));
            }
            Ok(()) => {}
        }
        Ok(())
    }
}

/// Tells whether a variable could lead a command to another database than the tour's.
fn is_about_a_database(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("DRIFTGATE_") || name.starts_with("PG") || name.ends_with("DATABASE_URL")
}
