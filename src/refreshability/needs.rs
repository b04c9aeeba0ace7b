//! What a refresh reads and calls, and as whom: every relation that the query of a view
//! names, through plain views at any depth, with the role whose right is looked at.
//!
//! Source: chapter "Rules and Privileges" of the manual of PostgreSQL 18, and trials on 13
//! to 18: relations are read by the owner of the view that names them, `security_invoker`
//! views and all functions run as the materialized view's owner.

use std::collections::{BTreeMap, BTreeSet};

use super::Subject;
use crate::registry::RefreshMode;
use crate::rights::{Oid, Relation, RelationKind, Rule};

/// What must be readable of a relation, by one role.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The columns that are used; none means that any column will do.
    pub(super) columns: BTreeSet<i16>,
    /// Whether a query that names it uses whole rows, of it or of something else.
    pub(super) whole_rows: bool,
    /// The view that names it; the one that is judged, or a plain one.
    pub(super) named_by: Oid,
}

/// A function that must be callable by the materialized view's owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// The view that calls it, or whose index does.
    pub(super) named_by: Oid,
    /// Whether it is called for sure.
    pub(super) when: When,
}

/// Whether a function is called for sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// It is.
    Always,
    /// By an index, when a concurrent refresh finds rows that have changed.
    RowsChange,
    /// By a plain view of which not all columns are asked for: what the others call may be
    /// left out of the plan.
    ColumnsNeedIt,
}

/// What a refresh needs.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// What is read, by the reading role and the relation.
    pub(super) reads: BTreeMap<(Oid, Oid), Reading>,
    /// What is called.
    pub(super) calls: BTreeMap<Oid, Call>,
    /// Views whose query was not read.
    pub(super) unread: BTreeSet<Oid>,
}

/// A view on the way, and whether all its columns are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    view: Oid,
    is_certain: bool,
}

/// Collects what a refresh needs.
pub(super) fn of(subject: &Subject<'_>, mode: RefreshMode) -> Needs {
    let mut needs = Needs::default();
    let first = Step { view: subject.oid, is_certain: true };
    let (mut seen, mut todo) = (BTreeSet::from([first]), vec![first]);
    while let Some(step) = todo.pop() {
        let Some(rule) = subject.rights.rules.get(&step.view) else {
            if !is_of_the_system(subject, step.view) {
                needs.unread.insert(step.view);
            }
            continue;
        };
        let when = if step.is_certain { When::Always } else { When::ColumnsNeedIt };
        needs.add_calls(Call { named_by: step.view, when }, &rule.calls);
        for (read, columns) in &rule.reads {
            needs.add_read((reader(subject, step.view), *read), columns, step.view, rule);
            let Some(relation) = subject.rights.relations.get(read) else { continue };
            if relation.kind != RelationKind::View {
                continue;
            }
            let is_certain = step.is_certain && is_whole(relation, columns);
            let next = Step { view: *read, is_certain };
            if seen.insert(next) {
                todo.push(next);
            }
        }
    }
    if let Some(calls) = subject.rights.index_calls.get(&subject.oid) {
        let when = match mode {
            RefreshMode::Concurrently => When::RowsChange,
            RefreshMode::Plain => When::Always,
        };
        needs.add_calls(Call { named_by: subject.oid, when }, calls);
    }
    needs
}

impl Needs {
    fn add_calls(&mut self, call: Call, calls: &BTreeSet<Oid>) {
        for function in calls {
            let known = self.calls.entry(*function).or_insert(call);
            if call.when < known.when {
                *known = call;
            }
        }
    }

    fn add_read(&mut self, key: (Oid, Oid), columns: &BTreeSet<i16>, by: Oid, rule: &Rule) {
        let reading =
            self.reads.entry(key).or_insert_with(|| Reading { named_by: by, ..Reading::default() });
        reading.columns.extend(columns);
        reading.whole_rows |= rule.uses_whole_rows;
    }
}

/// Returns the role whose right to read counts for what a view names.
fn reader(subject: &Subject<'_>, view: Oid) -> Oid {
    match subject.rights.relations.get(&view) {
        Some(view) if !view.security_invoker => view.owner,
        _ => subject.owner(),
    }
}

/// Tells whether a view comes with the server: whoever may read it needs nothing else.
fn is_of_the_system(subject: &Subject<'_>, view: Oid) -> bool {
    let view = subject.rights.relations.get(&view);
    view.is_some_and(|view| view.name.schema.as_str() == "information_schema")
}

fn is_whole(view: &Relation, columns: &BTreeSet<i16>) -> bool {
    view.columns.keys().all(|column| columns.contains(column))
}
