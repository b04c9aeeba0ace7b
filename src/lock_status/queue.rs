//! Who waits behind whom: the inverse of what the server tells, and which locks of readers
//! are part of a queue.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::decode::key_at;
use super::mode::LockMode;
use super::{Lock, Owner, ReadLock, Subject, Target};

/// The locks that are listed, each with those that wait behind it.
pub(super) struct Queued {
    pub(super) locks: Vec<(ReadLock, Box<[i32]>)>,
    pub(super) readers_left_out: usize,
}

/// Returns the locks with those that wait behind them; of the modes in which a session holds
/// a view, the strongest, and of readers those that block somebody or wait.
pub(super) fn listed(locks: Vec<ReadLock>) -> Queued {
    let mut behind: HashMap<(Target, i32), Vec<i32>> = HashMap::new();
    for lock in &locks {
        if let (Owner::Session(waiting), Some(wait)) = (&lock.owner, &lock.wait) {
            for pid in &wait.blocked_by {
                behind.entry((lock.target.clone(), *pid)).or_default().push(*waiting);
            }
        }
    }
    let strongest = strongest(&locks);
    let mut queued = Queued { locks: Vec::with_capacity(locks.len()), readers_left_out: 0 };
    for lock in locks {
        let pid = match &lock.owner {
            Owner::Session(pid) => *pid,
            // The server calls every prepared transaction 0.
            Owner::Prepared(_) => 0,
        };
        if lock.wait.is_none() && matches!(lock.target, Target::View(_)) {
            let held = strongest.get(&(lock.target.clone(), lock.owner.clone()));
            if held.is_some_and(|mode| *mode > lock.mode) {
                continue;
            }
        }
        let mut blocks = match behind.is_empty() {
            true => Vec::new(),
            false => behind.get(&(lock.target.clone(), pid)).cloned().unwrap_or_default(),
        };
        blocks.sort_unstable();
        blocks.dedup();
        let is_view = matches!(lock.target, Target::View(_));
        let is_reader = is_view && lock.mode == LockMode::AccessShare && lock.wait.is_none();
        if is_reader && blocks.is_empty() {
            queued.readers_left_out += 1;
        } else {
            queued.locks.push((lock, blocks.into_boxed_slice()));
        }
    }
    queued
}

/// Returns the strongest mode in which each owner holds each view.
fn strongest(locks: &[ReadLock]) -> HashMap<(Target, Owner), LockMode> {
    let mut strongest: HashMap<(Target, Owner), LockMode> = HashMap::new();
    let held = locks.iter().filter(|lock| lock.wait.is_none());
    for lock in held.filter(|lock| matches!(lock.target, Target::View(_))) {
        let mode = strongest.entry((lock.target.clone(), lock.owner.clone())).or_insert(lock.mode);
        *mode = lock.mode.max(*mode);
    }
    strongest
}

/// Orders locks as they are listed: by view, its key before the relation, who holds before
/// who waits, and who waits longest first; the foreign ones last, by session and key.
pub(super) fn by_view(one: &Lock, other: &Lock) -> Ordering {
    let place = |lock: &Lock| match &lock.subject {
        Subject::Key(place, names) if names.is_empty() => Some(key_at(*place)),
        _ => None,
    };
    let names = |lock: &Lock| match &lock.subject {
        Subject::Key(..) => lock.key_name().map(|name| (name.next_in_line, name.scheme.as_str())),
        Subject::View(_) => None,
    };
    let since = |lock: &Lock| lock.wait.as_ref().map(|wait| wait.since);
    (one.is_known().cmp(&other.is_known()).reverse())
        .then_with(|| one.view().cmp(&other.view()))
        .then_with(|| names(one).is_none().cmp(&names(other).is_none()))
        .then_with(|| one.tenant().cmp(&other.tenant()))
        .then_with(|| names(one).cmp(&names(other)))
        .then_with(|| match one.is_known() {
            true => since(one).cmp(&since(other)),
            false => Ordering::Equal,
        })
        .then_with(|| one.owner.cmp(&other.owner))
        .then_with(|| place(one).cmp(&place(other)))
        .then_with(|| one.mode.cmp(&other.mode))
}
