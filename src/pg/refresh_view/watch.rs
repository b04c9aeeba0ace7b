//! Watching a refresh from a second connection: a convoy of readers behind one that waits
//! for its lock, and a server that went away without a word.

use std::time::{Duration, Instant};

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Ended, Work};
use crate::failure::{Failure, FailureKind};
use crate::pg::session::Session;
use crate::pg::statement::refreshing as statement;
use crate::refresh::{Mode, RefreshResult};
use crate::wording;

/// How often a refresh that may hold up readers is looked at.
const CONVOY_PAUSE: Duration = Duration::from_millis(100);

/// How often any other is: often enough to notice a server that is gone.
const ALIVE_PAUSE: Duration = Duration::from_secs(20);

/// How long to wait until another connection is tried for, where none was to be had.
const CONNECT_PAUSE: Duration = Duration::from_secs(2);

/// How long the server may not answer before it counts as gone.
const MOST_SILENCE: Duration = Duration::from_secs(60);

/// What a watch came to.
#[derive(Debug)]
enum Seen {
    /// Readers queued for too long, and the refresh was cancelled.
    Convoy,
    /// The server process is gone, or nothing answers.
    Gone,
}

impl Work<'_> {
    /// Awaits the statement of the refresh, and watches it meanwhile: also for readers that
    /// queue behind it, where it keeps them out.
    pub(super) async fn watched(
        &mut self,
        refreshing: impl Future<Output = Result<Vec<PgRow>, sqlx::Error>>,
        mode: Mode,
        result: &mut RefreshResult,
    ) -> Result<Vec<PgRow>, Ended> {
        if !mode.blocks_readers() {
            return self.alive(refreshing).await;
        }
        let mut refreshing = std::pin::pin!(refreshing);
        let mut watching = self.look_out(result).await.ok();
        let seen = tokio::select! {
            done = &mut refreshing => return Ok(done?),
            seen = self.watch(watching.as_mut(), true) => seen,
        };
        match seen {
            Seen::Convoy => Ok(refreshing.await?),
            Seen::Gone => Err(went_away()),
        }
    }

    /// Awaits a statement for as long as the server is there.
    pub(super) async fn alive<T>(
        &self,
        running: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, Ended> {
        tokio::select! {
            done = running => Ok(done?),
            _gone = self.watch(None, false) => Err(went_away()),
        }
    }

    /// Connects to watch, and says who would delay a refresh that keeps readers out.
    async fn look_out(&self, result: &mut RefreshResult) -> Result<Session, Failure> {
        let mut session = Session::connect(self.endpoint).await?;
        let Some(oid) = self.task.oid else { return Ok(session) };
        let told = session.rows(statement::readers_of(oid, self.pid)).await;
        if let Some(row) = told.ok().as_ref().and_then(|rows| rows.first()) {
            let readers: i64 = row.try_get("readers").unwrap_or_default();
            let oldest: Option<f64> = row.try_get("oldest").unwrap_or_default();
            if let (true, Some(oldest)) = (readers > 0, oldest) {
                result.notes.push(format!(
                    "it had to wait for {} of the view, the oldest in a transaction of {}",
                    wording::plural(usize::try_from(readers).unwrap_or_default(), "user"),
                    wording::duration(Duration::from_secs_f64(oldest.max(0.0)))
                ));
            }
        }
        Ok(session)
    }

    /// Looks until there is something to be seen.
    async fn watch(&self, mut session: Option<&mut Session>, blocks: bool) -> Seen {
        let mut own = None;
        let (mut queued_since, mut silent_since) = (None, None);
        loop {
            tokio::time::sleep(if blocks { CONVOY_PAUSE } else { ALIVE_PAUSE }).await;
            if session.is_none() {
                match Session::connect(self.endpoint).await {
                    Ok(connected) => session = Some(own.insert(connected)),
                    Err(failure) => {
                        // A server that has no connection left says so, and is there.
                        silent_since = match failure.sqlstate {
                            Some(_) => None,
                            None => silent_since.or_else(|| Some(Instant::now())),
                        };
                        tokio::time::sleep(CONNECT_PAUSE).await;
                    }
                }
            }
            if let Some(watching) = session.as_deref_mut() {
                let asked =
                    watching.rows_within(statement::watch(self.pid), Duration::from_secs(10));
                match asked.await.ok().as_ref().and_then(|rows| rows.first()) {
                    None => {
                        silent_since = silent_since.or_else(|| Some(Instant::now()));
                        session = None;
                    }
                    Some(row) => {
                        silent_since = None;
                        if !row.try_get("is_there").unwrap_or(true) {
                            return Seen::Gone;
                        }
                        let waits: bool = row.try_get("waits").unwrap_or_default();
                        let behind: i64 = row.try_get("behind").unwrap_or_default();
                        queued_since = match (blocks && waits && behind > 0, queued_since) {
                            (false, _) => None,
                            (true, None) => Some(Instant::now()),
                            (true, since) => since,
                        };
                    }
                }
            }
            if silent_since.is_some_and(|since: Instant| since.elapsed() >= MOST_SILENCE) {
                return Seen::Gone;
            }
            let is_convoy = queued_since.is_some_and(|since: Instant| {
                since.elapsed() + CONVOY_PAUSE >= self.how.max_convoy
            });
            if let (true, Some(watching)) = (is_convoy, session.as_deref_mut()) {
                let cancelling = statement::cancel_waiting(self.pid);
                // Noted before: the refresh may end before the answer to this is here.
                self.convoy.set(true);
                let cancelled = watching.rows_within(cancelling, Duration::from_secs(3)).await;
                // No row: it has its lock by now, and goes on.
                if cancelled.is_ok_and(|rows| !rows.is_empty()) {
                    return Seen::Convoy;
                }
                self.convoy.set(false);
                queued_since = None;
            }
        }
    }
}

fn went_away() -> Ended {
    Ended::Lost(
        Failure::new(FailureKind::Connection, "the server went away")
            .cause("its process is gone, or nothing answers any more"),
    )
}
