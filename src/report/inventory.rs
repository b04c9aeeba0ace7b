//! The rows of `inventory`: the materialized views, and all that matters about each.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::history::{FailedRefresh, History, Records};
use crate::ident::{QualifiedName, RoleName};
use crate::refresh::RefreshOutcome;
use crate::registry::{EntryName, IgnorePattern, Registry};
use crate::report::Ignored;
use crate::rights::Oid;
use crate::snapshot::{IndexState, ReadStatus, Snapshot, ViewState, hex};
use crate::tenant_safety::SafetyClass;
use crate::tenants::Tenant;

/// What `inventory` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InventoryRows {
    /// Every materialized view that is not ignored, by name.
    pub matviews: Vec<InventoryRow>,
    /// Views that the registry says to ignore.
    pub ignored: Vec<Ignored>,
    /// Why nothing is known of refreshes, and what to do about it; `None`: they are known.
    pub history_missing: Option<String>,
}

/// One materialized view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InventoryRow {
    /// Schema and name.
    pub name: QualifiedName,
    /// The tenant whose own view it is; `None`: it is not one tenant's, or that is not known.
    pub tenant: Option<String>,
    /// The entry that it is one of several views of, for a reader's sake.
    #[serde(skip)]
    pub template: Option<Arc<str>>,
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
    /// Whether the registry declares it; `None` without a registry, and where it may be one
    /// tenant's and the tenants are not known.
    pub registered: Option<bool>,
    /// What changes when the definition changes; `None` when busy.
    pub fingerprint: Option<FingerprintRow>,
    /// The last successful refresh on record; `None`: none of this relation is.
    pub last_refresh: Option<LastRefreshRow>,
    /// Whether somebody else has refreshed or altered it since; `None`: none is on record.
    pub refreshed_since: Option<bool>,
    /// The last refresh that was tried and did not succeed, after the last success.
    pub failed_since: Option<Box<FailedSinceRow>>,
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

/// The last successful refresh on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRefreshRow {
    /// The instant whose rows it holds, by the server's clock, RFC 3339 in UTC.
    #[serde(serialize_with = "crate::report::serialize_time")]
    pub at: DateTime<Utc>,
    /// What came of it.
    pub outcome: &'static str,
    /// How long it took.
    pub duration_ms: u64,
    /// How long ago that instant is, by the server's clock.
    pub age_seconds: u64,
}

/// A refresh on record that was tried and did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedSinceRow {
    /// When it ended, by the server's clock, RFC 3339 in UTC.
    #[serde(serialize_with = "crate::report::serialize_time")]
    pub at: DateTime<Utc>,
    /// What came of it.
    pub outcome: String,
    /// SQLSTATE, where the server sent one.
    pub sqlstate: Option<String>,
}

/// What a listing needs of the registry; the rest of 10,000 entries is not kept for it.
#[derive(Debug)]
pub struct Known {
    names: HashMap<QualifiedName, Option<OfTenant>>,
    ignore: Vec<IgnorePattern>,
    /// Templates that were not filled in.
    templates: Vec<EntryName>,
}

/// Whose view it is, and by which template.
#[derive(Debug)]
struct OfTenant {
    tenant: Arc<Tenant>,
    template: Arc<str>,
}

impl Known {
    /// Keeps names and patterns of a registry.
    pub fn of(registry: Registry) -> Self {
        let mut known =
            Self { names: HashMap::new(), ignore: registry.database.ignore, templates: vec![] };
        let mut spellings: HashMap<String, Arc<str>> = HashMap::new();
        for entry in registry.matviews {
            let spelling = entry.template_spelling().map(|spelling| {
                let shared =
                    spellings.entry(spelling).or_insert_with_key(|key| key.as_str().into());
                Arc::clone(shared)
            });
            let of_tenant = entry.tenant.zip(spelling);
            let of_tenant = of_tenant.map(|(tenant, template)| OfTenant { tenant, template });
            match entry.name {
                EntryName::Fixed(name) => drop(known.names.insert(name, of_tenant)),
                template => known.templates.push(template),
            }
        }
        known
    }

    /// Tells whether a view is registered; `None`: that depends on the tenants.
    fn has(&self, view: &QualifiedName) -> Option<bool> {
        let is_known = self.names.contains_key(view);
        let is_uncertain = || self.templates.iter().any(|template| template.may_stand_for(view));
        if !is_known && is_uncertain() { None } else { Some(is_known) }
    }
}

/// Returns the rows for a snapshot and the views' classes, with what the registry knows and
/// what is on record.
pub fn rows(
    snapshot: Snapshot,
    safety: &BTreeMap<Oid, SafetyClass>,
    known: Option<&Known>,
    history: History,
) -> InventoryRows {
    let major = snapshot.server.major();
    let (mut records, history_missing) = match history {
        History::Known(records) => (Some(records), None),
        History::Unreadable(reason) => (None, Some(reason)),
        History::NotInstalled => {
            (None, Some("it is not installed: `driftgate history install` makes it".to_owned()))
        }
    };
    let mut rows = InventoryRows { matviews: vec![], ignored: vec![], history_missing };
    for (name, view) in snapshot.views {
        let ignored = known.and_then(|known| known.ignore.iter().find(|one| one.matches(&name)));
        match ignored {
            Some(pattern) => {
                rows.ignored.push(Ignored { name, pattern: pattern.as_str().to_owned() });
            }
            None => {
                let class = safety.get(&view.oid).copied();
                let mut row = row(view, class, known, major);
                if let Some(records) = &mut records {
                    add_what_is_on_record(&mut row, records);
                }
                rows.matviews.push(row);
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
    let of_tenant = known.and_then(|known| known.names.get(&view.name)?.as_ref());
    InventoryRow {
        tenant: of_tenant.map(|of| of.tenant.id.clone()),
        template: of_tenant.map(|of| Arc::clone(&of.template)),
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
        registered: known.and_then(|known| known.has(&view.name)),
        fingerprint: view
            .definition_sha256
            .map(|digest| FingerprintRow { sha256: hex(&digest), server_major }),
        last_refresh: None,
        refreshed_since: None,
        failed_since: None,
        comment: view.comment,
        name: view.name,
    }
}

/// Takes what is on record of a view out of the records.
fn add_what_is_on_record(row: &mut InventoryRow, records: &mut Records) {
    let failed = records.failed_since.remove(&row.name);
    row.failed_since = failed.map(|failed| {
        let FailedRefresh { at, outcome, sqlstate } = failed;
        Box::new(FailedSinceRow { at, outcome, sqlstate })
    });
    // What is on record of another relation of this name says nothing about this one.
    let last = records.last_success.remove(&row.name);
    if let Some(last) = last.filter(|last| last.touched_since.is_some()) {
        row.refreshed_since = last.touched_since;
        row.last_refresh = Some(LastRefreshRow {
            at: last.as_of,
            outcome: RefreshOutcome::Success.word(),
            duration_ms: last.duration_ms,
            age_seconds: records.age(&last).as_secs(),
        });
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
