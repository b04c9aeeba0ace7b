//! What the migrations build, for the commands that judge EG-2: a new database is built
//! beside the reading of the live one, the two are compared, and the new one is taken away.

use std::collections::BTreeMap;
use std::path::Path;

use crate::commands::Context;
use crate::commands::fresh::{self, Plan};
use crate::definitions::{
    self, Compared, ComparedViews, Declared, FoundView, Sides, attribute_drift,
};
use crate::failure::Failure;
use crate::fresh::{Fresh, FreshInventory, FreshSource, LiveDrift};
use crate::ident::{QualifiedName, RoleName};
use crate::pg::compare_definitions::{compare_declared, fixed_points};
use crate::pg::deploying::who_is_deploying;
use crate::pg::fresh_database::FreshDatabase;
use crate::pg::read_snapshot::read_snapshot;
use crate::pg::session::Endpoint;
use crate::registry::Registry;
use crate::snapshot::{Depth, Snapshot};
use crate::verify::Built;

/// A new database, as far as the migrations got.
#[derive(Debug)]
pub(super) struct NewDatabase {
    database: FreshDatabase,
    built: Built,
    snapshot: Snapshot,
    /// Whom the role that built it stands for, where that is another one in truth.
    stands_for: Option<(RoleName, RoleName)>,
}

/// Why there is no new database.
#[derive(Debug)]
pub(super) enum Unbuilt {
    /// There is no place for one.
    NoPlace(Failure),
    /// It is not known whether the migrations would do.
    Unknown(Failure),
}

impl Unbuilt {
    /// Returns the failure.
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::NoPlace(failure) | Self::Unknown(failure) => failure,
        }
    }
}

/// Builds a new database.
pub(super) async fn build(
    context: &Context,
    registry: &Registry,
    wanted: &Fresh,
    pg_bin: Option<&Path>,
) -> Result<NewDatabase, Unbuilt> {
    let plan = Plan::load(registry).map_err(Unbuilt::Unknown)?;
    let opened = fresh::open(context, registry, &plan, wanted, pg_bin).await;
    let database = opened.map_err(Unbuilt::NoPlace)?;
    match fill(context, registry, &plan, &database).await {
        Ok((built, snapshot)) => {
            let stands_for = stands_for(context, &database);
            let snapshot = renamed_owners(snapshot, stands_for.as_ref());
            Ok(NewDatabase { database, built, snapshot, stands_for })
        }
        Err(mut failure) => {
            if let Err(left) = database.remove().await {
                failure.hints.push(left.message);
                failure.hints.extend(left.hints);
            }
            Err(Unbuilt::Unknown(failure))
        }
    }
}

async fn fill(
    context: &Context,
    registry: &Registry,
    plan: &Plan,
    database: &FreshDatabase,
) -> Result<(Built, Snapshot), Failure> {
    let mut built = fresh::build(context, registry, plan, database).await?;
    built.notes.splice(..0, database.notes.iter().cloned());
    let snapshot = read_snapshot(&database.platform, Depth::Catalog).await?;
    Ok((built, snapshot))
}

/// Returns the role of a database that somebody named, and the one that migrates in truth.
fn stands_for(context: &Context, database: &FreshDatabase) -> Option<(RoleName, RoleName)> {
    if !matches!(database.source, FreshSource::Url(_)) {
        return None;
    }
    let truth = context.migration_endpoint().ok()?.resolved.target.user;
    let here = &database.endpoint.resolved.target.user;
    let role = |name: &str| RoleName::from_catalog(name);
    (truth != *here).then(|| (role(here), role(&truth)))
}

fn renamed_owners(mut snapshot: Snapshot, stands_for: Option<&(RoleName, RoleName)>) -> Snapshot {
    if let Some((here, truth)) = stands_for {
        for view in snapshot.views.values_mut().filter(|view| view.owner == *here) {
            view.owner = truth.clone();
        }
    }
    snapshot
}

impl NewDatabase {
    /// Compares it with what the registry declares, and with the live views of a registry
    /// whose templates are filled in; then takes it away.
    ///
    /// # Errors
    ///
    /// When either server does not answer. A failure that comes with the value is that of
    /// taking it away.
    pub(super) async fn compare(
        self,
        registry: &Registry,
        live: Option<(&Endpoint, &Snapshot)>,
    ) -> (Result<FreshInventory, Failure>, Option<Failure>) {
        let compared = self.comparisons(registry, live).await;
        let Self { database, built, snapshot, .. } = self;
        let source = database.source.word();
        let removed = database.remove().await;
        let inventory = compared.map(|(declared, live)| FreshInventory {
            source,
            built,
            snapshot,
            declared,
            live,
        });
        (inventory, removed.err())
    }

    async fn comparisons(
        &self,
        registry: &Registry,
        live: Option<(&Endpoint, &Snapshot)>,
    ) -> Result<(ComparedViews, BTreeMap<QualifiedName, LiveDrift>), Failure> {
        if self.built.failed.is_some() {
            return Ok(Default::default());
        }
        let is_built = |one: &Declared| self.snapshot.views.contains_key(&one.view);
        let declared: Vec<Declared> =
            definitions::declared(registry).into_iter().filter(is_built).collect();
        let declared = compare_declared(&self.database.platform, &declared).await?;
        let Some((endpoint, snapshot)) = live else { return Ok((declared, BTreeMap::new())) };
        let in_all = |name: &&QualifiedName| {
            snapshot.views.contains_key(*name) && registry.entry(name).is_some()
        };
        let names: Vec<QualifiedName> =
            self.snapshot.views.keys().filter(in_all).cloned().collect();
        let (built, live) = tokio::join!(
            fixed_points(&self.database.platform, &names),
            fixed_points(endpoint, &names)
        );
        let (mut built, live) = (built?, live?);
        if let Some((here, truth)) = &self.stands_for {
            for view in built.values_mut().filter(|view| view.owner == *here) {
                view.owner = truth.clone();
            }
        }
        let drift = live
            .iter()
            .filter_map(|(name, live)| Some((name.clone(), drift(built.get(name)?, live))));
        Ok((declared, drift.collect()))
    }
}

/// Compares a live view with the one that the migrations build.
fn drift(built: &FoundView, live: &FoundView) -> LiveDrift {
    let definition = match (&built.stored, &live.stored) {
        (Ok(expected), Ok(found)) => {
            let sides = Sides { expected: "migrations", found: "live" };
            definitions::compare(&expected.definition, &found.definition, sides)
        }
        (Err(reason), _) | (_, Err(reason)) => Compared::Undecided(reason.clone()),
    };
    LiveDrift { definition, attributes: attribute_drift(built, live) }
}

/// Reads the live views, and whether somebody was migrating meanwhile.
pub(super) async fn read_live(
    endpoint: &Endpoint,
    depth: Depth,
    looks_at_deploys: bool,
) -> (Result<Snapshot, Failure>, Option<String>) {
    if !looks_at_deploys {
        return (read_snapshot(endpoint, depth).await, None);
    }
    // A server that cannot be asked is told by the reading itself.
    let before = who_is_deploying(endpoint).await.ok().flatten();
    let snapshot = read_snapshot(endpoint, depth).await;
    let after = match before {
        Some(_) => None,
        None => who_is_deploying(endpoint).await.ok().flatten(),
    };
    (snapshot, before.or(after))
}
