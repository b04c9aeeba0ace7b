//! The queue: which refresh may begin next, and which never will, by what came of those
//! before. No clock and no waiting; the runner asks and tells.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, RefreshOutcome};
use crate::lock_key::LockKey;

/// The refreshes of a plan that are still to be done.
#[derive(Debug)]
pub struct Queue {
    /// For each place, how many before it have not ended yet.
    waits_for: Vec<usize>,
    /// For each place, those that wait for it.
    dependents: Vec<Vec<usize>>,
    turns: Vec<usize>,
    has_ended: Vec<bool>,
    /// Those that may begin, in the order of their turns.
    ready: BTreeSet<(usize, usize)>,
    /// For each place, those that take one of its keys too: at once, this run would stand
    /// in its own way.
    rivals: Vec<Vec<usize>>,
    at_work: BTreeSet<usize>,
}

impl Queue {
    /// Puts a plan into a queue.
    pub fn new(plan: &Plan) -> Self {
        let mut dependents = vec![Vec::new(); plan.tasks.len()];
        for (place, task) in plan.tasks.iter().enumerate() {
            for before in &task.after {
                dependents[*before].push(place);
            }
        }
        let waits_for: Vec<usize> = plan.tasks.iter().map(|task| task.after.len()).collect();
        let turns: Vec<usize> = plan.tasks.iter().map(|task| task.turn).collect();
        let ready = (0..turns.len())
            .filter(|place| waits_for[*place] == 0)
            .map(|place| (turns[place], place))
            .collect();
        let has_ended = vec![false; turns.len()];
        let (rivals, at_work) = (rivals(plan), BTreeSet::new());
        Self { waits_for, dependents, turns, has_ended, ready, rivals, at_work }
    }

    /// Takes the next one that may begin; `None`: none may before another has ended.
    pub fn take(&mut self) -> Option<usize> {
        let is_free =
            |place: usize| self.rivals[place].iter().all(|rival| !self.at_work.contains(rival));
        let next = self.ready.iter().find(|(_, place)| is_free(*place)).copied()?;
        self.ready.remove(&next);
        self.at_work.insert(next.1);
        Some(next.1)
    }

    /// Notes what came of one, and returns those that are not to be done because of it, at
    /// any depth.
    pub fn ended(&mut self, place: usize, outcome: RefreshOutcome) -> Vec<usize> {
        self.has_ended[place] = true;
        self.at_work.remove(&place);
        if !outcome.lets_dependents_go_on() {
            return self.drop_dependents(place);
        }
        for dependent in self.dependents[place].clone() {
            self.waits_for[dependent] -= 1;
            if self.waits_for[dependent] == 0 && !self.has_ended[dependent] {
                self.ready.insert((self.turns[dependent], dependent));
            }
        }
        Vec::new()
    }

    fn drop_dependents(&mut self, place: usize) -> Vec<usize> {
        let (mut dropped, mut todo) = (Vec::new(), vec![place]);
        while let Some(at) = todo.pop() {
            for dependent in &self.dependents[at] {
                if !self.has_ended[*dependent] {
                    self.has_ended[*dependent] = true;
                    dropped.push(*dependent);
                    todo.push(*dependent);
                }
            }
        }
        dropped.sort_unstable();
        dropped
    }

    /// Ends the queue, and returns those that never began and were not given up before.
    pub fn give_up(&mut self, at_work: &BTreeSet<usize>) -> Vec<usize> {
        self.ready.clear();
        let left: Vec<usize> = (0..self.has_ended.len())
            .filter(|place| !self.has_ended[*place] && !at_work.contains(place))
            .collect();
        for place in &left {
            self.has_ended[*place] = true;
        }
        left
    }
}

/// Returns, for each place, the others that take one of its keys.
fn rivals(plan: &Plan) -> Vec<Vec<usize>> {
    let mut takers: BTreeMap<LockKey, Vec<usize>> = BTreeMap::new();
    for (place, task) in plan.tasks.iter().enumerate() {
        for key in &task.keys {
            takers.entry(key.key).or_default().push(place);
        }
    }
    let mut rivals = vec![Vec::new(); plan.tasks.len()];
    for takers in takers.values().filter(|takers| takers.len() > 1) {
        for place in takers {
            rivals[*place].extend(takers.iter().copied().filter(|other| other != place));
        }
    }
    rivals
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::refresh::plan::tests::task;

    fn queue(tasks: &[(&[usize], usize)]) -> Queue {
        let tasks = tasks
            .iter()
            .enumerate()
            .map(|(place, (after, turn))| {
                let mut task = task(&format!("public.mv_{place}"));
                task.after = after.to_vec();
                task.turn = *turn;
                task
            })
            .collect();
        Queue::new(&Plan { tasks, notes: Vec::new() })
    }

    #[test]
    fn turns_decide_among_those_that_may_begin() {
        let mut queue = queue(&[(&[], 2), (&[], 1), (&[0], 0)]);
        assert_eq!((queue.take(), queue.take(), queue.take()), (Some(1), Some(0), None));
        assert!(queue.ended(0, RefreshOutcome::Success).is_empty());
        assert_eq!(queue.take(), Some(2));
    }

    #[test]
    fn whatever_keeps_a_view_from_being_fresh_drops_all_that_read_it_once() {
        for outcome in [RefreshOutcome::Failed, RefreshOutcome::SkippedLockHeld] {
            // 3 reads 1 and 2, both of which read 0.
            let mut queue = queue(&[(&[], 0), (&[0], 1), (&[0], 2), (&[1, 2], 3), (&[], 4)]);
            assert_eq!(queue.take(), Some(0));
            assert_eq!(queue.ended(0, outcome), [1, 2, 3]);
            assert_eq!((queue.take(), queue.take()), (Some(4), None));
        }
    }

    #[test]
    fn what_is_fresh_lets_the_others_go_on() {
        let mut queue = queue(&[(&[], 0), (&[0], 1)]);
        queue.take();
        assert!(queue.ended(0, RefreshOutcome::SkippedFresh).is_empty());
        assert_eq!(queue.take(), Some(1));
    }

    #[test]
    fn those_that_take_one_key_never_run_at_once() {
        let tasks = ["public.one", "public.two", "public.three"].map(task);
        let mut plan = Plan { tasks: tasks.into(), notes: Vec::new() };
        plan.tasks[1].keys = plan.tasks[0].keys.clone();
        let mut queue = Queue::new(&plan);
        assert_eq!((queue.take(), queue.take(), queue.take()), (Some(0), Some(2), None));
        assert!(queue.ended(2, RefreshOutcome::Success).is_empty());
        assert_eq!(queue.take(), None);
        assert!(queue.ended(0, RefreshOutcome::Failed).is_empty());
        assert_eq!(queue.take(), Some(1));
    }

    #[test]
    fn giving_up_names_what_never_began() {
        let mut queue = queue(&[(&[], 0), (&[0], 1), (&[], 2)]);
        let at_work = queue.take().into_iter().collect();
        assert_eq!(queue.give_up(&at_work), [1, 2]);
        assert!(queue.ended(0, RefreshOutcome::Success).is_empty());
        assert_eq!(queue.take(), None);
    }

    proptest! {
        #[test]
        fn each_begins_once_and_after_those_before_it_or_is_dropped(
            edges in prop::collection::vec((0usize..20, 1usize..20), 0..40),
            failing in prop::collection::btree_set(0usize..20, 0..4),
        ) {
            let mut after = vec![BTreeSet::new(); 20];
            for (to, distance) in edges {
                if to + distance < 20 {
                    after[to + distance].insert(to);
                }
            }
            let after: Vec<Vec<usize>> =
                after.into_iter().map(|after| after.into_iter().collect()).collect();
            let tasks: Vec<(&[usize], usize)> =
                after.iter().enumerate().map(|(at, after)| (after.as_slice(), at)).collect();
            let mut queue = queue(&tasks);
            let (mut done, mut dropped) = (BTreeSet::new(), BTreeSet::new());
            while let Some(place) = queue.take() {
                prop_assert!(after[place].iter().all(|before| done.contains(before)));
                prop_assert!(done.insert(place));
                let fails = failing.contains(&place);
                let outcome =
                    if fails { RefreshOutcome::Failed } else { RefreshOutcome::Success };
                for place in queue.ended(place, outcome) {
                    prop_assert!(dropped.insert(place));
                }
            }
            prop_assert!(done.is_disjoint(&dropped));
            prop_assert_eq!(done.len() + dropped.len(), 20);
        }
    }
}
