//! The commit, and what became of it where its answer was lost.

use std::time::Duration;

use sqlx::Row;

use super::{Ended, Work};
use crate::failure::{Failure, FailureKind};
use crate::pg::server_error;
use crate::pg::session::Session;
use crate::pg::statement::{self, refreshing};
use crate::refresh::RefreshResult;

/// How often, and how long apart, the server is asked what became of a commit.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// How long a commit may take before the server is asked about it, and how long apart.
const LONG: Duration = Duration::from_secs(3);

/// How long a commit may be on its way: over a connection that is lost, the server may
/// have it and not have looked at it yet; over one that is not known to be lost, longer.
const AFTER_A_LOSS: Duration = Duration::from_secs(2);
const ON_ITS_WAY: Duration = Duration::from_secs(10);

impl Work<'_> {
    /// Commits.
    pub(super) async fn commit(
        &mut self,
        session: &mut Session,
        result: &mut RefreshResult,
    ) -> Result<(), Ended> {
        let committing = session.run("COMMIT");
        let fate = tokio::select! {
            done = committing => match done {
                Ok(()) => return Ok(()),
                Err(error) if !is_lost(&error) => return Err(error.into()),
                Err(_lost) => self.fate().await,
            },
            // The server is done with it, and its answer does not come.
            is_committed = self.settled() => Some(is_committed),
        };
        match fate {
            Some(true) => {
                result.notes.push(
                    "the connection was lost during the commit; the server has it committed"
                        .to_owned(),
                );
                Ok(())
            }
            Some(false) => Err(Ended::Lost(
                Failure::new(FailureKind::Connection, "the connection was lost during the commit")
                    .cause("the server has it rolled back")
                    .hint("run it again"),
            )),
            None => Err(Ended::Lost(
                Failure::new(FailureKind::Connection, "the connection was lost during the commit")
                    .cause("it is not known whether it was committed: the server does not answer")
                    .hint("`driftgate history list` tells when the server is back"),
            )),
        }
    }

    /// Asks the server what became of the transaction, until it answers or has not for long
    /// enough; `None`: it is not known.
    async fn fate(&self) -> Option<bool> {
        for _ in 0..TRIES {
            if let Some(is_committed) = self.ask(AFTER_A_LOSS).await {
                return Some(is_committed);
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    /// Waits until the transaction has ended on the server; for ever where it does not, as
    /// when a standby has to confirm it first.
    async fn settled(&self) -> bool {
        loop {
            tokio::time::sleep(LONG).await;
            if let Some(is_committed) = self.ask(ON_ITS_WAY).await {
                return is_committed;
            }
        }
    }

    /// Asks the server what became of the transaction, on a connection of its own; `None`:
    /// nobody answers, or it goes on.
    ///
    /// One that has sat idle for so long never got the commit: it is ended, so that what
    /// became of it is sure, and its locks are free.
    async fn ask(&self, idle: Duration) -> Option<bool> {
        let id: i64 = self.transaction.as_ref()?.parse().ok()?;
        let asking = async {
            let mut session = Session::connect(self.endpoint).await.ok()?;
            let rows = session.rows(statement::transaction_fate(id)).await.ok()?;
            let fate = rows.first()?.try_get::<Option<String>, _>("fate").ok()?;
            match fate.as_deref() {
                Some("committed") => Some(true),
                Some("aborted") => Some(false),
                // Still in progress, or too old to tell.
                _ => {
                    // Should this fail, the server's own limit on idling ends it.
                    let _ = session.run(refreshing::end_idle(self.pid, id, idle)).await;
                    None
                }
            }
        };
        tokio::time::timeout(self.endpoint.limits.connect, asking).await.ok().flatten()
    }
}

/// Tells whether an error leaves open what became of a commit.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match server_error::sqlstate(error).as_deref() {
        None => true,
        Some(code) => code.starts_with("57P") || code.starts_with("08"),
    }
}
