//! `migrate up`: applies what is pending, or has the project's own program apply it.

use std::time::Duration;

use super::{Read, read, read_ledger};
use crate::checks::migration_heads::merge_command;
use crate::cli::parse_duration;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::migrations::graph::Graph;
use crate::migrations::tool::{self, ToolEnd, ToolRun};
use crate::migrations::{Ledger, MigrationFile, MigrationState, Tool};
use crate::pg::apply_migrations::{Migrating, MigrationLock};
use crate::pg::ledger;
use crate::pg::session::Endpoint;
use crate::progress::Progress;
use crate::project;
use crate::registry::Registry;
use crate::report::migrate::{self as rows, ToolRow};
use crate::report::{Data, Outcome};
use crate::wording::plural;

/// The options of `migrate up`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long the project's own program may take (kinds alembic and command); 0 is no limit
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "1h")]
    pub timeout: Duration,
}

/// What a run has applied, and what kept it from more.
#[derive(Debug, Default)]
struct Done {
    /// The ids, with how long each took where that is known.
    applied: Vec<(String, Option<Duration>)>,
    failure: Option<Failure>,
    run: Option<ToolRow>,
}

/// Applies what is pending.
///
/// # Errors
///
/// When nothing could be tried. What was applied before a failure is told in the outcome.
pub(super) async fn run(
    context: &Context,
    registry: &Registry,
    args: &Args,
) -> Result<Outcome, Failure> {
    let endpoint = context.migration_endpoint()?;
    // A look without the lock, so that a run with nothing to do disturbs nobody.
    let (read, project) = tokio::join!(read(context, registry), project::facts(&registry.source));
    let Read { mut state, server, target, notes } = read?;
    let done = match state.project.tool {
        Tool::Sqlx => up_by_files(context, &endpoint, &mut state).await?,
        Tool::Alembic | Tool::Command => {
            if server.in_recovery || server.read_only {
                // Says why, as it does before files are applied.
                drop(MigrationLock::take_for_tool(&endpoint).await?);
            }
            let plan = tool::plan(registry)?;
            up_by_program(context, &endpoint, &mut state, &plan, args.timeout).await?
        }
        tool => return Err(another_tool(tool, &state)),
    };
    let mut rows = rows::rows(&state, done.applied);
    rows.migrations.run = done.run;
    let mut outcome = Outcome::new(Data::Migrate(rows));
    outcome.project = Some(project);
    outcome.target = Some(target);
    outcome.notes = notes;
    outcome.exit = done.failure.as_ref().map_or(Exit::Done, Failure::exit);
    outcome.failure = done.failure;
    Ok(outcome)
}

/// Refuses files whose ledger this program does not write.
fn another_tool(tool: Tool, state: &MigrationState) -> Failure {
    let (message, hint) = match tool {
        Tool::Flyway => ("Flyway", "run `flyway migrate`"),
        Tool::Diesel => ("Diesel", "run `diesel migration run`"),
        Tool::GolangMigrate => ("golang-migrate", "run `migrate up`"),
        _ => {
            ("another tool", "name them as sqlx does, such as 0001_what.sql, or run their own tool")
        }
    };
    let ledger = state.project.ledger_name();
    let cause = if ledger.is_empty() {
        format!(
            "the names in {} are not sqlx's, whose ledger is the one written here",
            state.project.folder
        )
    } else {
        format!("its ledger is {ledger}; only sqlx's is written here")
    };
    Failure::new(
        FailureKind::Refused,
        format!("the migrations in {} are for {message} to apply", state.project.folder),
    )
    .cause(cause)
    .hint(hint)
    .hint("nothing was changed")
}

async fn up_by_files(
    context: &Context,
    endpoint: &Endpoint,
    state: &mut MigrationState,
) -> Result<Done, Failure> {
    let mut done = Done::default();
    let is_at_the_head = to_apply(state)?.is_empty() && state.ledger != Ledger::Missing;
    if is_at_the_head {
        return Ok(done);
    }
    let lock = MigrationLock::take(endpoint).await?;
    let mut migrating = lock.begin(endpoint).await?;
    state.ledger = read_ledger(endpoint, &state.project).await?.ledger;
    apply(context, &mut migrating, &to_apply(state)?, &mut done).await;
    drop(migrating);
    look_again(endpoint, state, &mut done).await;
    Ok(done)
}

/// Reads the ledger as it is now; that it cannot be read does not hide an earlier failure.
async fn look_again(endpoint: &Endpoint, state: &mut MigrationState, done: &mut Done) {
    match read_ledger(endpoint, &state.project).await {
        Ok(read) => state.ledger = read.ledger,
        Err(lost) => done.failure = done.failure.take().or(Some(lost)),
    }
}

/// Applies migrations until one fails.
async fn apply(
    context: &Context,
    migrating: &mut Migrating,
    todo: &[&MigrationFile],
    done: &mut Done,
) {
    let progress = Progress::start(&context.settings, "migrations", todo.len());
    for file in todo {
        match progress.during(&file.file, migrating.apply(file)).await {
            Ok(took) => {
                progress.done(&file.file, took);
                done.applied.push((file.id.clone(), Some(took)));
            }
            Err(failed) => {
                done.failure = Some(failed);
                return;
            }
        }
    }
    progress.finish();
}

/// Returns what is to be applied.
///
/// # Errors
///
/// [`FailureKind::Refused`] where ledger and files contradict each other: applying more
/// would make it worse.
fn to_apply(state: &MigrationState) -> Result<Vec<&MigrationFile>, Failure> {
    if let Some(files) = state.project.shared_versions().first() {
        let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
        return Err(refused(format!("{} claim the same version", names.join(" and "))));
    }
    let unreadable = |reason: String| ledger::unreadable(&reason);
    let unknown = state.unknown().map_err(unreadable)?.len();
    let changed = state.changed().map_err(ledger::unreadable)?.len();
    let half_applied = state.half_applied().map_err(ledger::unreadable)?.len();
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

fn refused(message: String) -> Failure {
    Failure::new(FailureKind::Refused, message)
        .hint("`driftgate migrate status` tells them, and what to do")
        .hint("nothing was changed")
}

/// Lets the project's own program apply what is pending, while nobody else does.
async fn up_by_program(
    context: &Context,
    endpoint: &Endpoint,
    state: &mut MigrationState,
    plan: &ToolRun,
    limit: Duration,
) -> Result<Done, Failure> {
    let mut done = Done::default();
    if pending_revisions(state)?.is_some_and(|pending| pending.is_empty()) {
        return Ok(done);
    }
    let lock = MigrationLock::take_for_tool(endpoint).await?;
    state.ledger = read_ledger(endpoint, &state.project).await?.ledger;
    let before = pending_revisions(state)?;
    if before.as_ref().is_some_and(Vec::is_empty) {
        return Ok(done);
    }
    let progress = Progress::start(&context.settings, "commands", 1);
    let running = tool::run(plan, &endpoint.resolved, limit);
    let ToolEnd { output, took, failure } = progress.during(&plan.shown, running).await?;
    if failure.is_none() {
        progress.done(&plan.shown, took);
    }
    progress.finish();
    drop(lock);
    done.failure = failure;
    done.run = Some(ToolRow {
        command: endpoint.resolved.redactor.redact(&plan.shown),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        output,
    });
    look_again(endpoint, state, &mut done).await;
    // What is left is taken off what was to be done; the rest was.
    if let (Some(before), Ok(after)) = (before, state.pending()) {
        let is_left = |id: &String| after.iter().any(|file| file.id == *id);
        done.applied = before.into_iter().filter(|id| !is_left(id)).map(|id| (id, None)).collect();
    }
    Ok(done)
}

/// Returns the ids of what is to be applied; `None` where the program alone knows.
///
/// # Errors
///
/// [`FailureKind::Refused`] where Alembic would refuse, or not know what to do.
fn pending_revisions(state: &MigrationState) -> Result<Option<Vec<String>>, Failure> {
    if state.project.tool != Tool::Alembic || !state.project.doubts.is_empty() {
        return Ok(None);
    }
    if let Some(problem) = Graph::of(&state.project.files).problems().first() {
        return Err(refused(problem.to_string()));
    }
    let heads = state.project.heads();
    if heads.len() > 1 {
        let ids: Vec<&str> = heads.iter().map(|head| head.id.as_str()).collect();
        let message = format!("the revisions have several heads: {}", ids.join(", "));
        return Err(Failure::new(FailureKind::Refused, message)
            .hint(format!("merge them: {}", merge_command(&heads)))
            .hint("nothing was changed"));
    }
    if let Ledger::Unreadable(_) = &state.ledger {
        // env.py knows where it is, and as whom.
        return Ok(None);
    }
    if let Ok([first, ..]) = state.unknown().as_deref() {
        let message = format!("the database is at revision {}, which no file has", first.id);
        return Err(refused(message));
    }
    Ok(state.pending().ok().map(|files| files.iter().map(|file| file.id.clone()).collect()))
}
