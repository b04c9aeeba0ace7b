//! Loads the project's migrations, whatever their kind, from where the registry says.

use std::path::Path;

use super::{Migrations, alembic, command, sql};
use crate::failure::Failure;
use crate::registry::{MigrationsKind, MigrationsRules, Registry};

/// Loads the migrations that a registry names. Nothing is run, and no database contacted.
///
/// # Errors
///
/// A usage failure when the registry names none; else when the files cannot be read.
pub fn load(registry: &Registry) -> Result<Migrations, Failure> {
    let Some(rules) = &registry.migrations else { return Err(missing(registry)) };
    match &rules.kind {
        MigrationsKind::Sql => sql::load::load(&rules.path, &shown(registry, &rules.path)),
        MigrationsKind::Alembic => alembic::load(registry, rules),
        MigrationsKind::Command { program, args } => Ok(command::migrations(program, args)),
    }
}

/// Returns the failure for a registry that names no migrations.
pub fn missing(registry: &Registry) -> Failure {
    Failure::usage(format!("{} does not say where the migrations are", registry.source.display))
        .hint("add: [migrations] kind = \"sql\", path = \"migrations\"")
}

/// Returns a path as the report names it: below the registry's folder.
pub fn shown(registry: &Registry, path: &Path) -> String {
    path.strip_prefix(&registry.source.directory).unwrap_or(path).display().to_string()
}

/// Returns the rules of a registry.
///
/// # Errors
///
/// A usage failure when there are none.
pub fn rules(registry: &Registry) -> Result<&MigrationsRules, Failure> {
    registry.migrations.as_ref().ok_or_else(|| missing(registry))
}
