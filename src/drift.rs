//! Drift: the registry against the database, and against what the migrations build where
//! that was looked at. Pure comparison of sorted sources; what it means is said by the
//! checks.

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
    /// The view in a new database that the migrations alone have built.
    pub built: Option<&'a ViewState>,
    /// Whether the database has it; `None`: that was not looked at.
    pub is_live: Option<bool>,
    /// Whether the migrations build it; `None`: that was not looked at, or it is one tenant's
    /// view, which migrations do not build in general.
    pub is_built: Option<bool>,
    /// For a view that is not registered: the entry that would name it, if there were such a
    /// tenant.
    pub template: Option<&'a RegistryEntry>,
}

impl ComparedView<'_> {
    /// Returns `in-sync`, or the slug of the check that speaks of the difference.
    ///
    /// Where the migrations were not looked at, the cause is not known either.
    pub const fn presence(&self) -> &'static str {
        match (self.entry.is_some(), self.is_built, self.is_live) {
            (true, Some(false), Some(false)) => "view-not-created",
            (true, Some(false), _) => "view-not-in-migrations",
            (true, _, Some(false)) => "view-missing",
            (true, ..) => "in-sync",
            (false, Some(true), Some(false)) => "view-retired",
            (false, Some(false), _) => "view-made-by-hand",
            (false, ..) => "view-unregistered",
        }
    }

    /// Tells whether the registry declares a definition that a live view can be held against.
    pub fn has_definition(&self) -> bool {
        self.live.is_some() && self.entry.is_some_and(|entry| entry.definition.is_some())
    }

    /// Tells whether there is something that a live view's definition can be held against:
    /// what the registry declares, or what the migrations build.
    pub fn is_comparable(&self) -> bool {
        self.has_definition()
            || (self.entry.is_some() && self.live.is_some() && self.built.is_some())
    }
}

/// The registry against the database, and against what the migrations build.
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
    /// Returns the views that both registry and database have.
    pub fn in_both(&self) -> impl Iterator<Item = (&'a RegistryEntry, &'a ViewState)> {
        self.views.iter().filter_map(|view| Some((view.entry?, view.live?)))
    }

    /// Returns the views that both registry and migrations have, as the migrations build
    /// them.
    pub fn in_both_new(&self) -> impl Iterator<Item = (&'a RegistryEntry, &'a ViewState)> {
        self.views.iter().filter_map(|view| Some((view.entry?, view.built?)))
    }
}

/// What stands for a view that is not registered.
enum Place<'a> {
    /// It belongs to the closed world, by this template if it looks like a tenant's.
    Inside(Option<&'a RegistryEntry>),
    Ignored(&'a IgnorePattern),
    PerhapsOfATenant,
    Outside,
}

/// Compares the registry with what is live, and with what the migrations build; a source
/// that was not looked at is `None`.
///
/// A registered view is compared wherever it is. An unregistered one counts only in the
/// registry's schemas, or where a tenant's view would be, and only when no pattern ignores
/// it. Templates that were not filled in are not compared.
pub fn compare<'a>(
    registry: &'a Registry,
    live: Option<&'a Snapshot>,
    built: Option<&'a Snapshot>,
) -> Comparison<'a> {
    let mut views: BTreeMap<&QualifiedName, ComparedView<'a>> = BTreeMap::new();
    let unseen = |name, entry, template: Option<&'a RegistryEntry>| ComparedView {
        name,
        entry,
        live: None,
        built: None,
        is_live: live.map(|_| false),
        // A new database has no tenants whose views could be built.
        is_built: built.filter(|_| template.is_none()).map(|_| false),
        template,
    };
    for entry in &registry.matviews {
        if let EntryName::Fixed(name) = &entry.name {
            let mut view = unseen(name, Some(entry), None);
            if entry.tenant.is_some() {
                view.is_built = None;
            }
            views.insert(name, view);
        }
    }
    let (mut ignored, mut outside, mut perhaps_of_a_tenant) = (vec![], vec![], vec![]);
    for (name, state) in live.iter().flat_map(|live| &live.views) {
        if !views.contains_key(name) {
            match place(registry, name) {
                Place::Inside(template) => {
                    views.insert(name, unseen(name, None, template));
                }
                Place::Ignored(pattern) => ignored.push((name, pattern)),
                Place::PerhapsOfATenant => perhaps_of_a_tenant.push(state),
                Place::Outside => outside.push(state),
            }
        }
        if let Some(view) = views.get_mut(name) {
            (view.live, view.is_live) = (Some(state), Some(true));
        }
    }
    for (name, state) in built.iter().flat_map(|built| &built.views) {
        if !views.contains_key(name)
            && let Place::Inside(template) = place(registry, name)
        {
            views.insert(name, unseen(name, None, template));
        }
        if let Some(view) = views.get_mut(name) {
            (view.built, view.is_built) = (Some(state), Some(true));
        }
    }
    Comparison { views: views.into_values().collect(), ignored, outside, perhaps_of_a_tenant }
}

/// Returns what stands for a view that is not registered.
fn place<'a>(registry: &'a Registry, name: &QualifiedName) -> Place<'a> {
    let named =
        |entries: &'a [RegistryEntry]| entries.iter().find(|entry| entry.name.may_stand_for(name));
    if let Some(pattern) = registry.is_ignored(name) {
        Place::Ignored(pattern)
    } else if registry.has_templates() && named(&registry.matviews).is_some() {
        Place::PerhapsOfATenant
    } else {
        match named(&registry.templates) {
            None if !registry.in_scope(&name.schema) => Place::Outside,
            template => Place::Inside(template),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{registry, registry_of_tenants, snapshot, view};

    fn presences(
        registry: &Registry,
        live: Option<&Snapshot>,
        built: Option<&Snapshot>,
    ) -> Vec<String> {
        compare(registry, live, built)
            .views
            .iter()
            .map(|view| format!("{} {}", view.name, view.presence()))
            .collect()
    }

    #[test]
    fn seven_patterns_have_seven_names() {
        let registry = registry(
            "version = 1\n[[matview]]\nname = 'public.a'\n[[matview]]\nname = 'public.b'\n\
             [[matview]]\nname = 'public.c'\n[[matview]]\nname = 'public.d'",
        );
        let live = snapshot(["public.b", "public.d", "public.e", "public.g"].map(view));
        let built = snapshot(["public.a", "public.d", "public.e", "public.f"].map(view));
        assert_eq!(
            presences(&registry, Some(&live), Some(&built)),
            [
                "public.a view-missing",
                "public.b view-not-in-migrations",
                "public.c view-not-created",
                "public.d in-sync",
                "public.e view-unregistered",
                "public.f view-retired",
                "public.g view-made-by-hand",
            ]
        );
        // Without the migrations the cause is not known.
        assert_eq!(
            presences(&registry, Some(&live), None),
            [
                "public.a view-missing",
                "public.b in-sync",
                "public.c view-missing",
                "public.d in-sync",
                "public.e view-unregistered",
                "public.g view-unregistered",
            ]
        );
        // Without the database only what the migrations lack is.
        assert_eq!(
            presences(&registry, None, Some(&built)),
            [
                "public.a in-sync",
                "public.b view-not-in-migrations",
                "public.c view-not-in-migrations",
                "public.d in-sync",
                "public.e view-unregistered",
                "public.f view-unregistered",
            ]
        );
    }

    #[test]
    fn views_of_one_tenant_are_not_expected_of_the_migrations() {
        let registry = registry_of_tenants("tenant_{slug}.mv", &["a", "b", "c"]);
        let live = snapshot(["tenant_a.mv", "tenant_b.mv"].map(view));
        let built = snapshot(["tenant_b.mv", "tenant_z.mv"].map(view));
        assert_eq!(
            presences(&registry, Some(&live), Some(&built)),
            [
                "tenant_a.mv in-sync",
                "tenant_b.mv in-sync",
                "tenant_c.mv view-missing",
                "tenant_z.mv view-retired",
            ]
        );
        let compared = compare(&registry, Some(&live), Some(&built));
        let is_built: Vec<_> = compared.views.iter().map(|view| view.is_built).collect();
        assert_eq!(is_built, [None, Some(true), None, Some(true)]);
    }

    #[test]
    fn what_is_ignored_or_elsewhere_counts_in_no_source() {
        let registry = registry(
            "version = 1\n[database]\nschemas = ['public']\nignore = ['public.tmp_*']\n\
             [[matview]]\nname = 'public.a'",
        );
        let views = snapshot(["public.a", "public.tmp_1", "elsewhere.x"].map(view));
        let none = snapshot([]);
        assert_eq!(presences(&registry, Some(&none), Some(&views)), ["public.a view-missing"]);
        let compared = compare(&registry, Some(&views), Some(&none));
        assert_eq!((compared.ignored.len(), compared.outside.len()), (1, 1));
    }
}
