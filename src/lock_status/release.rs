//! Making somebody let go of a key: what is sent, and what came of it.

use serde::Serialize;

use super::{Lock, LockStatus, Owner};
use crate::ident::literal;

/// What a session is sent, so that it lets go of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Its statement is ended, and with it its transaction.
    Cancel,
    /// The session is ended.
    Terminate,
}

impl Signal {
    /// Returns the server's function that sends it.
    pub const fn function(self) -> &'static str {
        match self {
            Self::Cancel => "pg_cancel_backend",
            Self::Terminate => "pg_terminate_backend",
        }
    }
}

/// What came of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseOutcome {
    /// Nobody held the key; nothing was sent.
    NotHeld,
    /// The answer was no; nothing was sent.
    Declined,
    /// The signal would do nothing to who holds the key; nothing was sent.
    NotSent,
    /// The session that was shown no longer held the key; nothing was sent.
    HolderChanged,
    /// The session has let go, and the key is free.
    Free,
    /// The session has let go, and somebody else holds the key.
    HeldByAnother,
    /// The session still holds the key.
    StillHeld,
}

/// Returns why a signal would do nothing to who holds a lock, and what to do instead.
///
/// Cancelling ends a statement; a session that is idle runs none, and keeps what it holds.
pub fn is_futile(status: &LockStatus, lock: &Lock, signal: Signal) -> Option<(String, String)> {
    let pid = match &lock.owner {
        Owner::Session(pid) => *pid,
        Owner::Prepared(prepared) => {
            let gid = literal(&prepared.gid);
            return Some((
                format!(
                    "the prepared transaction {gid} holds it, and no session that could be signalled"
                ),
                format!("as the role that prepared it: ROLLBACK PREPARED {gid}"),
            ));
        }
    };
    let details = status.session_of(lock)?.details.as_ref()?;
    let state = details.state.as_deref().filter(|state| state.starts_with("idle"))?;
    (signal == Signal::Cancel).then(|| {
        (
            format!("the session {pid} is {state}: it runs no statement that could be cancelled"),
            "add --terminate to end the session".to_owned(),
        )
    })
}
