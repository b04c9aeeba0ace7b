//! One message that opens a read-only transaction, asks and ends it: a single round trip,
//! for commands whose answer is wanted at once.

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;

use super::session::{SearchPath, Session, server_facts};
use super::{server_error, statement};
use crate::failure::Failure;
use crate::snapshot::ServerFacts;

impl Session {
    /// Runs queries in a read-only transaction of their own, hands each row to `take`, and
    /// returns what the server said of itself before.
    ///
    /// The transaction is over with the last row. It is not noted as being at work: it is
    /// for queries that take no time worth cancelling.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer in time; the session is of no use then.
    pub(super) async fn read_at_once(
        &mut self,
        queries: &'static str,
        doing: &str,
        mut take: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
    ) -> Result<ServerFacts, Failure> {
        let (limit, at) = (self.answer_limit(), self.endpoint().resolved.clone());
        let message = statement::locks::read_at_once(&self.limits(), SearchPath::Empty, queries);
        let told = |error| server_error::failure(&error, doing, &at);
        let mut rows = sqlx::raw_sql(message).fetch(self.connection());
        let mut server = None;
        loop {
            let next = tokio::time::timeout(limit, rows.try_next()).await;
            let next = next.map_err(|_elapsed| server_error::no_answer(doing, limit, &at))?;
            match (next.map_err(told)?, &server) {
                (None, _) => break,
                (Some(row), None) => server = Some(server_facts(&row).map_err(told)?),
                (Some(row), Some(_)) => take(&row).map_err(told)?,
            }
        }
        server.ok_or_else(|| Failure::internal("the server described nothing"))
    }
}
