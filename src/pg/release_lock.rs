//! Makes the session that holds a key let go of it: exactly the one that was shown, checked
//! again by the statement that signals it.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::session::{Endpoint, SearchPath, Session};
use super::statement::locks;
use crate::failure::{Failure, FailureKind};
use crate::lock_key::LockPlace;
use crate::lock_status::release::Signal;

/// A session that holds a key, as it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Where the key is in `pg_locks`.
    pub place: LockPlace,
    /// The server process.
    pub pid: i32,
    /// When it connected; `None`: this role may not see it.
    pub backend_start: Option<DateTime<Utc>>,
}

/// Signals the holder of a key; returns whether it was still the one that was shown.
///
/// # Errors
///
/// When the server cannot be reached; a permission failure when this role may not signal
/// the session. Nothing was sent then.
pub async fn signal(endpoint: &Endpoint, holder: Holder, sent: Signal) -> Result<bool, Failure> {
    let message = locks::signal_holder(sent, holder.place, holder.pid, holder.backend_start);
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let mut is_sent = false;
    let signalling = transaction.rows(message, "signal the session", |row| {
        is_sent |= row.try_get::<bool, _>("is_sent")?;
        Ok(())
    });
    signalling.await.map_err(|error| match error.sqlstate.as_deref() {
        Some("42501") => not_permitted(endpoint, holder),
        _ => error.failure,
    })?;
    transaction.finish().await?;
    session.close().await;
    Ok(is_sent)
}

fn not_permitted(endpoint: &Endpoint, holder: Holder) -> Failure {
    let role = &endpoint.resolved.target.user;
    let message = format!("the role {role} may not signal the session {}", holder.pid);
    let mut failure = Failure::new(FailureKind::Permission, message).hint(
        "connect as the session's own role, as a member of it, or as a member of \
         pg_signal_backend; the session of a superuser only a superuser may signal",
    );
    failure.sqlstate = Some("42501".to_owned());
    failure
}

/// Looks until a session no longer holds a key, within a limit, and returns the process ids
/// of those who hold it at the end; 0 stands for a prepared transaction.
///
/// # Errors
///
/// When the server cannot be reached.
pub async fn wait_until_let_go(
    endpoint: &Endpoint,
    holder: Holder,
    limit: Duration,
) -> Result<Vec<i32>, Failure> {
    const PAUSE: Duration = Duration::from_millis(50);
    let started = Instant::now();
    let mut session = Session::connect(endpoint).await?;
    let holders = loop {
        let holders = read_holders(&mut session, holder.place).await?;
        if !holders.contains(&holder.pid) || started.elapsed() >= limit {
            break holders;
        }
        tokio::time::sleep(PAUSE).await;
    };
    session.close().await;
    Ok(holders)
}

async fn read_holders(session: &mut Session, place: LockPlace) -> Result<Vec<i32>, Failure> {
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let mut holders = Vec::new();
    let reading = transaction.rows(locks::key_holders(place), "see who holds the key", |row| {
        holders.push(row.try_get::<Option<i32>, _>("pid")?.unwrap_or_default());
        Ok(())
    });
    reading.await?;
    transaction.finish().await?;
    Ok(holders)
}
