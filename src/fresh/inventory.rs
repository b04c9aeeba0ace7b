//! What the migrations made of a new database, for the checks.

use std::collections::BTreeMap;

use crate::definitions::{AttributeDrift, Compared, ComparedViews};
use crate::ident::QualifiedName;
use crate::snapshot::Snapshot;
use crate::verify::Built;

/// A new database that the migrations alone have built, as far as they got.
#[derive(Debug, Clone, PartialEq)]
pub struct FreshInventory {
    /// Where it came from: `local`, `server` or `url`.
    pub source: &'static str,
    /// How far the migrations got, and what they did to each view.
    pub built: Built,
    /// Its views; complete where no migration failed.
    pub snapshot: Snapshot,
    /// Its views against the definitions that the registry declares for them.
    pub declared: ComparedViews,
    /// The live views against its own.
    pub live: BTreeMap<QualifiedName, LiveDrift>,
}

/// A live view against the one that the migrations build.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveDrift {
    /// The definitions.
    pub definition: Compared,
    /// What else is different.
    pub attributes: Vec<AttributeDrift>,
}
