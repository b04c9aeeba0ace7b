//! `migrate`: the project's migrations against the ledger, and applying them.

use std::time::Duration;

use crate::checks::Facts;
use crate::commands::{Context, judge, judged_outcome, target_facts};
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::gate::GateId;
use crate::migrations::{Ledger, MigrationFile, MigrationState};
use crate::pg::apply_migrations::{Migrating, MigrationLock};
use crate::pg::session::{Endpoint, Session};
use crate::pg::{ledger, migration_files};
use crate::progress::Progress;
use crate::project;
use crate::registry::{MigrationsKind, Registry};
use crate::report::migrate as rows;
use crate::report::{Data, Outcome, TargetFacts};
use crate::snapshot::ServerFacts;
use crate::wording::plural;

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
    /// Reads the files alone and contacts no database.
    Heads,
    /// List every migration, oldest first, with when it was applied
    ///
    /// Lists and does not judge; times are those of the server, in UTC.
    History,
    /// Apply what is pending, each migration in its own transaction, one runner at a time
    ///
    /// Refuses, exit 1, when ledger and files contradict each other; nothing is changed
    /// then. Waits for another runner as long as --lock-timeout allows, then exit 4. A
    /// migration that fails is rolled back; those before it stay.
    Up,
}

impl Command {
    /// Returns the command as it was typed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status => "migrate status",
            Self::Heads => "migrate heads",
            Self::History => "migrate history",
            Self::Up => "migrate up",
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
        Command::Up => up(context, &registry).await,
    }
}

/// The migrations with the database that they were compared with.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) state: MigrationState,
    pub(super) server: ServerFacts,
    pub(super) target: TargetFacts,
    notes: Vec<String>,
}

/// Reads the project's files and the ledger.
///
/// # Errors
///
/// When the registry names no migrations that this version reads, or a source cannot be
/// read at all. A ledger that may not be read is part of the state.
pub(super) async fn read(context: &Context, registry: &Registry) -> Result<Read, Failure> {
    let (folder, files) = load_files(registry).await?;
    let endpoint = context.migration_endpoint()?;
    let (ledger, server) = read_ledger(&endpoint).await?;
    let state = MigrationState { folder, files, ledger };
    let target = target_facts(&endpoint, &server);
    Ok(Read { state, server, target, notes: endpoint.resolved.notes })
}

async fn read_ledger(endpoint: &Endpoint) -> Result<(Ledger, ServerFacts), Failure> {
    let mut session = Session::connect(endpoint).await?;
    let read = ledger::read_ledger(&mut session).await?;
    session.close().await;
    Ok(read)
}

async fn load_files(registry: &Registry) -> Result<(String, Vec<MigrationFile>), Failure> {
    let Some(rules) = &registry.migrations else {
        return Err(Failure::usage(format!(
            "{} does not say where the migrations are",
            registry.source.display
        ))
        .hint("add: [migrations] kind = \"sql\", path = \"migrations\""));
    };
    if rules.kind != MigrationsKind::Sql {
        return Err(Failure::usage(format!(
            "{}:{}: this version reads migrations of kind \"sql\" alone",
            registry.source.display, rules.line
        ))
        .hint("run the project's own migration tool"));
    }
    let shown_as = rules
        .path
        .strip_prefix(&registry.source.directory)
        .unwrap_or(&rules.path)
        .display()
        .to_string();
    let files = migration_files::load_files(&rules.path, &shown_as).await?;
    Ok((shown_as, files))
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
    let (folder, files) = load_files(registry).await?;
    let ledger = Ledger::Unreadable("not looked at".to_owned());
    let state = MigrationState { folder, files, ledger };
    // Several heads share their version too.
    let exit = match (state.heads().len(), state.shared_versions().len()) {
        (0, _) => Exit::Undecided,
        (_, 0) => Exit::Done,
        _ => Exit::Failed,
    };
    let mut outcome = Outcome::new(Data::Migrate(rows::rows(&state, vec![])));
    outcome.project = Some(project::facts(&registry.source).await);
    outcome.exit = exit;
    Ok(outcome)
}

async fn history(context: &Context, registry: &Registry) -> Result<Outcome, Failure> {
    let (read, project) = tokio::join!(read(context, registry), project::facts(&registry.source));
    let Read { state, target, notes, .. } = read?;
    if let Err(reason) = state.applied() {
        return Err(ledger::unreadable(reason));
    }
    let mut outcome = Outcome::new(Data::Migrate(rows::rows(&state, vec![])));
    outcome.project = Some(project);
    outcome.target = Some(target);
    outcome.notes = notes;
    Ok(outcome)
}

async fn up(context: &Context, registry: &Registry) -> Result<Outcome, Failure> {
    let endpoint = context.migration_endpoint()?;
    // A look without the lock, so that a run with nothing to do disturbs nobody.
    let (read, project) = tokio::join!(read(context, registry), project::facts(&registry.source));
    let Read { mut state, target, notes, .. } = read?;
    let is_at_the_head = to_apply(&state)?.is_empty() && state.ledger != Ledger::Missing;
    let (mut applied, mut failure) = (Vec::new(), None);
    if !is_at_the_head {
        let lock = MigrationLock::take(&endpoint).await?;
        let mut migrating = lock.begin(&endpoint).await?;
        state.ledger = read_ledger(&endpoint).await?.0;
        (applied, failure) = apply(context, &mut migrating, &to_apply(&state)?).await;
        drop(migrating);
        match read_ledger(&endpoint).await {
            Ok((ledger, _)) => state.ledger = ledger,
            Err(lost) => failure = failure.or(Some(lost)),
        }
    }
    let mut outcome = Outcome::new(Data::Migrate(rows::rows(&state, applied)));
    outcome.project = Some(project);
    outcome.target = Some(target);
    outcome.notes = notes;
    outcome.exit = failure.as_ref().map_or(Exit::Done, Failure::exit);
    outcome.failure = failure;
    Ok(outcome)
}

/// Applies migrations until one fails; returns those that did not, and the failure.
async fn apply(
    context: &Context,
    migrating: &mut Migrating,
    todo: &[&MigrationFile],
) -> (Vec<(i64, Duration)>, Option<Failure>) {
    let progress = Progress::start(&context.settings, "migrations", todo.len());
    let mut applied = Vec::new();
    for file in todo {
        match progress.during(&file.file, migrating.apply(file)).await {
            Ok(took) => {
                progress.done(&file.file, took);
                applied.push((file.version, took));
            }
            Err(failed) => return (applied, Some(failed)),
        }
    }
    progress.finish();
    (applied, None)
}

/// Returns what is to be applied.
///
/// # Errors
///
/// [`FailureKind::Refused`] where ledger and files contradict each other: applying more
/// would make it worse.
fn to_apply(state: &MigrationState) -> Result<Vec<&MigrationFile>, Failure> {
    let refused = |message: String| {
        Failure::new(FailureKind::Refused, message)
            .hint("`driftgate migrate status` tells them, and what to do")
            .hint("nothing was changed")
    };
    if let Some(files) = state.shared_versions().first() {
        let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
        return Err(refused(format!("{} claim the same version", names.join(" and "))));
    }
    let unreadable = ledger::unreadable;
    let unknown = state.unknown().map_err(unreadable)?.len();
    let changed = state.changed().map_err(unreadable)?.len();
    let half_applied = state.half_applied().map_err(unreadable)?.len();
    let migrations = |count: usize| plural(count, "migration");
    let verb = |count: usize, one: &'static str, several| if count == 1 { one } else { several };
    if unknown > 0 {
        let are = verb(unknown, "is", "are");
        let message = format!("{} of the ledger {are} unknown to the project", migrations(unknown));
        return Err(refused(message));
    }
    if changed > 0 {
        let were = verb(changed, "was edited after it had", "were edited after they had");
        return Err(refused(format!("{} {were} been applied", migrations(changed))));
    }
    if half_applied > 0 {
        let end = verb(half_applied, "its end", "their end");
        return Err(refused(format!("{} did not run to {end}", migrations(half_applied))));
    }
    state.pending().map_err(unreadable)
}
