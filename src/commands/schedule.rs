//! `schedule`: lists, checks, runs and exports the classes of `[schedules]`.

mod check;
mod export;
mod list;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::parse_duration;
use crate::commands::Context;
use crate::failure::Failure;
use crate::registry::Registry;
use crate::report::Outcome;
use crate::schedule::export::ExportFormat;

/// When classes are due, and what dispatches them.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the classes, when they are due next, and what dispatches them
    ///
    /// Times are those of the server, in UTC. Lists and does not judge; writes nothing.
    List(ListArgs),
    /// Is everything that is declared loaded, and does it still run: gate EG-5
    ///
    /// Compares the registry with our own claims, and with the jobs of pg_cron where that
    /// is installed. With --max-silence it is a probe: that alone is judged. Writes nothing.
    Check(CheckArgs),
    /// Dispatch each tick of each class once, however many copies there are
    ///
    /// Ticks are claimed in the database, by the server's clock. Needs the tables of
    /// `driftgate history install`. The registry is read once, at the start. A signal ends
    /// it: exit 0 when all that was at work ended within --grace.
    Run(RunArgs),
    /// Write the same schedule for a scheduler that is there already
    ///
    /// Reads the registry alone: no database is contacted. What is printed is complete and
    /// can be loaded as it is; what that scheduler cannot carry is said.
    Export(ExportArgs),
}

/// The options of `schedule list`.
#[derive(Debug, Clone, clap::Args)]
pub struct ListArgs {
    /// This class alone; repeatable
    #[arg(long, value_name = "NAME")]
    pub class: Vec<String>,

    /// How many of the next runs to show
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub next: u16,
}

/// The options of `schedule check`.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckArgs {
    /// A probe: fail only when a tick is overdue by more than this, such as 5m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub max_silence: Option<Duration>,
}

/// The options of `schedule run`.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Dispatch what is due now, or within ten seconds, and end; without jitter
    #[arg(long)]
    pub once: bool,

    /// This class alone; repeatable [default: all]
    #[arg(long, value_name = "NAME")]
    pub class: Vec<String>,

    /// How many refreshes of a tick may run at once [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,

    /// How long what is at work may go on after a signal [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub grace: Option<Duration>,

    /// Keep this file up to date for Prometheus' textfile collector
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,

    /// The form of the log on stderr
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    pub log: LogForm,
}

impl RunArgs {
    /// Returns how long what is at work may go on after a signal.
    pub fn grace(&self) -> Duration {
        self.grace.unwrap_or(Duration::from_secs(30))
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogForm {
    /// Words and `key=value`
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// The options of `schedule export`.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportArgs {
    /// The scheduler that is to be fed
    #[arg(value_enum, value_name = "SCHEDULER")]
    pub scheduler: ExportFormat,

    /// This class alone; repeatable [default: all]
    #[arg(long, value_name = "NAME")]
    pub class: Vec<String>,

    /// Write the files into this folder
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,

    /// Where the program is, where the schedule runs
    #[arg(long, value_name = "PATH", default_value = "/usr/local/bin/driftgate")]
    pub program: String,

    /// Where the registry is, where the schedule runs
    #[arg(long, value_name = "FOLDER", default_value = "/etc/driftgate")]
    pub folder: String,

    /// The image of the container, for kubernetes
    #[arg(long, value_name = "IMAGE", default_value = concat!("driftgate:", env!("CARGO_PKG_VERSION")))]
    pub image: String,
}

impl Command {
    /// Returns the command as it was typed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::List(_) => "schedule list",
            Self::Check(_) => "schedule check",
            Self::Run(_) => "schedule run",
            Self::Export(_) => "schedule export",
        }
    }
}

/// Runs one of the subcommands.
///
/// # Errors
///
/// When the registry is invalid, the URL cannot be used, or the work could not be done.
pub async fn run(context: &Context, command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::List(args) => list::run(context, args).await,
        Command::Check(args) => check::run(context, args).await,
        Command::Run(args) => run::run(context, args).await,
        Command::Export(args) => export::run(context, args),
    }
}

/// Makes sure that classes are those of the registry.
fn check_classes(registry: &Registry, classes: &[String]) -> Result<(), Failure> {
    let Some(class) = classes.iter().find(|class| !registry.schedules.contains_key(*class)) else {
        return Ok(());
    };
    let known: Vec<&str> = registry.schedules.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
    Err(Failure::usage(format!("`{class}` is no class of [schedules]"))
        .hint(format!("the classes are: {known}")))
}
