//! The selection: which of the registry's views a command line means, and for which tenants.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::lock_key::normal_tenant;
use crate::registry::{EntryName, Registry, RegistryEntry};
use crate::tenants::Tenant;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Views, or templates as the registry spells them.
    pub views: Vec<EntryName>,
    /// Every view of the registry.
    pub all: bool,
    /// The views of these classes.
    pub classes: Vec<String>,
    /// The tenants.
    pub tenants: WantedTenants,
}

/// The tenants that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedTenants {
    /// None in particular: views of one tenant are taken for every tenant.
    Unsaid,
    /// All of them.
    All,
    /// These, by their ids.
    These(BTreeSet<String>),
}

/// What is to be refreshed.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection<'r> {
    /// The entries, in the order of the registry.
    pub entries: Vec<&'r RegistryEntry>,
    /// The tenants that were asked for by id, whose keys are taken for shared views too.
    pub tenants: BTreeSet<String>,
    /// How many tenants were asked for; `None`: none in particular.
    pub serves: Option<usize>,
}

impl Wanted {
    /// Tells whether anything was asked for.
    pub fn is_nothing(&self) -> bool {
        self.views.is_empty()
            && !self.all
            && self.classes.is_empty()
            && self.tenants == WantedTenants::Unsaid
    }

    /// Tells whether the list of tenants is needed to know what was meant.
    pub fn needs_tenants(&self, registry: &Registry) -> bool {
        let has_template =
            registry.matviews.iter().any(|entry| matches!(entry.name, EntryName::PerTenant(_)));
        let has_query = registry.tenancy.as_ref().is_some_and(|tenancy| tenancy.tenants.is_some());
        match self.tenants {
            WantedTenants::All => true,
            WantedTenants::These(_) => has_template || has_query,
            WantedTenants::Unsaid => has_template,
        }
    }

    /// Picks the entries of a registry whose templates are filled in for the tenants;
    /// `listed` is `None` where the tenants were not asked for.
    ///
    /// # Errors
    ///
    /// A usage failure for a view, class or tenant that is not known, or when nothing is
    /// left to be refreshed.
    pub fn pick<'r>(
        &self,
        registry: &'r Registry,
        listed: Option<&[Tenant]>,
    ) -> Result<Selection<'r>, Failure> {
        self.check_names(registry, listed)?;
        let names_views = self.all || !self.views.is_empty() || !self.classes.is_empty();
        let entries: Vec<_> = registry
            .matviews
            .iter()
            .filter(|entry| match tenant_of(entry) {
                Some(tenant) => (!names_views || self.names(entry)) && self.includes(tenant),
                None => self.names(entry),
            })
            .collect();
        if entries.is_empty() {
            return Err(self.nothing(registry));
        }
        let (tenants, serves) = match &self.tenants {
            WantedTenants::Unsaid => (BTreeSet::new(), None),
            WantedTenants::All => (BTreeSet::new(), listed.map(<[Tenant]>::len)),
            WantedTenants::These(ids) => (ids.clone(), Some(ids.len())),
        };
        Ok(Selection { entries, tenants, serves })
    }

    fn names(&self, entry: &RegistryEntry) -> bool {
        self.all
            || entry.schedule.as_ref().is_some_and(|class| self.classes.contains(class))
            || self.views.iter().any(|view| is_named(entry, view))
    }

    fn includes(&self, tenant: &str) -> bool {
        match &self.tenants {
            WantedTenants::Unsaid | WantedTenants::All => true,
            WantedTenants::These(ids) => ids.contains(tenant),
        }
    }

    fn check_names(&self, registry: &Registry, listed: Option<&[Tenant]>) -> Result<(), Failure> {
        if let Some(class) =
            self.classes.iter().find(|class| !registry.schedules.contains_key(*class))
        {
            let known: Vec<&str> = registry.schedules.keys().map(String::as_str).collect();
            return Err(Failure::usage(format!("`{class}` is no class of [schedules]"))
                .hint(format!("the classes are: {}", join_or_none(&known))));
        }
        for view in &self.views {
            let mut named = registry.matviews.iter().filter(|entry| is_named(entry, view));
            if named.next().is_none() {
                return Err(Failure::usage(format!("{view} is no view of this registry"))
                    .hint("driftgate refreshes what registry.toml declares: add a [[matview]]")
                    .hint("`driftgate diff-registry` shows what is declared and what is live"));
            }
        }
        if let (WantedTenants::These(ids), Some(listed)) = (&self.tenants, listed) {
            let listed: BTreeSet<&str> = listed.iter().map(|tenant| tenant.id.as_str()).collect();
            if let Some(id) = ids.iter().find(|id| !listed.contains(id.as_str())) {
                return Err(Failure::usage(format!("the tenants query lists no tenant {id}"))
                    .hint("`--tenant` takes the id, the first column of [tenancy] tenants"));
            }
        }
        Ok(())
    }

    fn nothing(&self, registry: &Registry) -> Failure {
        let failure = Failure::usage("nothing to refresh was selected");
        if registry.matviews.is_empty() {
            return failure.hint("registry.toml declares no view");
        }
        match &self.tenants {
            WantedTenants::Unsaid => failure.hint("no view has a schedule of this class"),
            _ => failure
                .hint("no view is one tenant's: name the views, or add --all")
                .hint("a view that tenants share is refreshed once, for all of them"),
        }
    }
}

/// Returns the tenants that were typed, as keys and lists of tenants spell them.
pub fn typed_tenants(typed: &[String]) -> BTreeSet<String> {
    typed.iter().map(|tenant| normal_tenant(tenant)).collect()
}

/// Returns the tenant whose view an entry is.
pub(super) fn tenant_of(entry: &RegistryEntry) -> Option<&str> {
    entry.tenant.as_ref().map(|tenant| tenant.id.as_str())
}

fn is_named(entry: &RegistryEntry, name: &EntryName) -> bool {
    entry.name == *name || entry.template.as_ref().is_some_and(|template| template == name)
}

fn join_or_none(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
