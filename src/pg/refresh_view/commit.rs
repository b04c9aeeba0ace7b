//! The commit, and what became of it where its answer was lost.

use std::time::Duration;

use sqlx::Row;

use super::{Ended, Work};
use crate::failure::{Failure, FailureKind};
use crate::pg::session::Session;
use crate::pg::{server_error, statement};
use crate::refresh::RefreshResult;

/// How often, and how long apart, the server is asked what became of a commit.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(500);

impl Work<'_> {
    /// Commits.
    pub(super) async fn commit(
        &mut self,
        session: &mut Session,
        result: &mut RefreshResult,
    ) -> Result<(), Ended> {
        match self.alive(session.run("COMMIT")).await {
            Ok(()) => return Ok(()),
            Err(Ended::Server(error)) if !is_lost(&error) => return Err(error.into()),
            Err(_lost) => {}
        }
        match self.fate().await {
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

    /// Asks the server what became of the transaction, on a connection of its own; `None`:
    /// nobody answers.
    async fn fate(&self) -> Option<bool> {
        let id: i64 = self.transaction.as_ref()?.parse().ok()?;
        for _ in 0..TRIES {
            if let Ok(mut session) = Session::connect(self.endpoint).await
                && let Ok(rows) = session.rows_within(statement::transaction_fate(id), PAUSE).await
                && let Some(fate) =
                    rows.first().and_then(|row| row.try_get::<Option<String>, _>("fate").ok())
            {
                match fate.as_deref() {
                    Some("committed") => return Some(true),
                    Some("aborted") => return Some(false),
                    // Still in progress, or too old to tell.
                    _ => {}
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }
}

/// Tells whether an error leaves open what became of a commit.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match server_error::sqlstate(error).as_deref() {
        None => true,
        Some(code) => code.starts_with("57P") || code.starts_with("08"),
    }
}
