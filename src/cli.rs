//! What may be typed, with its help text; nothing is decided here.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    check_grants, demo, diff_registry, explain, history, inventory, lock_status, migrate,
    preflight, refresh, schedule,
};
use crate::gate::FailOn;
use crate::render::Format;

/// An operator's command line for PostgreSQL materialized views.
#[derive(Debug, Parser)]
#[command(
    name = "driftgate",
    version,
    about = "What has drifted in the materialized views of a PostgreSQL database, and who has to move",
    after_help = EXIT_CODES,
    max_term_width = 80,
    propagate_version = true,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done; or every gate and check asked for was judged and passed
  1    judged, and something failed
  2    usage, or the registry is invalid: nothing was contacted
  3    undecided: something could not be judged or reached
  4    the work was not done because somebody else holds the lock
  130  interrupted by SIGINT; 143 by SIGTERM

Every global option is also an environment variable: --fail-on is
DRIFTGATE_FAIL_ON. The database is also taken from DATABASE_URL, and else from
libpq's variables (PGHOST, PGUSER, ...).";

const PREFLIGHT_EXAMPLES: &str = "\
Examples:
  driftgate preflight
      judge every gate that is asked for; 0 only if all of them passed
  driftgate preflight --gate EG-4 --gate EG-7 --report json=preflight.json
      judge roles and tenants alone, and keep the report as JSON too";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  driftgate migrate status
      exit 0 at the head, 1 when something is pending or does not fit
  driftgate migrate up --lock-timeout 2m
      apply what is pending; wait up to two minutes for another runner

The database is that of --migration-database-url, where one is given.";

const INVENTORY_EXAMPLES: &str = "\
Examples:
  driftgate inventory
      a line a view: owner, rows, size, how it can be refreshed
  driftgate inventory -v
      everything: indexes, what reads what, the fingerprint of the definition";

const DIFF_REGISTRY_EXAMPLES: &str = "\
Examples:
  driftgate diff-registry
      what has drifted, what to do, and the verdict of gate EG-3
  driftgate diff-registry -v --fail-on warning
      with the SQL that shows each finding; a warning fails too";

const CHECK_GRANTS_EXAMPLES: &str = "\
Examples:
  driftgate check-grants
      who can refresh, read and write what, and the verdict of EG-4 and EG-7
  driftgate check-grants --role refresh_worker --view public.mv_x -v
      one role and one view, with the SQL that shows each finding";

const REFRESH_EXAMPLES: &str = "\
Examples:
  driftgate refresh --all --if-stale --jobs 4
      what is older than its max_staleness, four at a time
  driftgate refresh public.mv_x --coalesce
      so that all that is committed now is in it, however many ask at once
  driftgate refresh --tenant 42
      the views of one tenant alone";

const LOCK_STATUS_EXAMPLES: &str = "\
Examples:
  driftgate lock-status
      who holds and who waits for the refresh of which view
  driftgate lock-status --watch
      the same, again every two seconds, until Ctrl-C
  driftgate lock-status --release public.mv_x --terminate
      end the session that holds the view's key, after showing it and asking";

const HISTORY_EXAMPLES: &str = "\
Examples:
  driftgate history install --grant-to report_worker
      make the tables; the registry's workers, and this role, may then use them
  driftgate history list --failed --since 24h -v
      what went wrong since yesterday, and why
  driftgate history prune --older-than 90days
      remove what is older, and keep the last success of each view

Whoever installs owns the tables: the role of --migration-database-url, where one
is given.";

const SCHEDULE_EXAMPLES: &str = "\
Examples:
  driftgate schedule check
      the verdict of gate EG-5: is every class loaded, and does it still run
  driftgate schedule run --metrics /var/lib/node_exporter/driftgate.prom
      dispatch every class until SIGTERM; start as many copies as you like
  driftgate schedule export systemd --dir /etc/systemd/system
      a service and a timer for each class";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  driftgate explain
      the checks, with gate and severity
  driftgate explain tenant-rows-lost
      the page of one check";

const DEMO_EXAMPLES: &str = "\
Examples:
  driftgate demo
      the tour, on the PostgreSQL programs that are found here
  driftgate demo --pg-bin /usr/lib/postgresql/17/bin
      the tour, on the programs of this folder";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gates and print one pass/fail report
    ///
    /// The gates are those of `[gates]` in the registry, or else every gate that
    /// this version judges (EG-1, EG-3 to EG-8). A gate that is asked for
    /// and that it does not judge is undecided, exit 3. Nothing is written to the
    /// database.
    #[command(after_help = PREFLIGHT_EXAMPLES)]
    Preflight(preflight::Args),
    /// Show and apply the project's migrations
    ///
    /// The files are those that `[migrations]` in the registry names: SQL files as sqlx
    /// and other tools name them, Alembic's revisions, or whatever a command applies.
    /// Only `migrate up` writes.
    #[command(subcommand, after_help = MIGRATE_EXAMPLES)]
    Migrate(migrate::Command),
    /// List the materialized views of the database, and all that matters about each
    ///
    /// Works without a registry, with no right beyond CONNECT, and does not wait behind a
    /// running refresh: what a lock hides is listed as busy, and the exit code is 3. It
    /// lists and does not judge.
    #[command(after_help = INVENTORY_EXAMPLES)]
    Inventory(inventory::Args),
    /// Compare the registry with the database: who has to move
    ///
    /// Judges gate EG-3: the live views are those of the registry, as declared. Needs no
    /// right beyond CONNECT, and writes nothing to the database.
    #[command(after_help = DIFF_REGISTRY_EXAMPLES)]
    DiffRegistry(diff_registry::Args),
    /// Who can really refresh, who can write what they must not, and what becomes of tenants
    ///
    /// Judges gates EG-4 and EG-7. A materialized view is refreshed with the rights of its
    /// owner, so the whole chain is followed: the role, the owner, and every table, view
    /// and function behind. Needs no right beyond CONNECT, and writes nothing; --prove needs
    /// the right to SET ROLE, and rolls back what it tries.
    #[command(after_help = CHECK_GRANTS_EXAMPLES)]
    CheckGrants(check_grants::Args),
    /// Refresh views, safely
    ///
    /// One transaction for each view, under a lock that keeps every other refresh of it away:
    /// dependencies first, never in a way that readers wait for unless it is declared so,
    /// and never where tenants' rows would be lost. Interrupted, it cancels on the server
    /// and rolls back.
    #[command(after_help = REFRESH_EXAMPLES)]
    Refresh(refresh::Args),
    /// Who holds or waits for which refresh lock, in names
    ///
    /// Puts names to the advisory keys of refreshes, whichever scheme made them, and shows
    /// the locks on the views themselves: who waits behind whom, and what looks stranded.
    /// Works without a registry, with no right beyond CONNECT, and on a standby. Only
    /// --release changes anything.
    #[command(after_help = LOCK_STATUS_EXAMPLES)]
    LockStatus(lock_status::Args),
    /// When classes are due: list, check, run and export
    ///
    /// `schedule run` is the scheduler for those who have none: any number of copies claim
    /// each tick once in the database. `schedule export` writes the same schedule for one
    /// that is there, and `schedule check` tells whether anything really dispatches it.
    #[command(subcommand, after_help = SCHEDULE_EXAMPLES)]
    Schedule(schedule::Command),
    /// The refreshes on record: install, list and prune
    ///
    /// The record is a table in the schema driftgate of the database itself, in which a
    /// refresh writes its row in its own transaction. Without it everything else works,
    /// and gate EG-8 is undecided.
    #[command(subcommand, after_help = HISTORY_EXAMPLES)]
    History(history::Command),
    /// What a check looks for, why it matters, how to repair it
    ///
    /// Needs neither a registry nor a database.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(explain::Args),
    /// The whole tour on a throwaway PostgreSQL
    ///
    /// Starts a server of its own from this machine's PostgreSQL programs, on a private
    /// socket, and removes it at the end, however the tour ends. No other database is
    /// contacted.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(demo::Args),
}

impl Command {
    /// Tells whether the command ends by itself what it has begun when it is asked to stop,
    /// and then tells what was done.
    pub const fn ends_when_asked(&self) -> bool {
        match self {
            Self::Refresh(_) | Self::Schedule(schedule::Command::Run(_)) => true,
            Self::LockStatus(args) => args.watch.is_some(),
            _ => false,
        }
    }

    /// Returns how long the command may take to end what it has begun, once it is asked to
    /// stop.
    pub fn grace(&self) -> Duration {
        const USUAL: Duration = Duration::from_millis(3_500);
        match self {
            Self::Schedule(schedule::Command::Run(args)) => args.grace() + USUAL,
            _ => USUAL,
        }
    }

    /// Tells whether a signal is the usual end of the command, whose exit code is its own.
    pub const fn is_meant_to_be_stopped(&self) -> bool {
        matches!(self, Self::Schedule(schedule::Command::Run(_)))
    }

    /// Returns the command as it was typed, without its options.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Preflight(_) => "preflight",
            Self::Migrate(command) => command.name(),
            Self::Inventory(_) => "inventory",
            Self::DiffRegistry(_) => "diff-registry",
            Self::CheckGrants(_) => "check-grants",
            Self::LockStatus(_) => "lock-status",
            Self::Refresh(_) => "refresh",
            Self::Schedule(command) => command.name(),
            Self::History(command) => command.name(),
            Self::Explain(_) => "explain",
            Self::Demo(_) => "demo",
        }
    }
}

/// Options that every command takes; each is also a variable `DRIFTGATE_<NAME>`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// The registry; else registry.toml here or in a parent folder, up to the repository's root
    #[arg(long, global = true, value_name = "FILE")]
    pub registry: Option<PathBuf>,

    /// The database [also DATABASE_URL, else libpq's variables]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// The database with the role that migrates [also MIGRATION_DATABASE_URL; else the database]
    #[arg(long, global = true, value_name = "URL")]
    pub migration_database_url: Option<String>,

    /// The form of the output [default: human]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,

    /// Write the report to a file too; repeatable: one pass over the database, several outputs
    #[arg(long, global = true, value_name = "FORMAT=FILE", value_parser = parse_report)]
    pub report: Vec<ReportFile>,

    /// From which severity on a finding means exit code 1 [default: error]
    #[arg(long, global = true, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,

    /// When to colour [default: auto; NO_COLOR and CLICOLOR_FORCE are heeded]
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub color: Option<ColorChoice>,

    /// Print rows and verdicts alone: no heading, no findings, no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Say more: the SQL behind each finding, and all that is known of each view
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// How long connecting may take, such as 10s [default: 10s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub connect_timeout: Option<Duration>,

    /// How long to wait for a lock on the server; 0 waits for ever [default: 5s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub lock_timeout: Option<Duration>,

    /// How long one statement may run; 0 is no limit [default: 5min; none for migrate and refresh]
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub statement_timeout: Option<Duration>,
}

/// A further output: its form and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// The form.
    pub format: Format,
    /// The file; it is replaced whole, or left as it was.
    pub path: PathBuf,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Reads a duration as people write it: `5s`, `2h30m`; `0` is zero.
///
/// # Errors
///
/// A sentence with examples when it is no duration.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number with its unit, such as 5s or 2h30m"))
}

/// Reads `FORMAT=FILE`.
///
/// # Errors
///
/// A sentence with an example when either part is missing or unknown.
pub fn parse_report(text: &str) -> Result<ReportFile, String> {
    let (format, path) = text
        .split_once('=')
        .filter(|(_, path)| !path.is_empty())
        .ok_or_else(|| "write FORMAT=FILE, such as json=report.json".to_owned())?;
    Ok(ReportFile { format: Format::from_str(format, false)?, path: PathBuf::from(path) })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_need_a_unit_unless_they_are_zero() {
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("2h30m"), Ok(Duration::from_secs(9_000)));
        assert!(parse_duration("5").is_err());
        assert!(parse_duration("soon").is_err());
    }

    #[test]
    fn a_report_has_a_format_and_a_file() {
        let report = parse_report("json=a=b.json").expect("both parts");
        assert_eq!(report.path, PathBuf::from("a=b.json"));
        assert!(parse_report("json").is_err());
        assert!(parse_report("json=").is_err());
        assert!(parse_report("pdf=x").is_err());
    }
}
