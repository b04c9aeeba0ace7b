//! The plan: what a refresh of the selected views takes, in which order, and what is refused
//! before anything is sent. Pure: registry, snapshot, classes and history in, tasks out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::order::{Ordered, order};
use super::select::{Selection, tenant_of};
use super::{Mode, NamedKey, Plan, RefreshOutcome, Refusal, Safety, SafetyRules, Task};
use crate::history::{History, LastRefresh};
use crate::ident::{Identifier, QualifiedName};
use crate::lock_key::LockKey;
use crate::order::cycles;
use crate::registry::{RefreshMode, Registry, RegistryEntry};
use crate::rights::Oid;
use crate::snapshot::{Snapshot, ViewState};
use crate::tenant_safety::{SafetyClass, TenantSafety};

#[cfg(test)]
pub(super) mod tests;

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The registry, its templates filled in.
    pub registry: &'a Registry,
    /// The views of the database.
    pub snapshot: &'a Snapshot,
    /// What a refresh of each would do to tenants.
    pub safety: &'a BTreeMap<Oid, TenantSafety>,
    /// The refreshes on record.
    pub history: &'a History,
}

/// How the caller wants it done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Leave alone what is fresh.
    pub fresh: Option<Freshness>,
    /// ANALYZE after every refresh.
    pub analyze: bool,
    /// Count rows and tenants, whatever the class.
    pub count: bool,
}

/// What counts as fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Rows younger than this.
    YoungerThan(Duration),
    /// Rows younger than the entry's `max_staleness`.
    AsDeclared,
}

/// Plans the refresh of what was selected.
pub fn plan(selection: &Selection<'_>, sources: Sources<'_>, options: Options) -> Plan {
    let planner = Planner { selection, sources, options };
    let entries: BTreeMap<&QualifiedName, &RegistryEntry> =
        selection.entries.iter().filter_map(|entry| Some((entry.name.fixed()?, *entry))).collect();
    let names: BTreeSet<QualifiedName> = entries.keys().map(|name| (*name).clone()).collect();
    let reads = planner.reads(&entries);
    let ordered = order(&names, &reads);
    let circles = planner.circles();
    let members = ordered.cycles.iter().flatten();
    let places: BTreeMap<&QualifiedName, usize> =
        ordered.views.iter().chain(members).zip(0..).collect();
    let turns = planner.turns(&entries, &ordered);
    let mut tasks = Vec::with_capacity(places.len());
    for name in ordered.views.iter().chain(ordered.cycles.iter().flatten()) {
        let Some(entry) = entries.get(name) else { continue };
        let mut task = planner.task(name, entry);
        match circles.iter().find(|members| members.contains(name)) {
            Some(members) => task.refusal = Some(in_a_cycle(members)),
            None => {
                let upstream = reads.get(name).into_iter().flatten();
                task.after = upstream.filter_map(|up| places.get(up).copied()).collect();
            }
        }
        task.turn = turns.get(name).copied().unwrap_or(usize::MAX);
        tasks.push(task);
    }
    Plan { tasks, notes: planner.notes() }
}

/// Decides how a view is refreshed.
///
/// # Errors
///
/// The refusal, where it was declared to be refreshed concurrently and cannot be: it is
/// never refreshed in a way that readers wait for without being asked.
pub fn mode_for(
    view: &QualifiedName,
    declared: RefreshMode,
    unique_key: Option<&[Identifier]>,
    is_populated: bool,
    has_usable_index: bool,
) -> Result<Mode, Refusal> {
    match declared {
        _ if !is_populated => Ok(Mode::FirstFill),
        RefreshMode::Plain => Ok(Mode::Plain),
        RefreshMode::Concurrently if has_usable_index => Ok(Mode::Concurrently),
        RefreshMode::Concurrently => Err(Refusal {
            outcome: RefreshOutcome::RefusedUnfit,
            reason: format!("{view} has no index that a concurrent refresh can use"),
            hint: Some(match unique_key {
                Some(key) => {
                    let columns: Vec<String> = key.iter().map(Identifier::to_string).collect();
                    let columns = columns.join(", ");
                    format!("CREATE UNIQUE INDEX CONCURRENTLY ON {view} ({columns})")
                }
                None => "create a unique index on columns that tell every row apart, or declare \
                         refresh = \"plain\""
                    .to_owned(),
            }),
        }),
    }
}

/// Decides whether a view may be refreshed, and what is held against a loss.
///
/// A view of one tenant may be filtered: that is what it is for, as long as the rows can be
/// counted afterwards.
///
/// # Errors
///
/// The refusal, where rows of tenants would be lost. Nothing on the command line overrides
/// it.
pub fn safety_for(
    view: &QualifiedName,
    rules: &SafetyRules,
    found: Option<&TenantSafety>,
) -> Result<Safety, Refusal> {
    let class = found.map_or(SafetyClass::Opaque, |found| found.class);
    let is_one_tenants = rules.is_one_tenants;
    if matches!(class, SafetyClass::Rls | SafetyClass::Setting) {
        if !is_one_tenants {
            return Err(loses_rows(view, found, class));
        }
        if rules.tenant_column.is_none() || !rules.has_setting {
            return Err(Refusal {
                outcome: RefreshOutcome::RefusedUnsafe,
                reason: format!(
                    "{view} is filtered by its tenant (class {}), and nothing would show whether \
                     the right rows are left",
                    class.word()
                ),
                hint: Some(
                    "declare its tenant_column, and setting in [tenancy], in registry.toml"
                        .to_owned(),
                ),
            });
        }
    }
    let is_filtered = found.is_some_and(|found| !found.filtered_by.is_empty());
    Ok(Safety {
        class,
        guard: found.is_none_or(|found| found.guard_usable) && !is_filtered,
        counted: rules.count
            || rules.tenant_column.is_some() && (class == SafetyClass::Opaque || is_one_tenants),
    })
}

/// Says what a refresh would lose, and what to do about it.
fn loses_rows(view: &QualifiedName, found: Option<&TenantSafety>, class: SafetyClass) -> Refusal {
    let upstream = found.and_then(|found| found.because_of.first());
    let filtered = found.map(|found| found.filtered_by.as_slice()).unwrap_or_default();
    let (reason, hint) = match (filtered, upstream) {
        ([], Some(upstream)) => (
            format!("{view} reads {upstream}, of which a refresh loses tenants' rows"),
            format!("mend {upstream}; this one follows"),
        ),
        ([], None) => (
            format!("the query of {view} depends on a setting of the session"),
            "take the setting out of the query; filter where it is read".to_owned(),
        ),
        (tables, _) => {
            let tables: Vec<String> =
                tables.iter().map(|by| format!("{} as {}", by.table, by.as_role)).collect();
            (
                format!(
                    "row-level security filters what a refresh of {view} reads: {}",
                    tables.join(", ")
                ),
                "hand the view to an owner that those policies do not bind".to_owned(),
            )
        }
    };
    Refusal {
        outcome: RefreshOutcome::RefusedUnsafe,
        reason: format!("{reason} (class {})", class.word()),
        hint: Some(format!("{hint}; see `driftgate check-grants --view {view}`")),
    }
}

fn in_a_cycle(members: &[QualifiedName]) -> Refusal {
    let names: Vec<String> = members.iter().map(ToString::to_string).collect();
    let reason = match names.as_slice() {
        [one] => format!("{one} reads itself, through plain views"),
        _ => format!("these views read each other in a circle: {}", names.join(", ")),
    };
    Refusal {
        outcome: RefreshOutcome::RefusedUnfit,
        reason,
        hint: Some("change one of the plain views in between; no order can refresh them".into()),
    }
}

#[derive(Debug, Clone, Copy)]
struct Planner<'a> {
    selection: &'a Selection<'a>,
    sources: Sources<'a>,
    options: Options,
}

impl Planner<'_> {
    fn task(&self, name: &QualifiedName, entry: &RegistryEntry) -> Task {
        let live = self.sources.snapshot.views.get(name);
        let tenant = tenant_of(entry).map(str::to_owned);
        let tenancy = self.sources.registry.tenancy.as_ref();
        let setting = tenancy.and_then(|tenancy| tenancy.setting.as_ref());
        let mut settings = tenancy.map(|tenancy| tenancy.settings.clone()).unwrap_or_default();
        if let (Some(tenant), Some(setting)) = (&tenant, setting) {
            settings.insert(setting.clone(), tenant.clone());
        }
        let found = live.and_then(|live| self.sources.safety.get(&live.oid));
        let rules = SafetyRules {
            is_one_tenants: tenant.is_some(),
            tenant_column: entry.tenant_column.clone(),
            tenants_may_vanish: entry.tenants_may_vanish,
            has_setting: setting.is_some(),
            count: self.options.count,
        };
        let safety = safety_for(name, &rules, found);
        let mode = self.mode(name, entry, live);
        let refusal = match (live, &mode, &safety) {
            (None, _, _) => Some(not_there(name)),
            (_, _, Err(refusal)) | (_, Err(refusal), _) => Some(refusal.clone()),
            _ => None,
        };
        Task {
            view: name.clone(),
            oid: live.map(|live| live.oid),
            serves: self
                .selection
                .serves
                .filter(|_| tenant.is_none() && entry.tenant_column.is_some()),
            declared: entry.refresh,
            mode: mode.unwrap_or(Mode::Concurrently),
            keys: self.keys(name, entry),
            next_in_line: LockKey::waiting(
                self.sources.registry.lock_scheme,
                name,
                entry.lock_name.as_deref(),
                tenant.as_deref(),
            ),
            settings,
            safety: safety.unwrap_or(Safety {
                class: found.map_or(SafetyClass::Opaque, |found| found.class),
                guard: true,
                counted: true,
            }),
            rules,
            unique_key: entry.unique_key.clone(),
            analyze: self.options.analyze || entry.analyze,
            fresh_for: self.fresh_for(entry),
            last: self.last(name).cloned(),
            after: Vec::new(),
            turn: 0,
            refusal,
            tenant,
        }
    }

    fn mode(
        &self,
        name: &QualifiedName,
        entry: &RegistryEntry,
        live: Option<&ViewState>,
    ) -> Result<Mode, Refusal> {
        let Some(live) = live else { return Err(not_there(name)) };
        let key = entry.unique_key.as_deref();
        mode_for(name, entry.refresh, key, live.populated, live.has_usable_index())
    }

    /// Returns the keys, the view's own first.
    ///
    /// A view that tenants share has one for all of them, and with tenants asked for by id
    /// theirs too: a worker that refreshes for one tenant is then kept out as well.
    fn keys(&self, name: &QualifiedName, entry: &RegistryEntry) -> Vec<NamedKey> {
        let scheme = self.sources.registry.lock_scheme;
        let key = |tenant: Option<&str>| NamedKey {
            scheme,
            key: LockKey::of(scheme, name, entry.lock_name.as_deref(), tenant),
            name: match tenant {
                None => name.to_string(),
                Some(tenant) => format!("{name} for tenant {tenant}"),
            },
        };
        match tenant_of(entry) {
            Some(tenant) => vec![key(Some(tenant))],
            None => {
                let tenants = self.selection.tenants.iter().map(|tenant| key(Some(tenant)));
                let mut keys = vec![key(None)];
                keys.extend(tenants);
                keys
            }
        }
    }

    fn fresh_for(&self, entry: &RegistryEntry) -> Option<Duration> {
        match self.options.fresh? {
            Freshness::YoungerThan(age) => Some(age),
            Freshness::AsDeclared => entry.max_staleness,
        }
    }

    fn last(&self, name: &QualifiedName) -> Option<&LastRefresh> {
        match self.sources.history {
            History::Known(records) => records.last_success.get(name),
            History::NotInstalled | History::Unreadable(_) => None,
        }
    }

    /// Returns what each view reads, by the catalog and by the registry.
    fn reads(
        &self,
        entries: &BTreeMap<&QualifiedName, &RegistryEntry>,
    ) -> BTreeMap<QualifiedName, BTreeSet<QualifiedName>> {
        let mut reads: BTreeMap<QualifiedName, BTreeSet<QualifiedName>> = BTreeMap::new();
        for (name, entry) in entries {
            let live = self.sources.snapshot.views.get(*name);
            let upstream = live.into_iter().flat_map(|live| &live.depends_on);
            let upstream: BTreeSet<_> = upstream.chain(&entry.depends_on).cloned().collect();
            if !upstream.is_empty() {
                reads.insert((*name).clone(), upstream);
            }
        }
        reads
    }

    /// Returns the members of each circle, whether they are selected or not: a view in one
    /// is refreshed from its own old rows, even on its own.
    fn circles(&self) -> Vec<Vec<QualifiedName>> {
        let live = self.sources.snapshot.views.iter();
        let live = live.flat_map(|(name, view)| view.depends_on.iter().map(move |up| (name, up)));
        let entries = self.sources.registry.matviews.iter();
        let declared = entries
            .filter_map(|entry| Some((entry.name.fixed()?, &entry.depends_on)))
            .flat_map(|(name, upstream)| upstream.iter().map(move |up| (name, up)));
        let circles = cycles(live.chain(declared)).into_iter();
        circles.map(|members| members.into_iter().cloned().collect()).collect()
    }

    /// Returns the turn of each view: shared views first, then tenant by tenant, the one
    /// whose rows are oldest first; so a run that is cut short and repeated gets round.
    fn turns(
        &self,
        entries: &BTreeMap<&QualifiedName, &RegistryEntry>,
        ordered: &Ordered,
    ) -> BTreeMap<QualifiedName, usize> {
        let mut oldest: BTreeMap<&str, Option<DateTime<Utc>>> = BTreeMap::new();
        for (name, entry) in entries {
            if let Some(tenant) = tenant_of(entry) {
                let as_of = self.last(name).map(|last| last.as_of);
                let known = oldest.entry(tenant).or_insert(as_of);
                // Never refreshed, `None`, is older than all.
                *known = (*known).min(as_of);
            }
        }
        let mut views: Vec<(usize, &QualifiedName)> = (0..).zip(&ordered.views).collect();
        views.sort_by_key(|(place, name)| {
            let tenant = entries.get(name).and_then(|entry| tenant_of(entry));
            (tenant.map(|tenant| (oldest.get(tenant).copied().flatten(), tenant)), *place)
        });
        views.into_iter().map(|(_, name)| name.clone()).zip(0..).collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.options.fresh.is_some() {
            let why = match self.sources.history {
                History::Known(_) => None,
                History::NotInstalled => {
                    Some("no history is installed (`driftgate history install`)".to_owned())
                }
                History::Unreadable(reason) => Some(reason.clone()),
            };
            if let Some(why) = why {
                notes.push(format!("what is fresh is not known, and nothing is skipped: {why}"));
            }
        }
        notes
    }
}

fn not_there(name: &QualifiedName) -> Refusal {
    Refusal {
        outcome: RefreshOutcome::RefusedUnfit,
        reason: format!("the database has no materialized view {name}"),
        hint: Some("`driftgate diff-registry` tells who has to move".to_owned()),
    }
}
