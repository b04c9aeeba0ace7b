//! What the tests on a real server share: the server, databases and roles of a test's own,
//! second sessions, projects in a folder of their own, and the program as it is run.

pub(crate) mod cluster;
pub(crate) mod database;
pub(crate) mod driftgate;
pub(crate) mod history;
pub(crate) mod pgbouncer;
pub(crate) mod poll;
pub(crate) mod project;
pub(crate) mod proxy;
pub(crate) mod round_trips;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod standby;

pub(crate) use database::TestDatabase;
pub(crate) use driftgate::{Run, driftgate};
pub(crate) use project::Project;
