//! `diff-registry`: the registry against the database, judged by EG-3.

use crate::checks::Facts;
use crate::commands::definitions::compare_definitions;
use crate::commands::tenants::fill_in;
use crate::commands::{Context, judge, judged_outcome, target_facts};
use crate::failure::Failure;
use crate::gate::GateId;
use crate::pg::read_snapshot::read_snapshot;
use crate::project;
use crate::registry::Registry;
use crate::report::{Data, Outcome, diff_registry};
use crate::snapshot::Depth;

/// Compare the registry with the database: who has to move.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Compares and judges.
///
/// # Errors
///
/// When there is no usable registry or URL. A database that cannot be read is told in the
/// outcome, with the gate undecided.
pub async fn run(context: &Context, _args: &Args) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    let endpoint = context.endpoint()?;
    let ((filled_in, definitions), snapshot, project) = tokio::join!(
        async {
            let filled_in = fill_in(&endpoint, &registry).await;
            let definitions = compare_definitions(&endpoint, &filled_in.registry).await;
            (filled_in, definitions)
        },
        read_snapshot(&endpoint, depth_for(&registry)),
        project::facts(&registry.source)
    );
    let facts = Facts::new(
        &filled_in.registry,
        snapshot.as_ref().map_err(|failure| failure.message.clone()),
        Err("the migrations were not looked at".to_owned()),
    )
    .without_tenants(filled_in.reasons)
    .with_definitions(definitions.as_ref().map_err(|failure| failure.message.clone()));
    let judgement = judge(context, &[GateId::Eg3], &facts);
    let data = match &facts.comparison {
        Some(comparison) => {
            let definitions = definitions.as_ref().ok();
            Data::DiffRegistry(diff_registry::rows(comparison, definitions, None))
        }
        None => Data::Nothing {},
    };
    let mut outcome = Outcome::new(data);
    outcome.target = snapshot.as_ref().ok().map(|read| target_facts(&endpoint, &read.server));
    outcome.notes = endpoint.resolved.notes.clone();
    let failure = snapshot.err().or(filled_in.failure).or(definitions.err());
    Ok(judged_outcome(outcome, context, project, judgement, failure))
}

/// Returns how much must be read: fingerprints only where an exception is bound to one.
pub(super) fn depth_for(registry: &Registry) -> Depth {
    if registry.exceptions.iter().any(|rules| rules.fingerprint.is_some()) {
        Depth::Whole
    } else {
        Depth::Catalog
    }
}
