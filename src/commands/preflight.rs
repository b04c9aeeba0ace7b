//! `preflight`: the gates in one run, and one verdict.

use crate::checks::Facts;
use crate::commands::diff_registry::depth_for;
use crate::commands::{Context, judge, judged_outcome, migrate, target_facts};
use crate::failure::Failure;
use crate::finding::Unjudged;
use crate::gate::{self, FailOn, GateId};
use crate::judgement::Judgement;
use crate::pg::read_snapshot::read_snapshot;
use crate::project;
use crate::registry::Registry;
use crate::report::{Data, Outcome};

/// The gates that this version can judge.
const BUILT: [GateId; 2] = [GateId::Eg1, GateId::Eg3];

/// Run the gates and print one pass/fail report.
///
/// The gates are those of [gates] required in the registry, or every gate that this
/// version judges. A required gate that it does not judge is undecided, exit 3.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Judge this gate and no other; repeatable (EG-1, EG-3, or the slug)
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
    let (snapshot, migrations, project) = tokio::join!(
        read_snapshot(&endpoint, depth_for(&registry)),
        migrate::read(context, &registry),
        project::facts(&registry),
    );
    let facts = Facts::new(
        &registry,
        snapshot.as_ref().map_err(|failure| failure.message.clone()),
        migrations.as_ref().map(|read| &read.state).map_err(|failure| failure.message.clone()),
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
    let failure = snapshot.err().or(migrations.err());
    Ok(judged_outcome(outcome, context, project, judgement, failure))
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
