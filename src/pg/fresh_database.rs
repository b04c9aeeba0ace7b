//! A new database for the migrations to build, made in one of three places, and taken away
//! again: what is made elsewhere than on a server of our own is noted in [`Scratch`] before
//! it is there.

use std::sync::Arc;

use super::scratch::{Made, Scratch};
use super::session::{Endpoint, Session};
use crate::failure::Failure;
use crate::fresh::FreshSource;
use crate::ident::RoleName;
use crate::throwaway::Throwaway;

pub(super) mod contents;
pub(super) mod leftovers;
mod local;
mod server;
mod url;

pub use local::{Wanted, local};
pub use server::server;
pub use url::url;

/// A database in which nothing was built yet.
#[derive(Debug)]
pub struct FreshDatabase {
    /// Where it came from.
    pub source: FreshSource,
    /// The way in for the migrations, as the role that migrates.
    pub endpoint: Endpoint,
    /// The way in for what the platform gives, and for looking: the superuser of a server of
    /// our own, elsewhere the same role.
    pub platform: Endpoint,
    /// What the reader should know; sentences without a full stop.
    pub notes: Vec<String>,
    /// The time zone in which the project's own tool would read literals of time; `None`: as
    /// the server has it.
    pub(super) time_zone: Option<String>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// The server goes with it.
    Own(Box<Throwaway>),
    /// Only what was made goes; the session holds what keeps other runs away.
    Shared { scratch: Scratch, made: Arc<Made>, lock: Option<Box<Session>> },
}

impl FreshDatabase {
    /// Takes it away, with everything that was made in it and around it.
    ///
    /// # Errors
    ///
    /// With what stays behind, and how to remove it.
    pub async fn remove(self) -> Result<(), Failure> {
        match self.place {
            Place::Own(server) => server.stop().await,
            Place::Shared { scratch, made, lock } => {
                let taken_away = scratch.take_away(&made).await;
                if let Some(lock) = lock {
                    lock.close().await;
                }
                taken_away
            }
        }
    }

    /// Notes roles that the next commit will make on a server that is not our own.
    pub(super) fn note_roles(&self, roles: impl IntoIterator<Item = RoleName>) {
        if let Place::Shared { made, .. } = &self.place {
            made.note_roles(roles);
        }
    }
}

/// Returns an endpoint that leads to another database of the same server.
fn to_database(endpoint: &Endpoint, name: &str) -> Endpoint {
    let mut endpoint = endpoint.clone();
    endpoint.resolved.target = endpoint.resolved.target.with_database(name);
    endpoint
}
