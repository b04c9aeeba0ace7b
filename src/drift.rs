//! Drift: the registry against the database. Pure comparison of two sorted sources;
//! what it means is said by the checks.

use std::collections::BTreeMap;

use crate::ident::QualifiedName;
use crate::registry::{EntryName, IgnorePattern, Registry, RegistryEntry};
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
    /// For a view that is not registered: the entry that would name it, if there were such a
    /// tenant.
    pub template: Option<&'a RegistryEntry>,
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

    /// Tells whether the registry declares a definition that a live view can be held against.
    pub fn has_definition(&self) -> bool {
        self.live.is_some() && self.entry.is_some_and(|entry| entry.definition.is_some())
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
    /// Live, unregistered views that may be one tenant's, where the tenants are not known.
    pub perhaps_of_a_tenant: Vec<&'a ViewState>,
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
/// registry's schemas, or where a tenant's view would be, and only when no pattern ignores
/// it. Templates that were not filled in are not compared.
pub fn compare<'a>(registry: &'a Registry, snapshot: &'a Snapshot) -> Comparison<'a> {
    let mut views: BTreeMap<&QualifiedName, ComparedView<'a>> = BTreeMap::new();
    for entry in &registry.matviews {
        if let EntryName::Fixed(name) = &entry.name {
            let view = ComparedView { name, entry: Some(entry), live: None, template: None };
            views.insert(name, view);
        }
    }
    let has_templates = registry.has_templates();
    let names = |entries: &'a [RegistryEntry], name: &QualifiedName| {
        entries.iter().find(|entry| entry.name.may_stand_for(name))
    };
    let (mut ignored, mut outside, mut perhaps_of_a_tenant) = (vec![], vec![], vec![]);
    for (name, live) in &snapshot.views {
        if let Some(view) = views.get_mut(name) {
            view.live = Some(live);
        } else if let Some(pattern) = registry.is_ignored(name) {
            ignored.push((name, pattern));
        } else if has_templates && names(&registry.matviews, name).is_some() {
            perhaps_of_a_tenant.push(live);
        } else {
            let template = names(&registry.templates, name);
            if template.is_none() && !registry.in_scope(&name.schema) {
                outside.push(live);
            } else {
                let live = Some(live);
                views.insert(name, ComparedView { name, entry: None, live, template });
            }
        }
    }
    Comparison { views: views.into_values().collect(), ignored, outside, perhaps_of_a_tenant }
}
