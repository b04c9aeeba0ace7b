//! Who waits behind whom, as lines with an indent.

use std::collections::{HashMap, HashSet};
use std::io;

use super::{is_reader, lock};
use crate::lock_status::{Lock, LockStatus, Owner, Subject};
use crate::render::human::Page;
use crate::wording::plural;

/// How many readers are listed behind one lock, unless more is asked for.
const MOST_READERS: usize = 5;

/// How deep the indent of a queue goes; who waits behind whom is also said in words.
const DEEPEST: usize = 6;

/// The locks on one thing.
pub(super) struct Queue<'s> {
    status: &'s LockStatus,
    locks: &'s [Lock],
    /// The places of the locks that were written.
    written: HashSet<usize>,
}

impl<'s> Queue<'s> {
    pub(super) fn of(status: &'s LockStatus, locks: &'s [Lock]) -> Self {
        Self { status, locks, written: HashSet::new() }
    }

    /// Writes holders, and below each those that wait behind it.
    pub(super) fn write(
        &mut self,
        described: &mut HashSet<Owner>,
        page: &mut Page<'_>,
    ) -> io::Result<()> {
        let (status, locks) = (self.status, self.locks);
        let parents = parents(locks);
        let roots = (0..locks.len()).filter(|at| !parents.contains_key(at));
        for root in roots {
            self.branch(root, 0, &parents, described, page)?;
        }
        // Whoever waits in a circle is behind nobody that was written.
        for (at, one) in locks.iter().enumerate() {
            if self.written.insert(at) {
                lock(status, one, 1, described, page)?;
            }
        }
        Ok(())
    }

    fn branch(
        &mut self,
        at: usize,
        depth: usize,
        parents: &HashMap<usize, usize>,
        described: &mut HashSet<Owner>,
        page: &mut Page<'_>,
    ) -> io::Result<()> {
        if !self.written.insert(at) {
            return Ok(());
        }
        lock(self.status, &self.locks[at], depth, described, page)?;
        let behind = (0..self.locks.len()).filter(|child| parents.get(child) == Some(&at));
        let (mut readers, mut unlisted) = (0, 0);
        for child in behind.collect::<Vec<_>>() {
            let is_reader = is_reader(&self.locks[child]);
            readers += usize::from(is_reader);
            if is_reader && readers > MOST_READERS && !page.is_verbose() {
                self.written.insert(child);
                unlisted += 1;
            } else {
                self.branch(child, depth + 1, parents, described, page)?;
            }
        }
        if unlisted > 0 {
            let more = plural(unlisted, "more reader");
            let verb = if unlisted == 1 { "waits" } else { "wait" };
            page.line(&format!("{}{more} {verb} there; -v lists all", indent(depth + 1)))?;
        }
        Ok(())
    }
}

/// Returns for each lock that waits the place of the one that it is written below: who holds
/// the key; and of those in front of it on a view, the one that is last in the line.
fn parents(locks: &[Lock]) -> HashMap<usize, usize> {
    let mut place: HashMap<i32, usize> = HashMap::new();
    for (at, lock) in locks.iter().enumerate() {
        let pid = if let Owner::Session(pid) = lock.owner { pid } else { 0 };
        // Who holds one lock and waits for another is in front of others by both.
        place.insert(pid, at);
    }
    let mut parents = HashMap::new();
    for (at, lock) in locks.iter().enumerate() {
        let Some(wait) = &lock.wait else { continue };
        let in_front = wait.blocked_by.iter().filter_map(|pid| place.get(pid).copied());
        let in_front = in_front.filter(|parent| *parent != at);
        let parent = match lock.subject {
            // Only one at a time has it, so the line behind is in the order of the list.
            Subject::Key(..) => in_front.min(),
            Subject::View(_) => in_front.max(),
        };
        if let Some(parent) = parent {
            parents.insert(at, parent);
        }
    }
    parents
}

pub(super) fn indent(depth: usize) -> String {
    " ".repeat(2 + 2 * depth.min(DEEPEST))
}
