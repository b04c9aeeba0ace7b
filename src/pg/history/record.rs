//! What a refresh itself asks of the history: one row more, and how fresh a view is.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::ident::QualifiedName;
use crate::lock_key::LockKey;
use crate::refresh::RefreshResult;
use crate::rights::Oid;

/// A refresh that is to be put on record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The id of its row; made before the refresh, so that it can be looked for afterwards.
    pub id: Uuid,
    /// The run that it belongs to.
    pub run_id: Uuid,
    /// The object id of the view, as it was planned.
    pub view_oid: Oid,
    /// What came of it.
    pub result: &'a RefreshResult,
}

/// Adds a refresh to the history, in the transaction that is open.
///
/// It dates the row by the server's clock, and reads on the server what the relation is
/// now. It must be the last thing that the transaction writes.
///
/// # Errors
///
/// When the server refuses; the transaction is of no use then.
pub(in crate::pg) async fn record(
    connection: &mut PgConnection,
    row: &Record<'_>,
) -> Result<(), sqlx::Error> {
    let result = row.result;
    let error = result.error.as_ref();
    let key: Vec<i64> = match result.lock.key {
        LockKey::One(key) => key.to_vec(),
        LockKey::Two(keys) => keys.into_iter().map(i64::from).collect(),
    };
    // Unnamed, and inside a transaction: a pooler cannot mix it up with another client's.
    sqlx::query(include_str!("../sql/history_record.sql"))
        .persistent(false)
        .bind(row.id)
        .bind(row.run_id)
        .bind(&result.correlation_id)
        .bind(result.view.schema.as_str())
        .bind(result.view.name.as_str())
        .bind(sqlx::postgres::types::Oid(row.view_oid))
        .bind(result.tenant.as_deref())
        .bind(result.outcome.word())
        .bind(result.mode.word())
        .bind(result.started_at)
        .bind(result.as_of)
        .bind(i64::try_from(result.duration_ms).unwrap_or(i64::MAX))
        .bind(result.rows_before)
        .bind(result.rows_after)
        .bind(result.tenants_before)
        .bind(result.tenants_after)
        .bind(result.lock.scheme.as_str())
        .bind(key)
        .bind(&result.lock.name)
        .bind(error.and_then(|error| error.sqlstate.as_deref()))
        .bind(error.map(|error| error.message.as_str()))
        .bind(error.and_then(|error| error.hint.as_deref()))
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(i64::try_from(result.waited_ms).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

/// Returns the instant whose rows a view holds at least, and how long ago that is by the
/// server's clock; `None` where no successful refresh of this very relation is on record,
/// or it holds nothing now.
///
/// # Errors
///
/// When the server refuses, for example because the history is not installed; the
/// transaction is of no use then.
pub(in crate::pg) async fn fresh_as_of(
    connection: &mut PgConnection,
    view: &QualifiedName,
) -> Result<Option<(DateTime<Utc>, Duration)>, sqlx::Error> {
    let row = sqlx::query(include_str!("../sql/history_fresh_as_of.sql"))
        .persistent(false)
        .bind(view.schema.as_str())
        .bind(view.name.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let age = u64::try_from(row.try_get::<i64, _>("age_us")?).unwrap_or_default();
    Ok(Some((row.try_get("as_of")?, Duration::from_micros(age))))
}
