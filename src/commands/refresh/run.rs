//! The runner: as many refreshes at once as asked for, in the order of the queue, until all
//! are done, the deadline comes, or the run is asked to stop.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::events::Events;
use super::{Args, Read};
use crate::commands::Context;
use crate::history::History;
use crate::pg::refresh_view::{How, Refresher};
use crate::pg::session::Endpoint;
use crate::progress::Progress;
use crate::refresh::queue::Queue;
use crate::refresh::{Plan, RefreshError, RefreshOutcome, RefreshResult};

/// How often what is at work is cancelled again: a cancel that comes between two statements
/// has no effect.
const CANCEL_PAUSE: Duration = Duration::from_millis(300);

/// Carries a plan out.
pub(super) async fn run(
    context: &Context,
    args: &Args,
    endpoint: &Endpoint,
    read: &Read,
    events: &mut Events,
) -> Vec<RefreshResult> {
    let how = how(context, args, read);
    let jobs = usize::from(args.jobs.unwrap_or(1)).min(read.plan.tasks.len());
    let mut running = Running {
        plan: &read.plan,
        how: &how,
        queue: Queue::new(&read.plan),
        at_work: BTreeSet::new(),
        results: vec![None; read.plan.tasks.len()],
        progress: Progress::start(&context.settings, "refreshes", read.plan.tasks.len()),
        events,
    };
    running.events.run_started(read.plan.tasks.len());
    let stop = context.stop.clone();
    let idle = (0..jobs).map(|_| Refresher::new(endpoint.clone(), stop.clone())).collect();
    running.until_all_ended(context, args.deadline, idle).await;
    let Running { results, progress, events, .. } = running;
    progress.finish();
    let results: Vec<RefreshResult> = results.into_iter().flatten().collect();
    events.run_ended(&results);
    results
}

fn how(context: &Context, args: &Args, read: &Read) -> How {
    let run_id = context.run.run_id;
    How {
        run_id,
        correlation_id: args.correlation_id.clone().unwrap_or_else(|| run_id.to_string()),
        wait: args.wait,
        coalesce: args.coalesce,
        max_convoy: args.max_convoy(),
        reads_history: matches!(read.history, History::Known(_)),
        writes_history: matches!(&read.history, History::Known(known) if known.writable.is_ok()),
        judged_by: read.judged_by.clone(),
    }
}

/// A run at work.
struct Running<'r> {
    plan: &'r Plan,
    how: &'r How,
    queue: Queue,
    at_work: BTreeSet<usize>,
    results: Vec<Option<RefreshResult>>,
    progress: Progress,
    events: &'r mut Events,
}

impl Running<'_> {
    async fn until_all_ended(
        &mut self,
        context: &Context,
        deadline: Option<Duration>,
        mut idle: Vec<Refresher>,
    ) {
        let started = Instant::now();
        let mut stop = context.stop.clone();
        let mut running = FuturesUnordered::new();
        let mut is_stopping = false;
        loop {
            if deadline.is_some_and(|deadline| started.elapsed() >= deadline) {
                self.give_up("the deadline came before its turn");
            }
            while let Some(mut refresher) = idle.pop() {
                let Some(place) = self.queue.take() else {
                    idle.push(refresher);
                    break;
                };
                self.begin(place);
                let (plan, how) = (self.plan, self.how);
                running.push(async move {
                    let result = refresher.refresh(&plan.tasks[place], how).await;
                    (place, result, refresher)
                });
            }
            if running.is_empty() {
                break;
            }
            let step = self.step();
            let ended = self.progress.during(&step, running.next());
            tokio::select! {
                Some((place, result, refresher)) = ended => {
                    idle.push(refresher);
                    self.ended(place, result);
                }
                () = stop.wait(), if !is_stopping => {
                    is_stopping = true;
                    self.give_up("the run was asked to stop");
                }
                () = until(started, deadline) => {}
                () = tokio::time::sleep(CANCEL_PAUSE), if is_stopping => {
                    context.cancel_statements().await;
                }
            }
            if is_stopping {
                self.give_up("the run was asked to stop");
            }
        }
        for refresher in idle {
            refresher.close().await;
        }
    }

    fn begin(&mut self, place: usize) {
        self.at_work.insert(place);
        self.events.started(&self.plan.tasks[place]);
    }

    fn ended(&mut self, place: usize, result: RefreshResult) {
        self.at_work.remove(&place);
        let dropped = self.queue.ended(place, result.outcome);
        let because = format!("{}, which it reads, was not refreshed", result.view);
        self.note(place, result);
        for place in dropped {
            self.not_done(place, RefreshOutcome::SkippedUpstream, &because);
        }
    }

    /// Begins nothing more.
    fn give_up(&mut self, because: &str) {
        for place in self.queue.give_up(&self.at_work) {
            self.not_done(place, RefreshOutcome::NotReached, because);
        }
    }

    fn not_done(&mut self, place: usize, outcome: RefreshOutcome, because: &str) {
        let task = &self.plan.tasks[place];
        let mut result = RefreshResult::of(task, &self.how.correlation_id, Utc::now());
        result.outcome = outcome;
        let (message, hint) = (because.to_owned(), None);
        result.error = Some(RefreshError { sqlstate: None, message, hint });
        self.note(place, result);
    }

    fn note(&mut self, place: usize, result: RefreshResult) {
        let step = format!("{}: {}", result.view, result.outcome.word());
        self.progress.done(&step, Duration::from_millis(result.duration_ms));
        self.events.ended(&result);
        self.results[place] = Some(result);
    }

    /// Returns what is being done, in words.
    fn step(&self) -> String {
        let mut names = self.at_work.iter().map(|place| self.plan.tasks[*place].view.to_string());
        let first = names.next().unwrap_or_default();
        match names.count() {
            0 => first,
            more => format!("{first} and {more} more"),
        }
    }
}

/// Waits until the deadline; for ever where there is none or it has passed.
async fn until(started: Instant, deadline: Option<Duration>) {
    match deadline.and_then(|deadline| deadline.checked_sub(started.elapsed())) {
        Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
        _ => std::future::pending().await,
    }
}
