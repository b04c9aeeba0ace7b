//! `schedule list`: the classes, when they are due next, and what dispatches them.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{ListArgs, check_classes};
use crate::commands::tenants::fill_in;
use crate::commands::{Context, target_facts};
use crate::failure::Failure;
use crate::history::{History, Records};
use crate::pg::history::read_history;
use crate::pg::schedule::read_dispatched;
use crate::project;
use crate::registry::{Registry, Rhythm};
use crate::report::schedule::{ClassRow, ClassRows, ScheduleRows};
use crate::report::{Data, Outcome};
use crate::schedule::calendar::Calendar;
use crate::schedule::clocks;
use crate::schedule::cost::Cost;
use crate::schedule::judge::{ClassState, states};
use crate::schedule::{Dispatched, PgCron};

pub(super) async fn run(context: &Context, args: &ListArgs) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    check_classes(&registry, &args.class)?;
    let endpoint = context.endpoint()?;
    let source = registry.source.clone();
    let read = read_dispatched(&endpoint).await;
    let (filled_in, history) = match &read {
        Ok(_) => (fill_in(&endpoint, &registry).await, read_history(&endpoint).await.ok()),
        Err(_) => (crate::commands::tenants::FilledIn::not(&registry), None),
    };
    let reason = read.as_ref().err().map(|failure| failure.message.clone());
    let (dispatched, server, failure) = match read {
        Ok((dispatched, server)) => (dispatched, Some(server), None),
        Err(failure) => (not_known(context.run.started_at, &failure), None, Some(failure)),
    };
    let records = history.as_ref().and_then(|history| match history {
        History::Known(records) => Some(records),
        _ => None,
    });
    let is_known = reason.is_none();
    let mut rows = rows(&filled_in.registry, &dispatched, records, args.next, is_known);
    rows.classes.retain(|row| args.class.is_empty() || args.class.contains(&row.name));
    let mut outcome = Outcome::new(Data::Schedule(ScheduleRows::Classes(rows)));
    outcome.project = Some(project::facts(&source).await);
    outcome.target = server.map(|server| target_facts(&endpoint, &server));
    outcome.notes = endpoint.resolved.notes.clone();
    if let (Err(reason), true) = (&dispatched.claims, is_known) {
        outcome.notes.push(reason.clone());
    }
    outcome.notes.extend(filled_in.reasons);
    outcome.failure = failure.or(filled_in.failure);
    outcome.exit = outcome.failure.as_ref().map_or(outcome.exit, Failure::exit);
    Ok(outcome)
}

/// What is known where the database could not be looked at.
fn not_known(now: DateTime<Utc>, failure: &Failure) -> Dispatched {
    let reason = failure.message.clone();
    Dispatched { read_at: now, claims: Err(reason.clone()), cron: PgCron::Unreadable(reason) }
}

/// Returns the rows of a registry whose templates are filled in.
pub(super) fn rows(
    registry: &Registry,
    dispatched: &Dispatched,
    history: Option<&Records>,
    next: u16,
    is_known: bool,
) -> ClassRows {
    let now = dispatched.read_at;
    let states = states(registry, dispatched);
    let row = |state: &ClassState<'_>| {
        // Nobody is only then a fact when all was looked at.
        let is_known = is_known && dispatched.claims.is_ok() || state.is_loaded_for_sure();
        row(state, now, history, next, is_known)
    };
    ClassRows { classes: states.iter().map(row).collect(), now, is_check: false }
}

fn row(
    state: &ClassState<'_>,
    now: DateTime<Utc>,
    history: Option<&Records>,
    next: u16,
    is_known: bool,
) -> ClassRow {
    let class = &state.class;
    let (every, cron, timezone) = match &class.rules.rhythm {
        Rhythm::Every(interval) => {
            (Some(humantime::format_duration(*interval).to_string()), None, None)
        }
        Rhythm::Cron { expression, timezone } => {
            (None, Some(expression.clone()), Some(timezone.name().to_owned()))
        }
    };
    let calendar = Calendar::of(&class.rules.rhythm);
    let cost = calendar.gaps(now).map(|gaps| Cost::of(class, gaps, history));
    let mut views: Vec<String> = class
        .views
        .iter()
        .map(|entry| entry.template_spelling().unwrap_or_else(|| entry.name.to_string()))
        .collect();
    views.dedup();
    ClassRow {
        name: class.name.to_owned(),
        every,
        cron,
        timezone,
        jitter_ms: u64::try_from(class.rules.jitter.as_millis()).unwrap_or(u64::MAX),
        views,
        tasks: class.tasks.iter().map(|task| task.name.clone()).collect(),
        next_runs: calendar
            .following(now)
            .take(usize::from(next))
            .map(|tick| tick.to_rfc3339_opts(SecondsFormat::Secs, true))
            .collect(),
        last_tick: state.claims.map(|claims| claims.last_tick).or(state.last_job_start()),
        last_outcome: state.claims.and_then(|claims| claims.last_outcome.clone()),
        ticks_of_a_day: state.claims.map(|claims| claims.ticks_of_a_day),
        missed_of_a_day: state.claims.map(|claims| claims.missed_of_a_day),
        loaded: is_known.then(|| state.loaded()),
        cost,
        clock_change: clocks::told(&class.rules.rhythm, now),
        cost_told: cost.map(|cost| cost.told()),
    }
}
