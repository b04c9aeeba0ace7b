//! What there is to say of a lock: that it looks stranded, and the next command that is
//! safe to run. Judged by the server's clock alone.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use super::mode::LockMode;
use super::{Lock, LockStatus, Owner, SessionDetails, SessionState, Subject};
use crate::ident::literal;
use crate::wording;

/// How long a transaction may be idle before it looks as if nobody came back to it.
pub const LEFT_ALONE: Duration = Duration::from_secs(60);

/// What there is to say of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advice {
    /// Why it looks as if nobody will let go of it.
    pub stranded: Option<String>,
    /// The command or statement to run next; it checks again before it does anything.
    pub next: Option<String>,
}

/// Adds to each lock what there is to say of it. Foreign keys are left alone: a session that
/// is idle and holds one may well be meant to.
pub(super) fn advise(status: &mut LockStatus) {
    let said: Vec<_> = status.locks.iter().map(|lock| advice(status, lock)).collect();
    for (lock, said) in status.locks.iter_mut().zip(said) {
        lock.advice = said.map(Box::new);
    }
}

fn advice(status: &LockStatus, lock: &Lock) -> Option<Advice> {
    if !lock.is_known() {
        return None;
    }
    let session = status.session_of(lock);
    let stranded = match &lock.wait {
        Some(_) => None,
        None => stranded(lock, session, status.read_at),
    };
    let is_convoy = lock.wait.is_some() && !lock.blocks.is_empty() && is_refresh(lock);
    if stranded.is_none() && !is_convoy {
        return None;
    }
    let next = match &lock.owner {
        Owner::Prepared(prepared) => Some(format!("ROLLBACK PREPARED {}", literal(&prepared.gid))),
        Owner::Session(pid) => match key_of(status, lock) {
            Some(key) => Some(release(key, stranded.is_some())),
            None => session
                .and_then(|session| session.details.as_ref())
                .and_then(|details| signal(*pid, details, stranded.is_some())),
        },
    };
    Some(Advice { stranded, next })
}

/// Tells whether a lock on a view is the one that keeps all readers out.
fn is_refresh(lock: &Lock) -> bool {
    matches!(lock.subject, Subject::View(_)) && lock.mode == LockMode::AccessExclusive
}

/// Returns the key that a lock is, or that its owner holds on the same view.
fn key_of<'s>(status: &'s LockStatus, lock: &'s Lock) -> Option<&'s Lock> {
    let is_it = |other: &&Lock| {
        let is_current = other.key_name().is_some_and(|name| !name.next_in_line);
        other.is_held_key()
            && is_current
            && other.owner == lock.owner
            && other.view() == lock.view()
    };
    match lock.is_held_key() {
        true => Some(lock).filter(is_it),
        false => status.locks.iter().take_while(|other| other.is_known()).find(is_it),
    }
}

/// Returns why nobody seems to be about to let go of a lock.
fn stranded(lock: &Lock, session: Option<&SessionState>, now: DateTime<Utc>) -> Option<String> {
    let age = |since: DateTime<Utc>| (now - since).to_std().unwrap_or_default();
    if let Owner::Prepared(prepared) = &lock.owner {
        let age = age(prepared.at?);
        return (age >= LEFT_ALONE).then(|| {
            format!(
                "the transaction was prepared {} ago, and holds it until somebody commits it or \
                 rolls it back",
                wording::duration(age)
            )
        });
    }
    let details = session?.details.as_ref()?;
    // A state that began after the locks were read says nothing of them.
    let since = details.state_change.filter(|since| *since <= now)?;
    let age = age(since);
    let said = wording::duration(age);
    match details.state.as_deref()? {
        "idle" => Some(format!(
            "the session is idle for {said} and in no transaction: it holds the key until it \
             disconnects or unlocks it"
        )),
        "idle in transaction" | "idle in transaction (aborted)" if age >= LEFT_ALONE => {
            Some(format!("the transaction is idle for {said}: it holds the lock until it ends"))
        }
        _ => None,
    }
}

/// Returns the command that releases a key; what is idle has no statement to cancel.
fn release(key: &Lock, is_idle: bool) -> String {
    let mut command = "driftgate lock-status --release ".to_owned();
    if let Some(view) = key.view() {
        command += &shell_word(&view.to_string());
    }
    if let Some(tenant) = key.tenant() {
        command += &format!(" --tenant {}", shell_word(tenant));
    }
    command + if is_idle { " --terminate" } else { "" }
}

/// Returns the statement that ends a session, or cancels what it does, unless it has done
/// anything else since it was looked at.
fn signal(pid: i32, details: &SessionDetails, is_idle: bool) -> Option<String> {
    let function = if is_idle { "pg_terminate_backend" } else { "pg_cancel_backend" };
    let since = details.state_change?.to_rfc3339_opts(SecondsFormat::Micros, true);
    Some(format!(
        "SELECT {function}(pid) FROM pg_stat_activity WHERE pid = {pid} AND state_change = '{since}'"
    ))
}

/// Returns a word as a shell takes it, in quotes only where needed.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '@' | '/');
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
