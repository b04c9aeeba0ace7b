//! Drift: the registry against the database. Pure comparison of two sorted sources;
//! what it means is said by the checks.

use std::collections::BTreeMap;

use crate::ident::QualifiedName;
use crate::registry::{EntryName, IgnorePattern, NameTemplate, Registry, RegistryEntry};
use crate::snapshot::{Snapshot, ViewState};

/// One view, with what each source says of it; at least one of them has it.
#[derive(Debug, Clone, Copy)]
pub struct ComparedView<'a> {
    /// Schema and name.
    pub name: &'a QualifiedName,
    /// The registry's entry.
    pub entry: Option<&'a RegistryEntry>,
    /// The view in the database.
    pub live: Option<&'a ViewState>,
}

impl ComparedView<'_> {
    /// Returns `in-sync`, or the slug of the check that speaks of the difference.
    ///
    /// Where the migrations were not looked at, the cause is not known either.
    pub const fn presence(&self) -> &'static str {
        match (self.entry.is_some(), self.live.is_some()) {
            (true, false) => "view-missing",
            (false, _) => "view-unregistered",
            (true, true) => "in-sync",
        }
    }

    /// Returns what is known of the definition.
    pub const fn definition(&self) -> &'static str {
        match (self.entry, self.live) {
            (Some(RegistryEntry { definition: Some(_), .. }), Some(_)) => "undecided",
            _ => "not-compared",
        }
    }
}

/// The registry against the database.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// Every view of the closed world, by name.
    pub views: Vec<ComparedView<'a>>,
    /// Live views that the registry says to ignore.
    pub ignored: Vec<(&'a QualifiedName, &'a IgnorePattern)>,
    /// Live, unregistered views outside the registry's schemas.
    pub outside: Vec<&'a ViewState>,
    /// Entries for one view per tenant, which need the list of tenants to be compared.
    pub per_tenant: Vec<(&'a RegistryEntry, &'a NameTemplate)>,
    /// Live, unregistered views whose name one of these entries may stand for.
    pub perhaps_per_tenant: Vec<&'a ViewState>,
}

impl<'a> Comparison<'a> {
    /// Returns the views that both sources have.
    pub fn in_both(&self) -> impl Iterator<Item = (&'a RegistryEntry, &'a ViewState)> {
        self.views.iter().filter_map(|view| Some((view.entry?, view.live?)))
    }
}

/// Compares the registry with what is live.
///
/// A registered view is compared wherever it is. An unregistered one counts only in the
/// registry's schemas, and only when no pattern ignores it.
pub fn compare<'a>(registry: &'a Registry, snapshot: &'a Snapshot) -> Comparison<'a> {
    let mut views: BTreeMap<&QualifiedName, ComparedView<'a>> = BTreeMap::new();
    let mut per_tenant = Vec::new();
    for entry in &registry.matviews {
        match &entry.name {
            EntryName::Fixed(name) => {
                views.insert(name, ComparedView { name, entry: Some(entry), live: None });
            }
            EntryName::PerTenant(template) => per_tenant.push((entry, template)),
        }
    }
    let (mut ignored, mut outside, mut perhaps_per_tenant) = (vec![], vec![], vec![]);
    for (name, live) in &snapshot.views {
        if let Some(view) = views.get_mut(name) {
            view.live = Some(live);
        } else if let Some(pattern) = registry.is_ignored(name) {
            ignored.push((name, pattern));
        } else if per_tenant.iter().any(|(_, template)| template.may_stand_for(name)) {
            perhaps_per_tenant.push(live);
        } else if !registry.in_scope(&name.schema) {
            outside.push(live);
        } else {
            views.insert(name, ComparedView { name, entry: None, live: Some(live) });
        }
    }
    Comparison {
        views: views.into_values().collect(),
        ignored,
        outside,
        per_tenant,
        perhaps_per_tenant,
    }
}
