//! A scene for tests of checks that hold registry, migrations and database against each
//! other.

use crate::checks::{self, Facts};
use crate::definitions::Compared;
use crate::finding::{Finding, Unjudged};
use crate::fresh::{FreshInventory, LiveDrift};
use crate::gate::GateId;
use crate::ident::QualifiedName;
use crate::migrations::{Ledger, MigrationState};
use crate::snapshot::{Snapshot, ViewState};
use crate::testing::{applied, migrations, registry, snapshot, view};
use crate::verify::{Built, Look, SeenView};

/// Three sources, of which each may be missing.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    registry: String,
    live: Option<Snapshot>,
    fresh: Option<FreshInventory>,
    ledger: Ledger,
    versions: Vec<i64>,
    deploying: Option<String>,
}

const ONE: &str = "migrations/0001_step.sql";

/// Starts a scene with a registry of these lines, behind its version.
pub(crate) fn scene(registry: &str) -> Scene {
    Scene {
        registry: format!("version = 1\n{registry}"),
        live: None,
        fresh: None,
        ledger: Ledger::Read(vec![applied(1), applied(2)]),
        versions: vec![1, 2],
        deploying: None,
    }
}

fn name(text: &str) -> QualifiedName {
    text.parse().expect("a qualified name")
}

impl Scene {
    /// The database has these views.
    pub(crate) fn live(mut self, views: &[&str]) -> Self {
        let mut live = snapshot([]);
        live.views.extend(views.iter().map(|one| (name(one), view(one))));
        self.live = Some(live);
        self
    }

    /// The first of two migrations builds these views.
    pub(crate) fn built(mut self, views: &[&str]) -> Self {
        self.fresh_mut();
        views.iter().fold(self, |scene, one| scene.built_as(view(one)))
    }

    /// The first of two migrations builds this view too.
    pub(crate) fn built_as(mut self, view: ViewState) -> Self {
        let fresh = self.fresh_mut();
        let oid = 1 + fresh.snapshot.views.len() as u32;
        fresh.snapshot.views.insert(view.name.clone(), view.clone());
        let living = (1..=oid).collect();
        let seen = vec![SeenView { oid, name: view.name, shape: String::new() }];
        fresh.built.stories.note(Some(ONE), Look { seen, living });
        self
    }

    /// A tool has built them all at once.
    pub(crate) fn tool(mut self) -> Self {
        let fresh = self.fresh_mut();
        let seen = fresh.snapshot.views.keys().zip(1..).map(|(name, oid)| SeenView {
            oid,
            name: name.clone(),
            shape: String::new(),
        });
        let seen: Vec<SeenView> = seen.collect();
        let living = seen.iter().map(|view| view.oid).collect();
        fresh.built.stories = Default::default();
        fresh.built.stories.note(None, Look { seen, living });
        self
    }

    /// Neither migration was applied to the database.
    pub(crate) fn pending(mut self) -> Self {
        self.ledger = Ledger::Missing;
        self
    }

    /// The ledger may not be read.
    pub(crate) fn unreadable(mut self) -> Self {
        self.ledger = Ledger::Unreadable("no right".into());
        self
    }

    /// Somebody holds the lock on migrating.
    pub(crate) fn deploying(mut self) -> Self {
        self.deploying = Some("process 1 of app".into());
        self
    }

    /// The first view, live against the one of a new database.
    pub(crate) fn against_live(self, definition: Compared) -> Self {
        self.with_drift(LiveDrift { definition, attributes: vec![] })
    }

    fn with_drift(mut self, drift: LiveDrift) -> Self {
        let fresh = self.fresh_mut();
        let name = fresh.snapshot.views.keys().next().expect("a view is built").clone();
        fresh.live.insert(name, drift);
        self
    }

    fn fresh_mut(&mut self) -> &mut FreshInventory {
        self.fresh.get_or_insert_with(|| FreshInventory {
            source: "local",
            built: Built { applied: 2, ..Built::of(2) },
            snapshot: snapshot([]),
            declared: Default::default(),
            live: Default::default(),
        })
    }

    fn judged<T>(&self, take: impl FnOnce(checks::Outcome) -> T) -> T {
        let registry = registry(&self.registry);
        let state: MigrationState = migrations(&self.versions, self.ledger.clone());
        let unseen = || "not looked".to_owned();
        let live = self.live.as_ref().ok_or_else(unseen);
        let fresh = self.fresh.as_ref().ok_or_else(unseen);
        let facts =
            Facts::new(&registry, live, Ok(&state)).with_fresh(fresh, self.deploying.clone());
        take(checks::run(&[GateId::Eg2, GateId::Eg3], &facts))
    }

    /// Returns what one check finds.
    pub(crate) fn found(&self, slug: &str) -> Vec<Finding> {
        let mut findings = self.judged(|outcome| outcome.findings);
        findings.retain(|finding| finding.check == slug);
        findings
    }

    /// Returns what one check leaves unjudged.
    pub(crate) fn unjudged(&self, slug: &str) -> Vec<Unjudged> {
        let unjudged = self.judged(|outcome| outcome.unjudged);
        let own = |unjudged: &Unjudged| unjudged.check == Some(slug);
        unjudged.into_iter().map(|(_, unjudged)| unjudged).filter(own).collect()
    }
}
