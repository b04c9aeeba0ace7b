//! The checks: one table, one small file each. A check is a pure comparison; it reports
//! its default severity, and policy is applied by the gate alone.

use chrono::{DateTime, Utc};

use crate::definitions::ComparedViews;
use crate::drift::Comparison;
use crate::finding::{Evidence, Finding, Location, Severity, Subject, Unjudged};
use crate::fresh::FreshInventory;
use crate::gate::GateId;
use crate::grants::Grants;
use crate::history::{History, Records};
use crate::migrations::MigrationState;
use crate::registry::{Registry, RegistryEntry};
use crate::schedule::Dispatched;
use crate::serialization::Serialization;
use crate::snapshot::Snapshot;

mod concurrent_unfit;
mod definition_drift;
mod dependency_drift;
mod deployment;
mod lock_key_collision;
mod lock_not_exclusive;
mod migration_changed;
mod migration_cycle;
mod migration_duplicate;
mod migration_failed;
pub(crate) mod migration_heads;
mod migration_parent_missing;
mod migration_pending;
mod migration_unknown;
mod not_compared;
mod owner_drift;
mod pooler_in_between;
mod prediction_wrong;
mod query;
mod read_too_wide;
mod refresh_denied;
mod refresh_filtered;
mod role_missing;
mod schedule_differs;
mod schedule_not_loaded;
mod schedule_overload;
mod schedule_silent;
mod schedule_too_slow;
mod schedule_twice;
mod schedule_unused;
mod search_path_unsafe;
mod tenant_column_missing;
mod tenant_read_unfiltered;
mod tenant_rows_lost;
mod tenant_rows_uncertain;
mod unique_key_drift;
mod view_missing;
mod view_never_refreshed;
mod view_outside_schemas;
mod view_stale;
mod view_unpopulated;
mod view_unregistered;
mod write_allowed;
mod write_only_trigger;
mod write_through_view;

/// A source of facts that a check compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The registry.
    Registry,
    /// The materialized views of the database.
    Snapshot,
    /// The project's migrations and the ledger.
    Migrations,
    /// A new database, as far as the migrations got.
    NewDatabase,
    /// The materialized views of a new database that all migrations have built.
    NewViews,
    /// The registry against the rights.
    Grants,
    /// The refreshes on record.
    History,
    /// The keys of locks, and what two sessions saw.
    Serialization,
    /// What dispatches the schedule.
    Schedule,
}

/// One check of the table.
#[derive(Debug)]
pub struct Check {
    /// Its name, which never changes.
    pub slug: &'static str,
    /// The gate it belongs to.
    pub gate: GateId,
    /// The severity of what it finds.
    pub severity: Severity,
    /// What is wrong when it fires, as a short sentence.
    pub summary: &'static str,
    /// The sources that it compares; it cannot be judged without one of them.
    pub needs: &'static [Source],
    /// The comparison.
    pub run: fn(&Check, &Facts<'_>, &mut Outcome),
}

/// Every check, by gate.
pub static CHECKS: &[Check] = &[
    migration_heads::CHECK,
    migration_duplicate::CHECK,
    migration_parent_missing::CHECK,
    migration_cycle::CHECK,
    migration_pending::CHECK,
    migration_unknown::CHECK,
    migration_changed::CHECK,
    migration_failed::CHECK,
    view_missing::CHECK,
    view_unregistered::CHECK,
    view_unpopulated::CHECK,
    definition_drift::CHECK,
    owner_drift::CHECK,
    unique_key_drift::CHECK,
    concurrent_unfit::CHECK,
    dependency_drift::CHECK,
    view_outside_schemas::CHECK,
    role_missing::CHECK,
    refresh_denied::CHECK,
    prediction_wrong::CHECK,
    read_too_wide::CHECK,
    write_allowed::CHECK,
    write_only_trigger::CHECK,
    write_through_view::CHECK,
    search_path_unsafe::CHECK,
    schedule_unused::CHECK,
    schedule_too_slow::CHECK,
    schedule_not_loaded::CHECK,
    schedule_differs::CHECK,
    schedule_silent::CHECK,
    schedule_twice::CHECK,
    schedule_overload::CHECK,
    lock_not_exclusive::CHECK,
    lock_key_collision::CHECK,
    pooler_in_between::CHECK,
    tenant_rows_lost::CHECK,
    tenant_rows_uncertain::CHECK,
    refresh_filtered::CHECK,
    tenant_column_missing::CHECK,
    tenant_read_unfiltered::CHECK,
    view_stale::CHECK,
    view_never_refreshed::CHECK,
];

/// What was looked at; for what was not, the reason why.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// The materialized views of the database.
    pub snapshot: Result<&'a Snapshot, String>,
    /// The registry against the snapshot and against a new database, as far as they were
    /// looked at; `None` where neither was.
    pub comparison: Option<Comparison<'a>>,
    /// A new database, as far as the migrations got.
    pub fresh: Result<&'a FreshInventory, String>,
    /// The views of a new database that all migrations have built.
    new_views: Result<&'a Snapshot, String>,
    /// Who holds the lock on migrating, in words; `None`: nobody was seen to.
    pub deploying: Option<String>,
    /// The migrations and the ledger.
    pub migrations: Result<&'a MigrationState, String>,
    /// The registry against the rights.
    pub grants: Result<&'a Grants, String>,
    /// The refreshes on record.
    pub history: Result<&'a Records, String>,
    /// The keys of locks, and what two sessions saw.
    pub serialization: Result<&'a Serialization, String>,
    /// What the views are against the definitions that the registry declares for them.
    pub definitions: Result<&'a ComparedViews, String>,
    /// What dispatches the schedule.
    pub schedule: Result<&'a Dispatched, String>,
    /// Why not every template of the registry is filled in for every tenant.
    pub not_filled_in: Vec<String>,
    /// The server's clock when it was first looked at; `None`: it was not.
    pub read_at: Option<DateTime<Utc>>,
}

impl<'a> Facts<'a> {
    /// Joins the sources, and compares registry and snapshot where both are there.
    pub fn new(
        registry: &'a Registry,
        snapshot: Result<&'a Snapshot, String>,
        migrations: Result<&'a MigrationState, String>,
    ) -> Self {
        let comparison = snapshot
            .as_ref()
            .ok()
            .map(|snapshot| crate::drift::compare(registry, Some(snapshot), None));
        let not_built = || "no new database was built by the migrations".to_owned();
        let read_at = snapshot.as_ref().ok().map(|snapshot| snapshot.server.read_at);
        let grants = Err("the rights were not looked at".to_owned());
        let not_filled_in = Vec::new();
        let history = Err("the history of refreshes was not looked at".to_owned());
        Self {
            registry,
            snapshot,
            comparison,
            fresh: Err(not_built()),
            new_views: Err(not_built()),
            deploying: None,
            migrations,
            grants,
            history,
            serialization: Err("no lock was looked at".to_owned()),
            schedule: Err("what dispatches the schedule was not looked at".to_owned()),
            definitions: Err("definitions were not compared".to_owned()),
            not_filled_in,
            read_at,
        }
    }

    /// Adds the declared definitions, compared.
    #[must_use]
    pub fn with_definitions(self, definitions: Result<&'a ComparedViews, String>) -> Self {
        Self { definitions, ..self }
    }

    /// Adds a new database, and whether a deploy is running.
    #[must_use]
    pub fn with_fresh(
        self,
        fresh: Result<&'a FreshInventory, String>,
        deploying: Option<String>,
    ) -> Self {
        let new_views = fresh.clone().and_then(|fresh| match &fresh.built.failed {
            None => Ok(&fresh.snapshot),
            Some(failed) => Err(format!("{} fails on a new database", failed.file)),
        });
        let (live, built) = (self.snapshot.as_ref().ok(), new_views.as_ref().ok());
        let comparison = (live.is_some() || built.is_some())
            .then(|| crate::drift::compare(self.registry, live.copied(), built.copied()));
        Self { comparison, fresh, new_views, deploying, ..self }
    }

    /// Adds why not every template of the registry is filled in for every tenant.
    #[must_use]
    pub fn without_tenants(self, not_filled_in: Vec<String>) -> Self {
        Self { not_filled_in, ..self }
    }

    /// Adds the rights, with the server's clock when they were read.
    #[must_use]
    pub fn with_grants(
        self,
        grants: Result<&'a Grants, String>,
        read_at: Option<DateTime<Utc>>,
    ) -> Self {
        Self { grants, read_at: self.read_at.or(read_at), ..self }
    }

    /// Adds the refreshes on record.
    #[must_use]
    pub fn with_history(self, history: Result<&'a History, String>) -> Self {
        let history = history.and_then(|history| match history {
            History::Known(records) => Ok(records),
            History::Unreadable(reason) => Err(reason.clone()),
            History::NotInstalled => Err("the history of refreshes is not installed: \
                                          `driftgate history install` makes it"
                .to_owned()),
        });
        Self { history, ..self }
    }

    /// Adds the keys of locks, and what two sessions saw.
    #[must_use]
    pub fn with_serialization(self, serialization: Result<&'a Serialization, String>) -> Self {
        Self { serialization, ..self }
    }

    /// Adds what dispatches the schedule, with the server's clock when it was read.
    #[must_use]
    pub fn with_schedule(self, schedule: Result<&'a Dispatched, String>) -> Self {
        let read_at = schedule.as_ref().ok().map(|dispatched| dispatched.read_at);
        Self { schedule, read_at: self.read_at.or(read_at), ..self }
    }

    /// Returns why a source was not looked at; `None` when it was.
    fn missing(&self, source: Source) -> Option<&str> {
        match source {
            Source::Registry => None,
            Source::Snapshot => self.snapshot.as_ref().err().map(String::as_str),
            Source::Migrations => self.migrations.as_ref().err().map(String::as_str),
            Source::NewDatabase => self.fresh.as_ref().err().map(String::as_str),
            Source::NewViews => self.new_views.as_ref().err().map(String::as_str),
            Source::Grants => self.grants.as_ref().err().map(String::as_str),
            Source::Serialization => self.serialization.as_ref().err().map(String::as_str),
            Source::Schedule => self.schedule.as_ref().err().map(String::as_str),
            Source::History => self.history.as_ref().err().map(String::as_str),
        }
    }

    /// Tells whether everything that a check compares was looked at.
    pub fn has_all(&self, check: &Check) -> bool {
        check.needs.iter().all(|source| self.missing(*source).is_none())
    }

    /// Returns the line of the registry that declares a view.
    pub fn location(&self, entry: &RegistryEntry) -> Option<Location> {
        self.line(entry.line)
    }

    /// Returns a line of the registry.
    fn line(&self, line: usize) -> Option<Location> {
        Some(Location { file: self.registry.source.display.clone(), line })
    }
}

/// What checks found, and what they could not judge.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The findings.
    pub findings: Vec<Finding>,
    /// What could not be judged, with the gate that it leaves undecided.
    pub unjudged: Vec<(GateId, Unjudged)>,
}

impl Outcome {
    /// Adds a finding of a check, to be filled in.
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Notes that a check could not judge something.
    fn cannot_judge(&mut self, check: &Check, subject: Option<Subject>, reason: impl Into<String>) {
        let unjudged = Unjudged { check: Some(check.slug), subject, reason: reason.into() };
        self.unjudged.push((check.gate, unjudged));
    }
}

impl Check {
    /// Starts a finding of this check.
    fn finding(&self, subject: Subject, message: impl Into<String>) -> Finding {
        Finding {
            check: self.slug,
            gate: self.gate,
            also: self.also(),
            severity: self.severity,
            subject,
            message: message.into(),
            evidence: Evidence::default(),
            remedy: None,
            location: None,
            exception: None,
        }
    }
}

/// Checks whose findings fail a second gate: a view that the registry and the database, or
/// the registry and the migrations, do not agree on, and of which the third source has the
/// name for it.
const ALSO: [(&str, GateId); 2] =
    [("view-not-created", GateId::Eg3), ("view-unregistered", GateId::Eg2)];

impl Check {
    /// Returns the second gate that its findings fail.
    fn also(&self) -> Option<GateId> {
        ALSO.iter().find(|(slug, _)| *slug == self.slug).map(|(_, gate)| *gate)
    }
}

/// Pairs of checks that tell the same state, the second one where the migrations were looked
/// at.
const THE_SAME: [[&str; 2]; 2] =
    [["view-missing", "view-not-created"], ["view-unregistered", "view-made-by-hand"]];

/// Tells whether an exception for one check accepts what the other finds.
pub fn tells_the_same(one: &str, other: &str) -> bool {
    one == other || THE_SAME.iter().any(|pair| pair.contains(&one) && pair.contains(&other))
}

/// Returns the checks of some gates.
pub fn of_gates(gates: &[GateId]) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(move |check| gates.contains(&check.gate))
}

/// Returns the slugs of all checks; those on exceptions, which cannot be excepted, are not
/// among them.
pub fn slugs() -> Vec<&'static str> {
    CHECKS.iter().map(|check| check.slug).collect()
}

/// Runs the checks of some gates.
///
/// A check whose source was not looked at leaves its gate undecided.
pub fn run(gates: &[GateId], facts: &Facts<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    not_compared::note(gates, facts, &mut outcome);
    let is_asked = |gate| gates.contains(&gate);
    for check in
        CHECKS.iter().filter(|check| is_asked(check.gate) || check.also().is_some_and(is_asked))
    {
        match check.needs.iter().find_map(|source| facts.missing(*source)) {
            Some(reason) => outcome.cannot_judge(check, None, reason.to_owned()),
            None => (check.run)(check, facts, &mut outcome),
        }
    }
    // A check that was run for its second gate says nothing of its first.
    outcome.findings.retain(|one| is_asked(one.gate) || one.also.is_some_and(is_asked));
    outcome.unjudged.retain(|(gate, _)| is_asked(*gate));
    crate::finding::sort(&mut outcome.findings);
    outcome
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn slugs_are_unique_and_kebab_case() {
        let slugs: Vec<_> = slugs().into_iter().chain(crate::exceptions::SLUGS).collect();
        assert_eq!(slugs.iter().collect::<BTreeSet<_>>().len(), slugs.len());
        for slug in slugs {
            let kebab = slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            assert!(kebab && !slug.starts_with('-') && !slug.ends_with('-'), "{slug}");
        }
    }

    #[test]
    fn a_check_is_not_judged_without_its_source() {
        let registry = crate::testing::registry("version = 1");
        let reason = "not looked".to_owned();
        let facts = Facts::new(&registry, Err(reason.clone()), Err(reason));
        let outcome = run(&GateId::ALL, &facts);
        assert!(outcome.findings.is_empty());
        assert_eq!(outcome.unjudged.len(), CHECKS.len());
    }
}
