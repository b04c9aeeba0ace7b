//! The commands against a real PostgreSQL: what they read, judge and change, and what they
//! leave alone.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod support;

mod alembic;
mod check_grants;
mod definitions;
mod diff_registry;
mod exceptions;
mod freshness;
mod history;
mod inventory;
mod inventory_busy;
mod inventory_indexes;
mod inventory_names;
mod lock_status;
mod migrate;
mod migrate_files;
mod migrate_interrupted;
mod migrate_together;
mod migrate_tools;
mod pooler;
mod preflight;
mod protection;
mod read_only;
mod refresh;
mod refreshability;
mod rights;
mod schedule;
mod search_path;
mod serialization;
mod tenant_safety;
mod tenant_views;
mod throwaway;
mod verify;
