//! The door to PostgreSQL: the only folder that knows the driver.

pub mod apply_migrations;
pub mod count_tenants;
pub mod ledger;
pub mod migration_files;
pub mod prove_refresh;
pub mod read_rights;
pub mod read_snapshot;
pub mod run_script;
pub mod session;

mod server_error;
mod statement;
