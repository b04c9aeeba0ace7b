//! Who a session is, and what it does, as far as this role is told.

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::lock_status::SessionState;
use crate::render::human::Page;
use crate::wording::{duration, printable};

/// Writes who a session is, and what it does.
pub(super) fn who(
    session: &SessionState,
    now: DateTime<Utc>,
    indent: &str,
    page: &mut Page<'_>,
) -> io::Result<()> {
    page.paragraph(indent, indent, &identity(session, now))?;
    if let Some(wait) = &session.waits_elsewhere {
        let behind = behind(&wait.blocked_by);
        let behind = behind.map(|behind| format!(", behind {behind}")).unwrap_or_default();
        page.paragraph(indent, indent, &format!("waits for {}{behind}", wait.what))?;
    }
    let Some(details) = &session.details else { return Ok(()) };
    let Some(query) = &details.query else { return Ok(()) };
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let last = if details.state.as_deref() == Some("active") { "" } else { "last: " };
    if page.is_verbose() {
        return page.paragraph(indent, indent, &format!("{last}{query}"));
    }
    let room = page.appearance.width.saturating_sub(indent.len()).max(20);
    page.line(&format!("{indent}{}", shortened(&printable(&format!("{last}{query}")), room)))
}

/// Returns role, application, client and state of a session, as far as they are told.
pub(super) fn identity(session: &SessionState, now: DateTime<Utc>) -> String {
    let mut parts: Vec<String> = origin(session).collect();
    match &session.details {
        None => parts.push("state not shown to this role".to_owned()),
        Some(details) => {
            let since =
                details.state_change.map(|since| (now - since).to_std().unwrap_or_default());
            parts.extend(details.state.as_ref().map(|state| match since {
                Some(since) if since >= Duration::from_secs(1) => {
                    format!("{state} for {}", duration(since))
                }
                _ => state.clone(),
            }));
        }
    }
    parts.join(", ")
}

/// Returns role, application and client of a session, as far as they are told.
pub(super) fn origin(session: &SessionState) -> impl Iterator<Item = String> {
    let client = session.details.as_ref().and_then(|details| details.client_addr.clone());
    let user = session.user.as_ref().map(ToString::to_string);
    [user, session.application_name.clone(), client].into_iter().flatten()
}

/// Returns a text that fits, cut where it does not.
fn shortened(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut left = room - 1;
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let is_room = width <= left;
        left = left.saturating_sub(width);
        is_room
    };
    let cut: String = text.chars().take_while(fits).collect();
    format!("{}…", cut.trim_end())
}

/// Returns those in front in words.
pub(super) fn behind(pids: &[i32]) -> Option<String> {
    const MOST: usize = 4;
    let named: Vec<String> = pids
        .iter()
        .take(MOST)
        .map(|pid| match pid {
            0 => "a prepared transaction".to_owned(),
            pid => pid.to_string(),
        })
        .collect();
    match pids.len() {
        0 => None,
        count if count > MOST => Some(format!("{} and {} more", named.join(", "), count - MOST)),
        _ => Some(named.join(", ")),
    }
}
