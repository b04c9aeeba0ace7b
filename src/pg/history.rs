//! The history of refreshes in the database: a schema of our own, with a version, that the
//! server's own clock dates. Without it everything else works, and freshness is undecided.

mod install;
mod list;
mod prune;
mod read;
mod record;
mod state;

pub use install::{Grantee, VERSIONS, install, install_versions};
pub use list::list;
pub use prune::prune;
pub use read::{find, read_history};
pub use record::Record;
pub(super) use record::{fresh_as_of, record};
