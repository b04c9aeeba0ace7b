//! The door to PostgreSQL: the only folder that knows the driver.

pub mod apply_migrations;
pub mod build_fresh; // step by step, with a look after each
pub mod compare_definitions; // as the server prints them
pub mod count_tenants;
pub mod deploying;
pub mod fresh_database; // made, and taken away
pub mod history;
pub mod ledger;
pub mod look_ahead; // what stands in the way of a plan
pub mod prove_exclusion;
pub mod prove_refresh;
pub mod read_locks;
pub mod read_migrator;
pub mod read_rights;
pub mod read_snapshot;
pub mod read_tenants;
pub mod refresh_view; // one refresh, one transaction
pub mod release_lock;
pub mod run_script;
pub mod safety_inputs; // whether what was judged still holds
pub mod schedule;
pub mod scratch; // what is still to be taken away
pub mod session;

mod read_at_once;
mod server_error;
mod shared_state; // what belongs to a whole server
mod statement;
