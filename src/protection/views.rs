//! Writes and reads that go through plain views, with whose rights they happen.

use std::collections::BTreeSet;

use super::ways;
use crate::ident::QualifiedName;
use crate::rights::{Oid, Privilege, RelationKind, Rights};

/// Returns the plain views over a table, at any depth, through which a role may write to it
/// if they are updatable.
pub(super) fn written_through(rights: &Rights, role: Oid, table: Oid) -> Vec<QualifiedName> {
    const ROWS: [Privilege; 3] = [Privilege::Insert, Privilege::Update, Privilege::Delete];
    let mut names: Vec<QualifiedName> = views_over(rights, table)
        .into_iter()
        .filter_map(|oid| Some((oid, rights.relations.get(&oid)?)))
        .filter(|(oid, view)| {
            ways::entrances(rights, role, view, &ROWS).iter().any(|entrance| {
                let writing = Writing { privilege: entrance.privilege, table };
                writing.passes(rights, *oid, entrance.acting, &mut BTreeSet::new())
            })
        })
        .map(|(_, view)| view.name.clone())
        .collect();
    names.sort();
    names
}

/// Returns the plain views that read a table, directly or through other plain views.
fn views_over(rights: &Rights, table: Oid) -> BTreeSet<Oid> {
    let is_view = |oid: &Oid| {
        rights.relations.get(oid).is_some_and(|relation| relation.kind == RelationKind::View)
    };
    let mut over = BTreeSet::new();
    loop {
        let reads = |read: &Oid| *read == table || over.contains(read);
        let more: Vec<Oid> = rights
            .rules
            .iter()
            .filter(|(oid, rule)| rule.reads.keys().any(reads) && !over.contains(*oid))
            .map(|(oid, _)| *oid)
            .filter(|oid| is_view(oid))
            .collect();
        if more.is_empty() {
            return over;
        }
        over.extend(more);
    }
}

struct Writing {
    privilege: Privilege,
    table: Oid,
}

impl Writing {
    /// Tells whether a write to a view has the rights to go on to the table.
    fn passes(&self, rights: &Rights, view: Oid, asker: Oid, seen: &mut BTreeSet<Oid>) -> bool {
        let (Some(found), Some(rule)) = (rights.relations.get(&view), rights.rules.get(&view))
        else {
            return false;
        };
        let is_refused = found
            .triggers
            .iter()
            .any(|trigger| trigger.refuses && trigger.events.contains(&self.privilege));
        if is_refused || !seen.insert(view) {
            return false;
        }
        let writer = if found.security_invoker { asker } else { found.owner };
        rule.reads.keys().any(|beneath| {
            let is_view = rights
                .relations
                .get(beneath)
                .is_some_and(|relation| relation.kind == RelationKind::View);
            rights.has_on_any_column(writer, *beneath, self.privilege)
                && (*beneath == self.table
                    || (is_view && self.passes(rights, *beneath, asker, seen)))
        })
    }
}

/// Tells whether a plain view can be read by a role that may name it and has SELECT on it:
/// whether everything beneath is open to the view's owner, or with `security_invoker` to
/// the asker, and every function to the asker.
///
/// What is not among the facts counts as open. Names beneath are settled, so no schema is
/// looked at.
pub(super) fn is_open_beneath(
    rights: &Rights,
    view: Oid,
    asker: Oid,
    seen: &mut BTreeSet<Oid>,
) -> bool {
    let (Some(found), Some(rule)) = (rights.relations.get(&view), rights.rules.get(&view)) else {
        return true;
    };
    if found.kind != RelationKind::View || !seen.insert(view) {
        return true;
    }
    let reader = if found.security_invoker { asker } else { found.owner };
    let may_call = |function: &Oid| {
        !rights.functions.contains_key(function) || rights.may_call(asker, *function)
    };
    rule.calls.iter().all(may_call)
        && rule.reads.iter().all(|(beneath, columns)| {
            may_read_columns(rights, reader, *beneath, columns)
                && is_open_beneath(rights, *beneath, asker, seen)
        })
}

fn may_read_columns(rights: &Rights, reader: Oid, relation: Oid, columns: &BTreeSet<i16>) -> bool {
    if !rights.relations.contains_key(&relation) {
        return true;
    }
    let may = |column: &i16| rights.has_on_column(reader, relation, *column, Privilege::Select);
    // Where no column is named, any one that may be read is enough.
    if columns.is_empty() {
        rights.has_on_any_column(reader, relation, Privilege::Select)
    } else {
        columns.iter().all(may)
    }
}
