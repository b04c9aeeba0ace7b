//! Removes old ticks and runs of tasks, a batch a transaction; the newest tick of each class
//! stays, because it tells what was missed since.

use sqlx::Row;

use crate::failure::Failure;
use crate::pg::session::{ReadTransaction, Session};
use crate::pg::statement;
use crate::pg::statement::schedule::{COUNT_OLD, REMOVE_OLD};

/// How many rows one transaction removes.
const BATCH: i64 = 5_000;

/// Counts the ticks and runs of tasks that may go.
pub(super) async fn count_old(
    transaction: &mut ReadTransaction<'_>,
    old_before: &str,
) -> Result<u64, Failure> {
    let mut counted = 0;
    transaction
        .rows_for(COUNT_OLD, &[old_before], "count old ticks", |row| {
            counted = u64::try_from(row.try_get::<i64, _>("old")?).unwrap_or_default();
            Ok(())
        })
        .await?;
    Ok(counted)
}

/// Removes them, and returns how many there were.
pub(super) async fn remove_old(session: &mut Session, old_before: &str) -> Result<u64, Failure> {
    let mut removed = 0;
    for statement in REMOVE_OLD {
        loop {
            let batch = remove_batch(session, statement, old_before).await.map_err(|error| {
                session
                    .failure(&error, "remove old ticks and runs of tasks")
                    .hint(format!("{removed} of them are removed; the rest is as it was"))
            })?;
            removed += batch;
            if batch == 0 {
                break;
            }
        }
    }
    Ok(removed)
}

async fn remove_batch(
    session: &mut Session,
    statement: &'static str,
    old_before: &str,
) -> Result<u64, sqlx::Error> {
    let limits = session.limits();
    session.run(statement::begin_migration(&limits)).await?;
    let removed = sqlx::query(statement)
        .persistent(false)
        .bind(old_before)
        .bind(BATCH)
        .execute(session.connection())
        .await?
        .rows_affected();
    session.run("COMMIT").await?;
    Ok(removed)
}
