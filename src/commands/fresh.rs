//! A new database for a command: opened where the options say, built by the project's
//! migrations, and taken away whatever came of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::Context;
use crate::failure::{Failure, FailureKind};
use crate::fresh::{self, Fresh, FreshSource, FreshUrl, Migrator};
use crate::ident::RoleName;
use crate::migrations::tool::{self, ToolRun};
use crate::migrations::{MigrationFile, Migrations, Tool, load};
use crate::pg::build_fresh::{As, Broken, Building, Step, StepEnd};
use crate::pg::fresh_database::{self, FreshDatabase, Wanted};
use crate::pg::read_migrator::read_migrator;
use crate::pg::session::Endpoint;
use crate::progress::Progress;
use crate::registry::Registry;
use crate::target::{Source, Target, ThisMachine};
use crate::throwaway::Programs;
use crate::verify::{Built, FailedMigration};

/// Where a new database comes from.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FreshArgs {
    /// Where a new database comes from: auto, local, server, none, or the URL of an empty one
    /// [default: auto; also DRIFTGATE_FRESH]
    #[arg(long, value_name = "SOURCE", verbatim_doc_comment)]
    pub fresh: Option<Fresh>,

    /// The folder with initdb and postgres for --fresh local [also DRIFTGATE_PG_BIN]
    #[arg(long, value_name = "FOLDER")]
    pub pg_bin: Option<PathBuf>,
}

impl FreshArgs {
    /// Returns where a new database is to come from, and whether somebody asked for it.
    ///
    /// # Errors
    ///
    /// A usage failure when the variable is wrong; it is not repeated, since it may hold a
    /// password.
    pub(super) fn settle(&self, context: &Context) -> Result<(Fresh, bool), Failure> {
        if let Some(typed) = &self.fresh {
            return Ok((typed.clone(), true));
        }
        match context.environment.get("DRIFTGATE_FRESH") {
            None => Ok((Fresh::Auto, false)),
            Some(text) => text.parse().map(|fresh| (fresh, true)).map_err(|error| {
                Failure::usage("the variable DRIFTGATE_FRESH is wrong")
                    .cause(error)
                    .hint("correct it, or unset DRIFTGATE_FRESH")
            }),
        }
    }
}

/// A file that is run beside the migrations.
#[derive(Debug)]
pub(super) struct Script {
    name: String,
    sql: String,
}

impl Script {
    /// Reads a file.
    pub(super) fn read(path: &Path, shown_as: String) -> Result<Self, Failure> {
        let sql = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(FailureKind::Project, format!("could not read {shown_as}"))
                .cause(error.to_string())
        })?;
        Ok(Self { name: shown_as, sql })
    }

    fn step(&self) -> Step<'_> {
        Step { name: &self.name, file: &self.name, sql: &self.sql, no_transaction: false }
    }
}

/// What is to be built.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) migrations: Migrations,
    before: Option<Script>,
    /// Rows, and the place of the migration before which they are loaded.
    pub(super) seed: Option<(usize, Script)>,
    /// Whether a tool is run once for each migration, so that each can be looked after.
    pub(super) step_by_step: bool,
}

impl Plan {
    /// Reads the project's migrations, and what is run before them.
    ///
    /// # Errors
    ///
    /// When the registry names none, they cannot be read, or no order can apply them.
    pub(super) fn load(registry: &Registry) -> Result<Self, Failure> {
        let migrations = load::load(registry)?;
        if migrations.tool.kind() == "sql" {
            migrations.scripts()?;
        }
        let before = registry.migrations.as_ref().and_then(|rules| rules.before.as_ref());
        let before =
            before.map(|path| Script::read(path, load::shown(registry, path))).transpose()?;
        Ok(Self { migrations, before, seed: None, step_by_step: false })
    }

    /// Returns the roles that the migrations make themselves by plain statements.
    fn creates(&self, role: &RoleName) -> bool {
        let scripts = self.migrations.files.iter().map(MigrationFile::sql);
        let before = self.before.iter().map(|script| script.sql.as_str());
        scripts.chain(before).any(|sql| fresh::created_in(sql).contains(role))
    }
}

/// Opens a new database in the first place where there is one.
///
/// # Errors
///
/// Why there is none in any of them.
pub(super) async fn open(
    context: &Context,
    registry: &Registry,
    plan: &Plan,
    wanted: &Fresh,
    pg_bin: Option<&Path>,
) -> Result<FreshDatabase, Failure> {
    let mut reasons = Vec::new();
    for source in wanted.candidates() {
        let opened = match &source {
            FreshSource::Local => local(context, registry, plan, pg_bin).await,
            FreshSource::Server => {
                let target = context.migration_endpoint()?;
                fresh_database::server(&target, &context.scratch).await
            }
            FreshSource::Url(url) => open_url(context, url).await,
        };
        match opened {
            Ok(database) => return Ok(database),
            Err(failure) => reasons.push((source, failure)),
        }
    }
    Err(fresh::nowhere(reasons))
}

async fn open_url(context: &Context, url: &FreshUrl) -> Result<FreshDatabase, Failure> {
    let named = Some((url.as_str(), Source::Flag("--fresh")));
    let resolved = Target::resolve(named, &ThisMachine)?;
    let endpoint = context.endpoint_of(resolved, None);
    fresh_database::url(endpoint, url.clone(), &context.scratch).await
}

async fn local(
    context: &Context,
    registry: &Registry,
    plan: &Plan,
    pg_bin: Option<&Path>,
) -> Result<FreshDatabase, Failure> {
    let pg_bin = pg_bin
        .map(Path::to_owned)
        .or_else(|| context.environment.get("DRIFTGATE_PG_BIN").map(PathBuf::from));
    let programs = Programs::find(pg_bin.as_deref())?;
    let target = context.migration_endpoint()?;
    let named = fresh::named(registry);
    let (migrator, notes) = migrator(&target, registry).await;
    let database = match target.resolved.target.source {
        Source::Defaults => "postgres".to_owned(),
        _ => target.resolved.target.database.clone(),
    };
    let roles = named.into_iter().filter(|role| !plan.creates(role)).collect();
    let wanted = Wanted { database, migrator, roles, notes };
    fresh_database::local(&programs, wanted, &target).await
}

/// Returns the role that migrates in truth, as far as that can be known, and what the reader
/// should know of it.
async fn migrator(target: &Endpoint, registry: &Registry) -> (Migrator, Vec<String>) {
    if target.resolved.target.source == Source::Defaults {
        let note = "no URL says which role migrates: here it is the superuser postgres";
        return (Migrator::bootstrap(), vec![note.to_owned()]);
    }
    let named = fresh::named(registry);
    match read_migrator(target, &named).await {
        Ok(migrator) => (migrator, Vec::new()),
        Err(failure) => {
            let name = RoleName::from_catalog(target.resolved.target.user.as_str());
            let migrator = Migrator::assumed(name, named);
            let rights = match migrator.superuser {
                true => "here it is a superuser",
                false => {
                    "here it owns the database, is a member of the registry's roles, and has no \
                     other right"
                }
            };
            let note = format!(
                "what {} may do in truth is not known ({}): {rights}",
                migrator.name, failure.message
            );
            (migrator, vec![note])
        }
    }
}

/// Builds a new database.
///
/// # Errors
///
/// When it is not known whether the migrations would do: the database could not be reached
/// any more, what is run beside them failed, or a server that is not our own would be
/// changed. A migration that fails is told in the value.
pub(super) async fn build(
    context: &Context,
    registry: &Registry,
    plan: &Plan,
    database: &FreshDatabase,
) -> Result<Built, Failure> {
    let mut building = Building::start(database).await?;
    if let Some(before) = &plan.before {
        let ran = building.run(&before.step(), As::Platform).await;
        ran.map_err(|end| beside(end, &before.name, "run"))?;
    }
    let mut built = match plan.migrations.tool {
        Tool::Alembic | Tool::Command => {
            run_tool(context, registry, plan, database, &mut building).await?
        }
        _ => run_scripts(context, plan, &mut building).await?,
    };
    built.notes.extend(building.foreign_changes().await?);
    built.stories = building.finish().await?;
    Ok(built)
}

async fn run_scripts(
    context: &Context,
    plan: &Plan,
    building: &mut Building<'_>,
) -> Result<Built, Failure> {
    let files = plan.migrations.scripts()?;
    match plan.migrations.tool {
        Tool::Sqlx => building.make_ledger().await?,
        _ => building.use_time_zone_of_target(),
    }
    let mut built = Built::of(files.len());
    let progress = Progress::start(&context.settings, "migrations", files.len());
    for (at, file) in files.iter().enumerate() {
        if let Some((_, seed)) = plan.seed.as_ref().filter(|(place, _)| *place == at) {
            let ran = building.run(&seed.step(), As::Platform).await;
            ran.map_err(|end| beside(end, &seed.name, "load"))?;
        }
        let step = Step {
            name: &file.file,
            file: &file.file,
            sql: file.sql(),
            no_transaction: file.no_transaction(),
        };
        match progress.during(&file.file, building.run(&step, As::Migrator)).await {
            Ok(_took) => built.applied += 1,
            Err(StepEnd::Failed(broken)) => {
                built.failed = Some(failed(&file.id, &file.file, *broken));
                break;
            }
            Err(StepEnd::Undecided(failure)) => return Err(*failure),
        }
        progress.step();
    }
    progress.finish();
    Ok(built)
}

/// Has the project's own tool build the database, migration by migration where that is asked
/// for and the tool knows of any.
async fn run_tool(
    context: &Context,
    registry: &Registry,
    plan: &Plan,
    database: &FreshDatabase,
    building: &mut Building<'_>,
) -> Result<Built, Failure> {
    let runs = tool_runs(registry, plan)?;
    building.watch_roles().await?;
    let mut built = Built::of(runs.len());
    let progress = Progress::start(&context.settings, "migrations", runs.len());
    let limit = context.settings.statement_timeout.unwrap_or(Duration::ZERO);
    let limit = if limit.is_zero() { tool::TIME_LIMIT } else { limit };
    for (at, (id, file, run)) in runs.iter().enumerate() {
        if let Some((_, seed)) = plan.seed.as_ref().filter(|(place, _)| *place == at) {
            let ran = building.run(&seed.step(), As::Platform).await;
            ran.map_err(|end| beside(end, &seed.name, "load"))?;
        }
        let running = tool::run(run, &database.endpoint.resolved, limit);
        let end = progress.during(&run.shown, running).await?;
        if let Some(failure) = end.failure {
            if failure.kind != FailureKind::Refused {
                return Err(failure);
            }
            built.failed = Some(failed(id, file, Broken::of_tool(&failure)));
            break;
        }
        built.applied += 1;
        let step = (runs.len() > 1 || plan.step_by_step).then_some(file.as_str());
        building.look_at_all(step.filter(|_| plan.migrations.tool == Tool::Alembic)).await?;
        progress.step();
    }
    progress.finish();
    Ok(built)
}

/// Returns what a tool is asked to do, in order: id, file, and run.
fn tool_runs(registry: &Registry, plan: &Plan) -> Result<Vec<(String, String, ToolRun)>, Failure> {
    let files = plan.migrations.in_order();
    if plan.migrations.tool == Tool::Alembic && plan.step_by_step && !files.is_empty() {
        let run = |file: &&MigrationFile| {
            let run = tool::plan_to(registry, &file.id)?;
            Ok((file.id.clone(), file.file.clone(), run))
        };
        return files.iter().map(run).collect();
    }
    let run = tool::plan(registry)?;
    Ok(vec![(run.shown.clone(), run.shown.clone(), run)])
}

fn failed(id: &str, file: &str, broken: Broken) -> FailedMigration {
    FailedMigration {
        id: id.to_owned(),
        file: file.to_owned(),
        sqlstate: broken.sqlstate,
        message: broken.message,
        hint: broken.hint,
        line: broken.line,
    }
}

/// Turns the end of what is run beside the migrations into a failure: whether they would do
/// is not known then.
fn beside(end: StepEnd, name: &str, verb: &str) -> Failure {
    match end {
        StepEnd::Undecided(failure) => *failure,
        StepEnd::Failed(broken) => {
            let message = format!("could not {verb} {name}");
            let failed = failed(name, name, *broken);
            let mut failure = Failure::new(FailureKind::Project, message).cause(failed.words());
            failure.sqlstate = failed.sqlstate.clone();
            if let Some(line) = failed.line {
                failure = failure.cause(format!("at {name}:{line}"));
            }
            failed.hint.into_iter().fold(failure, Failure::hint)
        }
    }
}
