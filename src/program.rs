//! The life of a process: parse, run, render, and an exit. Interrupts are handled here.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use chrono::Utc;
use clap::Parser;
use clap::error::ErrorKind;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use crate::cli::{Cli, Command};
use crate::commands::{self, Context, Urls};
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::pg::scratch::Scratch;
use crate::pg::session::Backends;
use crate::render::{self, Appearance, Detail, Format};
use crate::report::{Data, Outcome, Report, RunFacts};
use crate::settings::{Environment, Settings, Streams};
use crate::stop::{self, Stopper};
use crate::target::Redactor;

/// Runs the program with its arguments, the program's own name first.
pub fn main(arguments: Vec<OsString>) -> Exit {
    if let Err(failure) = crate::process_title::hide_passwords(&arguments) {
        say(&failure.to_string());
        return failure.exit();
    }
    let started = Instant::now();
    let run = RunFacts { run_id: Uuid::now_v7(), started_at: Utc::now() };
    let environment = Environment::of_this_process();
    let streams = streams();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, &arguments, &environment, run),
    };
    let settings = match Settings::resolve(&cli.global, &environment, streams) {
        Ok(settings) => settings,
        Err(failure) => {
            return finish(
                Report {
                    command: cli.command.name().to_owned(),
                    run,
                    duration: started.elapsed(),
                    outcome: failure.into(),
                },
                cli.global.format.unwrap_or_default(),
                plain(),
            );
        }
    };
    start_log(&settings);
    let (format, appearance, reports) =
        (settings.format, settings.appearance, settings.reports.clone());
    let mut outcome = execute(&cli, settings, environment, run.clone());
    let command = cli.command.name().to_owned();
    let mut report = Report { command, run, duration: started.elapsed(), outcome };
    for file in &reports {
        if let Err(failure) = crate::render_file::write(&report, file) {
            outcome = std::mem::replace(&mut report.outcome, Outcome::from(failure.clone()));
            outcome.exit = outcome.exit.or(failure.exit());
            outcome.failure = outcome.failure.or(Some(failure));
            report.outcome = outcome;
        }
    }
    finish(report, format, appearance)
}

/// Runs the command on a runtime of one thread, until it is done or a signal ends it.
fn execute(cli: &Cli, settings: Settings, environment: Environment, run: RunFacts) -> Outcome {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return Failure::new(FailureKind::Machine, "could not start")
                .cause(error.to_string())
                .into();
        }
    };
    let directory = match std::env::current_dir() {
        Ok(directory) => directory,
        Err(error) => {
            return Failure::new(FailureKind::Machine, "could not tell the current directory")
                .cause(error.to_string())
                .hint("change to a directory that exists")
                .into();
        }
    };
    let (stopper, stop) = stop::pair();
    let context = Context {
        settings,
        urls: Urls::of(&cli.global),
        run,
        environment,
        directory,
        backends: Backends::default(),
        scratch: Scratch::default(),
        stop,
    };
    let outcome = runtime.block_on(until_done_or_interrupted(&context, &cli.command, &stopper));
    // A name look-up that hangs must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

async fn until_done_or_interrupted(
    context: &Context,
    command: &Command,
    stopper: &Stopper,
) -> Outcome {
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = signals else {
        return Failure::new(FailureKind::Machine, "could not listen for signals").into();
    };
    let mut running = Box::pin(commands::run(context, command));
    let kind = tokio::select! {
        outcome = &mut running => {
            return outcome.unwrap_or_else(Outcome::from);
        }
        _ = interrupt.recv() => FailureKind::Interrupted,
        _ = terminate.recv() => FailureKind::Terminated,
        _ = hangup.recv() => FailureKind::Terminated,
    };
    if command.ends_when_asked() {
        stopper.ask(kind);
        tokio::select! {
            outcome = &mut running => {
                let mut outcome = outcome.unwrap_or_else(Outcome::from);
                if !command.is_meant_to_be_stopped() {
                    outcome.exit = kind.exit().or(outcome.exit);
                }
                return outcome;
            }
            () = tokio::time::sleep(command.grace()) => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    // Nothing goes on from here: the command is not polled again, and what it left running
    // on the server is cancelled on a connection of its own. A second signal ends that.
    let word = if kind == FailureKind::Interrupted { "interrupted" } else { "terminated" };
    let mut failure = Failure::new(kind, format!("{} was {word}", command.name()));
    let cancelled = tokio::select! {
        cancelled = context.cancel_statements() => cancelled,
        _ = interrupt.recv() => false,
        _ = terminate.recv() => false,
    };
    if !cancelled {
        failure = failure.hint("a statement may still be running on the server; it ends by itself");
    }
    // With the command its sessions and its servers go, and nothing holds what is taken away.
    drop(running);
    if !context.scratch.is_empty() {
        let taken_away = tokio::select! {
            taken_away = tokio::time::timeout(LONGEST_REMOVAL, context.scratch.take_all_away()) => {
                taken_away.unwrap_or_else(|_elapsed| Err(still_there("that took too long")))
            }
            _ = interrupt.recv() => Err(still_there("a second signal came")),
            _ = terminate.recv() => Err(still_there("a second signal came")),
        };
        if let Err(left) = taken_away {
            failure = failure.hint(left.message);
            failure.hints.extend(left.causes.into_iter().chain(left.hints));
        }
    }
    failure.into()
}

/// How long taking away what the run has made may take, once it is interrupted.
const LONGEST_REMOVAL: Duration = Duration::from_secs(30);

/// Says of what the run has made that it was not taken away.
fn still_there(why: &str) -> Failure {
    let message = format!("what the migrations had built on a server stays behind: {why}");
    Failure::new(FailureKind::Machine, message)
        .hint("the next run with --fresh server removes a scratch database after an hour")
}

/// Writes the report to stdout and a failure to stderr; a closed pipe is a quiet end.
fn finish(report: Report, format: Format, appearance: Appearance) -> Exit {
    let exit = report.outcome.exit;
    if let Some(failure) = &report.outcome.failure {
        say(&failure.to_string());
    }
    let has_said_it_all = report.outcome.failure.is_some()
        && report.outcome.data == Data::Nothing {}
        && report.outcome.gates.is_empty()
        && format == Format::Human;
    if has_said_it_all {
        return exit;
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = render::render(&report, format, appearance, &mut out).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("error: could not write the report\n  cause: {error}"));
            exit.or(Exit::Undecided)
        }
        _ => exit,
    }
}

/// Answers `--help` and `--version`, and turns a usage error into the form asked for.
fn not_parsed(
    error: &clap::Error,
    arguments: &[OsString],
    environment: &Environment,
    run: RunFacts,
) -> Exit {
    let wants_json = environment.get("DRIFTGATE_FORMAT") == Some("json")
        || arguments.iter().any(|argument| argument == "--format=json")
        || arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    let is_answer = matches!(error.kind(), DisplayHelp | DisplayVersion);
    let is_help = error.kind() == DisplayHelpOnMissingArgumentOrSubcommand;
    if is_answer || (is_help && !wants_json) {
        // A closed pipe is a quiet end here too.
        let _ = error.print();
        return if is_answer { Exit::Done } else { Exit::Usage };
    }
    // clap repeats the words that it did not understand, which may hold a password.
    let typed: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let redactor = Redactor::suspecting(typed.iter().map(AsRef::as_ref));
    let text = redactor.redact(&error.render().to_string());
    if !wants_json {
        say(text.trim_end());
        return Exit::Usage;
    }
    let text = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut failure = Failure::usage(message.split_whitespace().collect::<Vec<_>>().join(" "));
    for line in rest.lines().map(str::trim).filter(|line| !line.is_empty()) {
        failure = failure.hint(line);
    }
    let outcome = Outcome::from(failure);
    let report = Report { command: String::new(), run, duration: Duration::ZERO, outcome };
    finish(report, Format::Json, plain())
}

/// Writes a line of the conversation; nobody listening is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

const fn plain() -> Appearance {
    Appearance { color: false, width: 80, detail: Detail::Normal }
}

fn streams() -> Streams {
    let stdout = io::stdout();
    Streams {
        stdout_is_terminal: stdout.is_terminal(),
        stderr_is_terminal: io::stderr().is_terminal(),
        width: rustix::termios::tcgetwinsize(&stdout)
            .ok()
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width > 0),
    }
}

/// Sends the log to stderr: nothing unless asked for with `-vv` or `DRIFTGATE_LOG`.
fn start_log(settings: &Settings) {
    use tracing_subscriber::EnvFilter;
    let default = if settings.verbose >= 2 { "driftgate=debug" } else { "off" };
    let filter =
        EnvFilter::try_from_env("DRIFTGATE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A second start, in a test, changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .try_init();
}
