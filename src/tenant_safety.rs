//! Tenant safety: would a refresh by the owner of a materialized view lose some tenants'
//! rows, and would the guard `row_security = off` stop it? Pure rules over [`Rights`].
//!
//! A refresh always reads with the rights of the owner, whoever starts it. What is decided
//! here is whether anything in the query can make the result depend on the session.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::rights::{Oid, PUBLIC, Policy, Relation, RelationKind, Rights};

#[cfg(test)]
mod tests;

/// What a refresh may do to tenants' rows, from harmless to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SafetyClass {
    /// Every row that the query selects is kept, and the guard stands behind it.
    Clear,
    /// Nothing is known to filter rows, but not everything that is read could be looked into
    /// or guarded: rows must be counted before and after.
    Opaque,
    /// The query depends on a setting of the session, which the guard does not catch.
    Setting,
    /// Row-level security filters what the owner reads; the guard turns that into an error.
    Rls,
}

impl SafetyClass {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Opaque => "opaque",
            Self::Setting => "setting",
            Self::Rls => "rls",
        }
    }
}

/// A table of which a refresh sees some rows only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FilteredBy {
    /// The table that has row-level security.
    pub table: QualifiedName,
    /// The role that it is read as: the owner of the materialized view, or of the plain view
    /// that names the table.
    pub as_role: RoleName,
    /// The policies that apply to that role; none at all hide every row.
    pub policies: Vec<Identifier>,
}

/// A fact that is missing, so that nothing can be said about what hangs on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// A relation that a query names: of the system, or gone meanwhile.
    Relation(Oid),
    /// The query of a view.
    Query(QualifiedName),
    /// A function that a query calls.
    Function(Oid),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relation(oid) => write!(f, "relation {oid}"),
            Self::Query(view) => write!(f, "the query of {view}"),
            Self::Function(oid) => write!(f, "function {oid}"),
        }
    }
}

impl Serialize for Missing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a refresh of one materialized view may do to tenants' rows, and why.
///
/// All but [`class`](Self::class) and [`because_of`](Self::because_of) is about the view's
/// own query with the plain views that it reads, at any depth. Lists are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantSafety {
    /// The worst of the view's own class and those of the materialized views that it reads,
    /// at any depth: rows that are missing there are missing here.
    pub class: SafetyClass,
    /// The class by the view's own query alone.
    pub own_class: SafetyClass,
    /// The materialized views upstream, at any depth, whose own query gives the class; empty
    /// where the view's own query is as bad by itself.
    pub because_of: Vec<QualifiedName>,
    /// The tables that row-level security filters.
    pub filtered_by: Vec<FilteredBy>,
    /// Whether a setting is read: by the query, a function that it calls, or a policy that
    /// binds.
    pub reads_setting: bool,
    /// Whether the query depends on who refreshes.
    pub reads_user: bool,
    /// Whether a function that is called names `row_security`, and so may undo the guard.
    pub touches_row_security: bool,
    /// The user's functions that are called, by their signatures; their bodies are not
    /// followed.
    pub functions: Vec<String>,
    /// The foreign tables that are read, also as partitions and children of a table; what
    /// the other server leaves out is not known.
    pub foreign_tables: Vec<QualifiedName>,
    /// The tables whose policies bind and let every row through: the guard would raise a
    /// false alarm.
    pub open_policies: Vec<QualifiedName>,
    /// The facts that were not read.
    pub missing: Vec<Missing>,
    /// Whether the guard `row_security = off` can be set for a refresh without a false alarm.
    pub guard_usable: bool,
}

/// Classifies every materialized view.
///
/// What cannot be seen through makes a view [`SafetyClass::Opaque`] at least: the user's own
/// functions, whose bodies are not followed, foreign tables, and views of the system.
///
/// Not seen at all is what a query does not name: the check of a domain where the query turns
/// errors into NULL, the user's own operator class behind the elements of an array, a range
/// or a row, and built-ins whose result follows a setting such as `TimeZone` or `DateStyle`.
pub fn classify(rights: &Rights) -> BTreeMap<Oid, TenantSafety> {
    let walks: BTreeMap<Oid, Walk<'_>> =
        rights.matviews().map(|(oid, matview)| (oid, Walk::of(rights, oid, matview))).collect();
    walks.iter().map(|(oid, walk)| (*oid, walk.judge(*oid, &walks, rights))).collect()
}

/// What the query of one materialized view reaches through plain views.
#[derive(Debug, Default)]
struct Walk<'r> {
    filtered_by: BTreeSet<FilteredBy>,
    policy_reads_setting: bool,
    query_reads_setting: bool,
    function_reads_setting: bool,
    reads_user: bool,
    touches_row_security: bool,
    functions: BTreeSet<&'r str>,
    foreign_tables: BTreeSet<&'r QualifiedName>,
    open_policies: BTreeSet<&'r QualifiedName>,
    missing: BTreeSet<Missing>,
    /// The materialized views that are read; what they read counts for them.
    upstream: BTreeSet<Oid>,
}

impl<'r> Walk<'r> {
    /// Walks from a materialized view through plain views, each once: as whom a view reads
    /// does not depend on the way that led to it.
    fn of(rights: &'r Rights, oid: Oid, matview: &'r Relation) -> Self {
        let mut walk = Self::default();
        let (mut seen, mut todo) = (BTreeSet::from([oid]), vec![(oid, matview)]);
        while let Some((at, view)) = todo.pop() {
            let Some(rule) = rights.rules.get(&at) else {
                walk.missing.insert(Missing::Query(view.name.clone()));
                continue;
            };
            // "Whoever asks" is the owner of the materialized view, even where a view in
            // between reads with the rights of its own owner.
            let role = if view.security_invoker { matview.owner } else { view.owner };
            walk.query_reads_setting |= rule.reads_setting;
            walk.reads_user |= rule.reads_user;
            rule.calls.iter().for_each(|function| walk.calls(rights, *function));
            for read in rule.reads.keys() {
                walk.foreign_tables.extend(rights.foreign_parts.get(read).into_iter().flatten());
                match rights.relations.get(read) {
                    None => _ = walk.missing.insert(Missing::Relation(*read)),
                    Some(table) => match table.kind {
                        RelationKind::Table => walk.reads_table(rights, table, role),
                        RelationKind::ForeignTable => _ = walk.foreign_tables.insert(&table.name),
                        RelationKind::View if seen.insert(*read) => todo.push((*read, table)),
                        RelationKind::View => {}
                        RelationKind::Matview => _ = walk.upstream.insert(*read),
                    },
                }
            }
        }
        walk
    }

    fn calls(&mut self, rights: &'r Rights, oid: Oid) {
        let Some(function) = rights.functions.get(&oid) else {
            self.missing.insert(Missing::Function(oid));
            return;
        };
        self.functions.insert(&function.signature);
        self.function_reads_setting |= function.reads_setting;
        self.touches_row_security |= function.touches_row_security;
    }

    fn reads_table(&mut self, rights: &'r Rights, table: &'r Relation, role: Oid) {
        if !rights.is_bound_by(role, table) {
            return;
        }
        let policies: Vec<&Policy> =
            table.policies.iter().filter(|policy| applies(policy, role, rights)).collect();
        if is_open(&policies) {
            self.open_policies.insert(&table.name);
            return;
        }
        self.policy_reads_setting |= policies.iter().any(|policy| policy.reads_setting);
        let mut names: Vec<_> = policies.iter().map(|policy| policy.name.clone()).collect();
        names.sort();
        self.filtered_by.insert(FilteredBy {
            table: table.name.clone(),
            as_role: rights.role_name(role),
            policies: names,
        });
    }

    fn class(&self) -> SafetyClass {
        if !self.filtered_by.is_empty() {
            SafetyClass::Rls
        } else if self.query_reads_setting
            || self.function_reads_setting
            || self.touches_row_security
        {
            SafetyClass::Setting
        } else if self.reads_user
            || !self.functions.is_empty()
            || !self.foreign_tables.is_empty()
            || !self.open_policies.is_empty()
            || !self.missing.is_empty()
        {
            SafetyClass::Opaque
        } else {
            SafetyClass::Clear
        }
    }

    fn judge(&self, oid: Oid, walks: &BTreeMap<Oid, Self>, rights: &Rights) -> TenantSafety {
        let own_class = self.class();
        let upstream = reached(oid, walks);
        let classes = || upstream.iter().filter_map(|oid| Some((oid, walks.get(oid)?.class())));
        let class = classes().map(|(_, class)| class).fold(own_class, Ord::max);
        let mut because_of: Vec<_> = classes()
            .filter(|(_, upstream)| class > own_class && *upstream == class)
            .filter_map(|(oid, _)| Some(rights.relations.get(oid)?.name.clone()))
            .collect();
        because_of.sort();
        TenantSafety {
            class,
            own_class,
            because_of,
            filtered_by: self.filtered_by.iter().cloned().collect(),
            reads_setting: self.query_reads_setting
                || self.function_reads_setting
                || self.policy_reads_setting,
            reads_user: self.reads_user,
            touches_row_security: self.touches_row_security,
            functions: self.functions.iter().map(ToString::to_string).collect(),
            foreign_tables: owned(&self.foreign_tables),
            open_policies: owned(&self.open_policies),
            missing: self.missing.iter().cloned().collect(),
            guard_usable: self.open_policies.is_empty(),
        }
    }
}

fn owned(names: &BTreeSet<&QualifiedName>) -> Vec<QualifiedName> {
    names.iter().map(|name| (*name).clone()).collect()
}

/// Returns the materialized views that one reads, at any depth, itself left out.
fn reached(oid: Oid, walks: &BTreeMap<Oid, Walk<'_>>) -> BTreeSet<Oid> {
    let (mut reached, mut todo) = (BTreeSet::from([oid]), vec![oid]);
    while let Some(at) = todo.pop() {
        let upstream = walks.get(&at).into_iter().flat_map(|walk| &walk.upstream);
        todo.extend(upstream.filter(|next| reached.insert(**next)));
    }
    reached.remove(&oid);
    reached
}

/// Tells whether a policy applies to a role: by its name, by what it inherits, or to all.
fn applies(policy: &Policy, role: Oid, rights: &Rights) -> bool {
    policy.roles.iter().any(|of| *of == PUBLIC || rights.inherits(role, *of))
}

/// Tells whether policies let every row through: a permissive one does, and no restrictive
/// one takes anything away.
fn is_open(policies: &[&Policy]) -> bool {
    policies.iter().any(|policy| policy.permissive && policy.always_true)
        && policies.iter().all(|policy| policy.permissive || policy.always_true)
}
