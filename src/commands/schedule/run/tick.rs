//! One tick of a class: its views through the engine of `refresh`, then its tasks, under the
//! lock of the class; and its end on record.

use std::rc::Rc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::commands::{Context, refresh};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pg::schedule::{Ended, Guard, end_without, run_task};
use crate::refresh::{RefreshOutcome, RefreshResult};
use crate::registry::Registry;
use crate::schedule::{Claimed, TickOutcome, pace};

/// A tick that is this scheduler's to dispatch.
#[derive(Debug)]
pub(super) struct Job {
    /// As the work of the tick sees it: with the run of the tick.
    pub(super) context: Context,
    pub(super) registry: Rc<Registry>,
    pub(super) class: String,
    pub(super) claimed: Claimed,
    /// The time until the next tick.
    pub(super) interval: Duration,
    pub(super) jobs: Option<u16>,
}

/// What came of a tick.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) class: String,
    pub(super) tick: DateTime<Utc>,
    pub(super) run_id: Uuid,
    pub(super) missed: u64,
    pub(super) outcome: TickOutcome,
    pub(super) duration_ms: u64,
    pub(super) message: Option<String>,
    pub(super) work: Vec<WorkDone>,
    /// Why its end is not on record.
    pub(super) not_on_record: Option<Failure>,
}

/// What came of a view or task.
#[derive(Debug)]
pub(super) struct WorkDone {
    pub(super) name: String,
    /// The view or template, as labels name it; the task.
    pub(super) label: String,
    pub(super) is_task: bool,
    pub(super) outcome: RefreshOutcome,
    pub(super) duration_ms: u64,
    pub(super) as_of: Option<DateTime<Utc>>,
    pub(super) message: Option<String>,
}

impl Job {
    /// Dispatches the tick, and tells what came of it, whatever that is.
    pub(super) async fn run(self) -> Done {
        let started = Instant::now();
        let endpoint = match self.context.refresh_endpoint() {
            Ok(endpoint) => endpoint,
            Err(failure) => return self.done(started, TickOutcome::Failed, Some(failure.message)),
        };
        let backs_off = pace::backs_off(&self.claimed.before, self.interval);
        let guard = match backs_off {
            true => None,
            false => Some(Guard::take(&endpoint, &self.class).await),
        };
        let (guard, mut done) = match guard {
            None => {
                let why = "it failed repeatedly: this tick is left out".to_owned();
                (None, self.done(started, TickOutcome::BackedOff, Some(why)))
            }
            Some(Ok(Err(guard))) => {
                let why = "the class is still at work on an earlier tick".to_owned();
                (Some(guard), self.done(started, TickOutcome::Overlapped, Some(why)))
            }
            Some(Err(failure)) => {
                (None, self.done(started, TickOutcome::Failed, Some(failure.message)))
            }
            Some(Ok(Ok(guard))) => {
                let (work, failure) = self.work().await;
                (Some(guard), self.joined(started, work, failure))
            }
        };
        let class = done.class.clone();
        let message = done.message.clone();
        let ended = Ended {
            class: &class,
            tick: done.tick,
            run_id: done.run_id,
            outcome: done.outcome,
            message: message.as_deref(),
        };
        let recorded = match guard {
            Some(guard) => guard.end(&ended).await,
            None => end_without(&endpoint, &ended).await,
        };
        let recorded = match recorded {
            // What was lost with the connection of the lock can still be told.
            Err(_lost) => end_without(&endpoint, &ended).await,
            recorded => recorded,
        };
        done.not_on_record = recorded.err();
        done
    }

    /// Does the work of the tick; nothing that fails keeps the rest from being done.
    async fn work(&self) -> (Vec<WorkDone>, Option<String>) {
        let mut work = Vec::new();
        let of_class = |schedule: &Option<String>| schedule.as_deref() == Some(&self.class);
        let mut failure = None;
        if self.registry.matviews.iter().any(|entry| of_class(&entry.schedule)) {
            let args = refresh::Args {
                class: vec![self.class.clone()],
                if_stale: true,
                jobs: self.jobs,
                ..refresh::Args::default()
            };
            let registry = self.until_the_next_tick();
            match refresh::carry_out(&self.context, &args, registry).await {
                Ok(carried) => {
                    let label =
                        |result: &RefreshResult| carried.templates.get(&result.view).cloned();
                    work.extend(carried.results.iter().map(|one| of_view(one, label(one))));
                }
                Err(not_begun) => failure = Some(not_begun.message),
            }
        }
        let Ok(endpoint) = self.context.refresh_endpoint() else { return (work, failure) };
        let settings = self.registry.tenancy.as_ref().map(|tenancy| tenancy.settings.clone());
        let settings = settings.unwrap_or_default();
        for task in self.registry.tasks.iter().filter(|task| task.schedule == self.class) {
            if self.context.stop.asked().is_some() {
                break;
            }
            let running =
                run_task(&endpoint, &self.context.stop, task, &settings, self.context.run.run_id);
            let result = self.until_done(running).await;
            let message = result.error.map(|error| error.message);
            work.push(WorkDone {
                label: result.task.clone(),
                name: result.task,
                is_task: true,
                outcome: result.outcome,
                duration_ms: result.duration_ms,
                as_of: None,
                message: message.or(result.not_on_record),
            });
        }
        (work, failure)
    }

    /// Returns the registry with each view of the class as old as it may be now, to be young
    /// enough until the next tick: one that would grow too old before that is not fresh.
    fn until_the_next_tick(&self) -> Registry {
        let mut registry = Registry::clone(&self.registry);
        let of_class = |class: &Option<String>| class.as_deref() == Some(&self.class);
        for entry in registry.matviews.iter_mut().filter(|entry| of_class(&entry.schedule)) {
            let left = entry.max_staleness.and_then(|longest| longest.checked_sub(self.interval));
            entry.max_staleness = left.filter(|left| !left.is_zero());
        }
        registry
    }

    /// Waits for a task; when the run is asked to stop, cancels it until it has ended.
    async fn until_done<T>(&self, running: impl Future<Output = T>) -> T {
        const PAUSE: Duration = Duration::from_millis(300);
        let mut running = std::pin::pin!(running);
        let mut stop = self.context.stop.clone();
        tokio::select! {
            done = &mut running => return done,
            () = stop.wait() => {}
        }
        loop {
            tokio::select! {
                done = &mut running => return done,
                () = tokio::time::sleep(PAUSE) => {
                    self.context.cancel_statements().await;
                }
            }
        }
    }

    fn joined(&self, started: Instant, work: Vec<WorkDone>, failure: Option<String>) -> Done {
        let count =
            |exit: Exit| work.iter().filter(|one| one.outcome.exit(false, false) == exit).count();
        let is_stopped = self.context.stop.asked().is_some();
        // A lock that was not to be had is a failure of the tick: nothing waits for it.
        let failed = count(Exit::Failed) + count(Exit::LockHeld) + usize::from(failure.is_some());
        let cut_off = if is_stopped { failed + count(Exit::Undecided) } else { 0 };
        let failed = if is_stopped { 0 } else { failed + count(Exit::Undecided) };
        let outcome = TickOutcome::of(count(Exit::Done), failed, cut_off);
        let first = work.iter().find(|one| one.outcome.exit(false, false) != Exit::Done);
        let message = failure.or_else(|| {
            let first = first?;
            let why = first.message.as_deref().unwrap_or("no reason was given");
            Some(format!("{}: {} ({why})", first.name, first.outcome.word()))
        });
        Done { work, ..self.done(started, outcome, message) }
    }

    fn done(&self, started: Instant, outcome: TickOutcome, message: Option<String>) -> Done {
        Done {
            class: self.class.clone(),
            tick: self.claimed.tick,
            run_id: self.context.run.run_id,
            missed: self.claimed.missed,
            outcome,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            message,
            work: Vec::new(),
            not_on_record: None,
        }
    }
}

fn of_view(result: &RefreshResult, template: Option<String>) -> WorkDone {
    let name = result.view.to_string();
    WorkDone {
        label: template.unwrap_or_else(|| name.clone()),
        name,
        is_task: false,
        outcome: result.outcome,
        duration_ms: result.duration_ms,
        as_of: result.as_of.filter(|_| result.outcome == RefreshOutcome::Success),
        message: result.error.as_ref().map(|error| error.message.clone()),
    }
}
