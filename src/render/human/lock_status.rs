//! `lock-status` for a reader: view by view, who holds and behind them who waits; then the
//! keys that have no name.

use std::collections::{BTreeSet, HashSet};
use std::io;

use chrono::{DateTime, Utc};
use owo_colors::Style;

use super::Page;
use crate::lock_key::LockKey;
use crate::lock_status::decode::key_at;
use crate::lock_status::mode::LockMode;
use crate::lock_status::release::{ReleaseOutcome, Signal};
use crate::lock_status::{Lock, LockStatus, Owner, Subject};
use crate::report::lock_status::{LockRows, ReleaseRow};
use crate::wording::{duration, plural, printable, wrapped};

mod foreign;
mod queue;
mod session;

use queue::{Queue, indent};
use session::{behind, origin, who};

pub(super) fn render(rows: &LockRows, page: &mut Page<'_>) -> io::Result<()> {
    let status = &rows.status;
    if rows.release.as_ref().is_none_or(|release| !release.is_shown) {
        let known = status.locks.partition_point(Lock::is_known);
        let (known, unknown) = status.locks.split_at(known);
        for locks in known.chunk_by(|one, other| one.view() == other.view()) {
            view(status, locks, page)?;
        }
        foreign::write(status, unknown, page)?;
        if rows.release.is_none() {
            totals(status, known, unknown.len(), page)?;
        }
    }
    match &rows.release {
        Some(row) => page.paragraph("", "  ", &released(row)),
        None => Ok(()),
    }
}

/// Writes the locks that are about one view.
fn view(status: &LockStatus, locks: &[Lock], page: &mut Page<'_>) -> io::Result<()> {
    let Some(name) = locks.first().and_then(Lock::view) else { return Ok(()) };
    page.line(&name.to_string())?;
    let mut described = HashSet::new();
    for locks in locks.chunk_by(is_about_the_same) {
        Queue::of(status, locks).write(&mut described, page)?;
    }
    page.line("")
}

fn is_about_the_same(one: &Lock, other: &Lock) -> bool {
    match (&one.subject, &other.subject) {
        (Subject::Key(one, _), Subject::Key(other, _)) => one == other,
        (Subject::View(one), Subject::View(other)) => one == other,
        _ => false,
    }
}

/// Writes one lock: what, by whom, and what there is to say of it.
fn lock(
    status: &LockStatus,
    lock: &Lock,
    depth: usize,
    described: &mut HashSet<Owner>,
    page: &mut Page<'_>,
) -> io::Result<()> {
    let first = indent(depth);
    let further = format!("{first}    ");
    let session = status.session_of(lock).filter(|_| described.insert(lock.owner.clone()));
    match session {
        // Of one reader in a queue there is little to say, and there may be many.
        Some(session) if is_reader(lock) && lock.wait.is_some() && !page.is_verbose() => {
            let parts: Vec<String> = origin(session).collect();
            let text = format!("{}: {}", what(status, lock), parts.join(", "));
            page.paragraph(&first, &further, &text)?;
        }
        session => {
            page.paragraph(&first, &further, &what(status, lock))?;
            if let Some(session) = session {
                who(session, status.read_at, &further, page)?;
            }
        }
    }
    let Some(advice) = &lock.advice else { return Ok(()) };
    if let Some(stranded) = &advice.stranded {
        let style = Style::new().yellow().bold();
        let (start, rest) = (format!("{further}stranded: "), format!("{further}  "));
        // Colour takes no columns, so the lines are measured without it.
        let lines = wrapped(&printable(stranded), &start, &rest, page.appearance.width);
        let (head, rest) = lines.split_first().expect("a text has a line");
        let behind = head.trim_start().strip_prefix("stranded").unwrap_or_default();
        page.styled_line(&further, "stranded", style, behind)?;
        rest.iter().try_for_each(|line| page.line(line))?;
    }
    match &advice.next {
        Some(next) if next.starts_with("driftgate") => page.line(&format!("{further}$ {next}")),
        Some(next) => page.line(&format!("{further}{next};")),
        None => Ok(()),
    }
}

fn is_reader(lock: &Lock) -> bool {
    matches!(lock.subject, Subject::View(_)) && lock.mode == LockMode::AccessShare
}

/// Returns who does what with a lock, and for how long.
fn what(status: &LockStatus, lock: &Lock) -> String {
    let who = match &lock.owner {
        Owner::Session(pid) => pid.to_string(),
        Owner::Prepared(prepared) => format!("the prepared transaction '{}'", prepared.gid),
    };
    let thing = match (&lock.subject, lock.key_name()) {
        (Subject::Key(..), Some(name)) => {
            let tenant = name.tenant.as_ref().map(|tenant| format!(" for tenant {tenant}"));
            let which = if name.next_in_line { "next in line" } else { "the key" };
            format!("{which}{} ({})", tenant.unwrap_or_default(), name.scheme.as_str())
        }
        _ if is_reader(lock) => "the view".to_owned(),
        _ => format!("the view ({})", lock.mode.word()),
    };
    let age = |since: DateTime<Utc>| (status.read_at - since).to_std().unwrap_or_default();
    let lasting = |since: Option<DateTime<Utc>>| {
        since.map(|since| format!(" for {}", duration(age(since)))).unwrap_or_default()
    };
    let mut text = match &lock.wait {
        None => {
            let since = match &lock.owner {
                Owner::Prepared(prepared) => prepared.at,
                Owner::Session(_) => status
                    .session_of(lock)
                    .and_then(|session| session.details.as_ref())
                    .and_then(|details| details.xact_start),
            };
            let is_next = lock.key_name().is_some_and(|name| name.next_in_line);
            let holds = match is_reader(lock) {
                true => "reads",
                false if is_next => "is",
                false => "holds",
            };
            format!("{who} {holds} {thing}{}", lasting(since))
        }
        Some(wait) => {
            let waits = if is_reader(lock) { "waits to read" } else { "waits for" };
            let waits = format!("{who} {waits} {thing}{}", lasting(wait.since));
            match behind(&wait.blocked_by) {
                Some(behind) => format!("{waits}, behind {behind}"),
                None => waits,
            }
        }
    };
    let others: Vec<String> = lock.key_names().iter().skip(1).map(ToString::to_string).collect();
    if !others.is_empty() {
        text += &format!("; the same number is the key of {}", others.join(", "));
    }
    text
}

fn totals(
    status: &LockStatus,
    known: &[Lock],
    foreign: usize,
    page: &mut Page<'_>,
) -> io::Result<()> {
    let readers = match status.readers_not_listed {
        0 => None,
        count => Some(format!("{}, whom nobody waits for, not listed", plural(count, "reader"))),
    };
    if known.is_empty() && foreign == 0 {
        let text = "No key of a refresh and no materialized view is held or waited for.";
        let readers = readers.map(|readers| format!(" ({readers})")).unwrap_or_default();
        return page.paragraph("", "  ", &format!("{text}{readers}"));
    }
    let keys: BTreeSet<_> =
        known.iter().filter(|lock| lock.is_held_key()).filter_map(|lock| lock.key_name()).collect();
    let waiting = known.iter().filter(|lock| lock.wait.is_some()).count();
    let stranded = known
        .iter()
        .filter(|lock| lock.advice.as_ref().is_some_and(|advice| advice.stranded.is_some()))
        .count();
    let mut parts = vec![format!("{} held", plural(keys.len(), "key"))];
    for (count, word) in [(waiting, "waiting"), (stranded, "stranded"), (foreign, "foreign")] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.extend(readers);
    page.paragraph("", "  ", &parts.join(", "))
}

/// Returns what came of a release.
fn released(row: &ReleaseRow) -> String {
    let of = match &row.tenant {
        Some(tenant) => format!("{} for tenant {tenant}", row.view),
        None => row.view.to_string(),
    };
    let pid = row.pid.unwrap_or_default();
    let now = behind(&row.held_by).unwrap_or_default();
    match row.outcome {
        ReleaseOutcome::NotHeld => format!("Nobody holds the key of {of}; nothing was done."),
        ReleaseOutcome::Declined => "Nothing was done.".to_owned(),
        ReleaseOutcome::NotSent => format!("Nothing was done: the key of {of} is still held."),
        ReleaseOutcome::HolderChanged if row.held_by.is_empty() => format!(
            "Session {pid} has let go by itself, nothing was sent, and the key of {of} is free."
        ),
        ReleaseOutcome::HolderChanged => format!(
            "Session {pid} has let go by itself, and nothing was sent: the key of {of} is held by \
             {now} now. Look again before you release that."
        ),
        ReleaseOutcome::Free => {
            let how = match row.signal {
                Signal::Cancel => "was cancelled",
                Signal::Terminate => "was ended",
            };
            format!("Session {pid} {how}; the key of {of} is free.")
        }
        ReleaseOutcome::HeldByAnother => {
            format!("Session {pid} has let go; the key of {of} is held by {now} now.")
        }
        ReleaseOutcome::StillHeld => format!("Session {pid} still holds the key of {of}."),
    }
}

/// Returns a key as the server's lock functions take it.
fn arguments(key: LockKey) -> String {
    match key {
        LockKey::One(_) => key.to_string(),
        LockKey::Two(_) => format!("({key})"),
    }
}

/// Returns the key of a lock without a name.
fn place_of(lock: &Lock) -> Option<String> {
    match lock.subject {
        Subject::Key(place, _) => Some(arguments(key_at(place))),
        Subject::View(_) => None,
    }
}
