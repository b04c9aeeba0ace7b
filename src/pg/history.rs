//! The history of refreshes in the database: a schema of our own, with a version, that the
//! server's own clock dates. Without it everything else works, and freshness is undecided.

mod install;
mod list;
mod prune;
mod prune_ticks;
mod read;
mod record;
mod state;

use super::session::ReadTransaction;
use crate::failure::Failure;

pub use install::{Grantee, VERSIONS, install, install_versions};
pub use list::list;
pub use prune::prune;
pub use read::{find, read_history, read_last_refreshes};
pub use record::Record;
pub(super) use record::{fresh_as_of, record};

/// Makes sure that the history can be read, and tells whether this role may add to it.
///
/// # Errors
///
/// When it is not installed, of another version, or not for this role to read.
pub(super) async fn usable(transaction: &mut ReadTransaction<'_>) -> Result<bool, Failure> {
    let rights = state::look(transaction).await?.usable()?;
    Ok(rights.may_insert && !rights.is_recovering)
}
