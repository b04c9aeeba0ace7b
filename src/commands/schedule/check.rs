//! `schedule check`: the verdict of EG-5; and, with `--max-silence`, a probe.

use std::time::Duration;

use super::CheckArgs;
use super::list::rows;
use crate::checks::Facts;
use crate::commands::tenants::fill_in;
use crate::commands::{Context, judge, judged_outcome, target_facts};
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::gate::GateId;
use crate::history::History;
use crate::pg::history::read_history;
use crate::pg::schedule::read_dispatched;
use crate::pg::session::Endpoint;
use crate::project;
use crate::registry::Registry;
use crate::report::schedule::ScheduleRows;
use crate::report::{Data, Outcome};
use crate::schedule::judge::{Loaded, overdue, states};
use crate::wording;

pub(super) async fn run(context: &Context, args: &CheckArgs) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    let endpoint = context.endpoint()?;
    if let Some(longest) = args.max_silence {
        return probe(&endpoint, &registry, longest).await;
    }
    let project = project::facts(&registry.source).await;
    let filled_in = fill_in(&endpoint, &registry).await;
    let read = read_dispatched(&endpoint).await;
    let history = read_history(&endpoint).await;
    let told = |failure: &Failure| failure.message.clone();
    let not_looked_at = || "it was not asked for".to_owned();
    let facts = Facts::new(&filled_in.registry, Err(not_looked_at()), Err(not_looked_at()))
        .without_tenants(filled_in.reasons)
        .with_schedule(read.as_ref().map(|(dispatched, _)| dispatched).map_err(told))
        .with_history(history.as_ref().map_err(told));
    let judgement = judge(context, &[GateId::Eg5], &facts);
    let data = match &read {
        Ok((dispatched, _)) => {
            let records = match &history {
                Ok(History::Known(records)) => Some(records),
                _ => None,
            };
            let mut rows = rows(&filled_in.registry, dispatched, records, 1, true);
            rows.is_check = true;
            Data::Schedule(ScheduleRows::Classes(rows))
        }
        Err(_) => Data::Nothing {},
    };
    let mut outcome = Outcome::new(data);
    outcome.target = read.as_ref().ok().map(|(_, server)| target_facts(&endpoint, server));
    outcome.notes = endpoint.resolved.notes.clone();
    let failure = read.err().or(history.err()).or(filled_in.failure);
    Ok(judged_outcome(outcome, context, project, judgement, failure))
}

/// Tells only whether a tick is overdue: what else may be wrong is no reason to start a
/// scheduler anew.
async fn probe(
    endpoint: &Endpoint,
    registry: &Registry,
    longest: Duration,
) -> Result<Outcome, Failure> {
    let (dispatched, server) = read_dispatched(endpoint).await?;
    if let (Err(reason), []) = (&dispatched.claims, dispatched.cron.jobs()) {
        return Err(Failure::new(FailureKind::Database, reason.clone()));
    }
    let mut overdue_by = Vec::new();
    for state in states(registry, &dispatched).iter().filter(|state| state.is_used()) {
        let last = match state.loaded() {
            Loaded::PgCron => state.last_job_start(),
            _ => state.claims.map(|claims| claims.last_tick),
        };
        let name = state.class.name;
        match last.map(|last| overdue(&state.class, dispatched.read_at, last)) {
            None => overdue_by.push(format!("{name} was never dispatched")),
            Some(Some(late)) if late > longest => {
                overdue_by.push(format!("{name} is overdue by {}", wording::duration(late)));
            }
            Some(_) => {}
        }
    }
    let mut rows = rows(registry, &dispatched, None, 1, true);
    rows.is_check = true;
    let mut outcome = Outcome::new(Data::Schedule(ScheduleRows::Classes(rows)));
    outcome.target = Some(target_facts(endpoint, &server));
    if !overdue_by.is_empty() {
        let failure = Failure::new(FailureKind::Refused, overdue_by.join("; "));
        outcome.exit = Exit::Failed;
        outcome.failure = Some(failure);
    }
    Ok(outcome)
}
