//! The dispatcher: asks for each class when it is due, starts what it has won, and carries on
//! when the database is away.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::log::{Level, Log};
use super::tick::{Done, Job};
use super::timing::{Clock, Clocked};
use crate::commands::Context;
use crate::commands::schedule::RunArgs;
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::pg::schedule::{Ask, Claimer, Said};
use crate::pg::scratch::Scratch;
use crate::pg::session::Endpoint;
use crate::registry::Registry;
use crate::report::schedule::{TickRow, WorkRow};
use crate::report::{RunFacts, timestamp};
use crate::schedule::TickOutcome;
use crate::schedule::metrics::{Metrics, Work};
use crate::snapshot::ServerFacts;
use crate::stop::{self, Stop, Stopper};

/// How long apart the server's clock is asked for at the most.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// The longest pause between two tries to reach the database.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How soon a tick must come for `--once` to wait for it.
const SOON: chrono::TimeDelta = chrono::TimeDelta::seconds(10);

/// How much was dispatched.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) dispatched: u64,
    pub(super) missed: u64,
    pub(super) failed: u64,
}

/// A scheduler at work.
pub(super) struct Dispatcher<'c> {
    context: &'c Context,
    args: &'c RunArgs,
    registry: Rc<Registry>,
    endpoint: Endpoint,
    log: Log,
    classes: Vec<Clocked>,
    clock: Clock,
    claimer: Option<Claimer>,
    away: Option<(Instant, u32)>,
    running: FuturesUnordered<JoinHandle<Done>>,
    /// What stops the ticks at work.
    stopper: Stopper,
    stop: Stop,
    metrics: Metrics,
    metrics_trouble: bool,
    counts: Counts,
    rows: Vec<TickRow>,
}

impl<'c> Dispatcher<'c> {
    pub(super) fn new(
        context: &'c Context,
        args: &'c RunArgs,
        registry: Registry,
        endpoint: Endpoint,
    ) -> Result<Self, Failure> {
        let wanted = |name: &String| args.class.is_empty() || args.class.contains(name);
        let classes: Vec<_> = registry
            .schedules
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, rules)| Clocked::new(name, rules, !args.once))
            .collect();
        let (stopper, stop) = stop::pair();
        let metrics = Metrics::of(classes.iter().map(|class| class.name.as_str()));
        Ok(Self {
            context,
            args,
            registry: Rc::new(registry),
            endpoint,
            log: Log::new(args.log, context.settings.quiet),
            classes,
            clock: Clock::set(Utc::now()),
            claimer: None,
            away: None,
            running: FuturesUnordered::new(),
            stopper,
            stop,
            metrics,
            metrics_trouble: false,
            counts: Counts::default(),
            rows: Vec::new(),
        })
    }

    /// Reaches the database for the first time: what is wrong now is told at once.
    pub(super) async fn begin(&mut self) -> Result<ServerFacts, Failure> {
        let (dispatched, server) = crate::pg::schedule::read_dispatched(&self.endpoint).await?;
        let (claimer, at) = Claimer::connect(&self.endpoint).await?;
        self.clock = Clock::set(at);
        self.claimer = Some(claimer);
        if let Ok(claims) = dispatched.claims {
            for class in &mut self.classes {
                class.last = claims.get(&class.name).map(|claims| claims.last_tick);
            }
        }
        let classes: Vec<_> = self.classes.iter().map(|class| class.name.clone()).collect();
        let facts = [
            ("scheduler", json!(self.context.run.run_id)),
            ("classes", json!(classes.join(","))),
            ("server_clock", json!(timestamp(at))),
        ];
        self.log.say(Level::Info, "started", &facts);
        self.write_metrics();
        Ok(server)
    }

    /// Dispatches until it is asked to stop.
    pub(super) async fn go_on(&mut self) -> Exit {
        let mut stop = self.context.stop.clone();
        loop {
            let (place, wait) = self.next();
            tokio::select! {
                biased;
                () = stop.wait() => break,
                Some(done) = self.running.next(), if !self.running.is_empty() => {
                    self.ended(done);
                    continue;
                }
                () = tokio::time::sleep(wait) => {}
            }
            tokio::select! {
                biased;
                () = stop.wait() => break,
                () = self.step(place) => {}
            }
            self.write_metrics();
        }
        self.end().await
    }

    /// Dispatches what is due, and waits for its end.
    pub(super) async fn once(&mut self) -> Result<Exit, Failure> {
        let mut stop = self.context.stop.clone();
        for place in 0..self.classes.len() {
            loop {
                let won = self.running.len();
                let said = tokio::select! {
                    () = stop.wait() => return Ok(self.end().await),
                    said = self.ask(place) => said?,
                };
                // A timer of this machine may be a moment early.
                let next = self.classes[place].next_tick(said.at);
                let soon = next.filter(|next| *next - said.at < SOON);
                let wait = match (said.newest, soon) {
                    _ if self.running.len() > won => break,
                    (Some(_), None) => break,
                    (Some(_), Some(next)) => self.clock.until(next),
                    (None, _) => Duration::from_millis(50),
                };
                tokio::select! {
                    () = stop.wait() => return Ok(self.end().await),
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        while !self.running.is_empty() {
            tokio::select! {
                Some(done) = self.running.next() => self.ended(done),
                () = stop.wait() => return Ok(self.end().await),
            }
        }
        self.write_metrics();
        self.close().await;
        Ok(if self.counts.failed > 0 { Exit::Failed } else { Exit::Done })
    }

    /// Returns which class is to be asked about next, if any, and how long to wait for it.
    fn next(&self) -> (Option<usize>, Duration) {
        if let Some((_, tries)) = self.away {
            let pause = Duration::from_millis(200) * 2u32.saturating_pow(tries.min(10));
            return (None, pause.min(LONGEST_PAUSE));
        }
        let look_again = LOOK_AGAIN.saturating_sub(self.clock.age());
        let waits = self.classes.iter().map(|class| class.wait(&self.clock)).enumerate();
        match waits.min_by_key(|(_, wait)| *wait) {
            Some((place, wait)) if wait <= look_again => (Some(place), wait),
            _ => (None, look_again),
        }
    }

    async fn step(&mut self, place: Option<usize>) {
        let stepped = match (&mut self.claimer, place) {
            (Some(_), Some(place)) => self.ask(place).await.map(drop),
            (Some(claimer), None) => claimer.clock().await.map(|at| self.clock = Clock::set(at)),
            (None, _) => self.reach_again().await,
        };
        if let Err(failure) = stepped {
            self.lost(&failure);
        }
    }

    /// Asks for the newest tick of a class, and starts it where it was won.
    async fn ask(&mut self, place: usize) -> Result<Said, Failure> {
        let run_id = Uuid::now_v7();
        let class = &self.classes[place];
        let Some(window) = class.window(self.clock.now()) else {
            return Err(Failure::internal("a class that never ticks was let through"));
        };
        let Some(claimer) = &mut self.claimer else {
            return Err(Failure::new(FailureKind::Connection, "there is no connection"));
        };
        let ask = Ask {
            class: &class.name,
            window: &window,
            run_id,
            scheduler_id: self.context.run.run_id,
        };
        let said = claimer.claim(&ask).await?;
        self.clock = Clock::set(said.at);
        let class = &mut self.classes[place];
        class.heard(said.newest, &self.clock);
        if let Some(claimed) = &said.claimed {
            let job = Job {
                context: self.context_of(run_id),
                registry: Rc::clone(&self.registry),
                class: self.classes[place].name.clone(),
                claimed: claimed.clone(),
                interval: self.classes[place].interval_after(claimed.tick),
                jobs: self.args.jobs,
            };
            let facts = [
                ("class", json!(job.class)),
                ("tick", json!(timestamp(claimed.tick))),
                ("run", json!(run_id)),
                ("missed", if claimed.missed > 0 { json!(claimed.missed) } else { json!(null) }),
            ];
            let level = if claimed.missed > 0 { Level::Warning } else { Level::Info };
            self.log.say(level, "tick", &facts);
            self.running.push(tokio::task::spawn_local(job.run()));
        }
        Ok(said)
    }

    /// Makes what the work of a tick goes by: a run of its own, and no words of its own.
    fn context_of(&self, run_id: Uuid) -> Context {
        let mut settings = self.context.settings.clone();
        settings.quiet = true;
        settings.progress_bars = false;
        Context {
            settings,
            urls: self.context.urls.clone(),
            run: RunFacts { run_id, started_at: Utc::now() },
            environment: self.context.environment.clone(),
            directory: self.context.directory.clone(),
            backends: self.context.backends.clone(),
            scratch: Scratch::default(),
            stop: self.stop.clone(),
        }
    }

    fn lost(&mut self, failure: &Failure) {
        self.claimer = None;
        match &mut self.away {
            None => {
                self.away = Some((Instant::now(), 0));
                let facts =
                    [("why", json!(failure.message)), ("cause", json!(failure.causes.first()))];
                self.log.say(Level::Error, "database-away", &facts);
            }
            Some((_, tries)) => *tries += 1,
        }
    }

    async fn reach_again(&mut self) -> Result<(), Failure> {
        let (claimer, at) = Claimer::connect(&self.endpoint).await?;
        self.claimer = Some(claimer);
        self.clock = Clock::set(at);
        if let Some((since, _)) = self.away.take() {
            let facts = [("after_seconds", json!(since.elapsed().as_secs()))];
            self.log.say(Level::Info, "database-back", &facts);
        }
        // Whatever was due meanwhile is asked about now.
        for class in &mut self.classes {
            class.ask_now();
        }
        Ok(())
    }

    fn ended(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                self.counts.failed += 1;
                self.log.say(Level::Error, "internal", &[("why", json!(error.to_string()))]);
                return;
            }
        };
        let is_bad = matches!(done.outcome, TickOutcome::Failed | TickOutcome::Partial);
        self.counts.dispatched += 1;
        self.counts.missed += done.missed;
        self.counts.failed += u64::from(is_bad);
        self.note(&done);
        self.tell(&done, is_bad);
        if self.args.once {
            self.rows.push(row(done));
        }
        self.write_metrics();
    }

    fn note(&mut self, done: &Done) {
        let (class, tick) = (done.class.as_str(), done.tick);
        self.metrics.tick(class, tick, done.missed, done.outcome, done.duration_ms);
        for work in &done.work {
            let one = Work {
                class,
                name: &work.label,
                tick,
                outcome: work.outcome.word(),
                duration_ms: work.duration_ms,
                as_of: work.as_of,
            };
            if work.is_task { self.metrics.task(&one) } else { self.metrics.view(&one) }
        }
    }

    fn tell(&self, done: &Done, is_bad: bool) {
        for work in &done.work {
            let is_bad = work.outcome.exit(false, false) != Exit::Done;
            let kind = if work.is_task { "task" } else { "view" };
            let facts = [
                ("class", json!(done.class)),
                (kind, json!(work.name)),
                ("outcome", json!(work.outcome.word())),
                ("duration_ms", json!(work.duration_ms)),
                ("why", json!(work.message)),
                ("run", json!(done.run_id)),
            ];
            let level = if is_bad { Level::Error } else { Level::Info };
            self.log.say(level, if work.is_task { "task-ended" } else { "refresh-ended" }, &facts);
        }
        let facts = [
            ("class", json!(done.class)),
            ("tick", json!(timestamp(done.tick))),
            ("outcome", json!(done.outcome.word())),
            ("duration_ms", json!(done.duration_ms)),
            ("why", json!(done.message)),
            ("not_on_record", json!(done.not_on_record.as_ref().map(|one| &one.message))),
            ("run", json!(done.run_id)),
        ];
        let level = match done.outcome {
            _ if is_bad => Level::Error,
            TickOutcome::Success => Level::Info,
            _ => Level::Warning,
        };
        self.log.say(level, "tick-ended", &facts);
    }

    /// Begins nothing more, and lets what is at work end within the grace, or cancels it.
    async fn end(&mut self) -> Exit {
        let asked = self.context.stop.asked().unwrap_or(FailureKind::Terminated);
        let at_work = self.running.len();
        self.log.say(Level::Info, "stopping", &[("at_work", json!(at_work))]);
        let grace = tokio::time::sleep(self.args.grace());
        let mut grace = std::pin::pin!(grace);
        let mut is_cut_off = false;
        while !self.running.is_empty() {
            tokio::select! {
                Some(done) = self.running.next() => self.ended(done),
                () = &mut grace, if !is_cut_off => {
                    is_cut_off = true;
                    self.log.say(Level::Warning, "cancelling", &[("at_work", json!(self.running.len()))]);
                    self.stopper.ask(asked);
                }
            }
        }
        self.write_metrics();
        self.close().await;
        let exit = if is_cut_off { asked.exit() } else { Exit::Done };
        self.log.say(Level::Info, "stopped", &[("exit", json!(exit.code()))]);
        exit
    }

    async fn close(&mut self) {
        if let Some(claimer) = self.claimer.take() {
            claimer.close().await;
        }
    }

    fn write_metrics(&mut self) {
        let Some(path): Option<PathBuf> = self.args.metrics.clone() else { return };
        let written = crate::render_file::write_text(&path, &self.metrics.text(self.clock.now()));
        match written {
            Ok(()) => self.metrics_trouble = false,
            Err(error) if !self.metrics_trouble => {
                self.metrics_trouble = true;
                let facts = [
                    ("file", json!(path.display().to_string())),
                    ("why", json!(error.to_string())),
                ];
                self.log.say(Level::Error, "metrics-not-written", &facts);
            }
            Err(_) => {}
        }
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn into_rows(self) -> Vec<TickRow> {
        self.rows
    }
}

fn row(done: Done) -> TickRow {
    let work = done.work.into_iter().map(|work| WorkRow {
        name: work.name,
        is_task: work.is_task,
        outcome: work.outcome.word(),
        duration_ms: work.duration_ms,
        message: work.message,
    });
    TickRow {
        class: done.class,
        tick: done.tick,
        run_id: done.run_id,
        missed: done.missed,
        outcome: done.outcome.word(),
        duration_ms: done.duration_ms,
        message: done.message,
        work: work.collect(),
    }
}
