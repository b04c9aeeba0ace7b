//! What this run has made on servers that are not its own, so that it is taken away again
//! however the run ends; what a killed run has left is found by its marker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fresh_database::contents::{self, Contents};
use super::session::{Endpoint, Session};
use super::statement::fresh as statement;
use crate::failure::{Failure, FailureKind};
use crate::ident::{Identifier, RoleName};

/// Everything that this run still has to take away; clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Scratch(Arc<Mutex<Vec<Arc<Made>>>>);

/// Something that this run has made on a server that is not its own.
#[derive(Debug)]
pub(super) struct Made {
    /// Where it is removed from, and as whom.
    endpoint: Endpoint,
    what: What,
    /// The roles that the migrations made meanwhile.
    roles: Mutex<Vec<RoleName>>,
}

#[derive(Debug)]
enum What {
    /// A database, with everything in it.
    Database(Identifier),
    /// All of a database that was not there before.
    Contents(Box<Contents>),
}

impl Scratch {
    /// Notes a database that is about to be made; `endpoint` leads to another database of
    /// its server.
    pub(super) fn database(&self, endpoint: Endpoint, name: Identifier) -> Arc<Made> {
        self.add(endpoint, What::Database(name))
    }

    /// Notes a database that is about to be filled, with what it holds now.
    pub(super) fn contents(&self, endpoint: Endpoint, before: Contents) -> Arc<Made> {
        self.add(endpoint, What::Contents(Box::new(before)))
    }

    fn add(&self, endpoint: Endpoint, what: What) -> Arc<Made> {
        let made = Arc::new(Made { endpoint, what, roles: Mutex::default() });
        lock(&self.0).push(Arc::clone(&made));
        made
    }

    /// Takes away one of them.
    pub(super) async fn take_away(&self, made: &Arc<Made>) -> Result<(), Failure> {
        made.take_away().await?;
        lock(&self.0).retain(|one| !Arc::ptr_eq(one, made));
        Ok(())
    }

    /// Tells whether there is nothing to take away.
    pub fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }

    /// Takes away everything; how long that may take is for the caller to limit.
    ///
    /// # Errors
    ///
    /// The first thing that stays behind; the others were tried all the same.
    pub async fn take_all_away(&self) -> Result<(), Failure> {
        let all: Vec<Arc<Made>> = lock(&self.0).clone();
        let mut outcome = Ok(());
        for made in &all {
            outcome = outcome.and(self.take_away(made).await);
        }
        outcome
    }
}

impl Made {
    /// Notes roles that the next commit will make.
    pub(super) fn note_roles(&self, roles: impl IntoIterator<Item = RoleName>) {
        lock(&self.roles).extend(roles);
    }

    async fn take_away(&self) -> Result<(), Failure> {
        let stayed = match &self.what {
            What::Database(name) => {
                let mut session = self.connect().await?;
                let dropped = session.run(statement::drop_database(name, true)).await;
                dropped.map_err(|error| {
                    session
                        .failure(&error, &format!("remove the database {name}"))
                        .hint(format!("remove it: DROP DATABASE {name} WITH (FORCE)"))
                })?;
                session.close().await;
                Vec::new()
            }
            What::Contents(before) => contents::restore(&self.endpoint, before).await?,
        };
        self.remove_roles().await?;
        match stayed[..] {
            [] => Ok(()),
            _ => Err(self.not_as_found(stayed)),
        }
    }

    /// Removes the roles that were made last first; nothing of theirs is left by now.
    async fn remove_roles(&self) -> Result<(), Failure> {
        let roles = lock(&self.roles).clone();
        if roles.is_empty() {
            return Ok(());
        }
        let mut session = self.connect().await?;
        let mut outcome = Ok(());
        for role in roles.iter().rev() {
            let dropped = session.run(statement::drop_role(role)).await;
            outcome = outcome.and(dropped.map_err(|error| {
                session
                    .failure(&error, &format!("remove the role {role}, which the migrations made"))
                    .hint(format!("see what depends on it, and remove it: DROP ROLE {role}"))
            }));
        }
        session.close().await;
        outcome
    }

    async fn connect(&self) -> Result<Session, Failure> {
        Session::connect(&self.endpoint).await.map_err(|failure| {
            let what = match &self.what {
                What::Database(name) => format!("the database {name} stays behind"),
                What::Contents(_) => "what the migrations made stays behind".to_owned(),
            };
            failure.hint(what)
        })
    }

    fn not_as_found(&self, stayed: Vec<String>) -> Failure {
        let name = self.endpoint.resolved.target.masked_url();
        let message = format!("{name} is not as it was found");
        stayed
            .into_iter()
            .fold(Failure::new(FailureKind::Database, message), Failure::cause)
            .hint("remove that by hand, or make the database anew")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
