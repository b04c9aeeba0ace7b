//! `schedule run`: claims ticks, dispatches them, and goes on until it is asked to stop.

mod dispatcher;
mod log;
mod tick;
mod timing;

use tokio::task::LocalSet;

use self::dispatcher::Dispatcher;
use super::{RunArgs, check_classes};
use crate::commands::{Context, target_facts};
use crate::failure::Failure;
use crate::project;
use crate::report::schedule::{RanRows, ScheduleRows};
use crate::report::{Data, Outcome};

pub(super) async fn run(context: &Context, args: &RunArgs) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    check_classes(&registry, &args.class)?;
    if registry.schedules.is_empty() {
        return Err(Failure::usage("the registry declares no class in [schedules]")
            .hint("add one, such as `hourly = { cron = \"0 * * * *\" }`"));
    }
    let endpoint = context.endpoint()?;
    let project = project::facts(&registry.source).await;
    let mut dispatcher = Dispatcher::new(context, args, registry, endpoint.clone())?;
    // Each tick goes on by itself, whatever the claiming waits for.
    let ended = LocalSet::new()
        .run_until(async {
            let server = dispatcher.begin().await?;
            let exit = if args.once { dispatcher.once().await? } else { dispatcher.go_on().await };
            Ok::<_, Failure>((exit, server))
        })
        .await;
    let (exit, server) = ended?;
    let counts = dispatcher.counts();
    let mut outcome = Outcome::new(Data::Schedule(ScheduleRows::Ran(RanRows {
        dispatched: counts.dispatched,
        missed: counts.missed,
        failed: counts.failed,
        ticks: dispatcher.into_rows(),
        once: args.once,
    })));
    outcome.exit = exit;
    outcome.target = Some(target_facts(&endpoint, &server));
    outcome.project = Some(project);
    outcome.notes = endpoint.resolved.notes;
    Ok(outcome)
}
