//! One task in one transaction, under its key, the limits of the run and the settings of a
//! refresh, with its row on record.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use sqlx::Row;
use uuid::Uuid;

use crate::lock_key::LockKey;
use crate::pg::server_error;
use crate::pg::session::{AtWork, Endpoint, Session};
use crate::pg::statement::{refreshing, schedule as statement};
use crate::refresh::failed::{self, Around};
use crate::refresh::{RefreshError, RefreshOutcome};
use crate::registry::TaskRules;
use crate::schedule::task_key;
use crate::stop::Stop;

/// What came of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskResult {
    /// Its name.
    pub task: String,
    /// What came of it, in the words of refreshes.
    pub outcome: RefreshOutcome,
    /// When it began by this machine's clock.
    pub started_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What went wrong.
    pub error: Option<RefreshError>,
    /// Why it is not on record, where it should be.
    pub not_on_record: Option<String>,
}

/// Runs a task, and tells what came of it, whatever that is.
pub async fn run_task(
    endpoint: &Endpoint,
    stop: &Stop,
    task: &TaskRules,
    settings: &BTreeMap<String, String>,
    run_id: Uuid,
) -> TaskResult {
    let started = Instant::now();
    let mut result = TaskResult {
        task: task.name.clone(),
        outcome: RefreshOutcome::Success,
        started_at: Utc::now(),
        duration_ms: 0,
        error: None,
        not_on_record: None,
    };
    let mut session = match Session::connect(endpoint).await {
        Ok(session) => session,
        Err(failure) => {
            let hint = failure.hints.first().cloned();
            let error = RefreshError { sqlstate: failure.sqlstate, message: failure.message, hint };
            return TaskResult { outcome: RefreshOutcome::Failed, error: Some(error), ..result };
        }
    };
    let mut at_work = None;
    let worked = work(&mut session, task, settings, run_id, &mut result, &mut at_work).await;
    result.duration_ms = milliseconds(started);
    match worked {
        Ok(true) => {}
        Ok(false) => {
            result.outcome = RefreshOutcome::SkippedLockHeld;
            let message = "it is running elsewhere".to_owned();
            result.error = Some(RefreshError { sqlstate: None, message, hint: None });
            // Nothing was begun that could fail to end.
            let _ = session.run_within("ROLLBACK", ANSWER).await;
        }
        Err(error) => {
            let limit = endpoint.limits.statement.0;
            let around = Around {
                asked_to_stop: stop.asked().is_some(),
                time_is_up: !limit.is_zero() && started.elapsed() >= limit,
                ..Around::default()
            };
            failed(&mut result, &error, around);
            record_failure(&mut session, task, run_id, &mut result).await;
        }
    }
    drop(at_work);
    session.close().await;
    result
}

/// How long the server may take for what needs no work.
const ANSWER: Duration = Duration::from_secs(3);

/// Returns whether the task was run; else its key is held.
async fn work(
    session: &mut Session,
    task: &TaskRules,
    settings: &BTreeMap<String, String>,
    run_id: Uuid,
    result: &mut TaskResult,
    at_work: &mut Option<AtWork>,
) -> Result<bool, sqlx::Error> {
    let limits = session.limits();
    let key = task_key(&task.name);
    let rows = session.rows(refreshing::begin_refresh(&limits, settings, &[key])).await?;
    let row = rows.last().ok_or(sqlx::Error::RowNotFound)?;
    *at_work = Some(session.is_at_work(row.try_get("pid")?));
    if !row.try_get::<bool, _>(refreshing::taken_column(0).as_str())? {
        return Ok(false);
    }
    let began = Instant::now();
    // One statement and no more: it cannot end the transaction that keeps it on record.
    let running = sqlx::query(statement::task(&task.sql)).persistent(false);
    // Its rows are read and let go of, however many there are.
    running.fetch(session.connection()).try_for_each(|_row| async { Ok(()) }).await?;
    result.duration_ms = milliseconds(began);
    record(session, task, run_id, result).await?;
    session.run("COMMIT").await?;
    Ok(true)
}

fn failed(result: &mut TaskResult, error: &sqlx::Error, around: Around) {
    let said = server_error::said(error);
    let sqlstate = said.as_ref().map(|said| said.sqlstate);
    let in_function = said.as_ref().is_some_and(|said| said.is_of_function);
    let around = Around { in_function, ..around };
    result.outcome = failed::outcome(sqlstate, around);
    result.error = Some(match said {
        Some(said) => failed::error(said.sqlstate, said.message, said.hint, around),
        None => RefreshError {
            sqlstate: None,
            message: "the connection was lost".to_owned(),
            hint: None,
        },
    });
}

async fn record_failure(
    session: &mut Session,
    task: &TaskRules,
    run_id: Uuid,
    result: &mut TaskResult,
) {
    let recording = async {
        session.run("ROLLBACK").await?;
        session.run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        record(session, task, run_id, result).await?;
        session.run("COMMIT").await
    };
    let recorded = tokio::time::timeout(ANSWER, recording).await;
    result.not_on_record = match recorded {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            let code = server_error::sqlstate(&error).unwrap_or_else(|| "no answer".to_owned());
            Some(format!("not on record: the server said {code}"))
        }
        Err(_elapsed) => Some("not on record: no answer".to_owned()),
    };
}

async fn record(
    session: &mut Session,
    task: &TaskRules,
    run_id: Uuid,
    result: &TaskResult,
) -> Result<(), sqlx::Error> {
    let LockKey::One([key]) = task_key(&task.name) else { return Ok(()) };
    let error = result.error.as_ref();
    sqlx::query(statement::RECORD_TASK)
        .persistent(false)
        .bind(Uuid::now_v7())
        .bind(run_id)
        .bind(&task.name)
        .bind(result.outcome.word())
        .bind(result.started_at)
        .bind(i64::try_from(result.duration_ms).unwrap_or(i64::MAX))
        .bind(key)
        .bind(error.and_then(|error| error.sqlstate.as_deref()))
        .bind(error.map(|error| error.message.as_str()))
        .bind(env!("CARGO_PKG_VERSION"))
        .execute(session.connection())
        .await?;
    Ok(())
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
