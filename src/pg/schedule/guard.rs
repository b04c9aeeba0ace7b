//! The guard of a class: while its work goes on, a transaction holds the lock that refuses a
//! second run; afterwards the end of the tick is put on record.

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use crate::failure::Failure;
use crate::pg::session::{Endpoint, Session};
use crate::pg::statement::schedule as statement;
use crate::schedule::{TickOutcome, class_key};

/// The lock of a class, held by a transaction that does nothing else.
#[derive(Debug)]
pub struct Guard {
    session: Session,
}

/// How a tick ended.
#[derive(Debug, Clone)]
pub struct Ended<'e> {
    /// The class.
    pub class: &'e str,
    /// The tick.
    pub tick: DateTime<Utc>,
    /// The run of the tick.
    pub run_id: Uuid,
    /// What came of it.
    pub outcome: TickOutcome,
    /// Why it was not a success.
    pub message: Option<&'e str>,
}

impl Guard {
    /// Takes the lock of a class; `Err` of the inner result: the class is at work elsewhere.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses.
    pub async fn take(endpoint: &Endpoint, class: &str) -> Result<Result<Self, Self>, Failure> {
        let mut session = Session::connect(endpoint).await?;
        let rows = session.rows(statement::guard(class_key(class))).await;
        let taken = rows.and_then(|rows| {
            let row = rows.last().ok_or(sqlx::Error::RowNotFound)?;
            row.try_get::<bool, _>("is_taken")
        });
        let is_taken =
            taken.map_err(|error| session.failure(&error, "take the lock of a class"))?;
        let guard = Self { session };
        Ok(if is_taken { Ok(guard) } else { Err(guard) })
    }

    /// Lets go of the lock, and puts the end of the tick on record.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses; the tick then stands as not ended.
    pub async fn end(mut self, ended: &Ended<'_>) -> Result<(), Failure> {
        let recorded = record(&mut self.session, ended).await;
        recorded.map_err(|error| self.session.failure(&error, "put a tick on record"))?;
        self.session.close().await;
        Ok(())
    }
}

/// Puts the end of a tick on record whose class has no guard.
///
/// # Errors
///
/// As [`Guard::end`].
pub async fn end_without(endpoint: &Endpoint, ended: &Ended<'_>) -> Result<(), Failure> {
    let session = Session::connect(endpoint).await?;
    Guard { session }.end(ended).await
}

async fn record(session: &mut Session, ended: &Ended<'_>) -> Result<(), sqlx::Error> {
    session.run_within("ROLLBACK", LIMIT).await?;
    let limits = session.limits();
    session.run_within(statement::begin_record(&limits), LIMIT).await?;
    sqlx::query(statement::END_TICK)
        .persistent(false)
        .bind(ended.class)
        .bind(ended.tick)
        .bind(ended.run_id)
        .bind(ended.outcome.word())
        .bind(ended.message)
        .execute(session.connection())
        .await?;
    session.run_within("COMMIT", LIMIT).await
}

/// How long the server may take for what needs no work.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(15);
