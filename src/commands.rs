//! The commands: what each of them works with, and the match that picks one.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::{Command, GlobalArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gate::{self, GateId};
use crate::judgement::{self, Judgement};
use crate::pg::scratch::Scratch;
use crate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use crate::report::{Outcome, ProjectFacts, RunFacts, TargetFacts};
use crate::settings::{self, Environment, Settings};
use crate::snapshot::ServerFacts;
use crate::stop::Stop;
use crate::target::{Resolved, Target, ThisMachine, Typed};

pub mod check_grants;
mod definitions;
pub mod demo;
pub mod diff_registry;
pub mod explain;
pub mod fresh;
pub mod history;
pub mod inventory;
pub mod lock_status;
pub mod migrate;
pub mod preflight;
pub mod refresh;
pub mod schedule;
mod serialization;
mod tenants;
pub mod verify;

/// What every command works with.
#[derive(Debug)]
pub struct Context {
    /// The options of the run, settled.
    pub settings: Settings,
    /// The URLs that were typed, if any.
    pub urls: Urls,
    /// The run.
    pub run: RunFacts,
    /// The environment of the process.
    pub environment: Environment,
    /// Where the command was typed.
    pub directory: PathBuf,
    /// The server processes that work for this run.
    pub backends: Backends,
    /// What this run has made on servers that are not its own.
    pub scratch: Scratch,
    /// Whether the run was asked to stop.
    pub stop: Stop,
}

/// The URLs that were typed; `Debug` shows nothing of them.
#[derive(Clone, Default)]
pub struct Urls {
    database: Option<String>,
    migration_database: Option<String>,
}

impl Urls {
    /// Takes the URLs out of the options.
    pub fn of(typed: &GlobalArgs) -> Self {
        Self {
            database: typed.database_url.clone(),
            migration_database: typed.migration_database_url.clone(),
        }
    }

    fn typed(&self) -> Typed<'_> {
        Typed {
            database_url: self.database.as_deref(),
            migration_database_url: self.migration_database.as_deref(),
        }
    }
}

impl std::fmt::Debug for Urls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Urls")
    }
}

impl Context {
    /// Returns where and how to reach the database.
    ///
    /// # Errors
    ///
    /// A usage failure when the URL or a variable cannot be used; nothing is contacted.
    pub fn endpoint(&self) -> Result<Endpoint, Failure> {
        let resolved = Target::resolve_database(self.urls.typed(), &ThisMachine)?;
        Ok(self.endpoint_of(resolved, Some(settings::LOOKING_STATEMENT_TIMEOUT)))
    }

    /// Returns where and how to reach the database to refresh; a refresh has no limit unless
    /// one was asked for.
    ///
    /// # Errors
    ///
    /// As [`Context::endpoint`].
    pub fn refresh_endpoint(&self) -> Result<Endpoint, Failure> {
        let resolved = Target::resolve_database(self.urls.typed(), &ThisMachine)?;
        Ok(self.endpoint_of(resolved, None))
    }

    /// Returns where and how to reach the database as the role that migrates; its
    /// statements have no limit unless one was asked for.
    ///
    /// # Errors
    ///
    /// As [`Context::endpoint`].
    pub fn migration_endpoint(&self) -> Result<Endpoint, Failure> {
        let resolved = Target::resolve_migration(self.urls.typed(), &ThisMachine)?;
        Ok(self.endpoint_of(resolved, None))
    }

    pub(crate) fn endpoint_of(
        &self,
        resolved: Resolved,
        statement_default: Option<Duration>,
    ) -> Endpoint {
        let settings = &self.settings;
        let limits = Limits {
            connect: settings
                .connect_timeout
                .or(resolved.target.connect_timeout)
                .unwrap_or(settings::CONNECT_TIMEOUT),
            lock: LockTimeout(settings.lock_timeout),
            statement: StatementTimeout(
                settings.statement_timeout.or(statement_default).unwrap_or(Duration::ZERO),
            ),
        };
        Endpoint {
            resolved,
            limits,
            application_name: format!("driftgate run={}", self.run.run_id),
            backends: self.backends.clone(),
        }
    }

    /// Cancels the statements of this run that are at work; tells whether all was done.
    ///
    /// The connections that run them are not used for it: they are busy.
    pub async fn cancel_statements(&self) -> bool {
        const LIMIT: Duration = Duration::from_secs(3);
        let cancelling = async {
            let mut all_done = true;
            for backend in self.backends.at_work() {
                all_done &= backend.cancel().await.is_ok();
            }
            all_done
        };
        tokio::time::timeout(LIMIT, cancelling).await.unwrap_or(false)
    }
}

/// Returns what the report says of a database that was reached.
pub(crate) fn target_facts(endpoint: &Endpoint, server: &ServerFacts) -> TargetFacts {
    TargetFacts {
        url: endpoint.resolved.target.masked_url(),
        database: server.database.clone(),
        role: server.role.clone(),
        server_version: server.version.clone(),
        in_recovery: server.in_recovery,
    }
}

/// Puts judgement and project into an outcome; a failure that kept something from being
/// looked at is told with it.
pub(crate) fn judged_outcome(
    mut outcome: Outcome,
    context: &Context,
    project: ProjectFacts,
    judgement: Judgement,
    failure: Option<Failure>,
) -> Outcome {
    let fail_on = context.settings.fail_on;
    outcome.exit = gate::exit_of(&judgement.gates, fail_on);
    if let Some(failure) = &failure {
        // Something was judged, so this is no longer a matter of usage.
        let exit = if failure.exit() == Exit::Usage { Exit::Undecided } else { failure.exit() };
        outcome.exit = outcome.exit.or(exit);
    }
    outcome.project = Some(project);
    outcome.gates = judgement.gates;
    outcome.findings = judgement.findings;
    outcome.failure = failure;
    outcome
}

/// Judges gates from facts, by the options of the run.
pub(crate) fn judge(
    context: &Context,
    gates: &[GateId],
    facts: &crate::checks::Facts<'_>,
) -> Judgement {
    // The server's date where it was read: this machine's clock may be wrong.
    let today = facts.read_at.unwrap_or(context.run.started_at).date_naive();
    judgement::judge(gates, facts, context.settings.fail_on, today)
}

/// Runs a command.
///
/// # Errors
///
/// Whatever kept the command from having an outcome of its own.
pub async fn run(context: &Context, command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Preflight(args) => preflight::run(context, args).await,
        Command::Migrate(command) => migrate::run(context, command).await,
        Command::Inventory(args) => inventory::run(context, args).await,
        Command::DiffRegistry(args) => diff_registry::run(context, args).await,
        Command::CheckGrants(args) => check_grants::run(context, args).await,
        Command::LockStatus(args) => lock_status::run(context, args).await,
        Command::Refresh(args) => refresh::run(context, args).await,
        Command::Schedule(command) => schedule::run(context, command).await,
        Command::History(command) => history::run(context, command).await,
        Command::Explain(args) => explain::run(args),
        Command::Demo(args) => demo::run(context, args).await,
    }
}
