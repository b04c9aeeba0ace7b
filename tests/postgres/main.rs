//! The commands against a real PostgreSQL: what they read, judge and change, and what they
//! leave alone.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod support;

mod check_grants;
mod diff_registry;
mod exceptions;
mod inventory;
mod inventory_busy;
mod inventory_indexes;
mod inventory_names;
mod migrate;
mod migrate_files;
mod migrate_interrupted;
mod migrate_together;
mod preflight;
mod protection;
mod read_only;
mod refreshability;
mod rights;
mod search_path;
mod tenant_safety;
mod tenant_views;
mod throwaway;
