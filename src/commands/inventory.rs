//! `inventory`: lists the materialized views; it does not judge.

use std::collections::BTreeMap;

use crate::commands::tenants::{FilledIn, fill_in};
use crate::commands::{Context, target_facts};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::history::History;
use crate::pg::history::read_last_refreshes;
use crate::pg::read_rights::{Scope, read_rights};
use crate::pg::read_snapshot::read_snapshot;
use crate::pg::session::Endpoint;
use crate::project;
use crate::registry::Registry;
use crate::report::inventory::{self, Known};
use crate::report::{Data, Outcome};
use crate::rights::Oid;
use crate::snapshot::Depth;
use crate::tenant_safety::{self, SafetyClass};

/// List the materialized views of the database, and all that matters about each.
///
/// Works without a registry, with no right beyond CONNECT, and does not wait behind a
/// running refresh: what a lock hides is listed as busy, and the exit code is 3.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Reads and classifies; the rights themselves are let go at once.
async fn read_safety(endpoint: &Endpoint) -> Result<BTreeMap<Oid, SafetyClass>, Failure> {
    let (rights, _server) = read_rights(endpoint, Scope::TenantSafety).await?;
    let classes = tenant_safety::classify(&rights).into_iter();
    Ok(classes.map(|(view, safety)| (view, safety.class)).collect())
}

/// What a registry says of views, if there is one.
#[derive(Default)]
struct Registered {
    known: Option<Known>,
    /// Why not every tenant has a view by each template.
    notes: Vec<String>,
    /// Why the tenants could not be read.
    failure: Option<Failure>,
}

/// Keeps of a registry what the listing needs, and lets go of the rest at once.
async fn read_registered(endpoint: &Endpoint, registry: Option<Registry>) -> Registered {
    match registry {
        Some(registry) if registry.has_templates() => {
            let FilledIn { registry, reasons, failure } = fill_in(endpoint, &registry).await;
            let notes = if failure.is_none() { reasons } else { Vec::new() };
            Registered { known: Some(Known::of(registry.into_owned())), notes, failure }
        }
        registry => Registered { known: registry.map(Known::of), ..Registered::default() },
    }
}

/// Reads and lists the views.
///
/// # Errors
///
/// When the registry is invalid, or the database cannot be read.
pub async fn run(context: &Context, _args: &Args) -> Result<Outcome, Failure> {
    let registry = project::load_if_any(context)?;
    let source = registry.as_ref().map(|registry| registry.source.clone());
    let endpoint = context.endpoint()?;
    let (registered, history, safety, snapshot) = tokio::try_join!(
        async { Ok(read_registered(&endpoint, registry).await) },
        async { Ok(read_last_refreshes(&endpoint).await) },
        read_safety(&endpoint),
        read_snapshot(&endpoint, Depth::Whole)
    )?;
    let target = target_facts(&endpoint, &snapshot.server);
    let is_whole = snapshot.busy().next().is_none();
    // What is on record is no reason to keep the rest back.
    let (history, lost) = match history {
        Ok(history) => (history, None),
        Err(failure) => (History::Unreadable(failure.message.clone()), Some(failure)),
    };
    let rows = inventory::rows(snapshot, &safety, registered.known.as_ref(), history);
    let mut outcome = Outcome::new(Data::Inventory(rows));
    outcome.target = Some(target);
    outcome.project = match &source {
        Some(source) => Some(project::facts(source).await),
        None => None,
    };
    outcome.notes = endpoint.resolved.notes;
    outcome.notes.extend(registered.notes);
    outcome.failure = registered.failure.or(lost);
    let is_whole = is_whole && outcome.failure.is_none();
    outcome.exit = if is_whole { Exit::Done } else { Exit::Undecided };
    Ok(outcome)
}
