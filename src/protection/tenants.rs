//! Which relations show a role the rows of several tenants. A materialized view has no
//! row-level security: whoever can read it sees every tenant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{views, ways};
use crate::ident::QualifiedName;
use crate::rights::{Oid, Privilege, RelationKind, Rights, Rule};

/// A relation that shows a role several tenants' rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfilteredRead {
    /// What the role can read.
    pub relation: QualifiedName,
    /// By which ways in.
    pub via: Vec<ways::WayIn>,
    /// The materialized views whose rows it shows.
    pub holds: Vec<QualifiedName>,
    /// The way from the relation to the first of them, both included.
    pub path: Vec<QualifiedName>,
}

/// Returns the relations that a role can really read and that show rows of these
/// materialized views without a filter, by name.
///
/// - A materialized view over one of them shows what it stored, whatever its query reads.
/// - A plain view counts as filtered where its own query reads a setting or asks who reads,
///   or calls a function whose body reads a setting. That the filter keeps other tenants'
///   rows out cannot be proved from the catalog; nor is row-level security of a joined
///   table, or a function called by a function, taken for a filter.
/// - Counts and sums over all tenants are told apart from rows by nothing.
///
/// What superusers can read is not looked at; [`super::is_void`] knows them.
pub fn unfiltered_reads(
    rights: &Rights,
    role: Oid,
    multi_tenant: &BTreeSet<Oid>,
) -> Vec<UnfilteredRead> {
    let mut found = Vec::new();
    for (oid, relation) in &rights.relations {
        if !matches!(relation.kind, RelationKind::View | RelationKind::Matview) {
            continue;
        }
        let mut entrances = ways::entrances(rights, role, relation, &[Privilege::Select]);
        if entrances.is_empty() {
            continue;
        }
        let Shown { holds, path } = shown(rights, *oid, multi_tenant);
        if holds.is_empty() {
            continue;
        }
        entrances.retain(|entrance| {
            views::is_open_beneath(rights, *oid, entrance.acting, &mut BTreeSet::new())
        });
        if !entrances.is_empty() {
            let via = ways::named(rights, role, relation, &entrances);
            found.push(UnfilteredRead { relation: relation.name.clone(), via, holds, path });
        }
    }
    found.sort_by(|a, b| a.relation.cmp(&b.relation));
    found
}

/// What a relation shows of several tenants.
struct Shown {
    holds: Vec<QualifiedName>,
    path: Vec<QualifiedName>,
}

/// A relation on the way down, and whether its rows were stored in a materialized view
/// above: what filters the asker's rows below that is no filter.
type Step = (Oid, bool);

/// Looks down from a relation, nearest first, for materialized views of several tenants.
fn shown(rights: &Rights, from: Oid, multi_tenant: &BTreeSet<Oid>) -> Shown {
    let start: Step = (from, false);
    let mut came_from: BTreeMap<Step, Option<Step>> = BTreeMap::from([(start, None)]);
    let mut todo = VecDeque::from([start]);
    let mut reached: BTreeMap<QualifiedName, Step> = BTreeMap::new();
    while let Some(step) = todo.pop_front() {
        let (at, is_stored) = step;
        let Some(relation) = rights.relations.get(&at) else { continue };
        if multi_tenant.contains(&at) {
            reached.entry(relation.name.clone()).or_insert(step);
            continue;
        }
        let Some(rule) = rights.rules.get(&at) else { continue };
        let is_matview = relation.kind == RelationKind::Matview;
        if !is_stored && !is_matview && filters(rights, rule) {
            continue;
        }
        for beneath in rule.reads.keys() {
            let next = (*beneath, is_stored || is_matview);
            came_from.entry(next).or_insert_with(|| {
                todo.push_back(next);
                Some(step)
            });
        }
    }
    let path = reached.values().next().map_or_else(Vec::new, |last| {
        let mut path = Vec::new();
        let mut at = Some(*last);
        while let Some(step) = at {
            path.extend(rights.relations.get(&step.0).map(|relation| relation.name.clone()));
            at = came_from.get(&step).copied().flatten();
        }
        path.reverse();
        path
    });
    Shown { holds: reached.into_keys().collect(), path }
}

fn filters(rights: &Rights, rule: &Rule) -> bool {
    rule.reads_setting
        || rule.reads_user
        || rule.calls.iter().any(|function| {
            rights.functions.get(function).is_some_and(|function| function.reads_setting)
        })
}
