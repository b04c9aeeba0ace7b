//! The rows of `inventory`: the materialized views, and all that matters about each.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::ident::{QualifiedName, RoleName};
use crate::registry::{EntryName, IgnorePattern, Registry};
use crate::report::Ignored;
use crate::rights::Oid;
use crate::snapshot::{IndexState, ReadStatus, Snapshot, ViewState, hex};
use crate::tenant_safety::SafetyClass;

/// What `inventory` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InventoryRows {
    /// Every materialized view that is not ignored, by name.
    pub matviews: Vec<InventoryRow>,
    /// Views that the registry says to ignore.
    pub ignored: Vec<Ignored>,
}

/// One materialized view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InventoryRow {
    /// Schema and name.
    pub name: QualifiedName,
    /// The role whose rights every refresh uses.
    pub owner: RoleName,
    /// Whether it may be read at all.
    pub populated: bool,
    /// Whether everything about it could be read.
    pub status: ReadStatus,
    /// Bytes on disk, with indexes and TOAST; `None` when busy.
    pub size_bytes: Option<i64>,
    /// The planner's estimate; `None` when never analyzed.
    pub rows_estimate: Option<f64>,
    /// Its indexes, by name.
    pub indexes: Vec<IndexRow>,
    /// Populated, and with an index that a concurrent refresh can use.
    pub concurrent_ready: bool,
    /// The nearest materialized views that it reads.
    pub depends_on: Vec<QualifiedName>,
    /// The nearest materialized views that read it.
    pub dependents: Vec<QualifiedName>,
    /// What a refresh would do to tenants; `None`: the view appeared while it was looked at.
    pub tenant_safety: Option<SafetyClass>,
    /// Whether the registry declares it; `None` without a registry.
    pub registered: Option<bool>,
    /// What changes when the definition changes; `None` when busy.
    pub fingerprint: Option<FingerprintRow>,
    /// The last refresh on record; `None`: nothing is on record.
    pub last_refresh: Option<LastRefreshRow>,
    /// `COMMENT ON MATERIALIZED VIEW`.
    pub comment: Option<Box<str>>,
}

/// An index of a materialized view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexRow {
    /// Its name.
    pub name: String,
    /// Its key columns; `(expression)` where it is none.
    pub columns: Vec<String>,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether it is valid; an interrupted `CREATE INDEX CONCURRENTLY` leaves one that is not.
    pub valid: bool,
    /// Whether `REFRESH … CONCURRENTLY` can work with it.
    pub usable_for_concurrent: bool,
}

/// The digest of a definition, comparable on servers of the same major version alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FingerprintRow {
    /// SHA-256 of the definition as the server prints it, in hexadecimal.
    pub sha256: String,
    /// The server's major version.
    pub server_major: i32,
}

/// The last refresh on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRefreshRow {
    /// When it ended, RFC 3339 in UTC.
    pub at: String,
    /// What came of it.
    pub outcome: String,
    /// How long it took.
    pub duration_ms: u64,
    /// How long ago it ended, by the server's clock.
    pub age_seconds: u64,
}

/// What a listing needs of the registry; the rest of 10,000 entries is not kept for it.
#[derive(Debug)]
pub struct Known {
    names: HashSet<QualifiedName>,
    ignore: Vec<IgnorePattern>,
}

impl Known {
    /// Keeps names and patterns of a registry.
    pub fn of(registry: Registry) -> Self {
        let names = registry.matviews.into_iter().filter_map(|entry| match entry.name {
            EntryName::Fixed(name) => Some(name),
            EntryName::PerTenant(_) => None,
        });
        Self { names: names.collect(), ignore: registry.database.ignore }
    }
}

/// Returns the rows for a snapshot and the views' classes, with what the registry knows.
pub fn rows(
    snapshot: Snapshot,
    safety: &BTreeMap<Oid, SafetyClass>,
    known: Option<&Known>,
) -> InventoryRows {
    let major = snapshot.server.major();
    let mut rows = InventoryRows { matviews: Vec::new(), ignored: Vec::new() };
    for (name, view) in snapshot.views {
        let ignored = known.and_then(|known| known.ignore.iter().find(|one| one.matches(&name)));
        match ignored {
            Some(pattern) => {
                rows.ignored.push(Ignored { name, pattern: pattern.as_str().to_owned() });
            }
            None => {
                let class = safety.get(&view.oid).copied();
                rows.matviews.push(row(view, class, known, major));
            }
        }
    }
    rows
}

fn row(
    view: ViewState,
    tenant_safety: Option<SafetyClass>,
    known: Option<&Known>,
    server_major: i32,
) -> InventoryRow {
    InventoryRow {
        owner: view.owner.clone(),
        populated: view.populated,
        status: view.status,
        size_bytes: view.size_bytes,
        rows_estimate: view.rows_estimate,
        concurrent_ready: view.is_concurrent_ready(),
        indexes: view.indexes.iter().map(index_row).collect(),
        depends_on: view.depends_on.into_iter().collect(),
        dependents: view.dependents.into_iter().collect(),
        tenant_safety,
        registered: known.map(|known| known.names.contains(&view.name)),
        fingerprint: view
            .definition_sha256
            .map(|digest| FingerprintRow { sha256: hex(&digest), server_major }),
        last_refresh: None,
        comment: view.comment,
        name: view.name,
    }
}

/// Returns an index as rows show it.
pub fn index_row(index: &IndexState) -> IndexRow {
    IndexRow {
        name: index.name.to_string(),
        columns: index
            .columns
            .iter()
            .map(|column| match column {
                Some(name) => name.to_string(),
                None => "(expression)".to_owned(),
            })
            .collect(),
        unique: index.unique,
        valid: index.valid,
        usable_for_concurrent: index.usable_for_concurrent,
    }
}
