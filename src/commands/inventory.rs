//! `inventory`: lists the materialized views; it does not judge.

use crate::commands::{Context, target_facts};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pg::read_snapshot::read_snapshot;
use crate::project;
use crate::report::{Data, Outcome, inventory};
use crate::snapshot::Depth;

/// List the materialized views of the database, and all that matters about each.
///
/// Works without a registry, with no right beyond CONNECT, and does not wait behind a
/// running refresh: what a lock hides is listed as busy, and the exit code is 3.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Reads and lists the views.
///
/// # Errors
///
/// When the registry is invalid, or the database cannot be read.
pub async fn run(context: &Context, _args: &Args) -> Result<Outcome, Failure> {
    let registry = project::load_if_any(context)?;
    let endpoint = context.endpoint()?;
    let snapshot = read_snapshot(&endpoint, Depth::Whole).await?;
    let target = target_facts(&endpoint, &snapshot.server);
    let is_whole = snapshot.busy().next().is_none();
    let project = match &registry {
        Some(registry) => Some(project::facts(registry).await),
        None => None,
    };
    let rows = inventory::rows(snapshot, registry.as_ref());
    let mut outcome = Outcome::new(Data::Inventory(rows));
    outcome.target = Some(target);
    outcome.project = project;
    outcome.notes = endpoint.resolved.notes;
    outcome.exit = if is_whole { Exit::Done } else { Exit::Undecided };
    Ok(outcome)
}
