//! Tries in two sessions whether a lock's key keeps one of them out, and watches which server
//! processes work for them: a pooler that gives these away breaks locks of sessions.
//!
//! Nothing is written, no view's key is touched, and no session does more than wait shortly.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use tokio::time::Instant;

use super::server_error;
use super::session::{
    Endpoint, Limits, LockTimeout, ReadTransaction, SearchPath, Session, StatementTimeout,
};
use super::statement::exclusion::{MARKER, count_holds};
use super::statement::refreshing::{taken_column, try_to_take};
use crate::failure::{Failure, FailureKind};
use crate::ident::QualifiedName;
use crate::lock_key::LockKey;
use crate::registry::LockScheme;
use crate::serialization::{Exclusion, LockTrial, Pooling, Turn, pooling};

/// How long one statement may take, and a transaction to begin.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a second transaction may take to begin where a pooler was seen already.
const LITTLE_PATIENCE: Duration = Duration::from_secs(1);

/// How often the second session is opened anew where something in between keeps connections:
/// behind one address may stand several poolers, and the two sessions must meet in one.
const MEETINGS: usize = 16;

/// How long that may take in all.
const MEETING_TIME: Duration = Duration::from_secs(3);

/// How many keys are tried where one is held already, which takes an accident.
const KEYS: usize = 3;

/// What a pooler answers that does not let a transaction begin.
const PROTOCOL_VIOLATION: &str = "08P01";

/// Tries a key of the scheme in two sessions; `run` makes it a key that nobody else takes.
///
/// # Errors
///
/// When the server cannot be reached, has no second connection, or is a standby, whose locks
/// keep nobody out of the primary.
pub async fn prove_exclusion(
    endpoint: &Endpoint,
    scheme: LockScheme,
    run: &str,
) -> Result<Exclusion, Failure> {
    let endpoint = with_short_limits(endpoint);
    let mut first = Session::connect(&endpoint).await?;
    let mut watch = Watch { endpoint: &endpoint, run, turns: Vec::new(), keeps: false };
    let seen = match watch.turn(&mut first, 1).await {
        Ok(seen) => seen,
        Err(failure) => return watch.statement_pooling(failure).await,
    };
    let trial = match watch.both(first, &seen, scheme).await {
        Ok(trial) => Ok(trial),
        // What was seen of a pooler stays true, whatever it did next.
        Err(failure) if pooling::is_shared(&watch.turns) => Err(failure.message),
        Err(failure) => return Err(failure),
    };
    Ok(Exclusion { trial, pooling: watch.pooling() })
}

/// Returns the endpoint with limits that no probe needs.
fn with_short_limits(endpoint: &Endpoint) -> Endpoint {
    let short = |limit: Duration| if limit.is_zero() { PATIENCE } else { limit.min(PATIENCE) };
    let limits = Limits {
        lock: LockTimeout(short(endpoint.limits.lock.0)),
        statement: StatementTimeout(short(endpoint.limits.statement.0)),
        ..endpoint.limits
    };
    Endpoint { limits, ..endpoint.clone() }
}

/// What a transaction said of the process that works for it.
struct Seen {
    now: DateTime<Utc>,
    marker: Option<String>,
}

/// What was seen of the processes so far.
struct Watch<'e> {
    endpoint: &'e Endpoint,
    run: &'e str,
    turns: Vec<Turn>,
    /// Whether something keeps connections, or drops what they are opened with.
    keeps: bool,
}

impl Watch<'_> {
    /// Tries a key in both sessions, and watches them meanwhile and afterwards.
    async fn both(
        &mut self,
        mut first: Session,
        seen: &Seen,
        scheme: LockScheme,
    ) -> Result<LockTrial, Failure> {
        self.turn(&mut first, 1).await?;
        let mut second = self.second_session().await?;
        let trial = self.together(&mut first, &mut second, seen, scheme).await?;
        let trial = self.after(trial, &mut second).await?;
        self.meet(&mut first, second).await?;
        first.close().await;
        Ok(trial)
    }

    /// Notes which process works for a session in a transaction of its own.
    async fn turn(&mut self, session: &mut Session, number: usize) -> Result<Seen, Failure> {
        let mut transaction = self.begin(session).await?;
        let seen = self.look(&mut transaction, number).await?;
        transaction.finish().await?;
        Ok(seen)
    }

    /// Opens a transaction, or gives up where a pool has none to give.
    async fn begin<'s>(&self, session: &'s mut Session) -> Result<ReadTransaction<'s>, Failure> {
        let beginning = session.begin_read_only(SearchPath::Empty);
        let is_found = pooling::is_shared(&self.turns);
        let limit = if is_found { LITTLE_PATIENCE } else { PATIENCE };
        let begun = tokio::time::timeout(limit, beginning).await.map_err(|_elapsed| {
            server_error::no_answer("begin a transaction", limit, &self.endpoint.resolved)
        })??;
        if begun.server().in_recovery {
            let name = self.endpoint.resolved.target.masked_url();
            let message = format!("{name} is a standby, and its locks keep nobody out");
            return Err(Failure::new(FailureKind::Connection, message)
                .hint("judge this gate on the primary, where views are refreshed"));
        }
        Ok(begun)
    }

    async fn look(
        &mut self,
        transaction: &mut ReadTransaction<'_>,
        session: usize,
    ) -> Result<Seen, Failure> {
        let mut seen = None;
        let message = include_str!("sql/read_own_process.sql");
        let reading = transaction.rows(message, "ask for the process", |row| {
            let turn = Turn { session, pid: row.try_get("pid")?, started: row.try_get("started")? };
            let said = Seen { now: row.try_get("now")?, marker: row.try_get("marker")? };
            seen = Some((turn, said));
            Ok(())
        });
        reading.await?;
        let nothing = || Failure::internal("the server told nothing of its process");
        let (turn, said) = seen.ok_or_else(nothing)?;
        self.turns.push(turn);
        Ok(said)
    }

    /// Opens a second session with a mark, or without one where that is refused: PostgreSQL
    /// itself takes it.
    async fn second_session(&mut self) -> Result<Session, Failure> {
        match Session::connect_marked(self.endpoint, MARKER, self.run).await {
            Ok(session) => Ok(session),
            Err(_refused) => {
                let session = Session::connect(self.endpoint).await?;
                self.keeps = true;
                Ok(session)
            }
        }
    }

    /// Notes what the second session says of itself: one that was connected directly has its
    /// mark, and a process that was started after the first session had asked for the time.
    fn compare(&mut self, first: &Seen, second: &Seen) {
        let started = self.turns.last().and_then(|turn| turn.started);
        let is_older = started.is_some_and(|started| started < first.now);
        self.keeps |= is_older || second.marker.as_deref() != Some(self.run);
    }

    /// Tries a key while both sessions are in a transaction.
    async fn together(
        &mut self,
        first: &mut Session,
        second: &mut Session,
        seen: &Seen,
        scheme: LockScheme,
    ) -> Result<LockTrial, Failure> {
        let mut second = self.begin(second).await?;
        let said = self.look(&mut second, 2).await?;
        self.compare(seen, &said);
        let mut first = match self.begin(first).await {
            Ok(begun) => begun,
            Err(failure) if failure.kind == FailureKind::Timeout => {
                second.finish().await?;
                let message = "only one transaction at a time gets through to the server";
                return Err(Failure::new(FailureKind::Timeout, message)
                    .hint("give the pool in between two connections, or go past it"));
            }
            Err(failure) => return Err(failure),
        };
        self.look(&mut first, 1).await?;
        let one_database = first.server().is_same_database(second.server());
        let (key, first_given) = self.take_a_free_key(&mut first, scheme).await?;
        let mut trial = LockTrial {
            key,
            one_database,
            first_given,
            second_given: None,
            given_after_rollback: None,
            left_behind: None,
        };
        if first_given {
            trial.second_given = Some(take(&mut second, key).await?);
        }
        first.finish().await?;
        // What the second has already, it would be given again.
        if trial.second_given == Some(false) {
            trial.given_after_rollback = Some(take(&mut second, key).await?);
        }
        second.finish().await?;
        Ok(trial)
    }

    /// Takes a key that is no view's; tells the last that was tried, and whether it was given.
    async fn take_a_free_key(
        &self,
        transaction: &mut ReadTransaction<'_>,
        scheme: LockScheme,
    ) -> Result<(LockKey, bool), Failure> {
        let view = QualifiedName::from_catalog("driftgate", "probe");
        let mut number = 1;
        loop {
            let name = format!("{}-{number}", self.run);
            let key = LockKey::of(scheme, &view, None, Some(&name));
            let is_given = take(transaction, key).await?;
            if is_given || number == KEYS {
                return Ok((key, is_given));
            }
            number += 1;
        }
    }

    /// Counts what is left of the key when both transactions have ended.
    async fn after(
        &mut self,
        trial: LockTrial,
        second: &mut Session,
    ) -> Result<LockTrial, Failure> {
        let mut transaction = self.begin(second).await?;
        self.look(&mut transaction, 2).await?;
        let mut left = None;
        let counting = transaction.rows(count_holds(trial.key), "count the locks", |row| {
            left = Some(row.try_get("holds")?);
            Ok(())
        });
        counting.await?;
        transaction.finish().await?;
        // A key that was never given may be held by whoever has it.
        Ok(LockTrial { left_behind: left.filter(|_| trial.first_given), ..trial })
    }

    /// Where something keeps connections and nothing was shared so far, brings the sessions
    /// together again, each time with the second one opened anew.
    async fn meet(&mut self, first: &mut Session, second: Session) -> Result<(), Failure> {
        second.close().await;
        let started = Instant::now();
        for number in (3..).take(MEETINGS) {
            let is_settled = pooling::is_shared(&self.turns) || !self.keeps;
            if is_settled || started.elapsed() > MEETING_TIME {
                break;
            }
            let mut session = Session::connect(self.endpoint).await?;
            let mut holding = self.begin(&mut session).await?;
            self.look(&mut holding, number).await?;
            self.turn(first, 1).await?;
            holding.finish().await?;
            session.close().await;
        }
        Ok(())
    }

    fn pooling(self) -> Pooling {
        match (pooling::is_shared(&self.turns), self.keeps) {
            (true, _) => Pooling::Transaction { turns: self.turns },
            (false, true) => Pooling::Session,
            (false, false) => Pooling::Direct,
        }
    }

    /// Tells whether transactions are refused and single statements are not, after a
    /// transaction could not begin; twice, for a pool may be full for a moment.
    async fn statement_pooling(self, failure: Failure) -> Result<Exclusion, Failure> {
        let refuses = |failure: &Failure| failure.sqlstate.as_deref() == Some(PROTOCOL_VIOLATION);
        if !refuses(&failure) {
            return Err(failure);
        }
        for _ in 0..2 {
            let mut session = Session::connect(self.endpoint).await?;
            session
                .run("SELECT 1")
                .await
                .map_err(|error| session.failure(&error, "run a statement by itself"))?;
            session.close().await;
            let mut session = Session::connect(self.endpoint).await?;
            match self.begin(&mut session).await {
                Ok(transaction) => {
                    transaction.finish().await?;
                    return Err(failure);
                }
                Err(again) if refuses(&again) => {}
                Err(another) => return Err(another),
            }
        }
        Ok(Exclusion {
            trial: Err("no transaction gets through to the server".to_owned()),
            pooling: Pooling::Statement { sqlstate: PROTOCOL_VIOLATION.to_owned() },
        })
    }
}

/// Tries to take a key until the transaction ends.
async fn take(transaction: &mut ReadTransaction<'_>, key: LockKey) -> Result<bool, Failure> {
    let column = taken_column(0);
    let mut is_given = None;
    let trying = transaction.rows(try_to_take(&[key]), "take a lock's key", |row| {
        is_given = Some(row.try_get(column.as_str())?);
        Ok(())
    });
    trying.await?;
    is_given.ok_or_else(|| Failure::internal("the server did not say who has the key"))
}
