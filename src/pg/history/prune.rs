//! Removes old rows of the history, a batch a transaction, and never the last success of a
//! view.

use std::time::Duration;

use sqlx::Row;
use uuid::Uuid;

use super::prune_ticks;
use super::state::{self, INSTALL};
use crate::failure::{Failure, FailureKind};
use crate::history::Pruned;
use crate::pg::session::{Endpoint, ReadTransaction, SearchPath, Session};
use crate::pg::statement;
use crate::snapshot::ServerFacts;

/// How many rows one transaction removes.
const BATCH: i64 = 5_000;

/// Removes the rows that are older than an age, or counts them where nothing is to be
/// changed; the last success of each view stays, however old it is.
///
/// # Errors
///
/// When the history is not installed, cannot be read, or this role may not remove from it,
/// and when the server cannot be reached or refuses. What earlier batches removed is gone.
pub async fn prune(
    endpoint: &Endpoint,
    older_than: Duration,
    is_dry_run: bool,
) -> Result<(Pruned, ServerFacts), Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let server = transaction.server().clone();
    let rights = state::look(&mut transaction).await?.usable()?;
    let mut old_before = String::new();
    transaction
        .rows(statement::history::old_before(older_than), "read the clock", |row| {
            old_before = row.try_get("old_before")?;
            Ok(())
        })
        .await?;
    let kept = find_kept(&mut transaction, &old_before).await?;
    let old = if is_dry_run { count_old(&mut transaction, &old_before).await? } else { 0 };
    let old_ticks = match is_dry_run {
        true => prune_ticks::count_old(&mut transaction, &old_before).await?,
        false => 0,
    };
    transaction.finish().await?;
    let pruned = |rows, ticks| Pruned { rows, kept: kept.len() as u64, ticks };
    if is_dry_run {
        session.close().await;
        return Ok((pruned(old.saturating_sub(kept.len() as u64), old_ticks), server));
    }
    if !rights.may_delete {
        let message = format!("{} may not remove from the history of refreshes", server.role);
        return Err(Failure::new(FailureKind::Permission, message)
            .hint("name its owner with --migration-database-url")
            .hint(format!("`{INSTALL}` grants workers no right to remove")));
    }
    let rows = remove_old(&mut session, &old_before, &kept).await?;
    let ticks = prune_ticks::remove_old(&mut session, &old_before).await?;
    session.close().await;
    Ok((pruned(rows, ticks), server))
}

/// Returns the old rows that stay. What is the last success now stays even where a newer
/// one is written meanwhile.
async fn find_kept(
    transaction: &mut ReadTransaction<'_>,
    old_before: &str,
) -> Result<Vec<Uuid>, Failure> {
    let mut kept = Vec::new();
    transaction
        .rows_for(statement::history::KEPT, &[old_before], "find the last successes", |row| {
            let id: String = row.try_get("id")?;
            kept.push(Uuid::parse_str(&id).map_err(|error| sqlx::Error::Decode(error.into()))?);
            Ok(())
        })
        .await?;
    Ok(kept)
}

async fn count_old(
    transaction: &mut ReadTransaction<'_>,
    old_before: &str,
) -> Result<u64, Failure> {
    let mut old = 0;
    transaction
        .rows_for(statement::history::COUNT_OLD, &[old_before], "count old rows", |row| {
            old = u64::try_from(row.try_get::<i64, _>("old")?).unwrap_or_default();
            Ok(())
        })
        .await?;
    Ok(old)
}

async fn remove_old(
    session: &mut Session,
    old_before: &str,
    kept: &[Uuid],
) -> Result<u64, Failure> {
    session.prepare_for_writing().await?;
    let _at_work = session.note_backend().await?;
    let mut removed = 0;
    loop {
        let batch = remove_batch(session, old_before, kept).await.map_err(|error| {
            session
                .failure(&error, "remove old rows of the history")
                .hint(format!("{removed} rows are removed; the rest is as it was"))
        })?;
        removed += batch;
        // Where another run took the same rows, it removes the rest as well.
        if batch == 0 {
            return Ok(removed);
        }
    }
}

async fn remove_batch(
    session: &mut Session,
    old_before: &str,
    kept: &[Uuid],
) -> Result<u64, sqlx::Error> {
    let limits = session.limits();
    session.run(statement::begin_migration(&limits)).await?;
    let removed = sqlx::query(statement::history::REMOVE_OLD)
        .persistent(false)
        .bind(old_before)
        .bind(kept)
        .bind(BATCH)
        .execute(session.connection())
        .await?
        .rows_affected();
    session.run("COMMIT").await?;
    Ok(removed)
}
