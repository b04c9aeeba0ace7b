//! The keys that have no name, session by session.

use std::io;

use super::place_of;
use super::session::{behind, identity};
use crate::lock_status::{Lock, LockStatus, Owner};
use crate::render::human::Page;
use crate::wording::plural;

/// How many sessions, and how many keys of each, are listed unless more is asked for.
const MOST_SESSIONS: usize = 10;
const MOST_KEYS: usize = 5;

pub(super) fn write(status: &LockStatus, locks: &[Lock], page: &mut Page<'_>) -> io::Result<()> {
    if locks.is_empty() {
        return Ok(());
    }
    let text = format!("{} that no view explains", plural(locks.len(), "foreign advisory lock"));
    page.line(&text)?;
    let sessions: Vec<&[Lock]> = locks.chunk_by(|one, other| one.owner == other.owner).collect();
    let most = if page.is_verbose() { sessions.len() } else { MOST_SESSIONS };
    for locks in sessions.iter().take(most) {
        session(status, locks, page)?;
    }
    if let Some(further) = sessions.len().checked_sub(most).filter(|further| *further > 0) {
        page.line(&format!("  and {}; -v lists all", plural(further, "further session")))?;
    }
    page.line("")
}

fn session(status: &LockStatus, locks: &[Lock], page: &mut Page<'_>) -> io::Result<()> {
    let Some(first) = locks.first() else { return Ok(()) };
    let who = match &first.owner {
        Owner::Session(pid) => pid.to_string(),
        Owner::Prepared(prepared) => format!("the prepared transaction '{}'", prepared.gid),
    };
    let identity = match status.session_of(first) {
        Some(session) => format!(": {}", identity(session, status.read_at)),
        None => String::new(),
    };
    let (held, waiting): (Vec<&Lock>, Vec<&Lock>) =
        locks.iter().partition(|lock| lock.wait.is_none());
    let mut does = Vec::new();
    if !held.is_empty() {
        let most = if page.is_verbose() { held.len() } else { MOST_KEYS };
        let keys: Vec<String> = held.iter().take(most).filter_map(|lock| place_of(lock)).collect();
        let more = match held.len().saturating_sub(most) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        does.push(format!("holds {}{more}", keys.join(", ")));
    }
    for lock in waiting {
        let key = place_of(lock).unwrap_or_default();
        let behind = lock.wait.as_ref().and_then(|wait| behind(&wait.blocked_by));
        let behind = behind.map(|behind| format!(" behind {behind}")).unwrap_or_default();
        does.push(format!("waits for {key}{behind}"));
    }
    page.paragraph("  ", "      ", &format!("{who} {}{identity}", does.join(", ")))
}
