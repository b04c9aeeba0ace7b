//! `diff-registry`: the registry against the database, judged by EG-3; and against a new
//! database that the migrations build, judged by EG-2.

use crate::checks::Facts;
use crate::commands::definitions::compare_definitions;
use crate::commands::fresh::FreshArgs;
use crate::commands::new_database::{Unbuilt, build, read_live};
use crate::commands::preflight::migration_state;
use crate::commands::tenants::fill_in;
use crate::commands::{Context, judge, judged_outcome, migrate, target_facts};
use crate::failure::{Failure, FailureKind};
use crate::fresh::Fresh;
use crate::gate::GateId;
use crate::project;
use crate::registry::Registry;
use crate::report::{Data, Outcome, diff_registry};
use crate::snapshot::Depth;

/// Compare the registry with the database: who has to move.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where a new database comes from, on which the migrations are looked at.
    #[command(flatten)]
    pub fresh: FreshArgs,
}

/// Compares and judges.
///
/// # Errors
///
/// When there is no usable registry or URL. A database that cannot be read is told in the
/// outcome, with the gate undecided.
pub async fn run(context: &Context, args: &Args) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    let endpoint = context.endpoint()?;
    let (wanted, is_asked) = args.fresh.settle(context)?;
    let looks = wanted != Fresh::None && (is_asked || registry.migrations.is_some());
    let ((filled_in, definitions), (snapshot, deploying), new, ledger, project) = tokio::join!(
        async {
            let filled_in = fill_in(&endpoint, &registry).await;
            let definitions = compare_definitions(&endpoint, &filled_in.registry).await;
            (filled_in, definitions)
        },
        read_live(&endpoint, depth_for(&registry), looks),
        async {
            match looks {
                true => {
                    Some(build(context, &registry, &wanted, args.fresh.pg_bin.as_deref()).await)
                }
                false => None,
            }
        },
        async {
            match looks {
                true => migrate::read(context, &registry).await,
                false => Err(Failure::usage("the migrations were not looked at")),
            }
        },
        project::facts(&registry.source)
    );
    let mut notes = endpoint.resolved.notes.clone();
    let (fresh, left) = match new {
        None => (None, None),
        Some(Ok(new)) => {
            let live = snapshot.as_ref().ok().map(|snapshot| (&endpoint, snapshot));
            let (fresh, left) = new.compare(&filled_in.registry, live).await;
            (Some(fresh), left)
        }
        // Nobody asked for it: what can be judged without it is.
        Some(Err(Unbuilt::NoPlace(failure))) if !is_asked => {
            notes.push(format!("the migrations were not looked at: {}", reasons(&failure)));
            (None, None)
        }
        Some(Err(unbuilt)) => (Some(Err(unbuilt.into_failure())), None),
    };
    notes.extend(fresh.iter().flatten().flat_map(|fresh| fresh.built.notes.iter().cloned()));
    let facts = Facts::new(
        &filled_in.registry,
        snapshot.as_ref().map_err(|failure| failure.message.clone()),
        migration_state(&snapshot, &ledger),
    )
    .without_tenants(filled_in.reasons)
    .with_definitions(definitions.as_ref().map_err(|failure| failure.message.clone()));
    let (facts, gates) = match &fresh {
        None => (facts, vec![GateId::Eg3]),
        Some(fresh) => {
            let fresh = fresh.as_ref().map_err(reasons);
            (facts.with_fresh(fresh, deploying), vec![GateId::Eg2, GateId::Eg3])
        }
    };
    let judgement = judge(context, &gates, &facts);
    let data = match &facts.comparison {
        Some(comparison) => {
            let built = fresh.as_ref().and_then(|fresh| fresh.as_ref().ok());
            let definitions = definitions.as_ref().ok();
            Data::DiffRegistry(diff_registry::rows(comparison, definitions, built))
        }
        None => Data::Nothing {},
    };
    let mut outcome = Outcome::new(data);
    outcome.target = snapshot.as_ref().ok().map(|read| target_facts(&endpoint, &read.server));
    outcome.notes = notes;
    let of_new = fresh.and_then(Result::err).filter(|failure| failure.kind != FailureKind::Usage);
    let failure = snapshot.err().or(filled_in.failure).or(definitions.err()).or(of_new).or(left);
    Ok(judged_outcome(outcome, context, project, judgement, failure))
}

/// Returns what a failure says, on one line.
pub(super) fn reasons(failure: &Failure) -> String {
    std::iter::once(&failure.message).chain(&failure.causes).cloned().collect::<Vec<_>>().join("; ")
}

/// Returns how much must be read: fingerprints only where an exception is bound to one.
pub(super) fn depth_for(registry: &Registry) -> Depth {
    if registry.exceptions.iter().any(|rules| rules.fingerprint.is_some()) {
        Depth::Whole
    } else {
        Depth::Catalog
    }
}
