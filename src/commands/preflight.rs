//! `preflight`: the gates in one run, and one verdict.

use crate::checks::Facts;
use crate::commands::definitions::compare_definitions;
use crate::commands::diff_registry::depth_for;
use crate::commands::tenants::{FilledIn, fill_in};
use crate::commands::{
    Context, check_grants, judge, judged_outcome, migrate, serialization, target_facts,
};
use crate::failure::{Failure, FailureKind};
use crate::finding::Unjudged;
use crate::gate::{self, FailOn, GateId};
use crate::grants::Chosen;
use crate::judgement::Judgement;
use crate::migrations::MigrationState;
use crate::pg::history::read_last_refreshes;
use crate::pg::read_snapshot::read_snapshot;
use crate::pg::schedule::read_dispatched;
use crate::project;
use crate::registry::Registry;
use crate::report::{Data, Outcome};
use crate::snapshot::Snapshot;

/// The gates that this version can judge.
const BUILT: [GateId; 7] =
    [GateId::Eg1, GateId::Eg3, GateId::Eg4, GateId::Eg5, GateId::Eg6, GateId::Eg7, GateId::Eg8];

/// Those of them that judge views, each tenant's own among them.
const OF_VIEWS: [GateId; 6] =
    [GateId::Eg3, GateId::Eg4, GateId::Eg5, GateId::Eg6, GateId::Eg7, GateId::Eg8];

/// Run the gates and print one pass/fail report.
///
/// The gates are those of `[gates]` in the registry, or every gate that this
/// version judges. A required gate that it does not judge is undecided, exit 3.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Judge this gate and no other; repeatable (EG-1 to EG-8, or the slug)
    #[arg(long, value_name = "GATE")]
    pub gate: Vec<GateId>,
}

/// Judges the gates.
///
/// # Errors
///
/// When there is no usable registry or URL. What could not be reached is told in the
/// outcome, with its gates undecided.
pub async fn run(context: &Context, args: &Args) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    let endpoint = context.endpoint()?;
    let gates = gates(args, &registry);
    let wants = |wanted: &[GateId]| gates.iter().any(|gate| wanted.contains(gate));
    let all = Chosen::default();
    let ((filled_in, definitions), snapshot, migrations, rights, history, schedule, project) = tokio::join!(
        async {
            let filled_in = match wants(&OF_VIEWS) {
                true => fill_in(&endpoint, &registry).await,
                false => FilledIn::not(&registry),
            };
            let comparing = compare_definitions(&endpoint, &filled_in.registry);
            let definitions = when(wants(&[GateId::Eg3]), comparing).await;
            (filled_in, definitions)
        },
        read_snapshot(&endpoint, depth_for(&registry)),
        when(wants(&[GateId::Eg1]), migrate::read(context, &registry)),
        when(wants(&[GateId::Eg4, GateId::Eg7]), check_grants::read(&endpoint, &registry)),
        when(wants(&[GateId::Eg5, GateId::Eg8]), read_last_refreshes(&endpoint)),
        when(wants(&[GateId::Eg5]), read_dispatched(&endpoint)),
        project::facts(&registry.source),
    );
    let grants = match rights {
        Ok(rights) => check_grants::compare(&endpoint, &filled_in.registry, rights, &all).await,
        Err(failure) => Err(failure),
    };
    // By itself: where a pool stands in between, its sessions shall not wait for the others.
    let wants_locks = wants(&[GateId::Eg6]) && was_reached(&snapshot);
    let locks = when(wants_locks, async {
        Ok(serialization::read(context, &endpoint, &filled_in.registry).await)
    });
    let locks = locks.await.map_err(|_| NOT_LOOKED_AT.to_owned());
    let facts = Facts::new(
        &filled_in.registry,
        snapshot.as_ref().map_err(|failure| failure.message.clone()),
        migration_state(&snapshot, &migrations),
    )
    .without_tenants(filled_in.reasons)
    .with_definitions(definitions.as_ref().map_err(|failure| failure.message.clone()))
    .with_history(history.as_ref().map_err(|failure| failure.message.clone()))
    .with_schedule(
        schedule.as_ref().map(|(read, _)| read).map_err(|failure| failure.message.clone()),
    )
    .with_serialization(locks.as_ref().map(|read| &read.serialization).map_err(String::clone))
    .with_grants(
        grants.as_ref().map(|read| &read.grants).map_err(|failure| failure.message.clone()),
        grants.as_ref().ok().map(|read| read.server.read_at),
    );
    let judgement =
        with_gates_that_are_not_built(judge(context, &gates, &facts), context.settings.fail_on);
    let mut outcome = Outcome::new(Data::Nothing {});
    outcome.target = match (&snapshot, &migrations) {
        (Ok(snapshot), _) => Some(target_facts(&endpoint, &snapshot.server)),
        (_, Ok(read)) => Some(read.target.clone()),
        _ => None,
    };
    outcome.notes = endpoint.resolved.notes.clone();
    for note in migrations.iter().flat_map(|read| &read.notes) {
        if !outcome.notes.contains(note) {
            outcome.notes.push(note.clone());
        }
    }
    // A registry without migrations is no failure: the gate itself says so.
    let of_locks = locks.ok().and_then(|read| read.failure);
    let of_others = [
        migrations.err(),
        grants.err(),
        history.err(),
        schedule.err(),
        filled_in.failure,
        definitions.err(),
        of_locks,
    ];
    let failure = std::iter::once(snapshot.err())
        .chain(of_others)
        .flatten()
        .find(|failure| failure.kind != FailureKind::Usage);
    Ok(judged_outcome(outcome, context, project, judgement, failure))
}

/// Reads a source where a gate wants it; the failure of what was not wanted is of kind
/// usage, and tells nobody anything.
async fn when<T>(
    wanted: bool,
    reading: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    if wanted { reading.await } else { Err(Failure::usage("it was not asked for")) }
}

const NOT_LOOKED_AT: &str = "the database itself could not be looked at";

/// Tells whether something answered: a server or pooler that refused did.
fn was_reached(snapshot: &Result<Snapshot, Failure>) -> bool {
    snapshot.as_ref().err().is_none_or(|failure| failure.sqlstate.is_some())
}

/// Returns the state of the migrations, where it is that of the database that was looked at.
///
/// The URL of the role that migrates may name another database by mistake, and a verdict
/// on two databases is none.
fn migration_state<'a>(
    snapshot: &Result<Snapshot, Failure>,
    migrations: &'a Result<migrate::Read, Failure>,
) -> Result<&'a MigrationState, String> {
    let read = migrations.as_ref().map_err(|failure| failure.message.clone())?;
    match snapshot {
        Ok(snapshot) if !snapshot.server.is_same_database(&read.server) => {
            Err(format!("the migration URL names another server or database, {}", read.target.url))
        }
        Err(_) => Err(NOT_LOOKED_AT.to_owned()),
        Ok(_) => Ok(&read.state),
    }
}

fn gates(args: &Args, registry: &Registry) -> Vec<GateId> {
    let mut gates = match (&args.gate[..], &registry.required_gates) {
        ([], Some(required)) => required.clone(),
        ([], None) => BUILT.to_vec(),
        (asked_for, _) => asked_for.to_vec(),
    };
    gates.sort();
    gates.dedup();
    gates
}

/// Says of a gate that was asked for, and that this version does not judge, that it is
/// undecided for that reason.
fn with_gates_that_are_not_built(mut judgement: Judgement, fail_on: FailOn) -> Judgement {
    for result in judgement.gates.iter_mut().filter(|result| !BUILT.contains(&result.id)) {
        let reason = format!("driftgate {} does not judge it", env!("CARGO_PKG_VERSION"));
        let unjudged = Unjudged { check: None, subject: None, reason };
        *result = gate::judge(result.id, vec![], &judgement.findings, vec![unjudged], fail_on);
    }
    judgement
}
