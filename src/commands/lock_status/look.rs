//! One look at the locks: read, and put into names as far as the registry explains them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::failure::{Failure, FailureKind};
use crate::ident::QualifiedName;
use crate::lock_key::LockPlace;
use crate::lock_status::decode::{self, KeyNames, KeyView};
use crate::lock_status::{self, LockStatus, LocksRead, Target};
use crate::pg::read_locks::{is_matview, read_locks};
use crate::pg::read_tenants::read_tenants;
use crate::pg::session::{Endpoint, Session};
use crate::registry::{EntryName, ExpandMistake, LockScheme, Registry};
use crate::snapshot::ServerFacts;

/// What was seen at one look.
pub(super) struct Look {
    pub(super) status: LockStatus,
    pub(super) server: ServerFacts,
    /// Why not every key of the registry could be tried.
    pub(super) unread: Option<Failure>,
}

/// A view as keys are made from it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) view: QualifiedName,
    pub(super) lock_name: Option<String>,
    /// The tenant whose view it is.
    pub(super) tenant: Option<String>,
}

/// Looks at the locks, once or again and again.
pub(super) struct Looking {
    endpoint: Endpoint,
    registry: Option<Registry>,
    session: Option<Session>,
    /// A view that was named and that the registry does not have.
    unregistered: Option<Found>,
    memory: Memory,
}

/// How long what was tried is not tried again: a tenant may be new.
const MEMORY: Duration = Duration::from_secs(60);

/// What is known from one look to the next.
struct Memory {
    began: Instant,
    tried: HashSet<LockPlace>,
    names: KeyNames,
    tenants: Option<Tenants>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { began: Instant::now(), tried: HashSet::new(), names: KeyNames::new(), tenants: None }
    }
}

/// The registry with its templates filled in.
struct Tenants {
    ids: Vec<String>,
    registry: Registry,
    mistakes: Vec<String>,
}

impl Looking {
    pub(super) fn new(endpoint: Endpoint, registry: Option<Registry>) -> Self {
        let memory = Memory::default();
        Self { endpoint, registry, session: None, unregistered: None, memory }
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) const fn registry(&self) -> Option<&Registry> {
        self.registry.as_ref()
    }

    /// Returns the scheme in use.
    pub(super) fn scheme(&self) -> LockScheme {
        self.registry.as_ref().map(|registry| registry.lock_scheme).unwrap_or_default()
    }

    /// Looks, and names every key that the registry explains.
    pub(super) async fn look(&mut self) -> Result<Look, Failure> {
        let (read, server) = self.read().await?;
        let unread = self.name(&read).await;
        let status = lock_status::tell(read, &self.memory.names, |view| self.tenant_of(view));
        Ok(Look { status, server, unread })
    }

    /// Looks, with names that are known already.
    pub(super) async fn look_for(&mut self, names: &KeyNames) -> Result<Look, Failure> {
        let (read, server) = self.read().await?;
        let status = lock_status::tell(read, names, |view| self.tenant_of(view));
        Ok(Look { status, server, unread: None })
    }

    async fn read(&mut self) -> Result<(LocksRead, ServerFacts), Failure> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::connect(&self.endpoint).await?,
        };
        let read = read_locks(&mut session).await?;
        self.session = Some(session);
        Ok(read)
    }

    /// Says goodbye to the server.
    pub(super) async fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// Finds a view that was named: in the registry, or else in the database, so that a
    /// name with a slip is not taken for a key that nobody holds.
    pub(super) async fn find(&mut self, view: &QualifiedName) -> Result<Found, Failure> {
        if let Some(found) = self.found(view) {
            return Ok(found);
        }
        if self.may_be_a_tenants(view) {
            self.read_tenants().await?;
            if let Some(found) = self.found(view) {
                return Ok(found);
            }
        }
        if !is_matview(&self.endpoint, view).await? {
            let nowhere = match &self.registry {
                Some(_) => format!("neither the registry nor the database has a view {view}"),
                None => format!("the database has no materialized view {view}"),
            };
            return Err(Failure::new(FailureKind::Database, nowhere)
                .hint("`driftgate inventory` lists those that are there"));
        }
        let found = Found { view: view.clone(), lock_name: None, tenant: None };
        self.unregistered = Some(found.clone());
        Ok(found)
    }

    /// Returns a view of the registry, as far as its templates are filled in.
    fn found(&self, view: &QualifiedName) -> Option<Found> {
        let entry = match &self.memory.tenants {
            Some(tenants) => tenants.registry.entry(view)?,
            None => self.registry.as_ref()?.entry(view)?,
        };
        Some(Found {
            view: view.clone(),
            lock_name: entry.lock_name.clone(),
            tenant: entry.tenant.as_ref().map(|tenant| tenant.id.clone()),
        })
    }

    fn tenant_of(&self, view: &QualifiedName) -> Option<String> {
        self.found(view)?.tenant
    }

    fn may_be_a_tenants(&self, view: &QualifiedName) -> bool {
        let entries = self.registry.iter().flat_map(|registry| &registry.matviews);
        entries.into_iter().any(|entry| match &entry.name {
            EntryName::Fixed(_) => false,
            EntryName::PerTenant(template) => template.may_stand_for(view),
        })
    }

    /// Names the keys of a look that were not tried before; returns why some could not be.
    ///
    /// The tenants are asked for only where the views alone do not explain everything.
    async fn name(&mut self, read: &LocksRead) -> Option<Failure> {
        if self.memory.began.elapsed() > MEMORY {
            self.memory = Memory::default();
        }
        let held = read.locks.iter().filter_map(|lock| match &lock.target {
            Target::Key(place) => Some(*place),
            Target::View(_) => None,
        });
        let mut untried: HashSet<LockPlace> =
            held.filter(|place| !self.memory.tried.contains(place)).collect();
        self.try_names(&untried);
        let query = self.registry.as_ref().and_then(|registry| {
            registry.tenancy.as_ref().and_then(|tenancy| tenancy.tenants.as_ref())
        });
        let is_some_tenants =
            |view: &QualifiedName| self.memory.tenants.is_none() && self.may_be_a_tenants(view);
        let is_wanted = untried.iter().any(|place| !self.memory.names.contains_key(place))
            || read.locks.iter().any(|lock| match &lock.target {
                Target::Key(_) => false,
                Target::View(view) => is_some_tenants(view),
            });
        if query.is_some() && is_wanted {
            if let Err(failure) = self.read_tenants().await {
                // Tried again at the next look.
                return Some(failure);
            }
            self.try_names(&untried);
        }
        self.memory.tried.extend(untried.drain());
        None
    }

    fn try_names(&mut self, held: &HashSet<LockPlace>) {
        let (registry, ids): (_, &[String]) = match &self.memory.tenants {
            Some(tenants) => (Some(&tenants.registry), &tenants.ids),
            None => (self.registry.as_ref(), &[]),
        };
        let mut views = registry.map(decode::views_of).unwrap_or_default();
        views.extend(self.unregistered.as_ref().map(|found| KeyView {
            view: &found.view,
            lock_name: None,
            tenant: None,
        }));
        let names = decode::decode(held, &views, ids, self.scheme());
        self.memory.names.extend(names);
    }

    async fn read_tenants(&mut self) -> Result<(), Failure> {
        let Some(registry) = self.registry.as_ref().filter(|_| self.memory.tenants.is_none())
        else {
            return Ok(());
        };
        let query = registry.tenancy.as_ref().and_then(|tenancy| tenancy.tenants.as_deref());
        let Some(query) = query else { return Ok(()) };
        let tenants = read_tenants(&self.endpoint, query).await?;
        let expansion = registry.expand(&tenants);
        self.memory.tenants = Some(Tenants {
            ids: tenants.into_iter().map(|tenant| tenant.id).collect(),
            registry: expansion.registry,
            mistakes: ExpandMistake::told(&expansion.mistakes),
        });
        Ok(())
    }
}

impl Look {
    /// Tells whether a key of a refresh is held: of a view, or any.
    pub(super) fn is_held(&self, view: Option<&QualifiedName>) -> bool {
        let held = self.status.locks.iter().filter(|lock| lock.is_held_key());
        held.into_iter().any(|lock| {
            view.is_none_or(|view| lock.key_names().iter().any(|name| name.view == *view))
        })
    }

    /// Returns things worth saying of what was seen.
    pub(super) fn notes(&self, looking: &Looking) -> Vec<String> {
        let mut notes = looking.endpoint.resolved.notes.clone();
        if self.server.in_recovery {
            notes.push(
                "the locks of a standby are its own: who refreshes on the primary is seen there"
                    .to_owned(),
            );
        }
        if self.status.hides_something() {
            notes.push(format!(
                "state, client and query of other roles' sessions are shown to members of \
                 pg_read_all_stats, and {} is none",
                self.server.role
            ));
        }
        let is_foreign = self.status.locks.iter().any(|lock| !lock.is_known());
        if is_foreign && looking.registry.is_none() {
            notes.push("there is no registry, so no advisory lock has a name".to_owned());
        }
        notes.extend(looking.memory.tenants.iter().flat_map(|tenants| tenants.mistakes.clone()));
        if let Some(failure) = &self.unread {
            notes.push(format!("{}: keys of tenants are among the foreign ones", failure.message));
        }
        notes
    }
}
