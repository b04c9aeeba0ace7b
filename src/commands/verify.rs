//! `migrate verify`: builds a new database by the project's migrations, and tells which of
//! them made, changed or dropped each view.

use std::path::{Path, PathBuf};

use crate::commands::fresh::{self, FreshArgs, Plan, Script};
use crate::commands::{Context, target_facts};
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::fresh::{Fresh, FreshSource};
use crate::migrations::MigrationFile;
use crate::pg::fresh_database::FreshDatabase;
use crate::pg::session::{SearchPath, Session};
use crate::project;
use crate::registry::Registry;
use crate::report::{Data, Outcome, verify};
use crate::snapshot::ServerFacts;
use crate::verify::{Built, FailedMigration};

/// Build a new database by the migrations alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the database comes from.
    #[command(flatten)]
    pub fresh: FreshArgs,

    /// Load rows from this file of SQL before the last migration: some fail only where there are rows
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,

    /// Load them before this migration instead, named by its version or its file
    #[arg(long, value_name = "MIGRATION", requires = "seed")]
    pub seed_at: Option<String>,
}

/// Builds, and tells what was built.
///
/// # Errors
///
/// When no new database can be had, and when it is not known whether the migrations would
/// do. A migration that fails is told in the outcome.
pub(super) async fn run(
    context: &Context,
    registry: &Registry,
    args: &Args,
) -> Result<Outcome, Failure> {
    let (wanted, _) = args.fresh.settle(context)?;
    if wanted == Fresh::None {
        return Err(Failure::usage(
            "`migrate verify` needs a new database, and --fresh none is none",
        )
        .hint("leave it out, or name a place: local, server, or the URL of an empty database"));
    }
    let plan = plan(context, registry, args)?;
    let pg_bin = args.fresh.pg_bin.as_deref();
    let database = fresh::open(context, registry, &plan, &wanted, pg_bin).await?;
    let told = tell(context, registry, &plan, &database).await;
    // Whatever came of it, the database goes, and that it did not is told as well.
    let removed = database.remove().await;
    let mut outcome = told?;
    if let Err(left) = removed {
        outcome.exit = outcome.exit.or(left.exit());
        outcome.failure = outcome.failure.or(Some(left));
    }
    Ok(outcome)
}

async fn tell(
    context: &Context,
    registry: &Registry,
    plan: &Plan,
    database: &FreshDatabase,
) -> Result<Outcome, Failure> {
    let server = describe(database).await?;
    let (built, project) = tokio::join!(
        fresh::build(context, registry, plan, database),
        project::facts(&registry.source)
    );
    let mut built = built?;
    let notes = std::mem::take(&mut built.notes);
    let failure = built.failed.as_ref().map(|failed| failure(failed, database));
    let mut outcome = Outcome::new(Data::Verify(Box::new(rows(plan, database, &server, built))));
    outcome.exit = failure.as_ref().map_or(Exit::Done, Failure::exit);
    outcome.failure = failure;
    outcome.project = Some(project);
    outcome.target = Some(target_facts(&database.endpoint, &server));
    outcome.notes = [&plan.migrations.notes[..], &database.notes, &notes].concat();
    Ok(outcome)
}

async fn describe(database: &FreshDatabase) -> Result<ServerFacts, Failure> {
    let mut session = Session::connect(&database.endpoint).await?;
    let transaction = session.begin_read_only(SearchPath::OfTheRole).await?;
    let server = transaction.server().clone();
    transaction.finish().await?;
    session.close().await;
    Ok(server)
}

fn rows(
    plan: &Plan,
    database: &FreshDatabase,
    server: &ServerFacts,
    built: Built,
) -> verify::VerifyReport {
    let place = verify::Place {
        source: database.source.word(),
        role: server.role.clone(),
        server_version: server.version.clone(),
    };
    let files = plan.migrations.in_order();
    let seeded = plan.seed.as_ref().and_then(|(at, _)| files.get(*at));
    let seeded = seeded.map(|file| file.file.clone());
    verify::rows(&plan.migrations, place, seeded, &built)
}

/// Returns the failure for a migration that does not do on a new database.
pub(super) fn failure(failed: &FailedMigration, database: &FreshDatabase) -> Failure {
    let message = format!("could not apply {} to a new database", failed.file);
    let mut failure = Failure::new(FailureKind::Refused, message).cause(failed.words());
    failure.sqlstate.clone_from(&failed.sqlstate);
    if let Some(line) = failed.line {
        failure = failure.cause(format!("at {}:{line}", failed.file));
    }
    if let Some(hint) = &failed.hint {
        failure = failure.hint(hint);
    }
    match (failed.sqlstate.as_deref(), &database.source) {
        (Some("58P01" | "0A000"), FreshSource::Local) => failure.hint(
            "where the server of the target has what this machine's PostgreSQL lacks, such as an \
             extension: --fresh server, or a stand-in in `before` of [migrations]",
        ),
        (Some("42501"), FreshSource::Local) => failure.hint(format!(
            "it was applied as {}, with the rights that the notes above tell",
            database.endpoint.resolved.target.user
        )),
        _ => failure,
    }
}

/// Reads what is to be built, with the rows and where they are loaded.
fn plan(context: &Context, registry: &Registry, args: &Args) -> Result<Plan, Failure> {
    let mut plan = Plan::load(registry)?;
    plan.step_by_step = true;
    let Some(seed) = &args.seed else { return Ok(plan) };
    let files = plan.migrations.in_order();
    let place = match &args.seed_at {
        None => files.len().saturating_sub(1),
        Some(named) => place(&files, named).ok_or_else(|| {
            Failure::usage(format!("`{named}` is none of the project's migrations"))
                .hint("name its version or its file; `driftgate migrate history` lists them")
        })?,
    };
    let script = Script::read(&context.directory.join(seed), seed.display().to_string())?;
    plan.seed = Some((place, script));
    Ok(plan)
}

/// Returns the place of a migration that is named by its version, its file or the name of
/// that.
fn place(files: &[&MigrationFile], named: &str) -> Option<usize> {
    let base =
        |file: &str| Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
    let digits = named.trim_start_matches('0');
    let is_named = |file: &&MigrationFile| {
        file.id == named
            || (!digits.is_empty() && file.id == digits)
            || file.file == named
            || base(&file.file).is_some_and(|name| {
                name == named || name.split_once('.').is_some_and(|(stem, _)| stem == named)
            })
    };
    files.iter().position(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_named_by_version_file_or_name() {
        let files = [
            MigrationFile::of_version("1", "roles", "migrations/0001_roles.sql"),
            MigrationFile::of_version("20", "more", "migrations/20_more.up.sql"),
            MigrationFile::of_version("ae10", "python", "alembic/versions/ae10_x.py"),
        ];
        for (named, expected) in [
            ("1", Some(0)),
            ("0001", Some(0)),
            ("0001_roles", Some(0)),
            ("0001_roles.sql", Some(0)),
            ("migrations/0001_roles.sql", Some(0)),
            ("20", Some(1)),
            ("20_more", Some(1)),
            ("ae10", Some(2)),
            ("2", None),
            ("0", None),
            ("", None),
            ("roles", None),
        ] {
            assert_eq!(place(&files.iter().collect::<Vec<_>>(), named), expected, "{named}");
        }
    }
}
