//! Taking the keys: at once, after a wait, or as the one who is next in line.

use std::time::{Duration, Instant};

use sqlx::Row;

use super::{Ended, Work};
use crate::lock_key::LockKey;
use crate::pg::server_error;
use crate::pg::session::Session;
use crate::pg::statement::refreshing as statement;
use crate::refresh::{RefreshError, RefreshOutcome, RefreshResult};

impl Work<'_> {
    /// Opens the transaction and takes every key, or ends without having done anything.
    pub(super) async fn take_keys(
        &mut self,
        session: &mut Session,
        result: &mut RefreshResult,
    ) -> Result<(), Ended> {
        self.go_on()?;
        let keys = self.keys();
        let limits = session.limits();
        let opening = statement::begin_refresh(&limits, &self.task.settings, &keys);
        let rows = session.rows(opening).await?;
        let row = rows.last().ok_or_else(|| sqlx::Error::Protocol("no row came".to_owned()))?;
        self.pid = row.try_get("pid")?;
        self.at_work = Some(session.is_at_work(self.pid));
        self.taken = Instant::now();
        let Some(held) = not_taken(row, keys.len())? else { return Ok(()) };
        result.lock = self.task.keys[held].clone();
        let waiting = if self.how.coalesce {
            self.wait_in_line(session, &keys).await
        } else if let Some(wait) = self.how.wait {
            self.wait_for(session, &keys, Some(Instant::now() + wait)).await
        } else {
            return Err(self.is_held(session, keys[held]).await);
        };
        result.waited = ran_out(&waiting);
        waiting?;
        let waited = self.taken.elapsed();
        self.taken = Instant::now();
        result.waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        session.run(statement::limit_again(&limits)).await?;
        result.lock = self.task.keys[0].clone();
        Ok(())
    }

    fn keys(&self) -> Vec<LockKey> {
        self.task.keys.iter().map(|named| named.key).collect()
    }

    /// Waits for each key in turn.
    async fn wait_for(
        &self,
        session: &mut Session,
        keys: &[LockKey],
        until: Option<Instant>,
    ) -> Result<(), Ended> {
        for key in keys {
            self.go_on()?;
            let left = match until {
                None => Duration::ZERO,
                // Zero would be no limit at all.
                Some(until) => {
                    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
                }
            };
            match self.alive(session.run(statement::wait_for(*key, left))).await {
                Ok(()) => {}
                Err(Ended::Server(error))
                    if server_error::sqlstate(&error).as_deref() == Some("55P03") =>
                {
                    return Err(Ended::As(
                        RefreshOutcome::SkippedLockHeld,
                        Some(RefreshError {
                            sqlstate: Some("55P03".to_owned()),
                            message: "somebody else held its key until the wait ran out".to_owned(),
                            hint: Some("`driftgate lock-status` shows who".to_owned()),
                        }),
                    ));
                }
                Err(ended) => return Err(ended),
            }
        }
        Ok(())
    }

    /// Waits to be next, unless somebody is already.
    ///
    /// The place in line is given up before the refresh reads anything: whoever finds it
    /// taken is sure that the refresh which follows sees what was committed before. Both
    /// locks end with the savepoint, and the key is taken anew; where somebody else was
    /// faster, that refresh may have begun too early, so the line is joined again.
    async fn wait_in_line(&self, session: &mut Session, keys: &[LockKey]) -> Result<(), Ended> {
        let until = self.how.wait.map(|wait| Instant::now() + wait);
        let place = [self.task.next_in_line];
        loop {
            self.go_on()?;
            session.run("SAVEPOINT line").await?;
            let rows = session.rows(statement::try_to_take(&place)).await?;
            if not_taken_in(&rows, 1)?.is_some() {
                return Err(Ended::As(
                    RefreshOutcome::SkippedLockHeld,
                    Some(RefreshError {
                        sqlstate: None,
                        message: "one is running, and another waits to be next".to_owned(),
                        hint: None,
                    }),
                ));
            }
            self.wait_for(session, keys, until).await?;
            session.run("ROLLBACK TO SAVEPOINT line").await?;
            let rows = session.rows(statement::try_to_take(keys)).await?;
            if not_taken_in(&rows, keys.len())?.is_none() {
                return Ok(());
            }
        }
    }

    /// Says who holds a key.
    async fn is_held(&self, session: &mut Session, key: LockKey) -> Ended {
        let message = match session.rows(statement::holders_of(key)).await {
            Ok(rows) => rows.first().and_then(|row| {
                let pid: i32 = row.try_get("pid").ok()?;
                let role: String = row.try_get("role").ok()?;
                let application: String = row.try_get("application").ok()?;
                Some(format!("process {pid} holds its key: role {role}, {application}"))
            }),
            Err(_) => None,
        };
        Ended::As(
            RefreshOutcome::SkippedLockHeld,
            Some(RefreshError {
                sqlstate: None,
                message: message.unwrap_or_else(|| "somebody else held its key".to_owned()),
                hint: None,
            }),
        )
    }
}

/// Tells whether a wait for a key ran out.
fn ran_out(waiting: &Result<(), Ended>) -> bool {
    match waiting {
        Err(Ended::As(RefreshOutcome::SkippedLockHeld, Some(error))) => error.sqlstate.is_some(),
        _ => false,
    }
}

/// Returns the place of the first key that was not taken.
fn not_taken(row: &sqlx::postgres::PgRow, keys: usize) -> Result<Option<usize>, sqlx::Error> {
    for place in 0..keys {
        if !row.try_get::<bool, _>(statement::taken_column(place).as_str())? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn not_taken_in(rows: &[sqlx::postgres::PgRow], keys: usize) -> Result<Option<usize>, sqlx::Error> {
    let row = rows.last().ok_or_else(|| sqlx::Error::Protocol("no row came".to_owned()))?;
    not_taken(row, keys)
}
