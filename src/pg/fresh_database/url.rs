//! A database that somebody keeps for this: it must be empty, and is left as it was found.

use sqlx::Row;

use super::contents::Contents;
use super::server::SHARED;
use super::{FreshDatabase, Place};
use crate::failure::{Failure, FailureKind};
use crate::fresh::{FreshSource, FreshUrl};
use crate::pg::scratch::Scratch;
use crate::pg::session::{Endpoint, Session};
use crate::pg::statement::try_migration_lock;

/// The first eight bytes, big-endian, of SHA-256 of `driftgate:fresh:in-use`.
const LOCK: i64 = -7_569_501_282_911_896_584;

/// How many of the objects that are in the way are named.
const MOST_NAMED: usize = 5;

/// Takes an empty database into use.
///
/// # Errors
///
/// [`FailureKind::Project`] when it is not empty, with some of what it holds; nothing was
/// changed. [`FailureKind::LockHeld`] when another run uses it. When it cannot be reached, is a standby or is read only.
pub async fn url(
    endpoint: Endpoint,
    url: FreshUrl,
    scratch: &Scratch,
) -> Result<FreshDatabase, Failure> {
    let mut session = Session::connect(&endpoint).await?;
    session.prepare_for_writing().await?;
    let lock = take_lock(&endpoint).await?;
    let before = Contents::read(&mut session).await?;
    session.close().await;
    let mut named: Vec<&str> = before.objects().collect();
    if !named.is_empty() {
        let name = endpoint.resolved.target.masked_url();
        let further = named.len().saturating_sub(MOST_NAMED);
        named.truncate(MOST_NAMED);
        let more = if further > 0 { format!(" and {further} more") } else { String::new() };
        let message = format!("{name} is not empty");
        return Err(Failure::new(FailureKind::Project, message)
            .cause(format!("it holds {}{more}", named.join(", ")))
            .hint("--fresh takes an empty database alone; nothing was changed")
            .hint("a run that was killed leaves what it had built: make the database anew then"));
    }
    let made = scratch.contents(endpoint.clone(), before);
    Ok(FreshDatabase {
        source: FreshSource::Url(url),
        platform: endpoint.clone(),
        endpoint,
        notes: vec![SHARED.to_owned()],
        time_zone: None,
        place: Place::Shared { scratch: scratch.clone(), made, lock: Some(Box::new(lock)) },
    })
}

/// Takes the lock that keeps other runs out of the database; it ends with the session.
async fn take_lock(endpoint: &Endpoint) -> Result<Session, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let rows = session.rows(try_migration_lock(LOCK)).await;
    let is_taken = rows.and_then(|rows| {
        rows.last().ok_or(sqlx::Error::RowNotFound)?.try_get::<bool, _>("is_taken")
    });
    match is_taken {
        Ok(true) => Ok(session),
        Ok(false) => {
            let name = endpoint.resolved.target.masked_url();
            Err(Failure::new(FailureKind::LockHeld, format!("{name} is in use by another run"))
                .hint("wait for it, or give each run an empty database of its own"))
        }
        Err(error) => Err(session.failure(&error, "see whether another run is at work there")),
    }
}
