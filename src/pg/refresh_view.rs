//! One refresh in one transaction: keys, freshness, safety and counts around the statement
//! itself, with its row of the history, and then the commit. Whatever goes wrong on the way
//! takes all of it back.

mod commit;
mod count;
mod keys;
mod watch;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::history;
use super::read_rights::{Scope, read_rights};
use super::session::{AtWork, Endpoint, Session};
use super::statement::refreshing as statement;
use super::{safety_inputs, server_error};
use crate::failure::Failure;
use crate::refresh::failed::{self, Around};
use crate::refresh::loss::{self, Counted, Judged};
use crate::refresh::plan::{mode_for, safety_for};
use crate::refresh::{Mode, RefreshError, RefreshOutcome, RefreshResult, Refusal, Safety, Task};
use crate::registry::RefreshMode;
use crate::rights::Oid;
use crate::stop::Stop;
use crate::tenant_safety;
use crate::wording;

/// What holds for every refresh of a run.
#[derive(Debug, Clone)]
pub struct How {
    /// The run.
    pub run_id: Uuid,
    /// What joins the refreshes with the caller's own logs.
    pub correlation_id: String,
    /// How long to wait for a key that somebody else holds; `None`: not at all, and with
    /// `coalesce` without limit.
    pub wait: Option<Duration>,
    /// Wait for the one that is running, if nobody waits yet.
    pub coalesce: bool,
    /// How long readers may queue behind a refresh that waits for its lock.
    pub max_convoy: Duration,
    /// Whether there is a history that this role may read.
    pub reads_history: bool,
    /// Whether the history takes rows of this role.
    pub writes_history: bool,
    /// The digests of what the safety of each view was judged by.
    pub judged_by: BTreeMap<Oid, String>,
}

/// Refreshes one view after the other, on one connection, which it opens when it needs it.
#[derive(Debug)]
pub struct Refresher {
    endpoint: Endpoint,
    stop: Stop,
    session: Option<Session>,
    /// The server process of the session, once it has done something.
    pid: i32,
}

/// Why a refresh was not done; the transaction is then taken back.
#[derive(Debug)]
enum Ended {
    /// As planned or judged, without an error of the server.
    As(RefreshOutcome, Option<RefreshError>),
    /// The server refused.
    Server(sqlx::Error),
    /// The connection is of no use any more.
    Lost(Failure),
}

impl From<sqlx::Error> for Ended {
    fn from(error: sqlx::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        let error = RefreshError { sqlstate: None, message: refusal.reason, hint: refusal.hint };
        Self::As(refusal.outcome, Some(error))
    }
}

/// A transaction at work: what has been learned on the way.
#[derive(Debug)]
struct Work<'w> {
    task: &'w Task,
    how: &'w How,
    endpoint: &'w Endpoint,
    stop: &'w Stop,
    /// The id of its row in the history.
    id: Uuid,
    /// When the keys were taken, or were found to be held.
    taken: Instant,
    /// When the statement that may take long began.
    statement: Instant,
    /// The query of the view is being computed.
    in_query: bool,
    /// Readers queue behind it, and this run cancels it.
    convoy: Cell<bool>,
    /// The transaction's id, once it has one.
    transaction: Option<String>,
    at_work: Option<AtWork>,
    pid: i32,
}

impl Refresher {
    /// Makes one that has no connection yet.
    pub const fn new(endpoint: Endpoint, stop: Stop) -> Self {
        Self { endpoint, stop, session: None, pid: 0 }
    }

    /// Refreshes a view, and tells what came of it, whatever that is.
    ///
    /// A failure is put on record afterwards, where there is a history: what was rolled back
    /// takes its own row with it.
    pub async fn refresh(&mut self, task: &Task, how: &How) -> RefreshResult {
        let started = Instant::now();
        let mut result = RefreshResult::of(task, &how.correlation_id, Utc::now());
        let id = Uuid::now_v7();
        let ended = match &task.refusal {
            Some(refusal) => Err(Ended::from(refusal.clone())),
            None => self.attempt(task, how, id, &mut result).await,
        };
        if let Err(ended) = ended {
            let (outcome, error) = told(ended, &self.endpoint);
            result.outcome = outcome;
            result.error = error;
        }
        if result.outcome != RefreshOutcome::Success {
            result.duration_ms = milliseconds(started).saturating_sub(result.waited_ms);
        }
        if result.outcome == RefreshOutcome::Success {
            self.analyze(task, &mut result).await;
        } else if result.outcome.is_on_record() && how.writes_history {
            self.record_failure(task, how, id, &mut result).await;
        }
        result
    }

    /// Says goodbye to the server.
    pub async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }

    async fn attempt(
        &mut self,
        task: &Task,
        how: &How,
        id: Uuid,
        result: &mut RefreshResult,
    ) -> Result<(), Ended> {
        let (endpoint, stop) = (self.endpoint.clone(), self.stop.clone());
        let used = self.session.take();
        let is_used = used.is_some();
        let mut session = match used {
            Some(session) => session,
            None => Session::connect(&self.endpoint).await.map_err(Ended::Lost)?,
        };
        let mut work = Work {
            task,
            how,
            endpoint: &endpoint,
            stop: &stop,
            id,
            taken: Instant::now(),
            statement: Instant::now(),
            in_query: false,
            convoy: Cell::new(false),
            transaction: None,
            at_work: None,
            pid: 0,
        };
        let mut worked = work.transact(&mut session, result).await;
        // A connection that died while nothing was done on it is no fault of this refresh.
        let has_begun = work.pid != 0;
        if let (true, false, Err(Ended::Server(error))) = (is_used, has_begun, &worked)
            && commit::is_lost(error)
        {
            session = Session::connect(&self.endpoint).await.map_err(Ended::Lost)?;
            worked = work.transact(&mut session, result).await;
        }
        match worked {
            Ok(()) => {
                self.pid = work.pid;
                self.session = Some(session);
                Ok(())
            }
            Err(ended) => {
                let ended = work.with_server_words(ended, &session);
                // A connection that does not answer is let go; the server then rolls back.
                let is_alive = !matches!(ended, Ended::Lost(_))
                    && session.run_within("ROLLBACK", ANSWER).await.is_ok();
                if is_alive {
                    self.session = Some(session);
                }
                Err(ended)
            }
        }
    }

    async fn analyze(&mut self, task: &Task, result: &mut RefreshResult) {
        let Some(session) = self.session.as_mut().filter(|_| task.analyze) else { return };
        if self.stop.asked().is_some() {
            result.notes.push("refreshed, but not analyzed: the run was asked to stop".to_owned());
            return;
        }
        let _at_work = session.is_at_work(self.pid);
        let message = statement::analyze(&task.view, &self.endpoint.limits);
        if let Err(error) = session.run(message).await {
            let code = server_error::sqlstate(&error).unwrap_or_else(|| "no answer".to_owned());
            result.notes.push(format!("refreshed, but not analyzed: the server said {code}"));
            self.session = None;
        }
    }

    /// Puts what failed on record, in a transaction of its own; that it could not be is a
    /// note and no failure more.
    async fn record_failure(
        &mut self,
        task: &Task,
        how: &How,
        id: Uuid,
        result: &mut RefreshResult,
    ) {
        let Some(view_oid) = task.oid else { return };
        let session = match self.session.take() {
            Some(session) => Ok(session),
            None => Session::connect(&self.endpoint).await,
        };
        let Ok(mut session) = session else {
            result.notes.push("not on record: the server could not be reached".to_owned());
            return;
        };
        let recording = async {
            session.run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
            let row = history::Record { id, run_id: how.run_id, view_oid, result };
            history::record(session.connection(), &row).await?;
            session.run("COMMIT").await
        };
        match tokio::time::timeout(ANSWER, recording).await {
            Ok(Ok(())) => self.session = Some(session),
            Ok(Err(error)) => {
                let code = server_error::sqlstate(&error);
                let code = code.unwrap_or_else(|| "no answer".to_owned());
                result.notes.push(format!("not on record: the server said {code}"));
            }
            Err(_elapsed) => result.notes.push("not on record: no answer".to_owned()),
        }
    }
}

/// How long the server may take for what needs no work.
const ANSWER: Duration = Duration::from_secs(3);

impl Work<'_> {
    async fn transact(
        &mut self,
        session: &mut Session,
        result: &mut RefreshResult,
    ) -> Result<(), Ended> {
        self.take_keys(session, result).await?;
        self.still_stale(session).await?;
        let (mode, safety) = self.look_again(session).await?;
        result.mode = mode;
        let before = self.count(session, safety, mode).await?;
        self.refresh(session, mode, safety, result).await?;
        if let Some(before) = before {
            let after = self.count(session, safety, Mode::Plain).await?.unwrap_or_default();
            self.judge_loss(&before, &after, safety, result)?;
        }
        result.outcome = RefreshOutcome::Success;
        self.put_on_record(session, result).await?;
        self.go_on()?;
        self.commit(session, result).await?;
        result.duration_ms = milliseconds(self.taken);
        Ok(())
    }

    /// Ends the work where the run was asked to stop.
    fn go_on(&self) -> Result<(), Ended> {
        match self.stop.asked() {
            None => Ok(()),
            Some(_) => Err(Ended::As(RefreshOutcome::Cancelled, None)),
        }
    }

    /// Leaves the view alone where somebody has refreshed it meanwhile.
    async fn still_stale(&mut self, session: &mut Session) -> Result<(), Ended> {
        let Some(fresh_for) = self.task.fresh_for else { return Ok(()) };
        if !self.how.reads_history {
            return Ok(());
        }
        self.go_on()?;
        let found = history::fresh_as_of(session.connection(), &self.task.view).await?;
        match found {
            Some((_, age)) if age < fresh_for => Err(Ended::As(
                RefreshOutcome::SkippedFresh,
                Some(RefreshError {
                    sqlstate: None,
                    message: format!("its rows are {} old", wording::duration(age)),
                    hint: None,
                }),
            )),
            _ => Ok(()),
        }
    }

    /// Judges mode and tenant safety again, under the key.
    ///
    /// Nothing that the safety rests on has changed since it was judged if the digests
    /// agree. Else it is judged anew, until the digest stays the same meanwhile.
    async fn look_again(&mut self, session: &mut Session) -> Result<(Mode, Safety), Ended> {
        const MOST_LOOKS: usize = 3;
        let view = &self.task.view;
        let Some(oid) = self.task.oid else { return Err(self.is_gone()) };
        let mut judged_by = self.how.judged_by.get(&oid).cloned();
        let mut safety = self.task.safety;
        for _ in 0..MOST_LOOKS {
            self.go_on()?;
            let rows = session.rows(statement::look_under_key(oid)).await?;
            let row = rows.iter().find(|row| row.try_get::<&str, _>("digest").is_ok());
            let looked = row.map(safety_inputs::looked).transpose()?;
            let Some(looked) = looked.filter(|looked| looked.name == *view) else {
                return Err(self.is_gone());
            };
            if judged_by.as_ref() == Some(&looked.digest) {
                let key = self.task.unique_key.as_deref();
                let (populated, usable) = (looked.is_populated, looked.has_usable_index);
                let mode = mode_for(view, self.task.declared, key, populated, usable)?;
                return Ok((mode, safety));
            }
            let judging = read_rights(self.endpoint, Scope::TenantSafety).await;
            let (rights, _server) = judging.map_err(|failure| could_not("judge", &failure))?;
            let found = tenant_safety::classify(&rights);
            safety = safety_for(view, &self.task.rules, found.get(&oid))?;
            judged_by = Some(looked.digest);
        }
        Err(Ended::As(
            RefreshOutcome::RefusedUnsafe,
            Some(RefreshError {
                sqlstate: None,
                message: "roles, policies or views keep changing while it is judged".to_owned(),
                hint: Some("run it again when the deploy is done".to_owned()),
            }),
        ))
    }

    fn is_gone(&self) -> Ended {
        Ended::As(
            RefreshOutcome::RefusedUnfit,
            Some(RefreshError {
                sqlstate: None,
                message: format!(
                    "{} was dropped, renamed or built anew since the plan was made",
                    self.task.view
                ),
                hint: Some("run it again".to_owned()),
            }),
        )
    }

    async fn refresh(
        &mut self,
        session: &mut Session,
        mode: Mode,
        safety: Safety,
        result: &mut RefreshResult,
    ) -> Result<(), Ended> {
        self.go_on()?;
        let declared = match mode {
            Mode::Concurrently => RefreshMode::Concurrently,
            Mode::Plain | Mode::FirstFill => RefreshMode::Plain,
        };
        let message = statement::refresh_guarded(&self.task.view, declared, safety.guard);
        self.statement = Instant::now();
        self.in_query = true;
        let rows = self.watched(session.rows(message), mode, result).await?;
        self.in_query = false;
        let row: &PgRow =
            rows.first().ok_or_else(|| sqlx::Error::Protocol("no row came".to_owned()))?;
        result.as_of = Some(row.try_get::<DateTime<Utc>, _>("as_of")?);
        self.transaction = Some(row.try_get("transaction")?);
        Ok(())
    }

    fn judge_loss(
        &self,
        before: &Counted,
        after: &Counted,
        safety: Safety,
        result: &mut RefreshResult,
    ) -> Result<(), Ended> {
        let by_tenant = self.task.rules.tenant_column.is_some();
        let tenants = |counted: &Counted| {
            by_tenant.then(|| i64::try_from(counted.tenants.len()).unwrap_or(i64::MAX))
        };
        result.rows_before = Some(before.rows);
        result.rows_after = Some(after.rows);
        result.tenants_before = tenants(before);
        result.tenants_after = tenants(after);
        if !by_tenant {
            return Ok(());
        }
        let may_vanish = self.task.rules.tenants_may_vanish;
        match loss::judge(before, after, safety.class, may_vanish, self.task.tenant.as_deref()) {
            Judged::Keep(notes) => {
                result.notes.extend(notes);
                Ok(())
            }
            Judged::RollBack(reason) => Err(Ended::As(
                RefreshOutcome::RolledBack,
                Some(RefreshError {
                    sqlstate: None,
                    message: reason,
                    hint: Some(
                        "if it is right, declare tenants_may_vanish = true; else see what the \
                         query's functions, foreign tables and policies left out"
                            .to_owned(),
                    ),
                }),
            )),
        }
    }

    /// Adds the row of the history, to be committed with the refresh; that it cannot be
    /// added does not undo the refresh.
    async fn put_on_record(
        &self,
        session: &mut Session,
        result: &mut RefreshResult,
    ) -> Result<(), Ended> {
        let (true, Some(view_oid)) = (self.how.writes_history, self.task.oid) else {
            return Ok(());
        };
        session.run("SAVEPOINT recording").await?;
        result.duration_ms = milliseconds(self.taken);
        let row =
            history::Record { id: self.id, run_id: self.how.run_id, view_oid, result: &*result };
        match history::record(session.connection(), &row).await {
            Ok(()) => session.run("RELEASE SAVEPOINT recording").await?,
            Err(error) => {
                let Some(code) = server_error::sqlstate(&error) else { return Err(error.into()) };
                session.run("ROLLBACK TO SAVEPOINT recording").await?;
                result.notes.push(format!("refreshed, but not on record: the server said {code}"));
            }
        }
        Ok(())
    }

    /// Puts the server's words into an ending; by now it is known what this run did.
    fn with_server_words(&self, ended: Ended, session: &Session) -> Ended {
        let Ended::Server(error) = ended else { return ended };
        let Some(said) = server_error::said(&error) else {
            return Ended::Lost(session.failure(&error, "refresh"));
        };
        let limit = self.endpoint.limits.statement.0;
        let around = Around {
            asked_to_stop: self.stop.asked().is_some(),
            convoy: self.convoy.get(),
            time_is_up: !limit.is_zero() && self.statement.elapsed() >= limit,
            in_query: self.in_query,
            in_function: said.is_of_function,
        };
        let redact = |text: &str| self.endpoint.resolved.redactor.redact(text);
        let message = redact(said.message);
        let hint = said.hint.map(redact);
        Ended::As(
            failed::outcome(Some(said.sqlstate), around),
            Some(failed::error(said.sqlstate, &message, hint.as_deref(), around)),
        )
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Turns what ended a refresh into outcome and error.
fn told(ended: Ended, endpoint: &Endpoint) -> (RefreshOutcome, Option<RefreshError>) {
    let failure = match ended {
        Ended::As(outcome, error) => return (outcome, error),
        Ended::Server(error) => server_error::failure(&error, "refresh", &endpoint.resolved),
        Ended::Lost(failure) => failure,
    };
    let mut message = failure.message.clone();
    for cause in &failure.causes {
        message = format!("{message}: {cause}");
    }
    let error = RefreshError {
        sqlstate: failure.sqlstate.clone(),
        message,
        hint: failure.hints.first().cloned(),
    };
    (RefreshOutcome::Failed, Some(error))
}

fn could_not(what: &str, failure: &Failure) -> Ended {
    Ended::As(
        RefreshOutcome::Failed,
        Some(RefreshError {
            sqlstate: failure.sqlstate.clone(),
            message: format!("could not {what} it again under its key: {}", failure.message),
            hint: failure.hints.first().cloned(),
        }),
    )
}
