//! Revisions that say what they follow: heads, branch points, merges, labels, the order in
//! which they are applied, and what keeps them from having one.
//!
//! Source: the rules of Alembic's `RevisionMap`, version 1.20. What others write as an error
//! and give up on is told here, all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::MigrationFile;
use crate::order;

/// The revisions of a project, with who follows whom; places are those in its list of files.
#[derive(Debug)]
pub struct Graph<'a> {
    files: &'a [MigrationFile],
    /// The places of the ids; of several with one id the last counts.
    ids: BTreeMap<&'a str, usize>,
    /// The places of the ids and labels.
    names: BTreeMap<&'a str, usize>,
    /// What each revision follows.
    parents: Vec<Vec<usize>>,
    /// What each revision depends on besides.
    depends_on: Vec<Vec<usize>>,
    /// What follows each revision.
    children: Vec<Vec<usize>>,
    /// What follows each revision or depends on it.
    users: Vec<Vec<usize>>,
}

/// Why revisions have no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem<'a> {
    /// Several files have the same revision.
    Shared(Vec<&'a MigrationFile>),
    /// Several files use a name for their branch, or one that is a revision.
    SharedLabel(&'a str, Vec<&'a MigrationFile>),
    /// A revision follows, or depends on, one that is not there.
    Missing {
        /// The file that names it.
        file: &'a MigrationFile,
        /// The revision that is not there.
        id: &'a str,
        /// Whether it is depended on, rather than followed.
        is_dependency: bool,
    },
    /// These follow one another in a circle.
    Cycle(Vec<&'a MigrationFile>),
}

impl fmt::Display for Problem<'_> {
    /// Writes what is wrong, as a sentence without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |files: &[&MigrationFile]| {
            files.iter().map(|file| file.file.as_str()).collect::<Vec<_>>().join(" and ")
        };
        match self {
            Self::Shared(files) => {
                write!(f, "the revision {} is claimed by {}", files[0].id, names(files))
            }
            Self::SharedLabel(label, files) => {
                write!(f, "the branch label {label} is claimed by {}", names(files))
            }
            Self::Missing { file, id, is_dependency } => {
                let how = if *is_dependency { "depends on" } else { "follows" };
                write!(f, "{} {how} {id}, which no file has", file.file)
            }
            Self::Cycle(files) => match &files[..] {
                [one] => write!(f, "{} follows or depends on itself", one.file),
                _ => write!(f, "{} follow or depend on one another in a circle", names(files)),
            },
        }
    }
}

impl<'a> Graph<'a> {
    /// Joins revisions; what is missing is left out.
    pub fn of(files: &'a [MigrationFile]) -> Self {
        let mut ids = BTreeMap::new();
        for (at, file) in files.iter().enumerate() {
            ids.insert(file.id.as_str(), at);
        }
        let mut names = ids.clone();
        for at in ids.values().copied() {
            for label in &files[at].labels {
                names.entry(label.as_str()).or_insert(at);
            }
        }
        let none = || vec![Vec::new(); files.len()];
        let (mut parents, mut depends_on) = (none(), none());
        let (mut children, mut users) = (none(), none());
        for at in ids.values().copied() {
            let file = &files[at];
            // A label is no name for what a revision follows.
            parents[at] = unique(file.parents.iter().filter_map(|id| ids.get(id.as_str())));
            let needed = file.depends_on.iter().filter_map(|id| names.get(id.as_str()));
            depends_on[at] = unique(needed);
            for parent in &parents[at] {
                children[*parent].push(at);
            }
            for used in unique(parents[at].iter().chain(&depends_on[at])) {
                users[used].push(at);
            }
        }
        Self { files, ids, names, parents, depends_on, children, users }
    }

    /// Returns the revisions that nothing follows, in the order of the files.
    pub fn heads(&self) -> impl Iterator<Item = usize> {
        self.counted().into_iter().filter(|at| self.is_head(*at))
    }

    /// Tells whether nothing follows a revision.
    pub fn is_head(&self, at: usize) -> bool {
        self.children[at].is_empty()
    }

    /// Tells whether nothing follows a revision, and nothing depends on it either.
    pub fn is_real_head(&self, at: usize) -> bool {
        self.users[at].is_empty()
    }

    /// Tells whether several revisions follow this one.
    pub fn is_branch_point(&self, at: usize) -> bool {
        self.children[at].len() > 1
    }

    /// Tells whether a revision follows several.
    pub fn is_merge_point(&self, at: usize) -> bool {
        self.files[at].parents.len() > 1
    }

    /// Returns the places of revisions and of everything that they follow or depend on;
    /// those that are not there are left out.
    pub fn ancestors(&self, ids: &[&str]) -> BTreeSet<usize> {
        let mut todo: Vec<usize> =
            ids.iter().filter_map(|id| self.names.get(id).copied()).collect();
        let mut seen = BTreeSet::new();
        while let Some(at) = todo.pop() {
            if seen.insert(at) {
                todo.extend(self.parents[at].iter().chain(&self.depends_on[at]));
            }
        }
        seen
    }

    /// Returns which of what was applied are the ends of their branches: what
    /// `alembic current` prints.
    pub fn current(&self, ids: &[&str]) -> BTreeSet<usize> {
        let applied = self.ancestors(ids);
        let is_followed = |at: usize| {
            let (mut todo, mut seen) = (self.children[at].clone(), BTreeSet::new());
            while let Some(next) = todo.pop() {
                if applied.contains(&next) {
                    return true;
                }
                if seen.insert(next) {
                    todo.extend(&self.children[next]);
                }
            }
            false
        };
        applied.iter().copied().filter(|at| !is_followed(*at)).collect()
    }

    /// Returns the names of the branches that each revision is on.
    ///
    /// A label is on the revision that gives it, on all that follow, and below it as far as
    /// the branch goes: to the first revision where branches part or meet.
    pub fn labels(&self) -> Vec<BTreeSet<&'a str>> {
        let mut labels: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); self.files.len()];
        let parts_or_meets = |at: usize| self.users[at].len() > 1 || self.is_merge_point(at);
        for (first, file) in
            self.files.iter().enumerate().filter(|(_, file)| !file.labels.is_empty())
        {
            let names: Vec<&str> = file.labels.iter().map(String::as_str).collect();
            let (mut todo, mut seen) = (vec![first], BTreeSet::new());
            while let Some(at) = todo.pop() {
                if seen.insert(at) {
                    labels[at].extend(&names);
                    todo.extend(&self.children[at]);
                }
            }
            // Below it only where the branch is one line to its end.
            if seen.iter().any(|at| parts_or_meets(*at)) {
                continue;
            }
            let mut below = first;
            while let [parent] = self.parents[below][..] {
                if parts_or_meets(parent) || !seen.insert(parent) {
                    break;
                }
                labels[parent].extend(&names);
                below = parent;
            }
        }
        labels
    }

    /// Returns what keeps the revisions from having an order; nothing when all is well.
    pub fn problems(&self) -> Vec<Problem<'a>> {
        let mut problems = Vec::new();
        let counted = self.counted();
        let mut by_id: BTreeMap<&str, Vec<&MigrationFile>> = BTreeMap::new();
        let mut by_label: BTreeMap<&str, Vec<&MigrationFile>> = BTreeMap::new();
        for (at, file) in self.files.iter().enumerate() {
            by_id.entry(&file.id).or_default().push(file);
            // A file that another of the same revision hides gives no label.
            if counted.contains(&at) {
                for label in &file.labels {
                    by_label.entry(label).or_default().push(file);
                }
            }
        }
        for (label, files) in &mut by_label {
            files.extend(by_id.get(label).into_iter().flatten());
        }
        problems.extend(by_id.into_values().filter(|files| files.len() > 1).map(Problem::Shared));
        let shared = by_label.into_iter().filter(|(_, files)| files.len() > 1);
        problems.extend(shared.map(|(label, files)| Problem::SharedLabel(label, files)));
        for file in counted.iter().map(|at| &self.files[*at]) {
            let missing = |id, is_dependency| Problem::Missing { file, id, is_dependency };
            let parents = file.parents.iter().filter(|id| !self.ids.contains_key(id.as_str()));
            problems.extend(parents.map(|id| missing(id, false)));
            let needed = file.depends_on.iter().filter(|id| !self.names.contains_key(id.as_str()));
            problems.extend(needed.map(|id| missing(id, true)));
        }
        let edges = (0..self.files.len()).flat_map(|at| {
            self.parents[at].iter().chain(&self.depends_on[at]).map(move |to| (at, *to))
        });
        let cycles = order::cycles(edges).into_iter();
        problems.extend(cycles.map(|members| {
            Problem::Cycle(members.into_iter().map(|at| &self.files[at]).collect())
        }));
        problems
    }

    /// Returns the revisions from the newest to the oldest, as `alembic history` lists them.
    pub fn newest_first(&self) -> Vec<usize> {
        self.newest_of(self.counted())
    }

    /// Returns what is not among what was applied, in the order in which it is applied.
    pub fn pending(&self, applied: &BTreeSet<usize>) -> Vec<usize> {
        let todo = self.counted().difference(applied).copied().collect();
        let mut order = self.newest_of(todo);
        order.reverse();
        order
    }

    /// Sorts revisions from the newest to the oldest. Where there is a cycle, what is in it
    /// and beneath it is in the order of the files.
    ///
    /// Source: `RevisionMap._topological_sort`, which goes down one branch until another
    /// has to come first.
    fn newest_of(&self, mut todo: BTreeSet<usize>) -> Vec<usize> {
        let mut output = Vec::with_capacity(todo.len());
        let mut heads: Vec<usize> =
            todo.iter().copied().filter(|at| self.is_real_head(*at)).collect();
        let of = |at: usize| self.ancestors(&[&self.files[at].id]);
        let mut beneath: Vec<BTreeSet<usize>> = heads.iter().map(|at| of(*at)).collect();
        let mut here = 0;
        // In a circle of branches that wait for each other the walk would not end.
        let mut waits = 0;
        while !heads.is_empty() && waits <= heads.len() {
            let candidate = heads[here];
            let first =
                (0..heads.len()).find(|at| *at != here && beneath[*at].contains(&candidate));
            if let Some(first) = first {
                here = first;
                waits += 1;
                continue;
            }
            waits = 0;
            if todo.remove(&candidate) {
                output.push(candidate);
            }
            let down = self.down(candidate);
            let next: Vec<usize> =
                down.into_iter().filter(|at| todo.contains(at) && !heads.contains(at)).collect();
            match next.split_first() {
                None => {
                    heads.remove(here);
                    beneath.remove(here);
                    here = here.saturating_sub(1);
                }
                Some((first, more)) => {
                    heads[here] = *first;
                    if self.depends_on[candidate].is_empty() && self.parents[candidate].len() == 1 {
                        beneath[here].remove(&candidate);
                    } else {
                        beneath[here] = of(*first);
                    }
                    heads.extend(more);
                    beneath.extend(more.iter().map(|at| of(*at)));
                }
            }
        }
        output.extend(todo.into_iter().rev());
        output
    }

    /// Returns what a revision follows and depends on, without what it would have anyway,
    /// because something that it follows depends on it.
    fn down(&self, at: usize) -> Vec<usize> {
        let (mut todo, mut seen) = (self.parents[at].clone(), BTreeSet::new());
        let mut had: BTreeSet<usize> = BTreeSet::new();
        if !self.depends_on[at].is_empty() {
            while let Some(parent) = todo.pop() {
                if seen.insert(parent) {
                    had.extend(&self.depends_on[parent]);
                    todo.extend(&self.parents[parent]);
                }
            }
        }
        let needed = self.depends_on[at].iter().filter(|needed| !had.contains(needed));
        unique(self.parents[at].iter().chain(needed))
    }

    /// Returns the places of the files that count: of several with one revision, the last.
    fn counted(&self) -> BTreeSet<usize> {
        self.ids.values().copied().collect()
    }
}

fn unique<'i>(places: impl Iterator<Item = &'i usize>) -> Vec<usize> {
    let mut found = Vec::new();
    for place in places {
        if !found.contains(place) {
            found.push(*place);
        }
    }
    found
}

#[cfg(test)]
mod tests;
