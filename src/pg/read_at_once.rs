//! Messages that open a read-only transaction, ask and end it: a single round trip each, for
//! commands whose answer is wanted at once.

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;

use super::server_error;
use super::session::{Session, server_facts};
use crate::failure::Failure;
use crate::snapshot::ServerFacts;

impl Session {
    /// Sends a message whose first row is what the server says of itself, hands each other
    /// row to `take`, and returns the first.
    ///
    /// # Errors
    ///
    /// As [`Session::read_at_once`].
    pub(super) async fn read_with_facts(
        &mut self,
        message: AssertSqlSafe<String>,
        doing: &str,
        mut take: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
    ) -> Result<ServerFacts, Failure> {
        let mut server = None;
        self.read_at_once(message, doing, |row| match server {
            Some(_) => take(row),
            None => {
                server = Some(server_facts(row)?);
                Ok(())
            }
        })
        .await?;
        server.ok_or_else(|| Failure::internal("the server described nothing"))
    }

    /// Sends a message and hands each row to `take`.
    ///
    /// It is not noted as being at work: it is for what takes no time worth cancelling.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer in time; the session is of no use then.
    pub(super) async fn read_at_once(
        &mut self,
        message: AssertSqlSafe<String>,
        doing: &str,
        mut take: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
    ) -> Result<(), Failure> {
        let (limit, at) = (self.answer_limit(), self.endpoint().resolved.clone());
        let told = |error| server_error::failure(&error, doing, &at);
        let mut rows = sqlx::raw_sql(message).fetch(self.connection());
        loop {
            let next = tokio::time::timeout(limit, rows.try_next()).await;
            let next = next.map_err(|_elapsed| server_error::no_answer(doing, limit, &at))?;
            match next.map_err(told)? {
                Some(row) => take(&row).map_err(told)?,
                None => return Ok(()),
            }
        }
    }
}
