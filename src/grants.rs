//! The registry against the rights: for each declared role what it can refresh, read and
//! write, and for each view what a refresh would do to tenants. Pure; the checks say what
//! of it is wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::protection::{self, Level, Protection, UnfilteredRead, WayIn};
use crate::refreshability::{self, Refreshability};
use crate::registry::{EntryName, RefreshMode, Registry, RegistryEntry, RoleRules};
use crate::rights::{Oid, RelationKind, Rights};
use crate::tenant_safety::{self, SafetyClass, TenantSafety};

/// Which roles and views to look at; empty is all that are declared.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// Roles by name, declared or not.
    pub roles: BTreeSet<RoleName>,
    /// Views by name, registered or not.
    pub views: BTreeSet<QualifiedName>,
}

/// Whether a role can refresh a view, and whether it must.
#[derive(Debug, Clone)]
pub struct RoleRefreshes {
    /// Whether the registry says that it must.
    pub required: bool,
    /// How it would be refreshed.
    pub mode: RefreshMode,
    /// The whole chain.
    pub judged: Refreshability,
    /// What came of trying; `None`: it was not asked for.
    pub proved: Option<Proved>,
}

/// What came of really trying a refresh, in a transaction that was rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proved {
    /// It went through.
    Refreshed,
    /// It was refused for want of a right.
    Denied,
    /// It could not be tried, or failed for another reason.
    NotTried(String),
}

impl Proved {
    /// Returns what a report says of it.
    pub fn told(&self) -> String {
        match self {
            Self::Refreshed => "refreshed".to_owned(),
            Self::Denied => "denied".to_owned(),
            Self::NotTried(reason) => format!("not tried: {reason}"),
        }
    }
}

/// That a role can read a view, and how.
#[derive(Debug, Clone)]
pub struct RoleReads {
    /// The role.
    pub role: RoleName,
    /// The materialized view.
    pub view: QualifiedName,
    /// The ways in.
    pub via: Vec<WayIn>,
}

/// A tenant-facing role that can read several tenants' rows.
#[derive(Debug, Clone)]
pub struct CrossTenantRead {
    /// The role.
    pub role: RoleName,
    /// What it can read.
    pub read: UnfilteredRead,
}

/// A view with what a refresh of it would do to tenants.
#[derive(Debug, Clone)]
pub struct ViewSafety {
    /// The view.
    pub view: QualifiedName,
    /// Its object id.
    pub oid: Oid,
    /// Its owner.
    pub owner: RoleName,
    /// The classification.
    pub safety: TenantSafety,
    /// The roles that can read it.
    pub readable_by: Vec<RoleName>,
    /// Its columns.
    pub columns: Vec<Identifier>,
    /// The functions that it calls which need the caller's search path.
    pub path_dependent: Vec<PathDependent>,
}

/// A function that looks names up in the caller's search path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathDependent {
    /// The function, with its argument types.
    pub signature: String,
    /// The schema that the function is in.
    pub schema: Identifier,
    /// The names in its body that have no schema.
    pub unqualified: Vec<String>,
}

/// How many rows each tenant has in a view, counted when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantRows {
    /// Tenants with their rows, most rows first.
    pub tenants: Vec<(String, u64)>,
    /// Whether there are more tenants than are listed.
    pub more: bool,
}

/// The registry against the rights.
#[derive(Debug, Default)]
pub struct Grants {
    /// Declared or chosen roles that the server does not have.
    pub missing_roles: Vec<RoleName>,
    /// Registered views that the database does not have: nothing can be said of them.
    pub missing_views: Vec<QualifiedName>,
    /// Roles for whom no right is ever checked, with the reason.
    pub void_roles: BTreeMap<RoleName, String>,
    /// Role by role and view by view, who can refresh.
    pub refreshes: Vec<RoleRefreshes>,
    /// What declared roles can write of what they must not.
    pub protection: Vec<Protection>,
    /// Tables of `must_not_write` that the database does not have, with the role.
    pub missing_tables: Vec<(RoleName, QualifiedName)>,
    /// Which roles read which materialized views, where that is declared.
    pub reads: Vec<RoleReads>,
    /// Which tenant-facing roles can read several tenants' rows.
    pub cross_tenant_reads: Vec<CrossTenantRead>,
    /// Every live materialized view that was chosen.
    pub safety: Vec<ViewSafety>,
    /// How many tenants the registry's query lists, where that was asked; or why it is not
    /// known.
    pub listed_tenants: Option<Result<u64, String>>,
    /// Rows by tenant, for views whose refresh would lose some, where they were counted.
    pub tenant_rows: BTreeMap<QualifiedName, Result<TenantRows, String>>,
}

/// Compares the registry with the rights.
pub fn compare(registry: &Registry, rights: &Rights, chosen: &Chosen) -> Grants {
    let mut grants =
        Grants { missing_views: missing_views(registry, rights, chosen), ..Grants::default() };
    let shared = multi_tenant(registry, rights);
    let views = views(registry, rights, chosen);
    let declared = registry.roles.keys().filter(|_| chosen.roles.is_empty());
    for name in declared.chain(&chosen.roles) {
        let Some(role) = rights.role_named(name) else {
            grants.missing_roles.push(name.clone());
            continue;
        };
        if let Some(reason) = protection::is_void(rights, role) {
            grants.void_roles.insert(name.clone(), reason);
        }
        let rules = registry.roles.get(name);
        for (oid, view, entry) in &views {
            let mode = entry.map_or(RefreshMode::Concurrently, |entry| entry.refresh);
            let required = is_required(rules, *entry);
            let judged = refreshability::judge(rights, role, *oid, mode);
            grants.refreshes.push(RoleRefreshes { required, mode, judged, proved: None });
            if let Some(via) = protection::reading(rights, role, *oid) {
                grants.reads.push(RoleReads { role: name.clone(), view: view.clone(), via });
            }
        }
        let Some(rules) = rules else { continue };
        for table in &rules.must_not_write {
            match rights.relation_named(table) {
                Some(oid) => {
                    grants.protection.push(protection::writing(rights, role, oid));
                    let kin = rights.kin.get(&oid).into_iter().flatten();
                    let of_kin = kin.map(|kin| protection::writing(rights, role, *kin));
                    grants.protection.extend(of_kin.filter(Grants::can_write));
                }
                None => grants.missing_tables.push((name.clone(), table.clone())),
            }
        }
        if rules.tenant_facing {
            let reads = protection::unfiltered_reads(rights, role, &shared);
            let is_chosen = |read: &UnfilteredRead| {
                let mut named = std::iter::once(&read.relation).chain(&read.holds);
                chosen.views.is_empty() || named.any(|view| chosen.views.contains(view))
            };
            let named = |read| CrossTenantRead { role: name.clone(), read };
            grants.cross_tenant_reads.extend(reads.into_iter().filter(is_chosen).map(named));
        }
    }
    let mut safety = tenant_safety::classify(rights);
    for (oid, view, _) in views {
        let Some(safety) = safety.remove(&oid) else { continue };
        let readable_by = protection::roles_that_can_read(rights, oid);
        let columns =
            rights.relations.get(&oid).map(|view| view.columns.values().cloned().collect());
        let columns = columns.unwrap_or_default();
        let path_dependent = path_dependent(rights, oid);
        let owner = rights.relations.get(&oid).map_or(0, |view| view.owner);
        let owner = rights.role_name(owner);
        grants.safety.push(ViewSafety {
            owner,
            view,
            oid,
            safety,
            readable_by,
            columns,
            path_dependent,
        });
    }
    grants
}

impl Grants {
    /// Returns what a refresh of a view would do to tenants.
    pub fn safety_of(&self, view: &QualifiedName) -> Option<&ViewSafety> {
        let at = self.safety.binary_search_by(|safety| safety.view.cmp(view)).ok()?;
        Some(&self.safety[at])
    }

    /// Tells whether a role may write a table that it must not, in any way.
    pub fn can_write(protection: &Protection) -> bool {
        matches!(protection.level, Level::Allowed | Level::Trigger)
    }
}

/// Returns the functions of a view, at any depth of plain views, that need the caller's
/// search path.
fn path_dependent(rights: &Rights, view: Oid) -> Vec<PathDependent> {
    let (mut seen, mut todo) = (BTreeSet::from([view]), vec![view]);
    let mut functions = BTreeSet::new();
    while let Some(at) = todo.pop() {
        let Some(rule) = rights.rules.get(&at) else { continue };
        functions.extend(&rule.calls);
        for read in rule.reads.keys() {
            let kind = rights.relations.get(read).map(|relation| relation.kind);
            if kind == Some(RelationKind::View) && seen.insert(*read) {
                todo.push(*read);
            }
        }
    }
    functions
        .into_iter()
        .filter_map(|function| rights.functions.get(function))
        .filter(|function| !function.sets_search_path && !function.unqualified.is_empty())
        .map(|function| PathDependent {
            signature: function.signature.clone(),
            schema: function.schema.clone(),
            unqualified: function.unqualified.clone(),
        })
        .collect()
}

/// Returns the live materialized views that hold several tenants' rows, as declared.
pub fn multi_tenant(registry: &Registry, rights: &Rights) -> BTreeSet<Oid> {
    registry
        .matviews
        .iter()
        .filter(|entry| entry.is_shared())
        .filter_map(|entry| rights.relation_named(entry.name.fixed()?))
        .collect()
}

/// Returns the registered views to look at that are not there.
fn missing_views(registry: &Registry, rights: &Rights, chosen: &Chosen) -> Vec<QualifiedName> {
    let is_live = |name: &QualifiedName| {
        let oid = rights.relation_named(name);
        let relation = oid.and_then(|oid| rights.relations.get(&oid));
        relation.is_some_and(|relation| relation.kind == RelationKind::Matview)
    };
    registry
        .matviews
        .iter()
        .filter_map(|entry| entry.name.fixed())
        .filter(|name| chosen.views.is_empty() || chosen.views.contains(*name))
        .filter(|name| !is_live(name))
        .cloned()
        .collect()
}

type ChosenView<'a> = (Oid, QualifiedName, Option<&'a RegistryEntry>);

/// Returns the live views to look at, by name: all but ignored ones and those of schemas
/// that the registry leaves open, unless they are chosen by name.
fn views<'a>(registry: &'a Registry, rights: &Rights, chosen: &Chosen) -> Vec<ChosenView<'a>> {
    let mut views: Vec<ChosenView<'a>> = rights
        .matviews()
        .map(|(oid, view)| (oid, view.name.clone(), registry.entry(&view.name)))
        .filter(|(_, name, entry)| {
            if !chosen.views.is_empty() {
                return chosen.views.contains(name);
            }
            let in_world = registry.in_scope(&name.schema) && registry.is_ignored(name).is_none();
            entry.is_some() || in_world
        })
        .collect();
    views.sort_by(|a, b| a.1.cmp(&b.1));
    views
}

fn is_required(rules: Option<&RoleRules>, entry: Option<&RegistryEntry>) -> bool {
    let selection = rules.and_then(|rules| rules.refresh.as_ref());
    match (selection, entry) {
        (Some(selection), Some(entry)) => selection.contains(&entry.name),
        _ => false,
    }
}

/// How many views are counted at the most: each costs a scan.
const MOST_COUNTED: usize = 20;

/// Returns the views whose refresh would lose tenants' rows, with the column to count by,
/// or the reason why the asking role cannot count.
pub fn worth_counting(
    registry: &Registry,
    rights: &Rights,
    grants: &Grants,
    asking: &RoleName,
) -> Vec<(QualifiedName, Result<Identifier, String>)> {
    let asking_role = rights.role_named(asking);
    grants
        .safety
        .iter()
        .filter(|view| matches!(view.safety.class, SafetyClass::Rls | SafetyClass::Setting))
        .filter_map(|view| {
            let entry = registry.entry(&view.view).filter(|entry| entry.is_shared())?;
            Some((view, entry.tenant_column.clone()?))
        })
        .filter(|(view, column)| view.columns.contains(column))
        .enumerate()
        .map(|(at, (view, column))| {
            let can_read = asking_role.is_some_and(|role| {
                rights.is_superuser(role) || protection::reading(rights, role, view.oid).is_some()
            });
            let counted = match (at < MOST_COUNTED, can_read) {
                (false, _) => Err(format!("the first {MOST_COUNTED} views alone are counted")),
                (true, false) => Err(format!("{asking} may not read it")),
                (true, true) => Ok(column),
            };
            (view.view.clone(), counted)
        })
        .collect()
}

/// Returns whether a role may read a view by its declaration; `None` when that is not
/// declared.
pub fn may_read(rules: &RoleRules, view: &QualifiedName) -> Option<bool> {
    let name = EntryName::Fixed(view.clone());
    rules.read.as_ref().map(|selection| selection.contains(&name))
}
