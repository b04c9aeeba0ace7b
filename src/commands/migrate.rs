//! `migrate`: the project's migrations against the ledger, and applying them.

use crate::checks::Facts;
use crate::commands::{Context, judge, judged_outcome, target_facts, verify};
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::gate::GateId;
use crate::migrations::graph::Graph;
use crate::migrations::load::load;
use crate::migrations::{Ledger, MigrationState, Migrations, Tool, command};
use crate::pg::ledger::{self, LedgerRead};
use crate::pg::session::{Endpoint, Session};
use crate::project;
use crate::registry::Registry;
use crate::report::migrate as rows;
use crate::report::{Data, Outcome, TargetFacts};
use crate::snapshot::ServerFacts;

mod up;

/// Show and apply the project's migrations.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell whether the database is at the head: pending, unknown and changed migrations
    ///
    /// Judges gate EG-1: 0 at the head, 1 when something is pending, unknown, changed,
    /// half applied or shares its version, 3 when the ledger could not be read.
    Status,
    /// List the newest migrations of the project; several of one version are a failure
    ///
    /// Reads the files alone and contacts no database; runs no Python either.
    Heads,
    /// List every migration, oldest first, with when it was applied
    ///
    /// Lists and does not judge; times are those of the server, in UTC.
    History,
    /// Apply what is pending, each migration in its own transaction, one runner at a time
    ///
    /// Refuses, exit 1, when ledger and files contradict each other; nothing is changed
    /// then. Waits for another runner as long as --lock-timeout allows, then exit 4. A
    /// migration that fails is rolled back; those before it stay. Migrations of the kinds
    /// alembic and command are applied by the project's own program.
    Up(up::Args),
    /// Build a new database by the migrations alone, and tell which of them made each view
    ///
    /// Exit 1 when a migration fails, with its name, the SQLSTATE and the server's words.
    /// The database is removed again, whatever came of it; the database of the URL is asked
    /// what the role that migrates may do, and not changed.
    Verify(verify::Args),
}

impl Command {
    /// Returns the command as it was typed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status => "migrate status",
            Self::Heads => "migrate heads",
            Self::History => "migrate history",
            Self::Up(_) => "migrate up",
            Self::Verify(_) => "migrate verify",
        }
    }
}

/// Runs one of the subcommands.
///
/// # Errors
///
/// When there is no usable registry, URL or folder, or the database cannot be reached.
pub async fn run(context: &Context, command: &Command) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    match command {
        Command::Status => status(context, &registry).await,
        Command::Heads => heads(&registry).await,
        Command::History => history(context, &registry).await,
        Command::Up(args) => up::run(context, &registry, args).await,
        Command::Verify(args) => verify::run(context, &registry, args).await,
    }
}

/// The migrations with the database that they were compared with.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) state: MigrationState,
    pub(super) server: ServerFacts,
    pub(super) target: TargetFacts,
    pub(super) notes: Vec<String>,
}

/// Reads the project's files and the ledger.
///
/// # Errors
///
/// When the registry names no migrations, or a source cannot be read at all. A ledger that
/// may not be read is part of the state.
pub(super) async fn read(context: &Context, registry: &Registry) -> Result<Read, Failure> {
    let mut migrations = load(registry)?;
    let endpoint = context.migration_endpoint()?;
    let read = read_ledger(&endpoint, &migrations).await?;
    migrations.tool = read.tool;
    let target = target_facts(&endpoint, &read.server);
    let mut notes = endpoint.resolved.notes;
    notes.extend(migrations.notes.iter().cloned());
    notes.extend(read.notes);
    notes.extend(without_checksums(&migrations));
    let state = MigrationState { project: migrations, ledger: read.ledger };
    Ok(Read { state, server: read.server, target, notes })
}

async fn read_ledger(endpoint: &Endpoint, migrations: &Migrations) -> Result<LedgerRead, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let read = ledger::read_ledger(&mut session, migrations).await?;
    session.close().await;
    Ok(read)
}

/// Says what no ledger of the tool can show.
fn without_checksums(migrations: &Migrations) -> Option<String> {
    let is_known = migrations.tool.ledger().is_some() && !migrations.tool.keeps_checksums();
    is_known.then(|| {
        format!(
            "the ledger of {} keeps no checksums: whether a migration was edited after it had \
             been applied is not known",
            migrations.tool.name()
        )
    })
}

async fn status(context: &Context, registry: &Registry) -> Result<Outcome, Failure> {
    let (read, project) = tokio::join!(read(context, registry), project::facts(&registry.source));
    let Read { state, target, notes, .. } = read?;
    let facts = Facts::new(registry, Err("the views were not looked at".into()), Ok(&state));
    let judgement = judge(context, &[GateId::Eg1], &facts);
    let mut outcome = Outcome::new(Data::Migrate(rows::rows(&state, vec![])));
    outcome.target = Some(target);
    outcome.notes = notes;
    Ok(judged_outcome(outcome, context, project, judgement, None))
}

async fn heads(registry: &Registry) -> Result<Outcome, Failure> {
    let project = load(registry)?;
    let exit = exit_of_heads(&project);
    let notes = project.notes.clone();
    let ledger = Ledger::Unreadable("not looked at".to_owned());
    let state = MigrationState { project, ledger };
    let mut outcome = Outcome::new(Data::Migrate(rows::rows(&state, vec![])));
    outcome.project = Some(project::facts(&registry.source).await);
    outcome.notes = notes;
    outcome.exit = exit;
    Ok(outcome)
}

/// Returns 0 for one head; what is sure to be wrong outranks what is not known.
fn exit_of_heads(migrations: &Migrations) -> Exit {
    let is_alembic = migrations.tool == Tool::Alembic;
    let is_doubtful = !migrations.doubts.is_empty();
    // A file that could not be read may follow several heads, or be the one that is missed.
    let is_broken =
        is_alembic && !is_doubtful && !Graph::of(&migrations.files).problems().is_empty();
    let heads = if is_doubtful { 0 } else { migrations.heads().len() };
    match (heads, migrations.shared_versions().len()) {
        _ if is_broken => Exit::Failed,
        (0, _) => Exit::Undecided,
        (1, 0) => Exit::Done,
        // Several heads of numbered files share their version too.
        _ => Exit::Failed,
    }
}

async fn history(context: &Context, registry: &Registry) -> Result<Outcome, Failure> {
    let (read, project) = tokio::join!(read(context, registry), project::facts(&registry.source));
    let Read { state, target, notes, .. } = read?;
    match &state.ledger {
        Ledger::Unreadable(reason) => return Err(ledger::unreadable(reason)),
        Ledger::None(reason) => return Err(no_ledger(reason)),
        Ledger::Missing | Ledger::Read(_) => {}
    }
    let mut outcome = Outcome::new(Data::Migrate(rows::rows(&state, vec![])));
    if !state.project.doubts.is_empty() {
        outcome.exit = Exit::Undecided;
    }
    outcome.project = Some(project);
    outcome.target = Some(target);
    outcome.notes = notes;
    Ok(outcome)
}

/// Returns the failure for migrations of which nobody can list the applied ones.
fn no_ledger(reason: &str) -> Failure {
    let hint = if reason == command::NO_LEDGER {
        "ask the command itself"
    } else {
        "name the files as sqlx, Flyway, Diesel or golang-migrate do"
    };
    Failure::new(FailureKind::Project, "the migrations have no history to list")
        .cause(reason)
        .hint(hint)
}
