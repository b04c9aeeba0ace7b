//! The rows of `diff-registry`: where each view is, and whether it is what was declared.

use serde::Serialize;

use crate::definitions::{Compared, ComparedViews};
use crate::drift::{ComparedView, Comparison};
use crate::fresh::FreshInventory;
use crate::ident::QualifiedName;
use crate::registry::RegistryEntry;
use crate::report::Ignored;

/// What `diff-registry` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffRows {
    /// Every view that the registry or the database has, by name.
    pub views: Vec<DiffRow>,
    /// Views that the registry says to ignore.
    pub ignored: Vec<Ignored>,
}

/// One view, three ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffRow {
    /// Schema and name.
    pub name: QualifiedName,
    /// The tenant whose own view it is; `None`: it is not one tenant's, or nobody's.
    pub tenant: Option<String>,
    /// The entry that it is one of several views of, for a reader's sake.
    #[serde(skip)]
    pub template: Option<String>,
    /// Whether the registry declares it.
    pub registry: bool,
    /// Whether the migrations build it; `None`: not looked.
    pub migrations: Option<bool>,
    /// Whether the database has it; `None`: not looked.
    pub live: Option<bool>,
    /// `in-sync`, or the slug of the check that speaks of it.
    pub presence: &'static str,
    /// `same`, `differs`, `undecided` or `not-compared`.
    pub definition: &'static str,
    /// The difference of the definitions, as a unified diff.
    pub diff: Option<String>,
}

/// Returns the rows for a comparison; `definitions` are those that could be compared with
/// what the registry declares, and `fresh` is what the migrations build.
pub fn rows(
    comparison: &Comparison<'_>,
    definitions: Option<&ComparedViews>,
    fresh: Option<&FreshInventory>,
) -> DiffRows {
    let compared = |view: &ComparedView<'_>| match view.has_definition() {
        true => definitions?.get(view.name),
        // Without a declared definition the migrations are the only reference.
        false => view.entry.and(fresh?.live.get(view.name)).map(|drift| &drift.definition),
    };
    DiffRows {
        views: comparison
            .views
            .iter()
            .map(|view| DiffRow {
                name: view.name.clone(),
                tenant: view.entry.and_then(RegistryEntry::tenant_id).map(str::to_owned),
                template: match view.template {
                    Some(entry) => Some(entry.name.to_string()),
                    None => view.entry.and_then(RegistryEntry::template_spelling),
                },
                registry: view.entry.is_some(),
                migrations: view.is_built,
                live: view.is_live,
                presence: view.presence(),
                definition: match view.is_comparable() {
                    true => compared(view).map_or("undecided", Compared::word),
                    false => "not-compared",
                },
                diff: compared(view).and_then(Compared::diff).map(str::to_owned),
            })
            .collect(),
        ignored: comparison
            .ignored
            .iter()
            .map(|(name, pattern)| Ignored {
                name: (*name).clone(),
                pattern: pattern.as_str().to_owned(),
            })
            .collect(),
    }
}
