//! Really tries a refresh as a role and takes it back: the proof of what was predicted.
//!
//! A trial holds the locks of the refresh until it is rolled back; a plain one keeps readers
//! out for that long.

use std::time::Duration;

use super::session::{AtWork, Endpoint, Limits, Session};
use super::{server_error, statement};
use crate::failure::Failure;
use crate::ident::{QualifiedName, RoleName};
use crate::registry::RefreshMode;
use crate::target::Resolved;

/// How a trial ended; nothing of it is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The refresh succeeded.
    Refreshed,
    /// The server refused it for want of a right.
    Denied,
    /// It failed for another reason; rights that are looked at later were not tried.
    Failed {
        /// SQLSTATE of the server's error.
        sqlstate: String,
    },
    /// The role of the session may not `SET ROLE` to the role.
    CannotBecome,
    /// Somebody else held a lock for longer than the limit.
    Busy,
    /// It took longer than the limit, or was cancelled.
    TimedOut,
}

/// A session that tries refreshes, each in a transaction of its own.
#[derive(Debug)]
pub struct Proving {
    session: Session,
    resolved: Resolved,
    _at_work: AtWork,
}

impl Proving {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, is a standby or read only.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, Failure> {
        let mut session = Session::connect(endpoint).await?;
        session.prepare_for_writing().await?;
        let at_work = session.note_backend().await?;
        Ok(Self { session, resolved: endpoint.resolved.clone(), _at_work: at_work })
    }

    /// Tries to refresh a view as a role, and rolls back.
    ///
    /// # Errors
    ///
    /// When the connection is lost, the server does not answer, or the transaction cannot be
    /// opened or ended: the session is of no use then. What the trial itself meets is a
    /// [`Proof`].
    pub async fn prove(
        &mut self,
        role: &RoleName,
        view: &QualifiedName,
        mode: RefreshMode,
        limits: &Limits,
    ) -> Result<Proof, Failure> {
        let doing = format!("try to refresh {view} as {role}");
        let limit = whole_trial(limits);
        match tokio::time::timeout(limit, self.attempt(role, view, mode, limits)).await {
            Ok(tried) => tried.map_err(|error| self.session.failure(&error, &doing)),
            Err(_elapsed) => Err(server_error::no_answer(&doing, limit, &self.resolved)),
        }
    }

    /// Says goodbye to the server.
    pub async fn close(self) {
        self.session.close().await;
    }

    async fn attempt(
        &mut self,
        role: &RoleName,
        view: &QualifiedName,
        mode: RefreshMode,
        limits: &Limits,
    ) -> Result<Proof, sqlx::Error> {
        self.session.run(statement::begin_trial(limits)).await?;
        let proof = match self.session.run(statement::become_locally(role)).await {
            Ok(()) => match self.session.run(statement::refresh(view, mode)).await {
                Ok(()) => Proof::Refreshed,
                Err(error) => proof_of(error)?,
            },
            Err(error) => match proof_of(error)? {
                Proof::Denied => Proof::CannotBecome,
                other => other,
            },
        };
        self.session.run("ROLLBACK").await?;
        Ok(proof)
    }
}

/// Turns what the server said into a proof; an error that it did not send stays one, and so
/// does one that ended the session.
fn proof_of(error: sqlx::Error) -> Result<Proof, sqlx::Error> {
    match server_error::sqlstate(&error).as_deref() {
        None => Err(error),
        Some(code) if code.starts_with("57P") || code.starts_with("08") => Err(error),
        Some("25P03" | "25P04") => Err(error),
        Some("42501") => Ok(Proof::Denied),
        Some("55P03") => Ok(Proof::Busy),
        Some("57014") => Ok(Proof::TimedOut),
        Some(code) => Ok(Proof::Failed { sqlstate: code.to_owned() }),
    }
}

/// Returns how long a trial may take before the server counts as vanished: longer than its
/// own limit on the one statement that takes long.
fn whole_trial(limits: &Limits) -> Duration {
    const GRACE: Duration = Duration::from_secs(5);
    const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);
    let limit = limits.statement.0;
    if limit.is_zero() { FOREVER } else { limit.saturating_add(GRACE) }
}
