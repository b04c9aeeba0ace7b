//! Lists what is on record, newest first.

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::state;
use crate::failure::Failure;
use crate::history::{Filter, RecordedRefresh};
use crate::ident::{QualifiedName, RoleName};
use crate::pg::session::{Endpoint, SearchPath, Session};
use crate::pg::statement;
use crate::snapshot::ServerFacts;

/// The refreshes that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The refreshes, newest first.
    pub refreshes: Vec<RecordedRefresh>,
    /// Whether there are more than the limit allowed.
    pub has_more: bool,
    /// What the server said of itself.
    pub server: ServerFacts,
}

/// Reads the refreshes that a filter lets through.
///
/// # Errors
///
/// When the history is not installed or cannot be read, and when the server cannot be
/// reached, refuses or does not answer.
pub async fn list(endpoint: &Endpoint, filter: &Filter) -> Result<Listed, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let server = transaction.server().clone();
    state::look(&mut transaction).await?.usable()?;
    let mut refreshes = Vec::new();
    transaction
        .rows_for(statement::history::list(filter), &[], "list the history", |row| {
            refreshes.push(recorded(row)?);
            Ok(())
        })
        .await?;
    transaction.finish().await?;
    session.close().await;
    let limit = filter.limit as usize;
    let has_more = refreshes.len() > limit;
    refreshes.truncate(limit);
    Ok(Listed { refreshes, has_more, server })
}

fn recorded(row: &PgRow) -> Result<RecordedRefresh, sqlx::Error> {
    let text = |column| row.try_get::<String, _>(column);
    let uuid =
        |column| Uuid::parse_str(&text(column)?).map_err(|error| sqlx::Error::Decode(error.into()));
    let milliseconds =
        |column| row.try_get::<i64, _>(column).map(|number| number.try_into().unwrap_or_default());
    Ok(RecordedRefresh {
        id: uuid("id")?,
        run_id: uuid("run_id")?,
        correlation_id: text("correlation_id")?,
        view: QualifiedName::from_catalog(text("view_schema")?, text("view_name")?),
        tenant: row.try_get("tenant")?,
        outcome: text("outcome")?,
        mode: text("mode")?,
        started_at: row.try_get("started_at")?,
        as_of: row.try_get("as_of")?,
        finished_at: row.try_get("finished_at")?,
        duration_ms: milliseconds("duration_ms")?,
        waited_ms: milliseconds("waited_ms")?,
        rows: (row.try_get("rows_before")?, row.try_get("rows_after")?),
        tenants: (row.try_get("tenants_before")?, row.try_get("tenants_after")?),
        lock_scheme: text("lock_scheme")?,
        lock_key: row.try_get("lock_key")?,
        lock_name: text("lock_name")?,
        sqlstate: row.try_get("sqlstate")?,
        message: row.try_get("message")?,
        hint: row.try_get("hint")?,
        role: RoleName::from_catalog(text("role_name")?),
        // Packagers add their own words behind the number.
        server_version: text("server_version")?
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned(),
        tool_version: text("tool_version")?,
    })
}
