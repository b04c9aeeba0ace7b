//! Reads the history in one read-only transaction: as much as is asked of every view.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::state::{self, State};
use crate::failure::Failure;
use crate::history::{FailedRefresh, History, LastRefresh, Records};
use crate::ident::QualifiedName;
use crate::pg::session::{Endpoint, ReadTransaction, SearchPath, Session};

/// Reads what is on record of the materialized views that are there.
///
/// # Errors
///
/// When the server cannot be reached, refuses or does not answer. That the history is not
/// installed, or that this role may not read it, is no error.
pub async fn read_history(endpoint: &Endpoint) -> Result<History, Failure> {
    read(endpoint, "10").await
}

/// As [`read_history`], for those who do not ask how long a refresh takes: the typical
/// duration is that of the last one, which is much cheaper where there are many views.
///
/// # Errors
///
/// As [`read_history`].
pub async fn read_last_refreshes(endpoint: &Endpoint) -> Result<History, Failure> {
    read(endpoint, "1").await
}

/// Reads what is on record, with the typical duration of so many successes.
async fn read(endpoint: &Endpoint, of: &str) -> Result<History, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let history = match state::look(&mut transaction).await? {
        State::NotInstalled => History::NotInstalled,
        State::Unreadable(obstacle) => {
            History::Unreadable(format!("{}: {}", obstacle.reason, obstacle.hint))
        }
        State::Usable(rights) => History::Known(read_records(&mut transaction, rights, of).await?),
    };
    transaction.finish().await?;
    session.close().await;
    Ok(history)
}

async fn read_records(
    transaction: &mut ReadTransaction<'_>,
    rights: state::Rights,
    of: &str,
) -> Result<Records, Failure> {
    let server = transaction.server();
    let writable = if rights.is_recovering {
        Err("the server is a standby or read only".to_owned())
    } else if rights.may_insert {
        Ok(())
    } else {
        Err(format!(
            "{} may not add to the history: `{} --grant-to {}` by its owner would let it",
            server.role,
            state::INSTALL,
            server.role
        ))
    };
    let mut records = Records {
        writable,
        read_at: server.read_at,
        last_success: BTreeMap::new(),
        failed_since: BTreeMap::new(),
    };
    transaction
        .rows_for(include_str!("../sql/history_read.sql"), &[of], "read the history", |row| {
            let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
            let view = QualifiedName::from_catalog(schema, name);
            if let Some(failed) = failed_refresh(row)? {
                records.failed_since.insert(view.clone(), failed);
            }
            if let Some(last) = last_refresh(row)? {
                records.last_success.insert(view, last);
            }
            Ok(())
        })
        .await?;
    Ok(records)
}

fn last_refresh(row: &PgRow) -> Result<Option<LastRefresh>, sqlx::Error> {
    let Some(as_of) = row.try_get("as_of")? else { return Ok(None) };
    let milliseconds =
        |column| row.try_get::<i64, _>(column).map(|number| number.try_into().unwrap_or_default());
    Ok(Some(LastRefresh {
        as_of,
        duration_ms: milliseconds("duration_ms")?,
        typical_ms: milliseconds("typical_ms")?,
        touched_since: row.try_get("touched_since")?,
    }))
}

fn failed_refresh(row: &PgRow) -> Result<Option<FailedRefresh>, sqlx::Error> {
    let Some(at) = row.try_get("failed_at")? else { return Ok(None) };
    Ok(Some(FailedRefresh {
        at,
        outcome: row.try_get("failed_outcome")?,
        sqlstate: row.try_get("failed_sqlstate")?,
    }))
}

/// Returns the outcome of one refresh by the id of its row; `None`: there is no such row.
///
/// A transaction that has not ended yet has no row that others see: ask when the session
/// that would have written it is gone, or its locks are free.
///
/// # Errors
///
/// When the server cannot be reached, or the history cannot be read.
pub async fn find(endpoint: &Endpoint, id: Uuid) -> Result<Option<String>, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    state::look(&mut transaction).await?.usable()?;
    let mut outcome = None;
    transaction
        .rows_for(
            "SELECT outcome FROM driftgate.refreshes WHERE id = $1::uuid",
            &[&id.to_string()],
            "look for a refresh in the history",
            |row| {
                outcome = Some(row.try_get("outcome")?);
                Ok(())
            },
        )
        .await?;
    transaction.finish().await?;
    session.close().await;
    Ok(outcome)
}
