//! The reference project, carried in the program so that the tour needs no checkout.

use std::io;
use std::path::Path;

use tempfile::TempDir;

use crate::failure::{Failure, FailureKind};

/// The files of the project, by their path in it.
const FILES: &[(&str, &str)] = &[
    ("registry.toml", include_str!("../../../registry.toml")),
    ("migrations/0001_roles.sql", include_str!("../../../migrations/0001_roles.sql")),
    (
        "migrations/0002_tenants_and_channels.sql",
        include_str!("../../../migrations/0002_tenants_and_channels.sql"),
    ),
    ("migrations/0003_attribution.sql", include_str!("../../../migrations/0003_attribution.sql")),
    (
        "migrations/0004_revenue_and_reconciliation.sql",
        include_str!("../../../migrations/0004_revenue_and_reconciliation.sql"),
    ),
    (
        "migrations/0005_materialized_views.sql",
        include_str!("../../../migrations/0005_materialized_views.sql"),
    ),
    (
        "migrations/0006_tenant_facing_views.sql",
        include_str!("../../../migrations/0006_tenant_facing_views.sql"),
    ),
    (
        "migrations/0007_scheduled_tasks.sql",
        include_str!("../../../migrations/0007_scheduled_tasks.sql"),
    ),
];

/// The statements that let some tenants move in, and fill the views.
pub(super) const SEED: &str = include_str!("../../../demo/seed.sql");

/// Writes the project into a folder of its own, which is removed when it is dropped.
///
/// # Errors
///
/// When the temporary folder cannot be written.
pub(super) fn write() -> Result<TempDir, Failure> {
    let failed = |error: io::Error| {
        Failure::new(FailureKind::Machine, "could not write the project of the tour")
            .cause(error.to_string())
            .hint("TMPDIR names the folder for temporary files; it must be there and have room")
    };
    let folder = tempfile::Builder::new().prefix("driftgate-demo-").tempdir().map_err(failed)?;
    for (path, text) in FILES {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        std::fs::write(path, text).map_err(failed)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_migration_of_the_repository_is_carried() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let found: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the repository has migrations")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        let carried: BTreeSet<String> = FILES
            .iter()
            .filter_map(|(path, _)| Some(path.strip_prefix("migrations/")?.to_owned()))
            .collect();
        assert_eq!(carried, found);
    }
}
