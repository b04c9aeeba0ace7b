//! Migration files as the library behind sqlx's own tool resolves them, so that versions,
//! descriptions and checksums are the same for both.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::migrate::{MigrationType, Migrator};

use crate::failure::{Failure, FailureKind};
use crate::migrations::{MigrationFile, sql};

/// Loads the migrations of a folder, by version and file name; `shown_as` is how the
/// report names the folder.
///
/// # Errors
///
/// When the folder or a file cannot be read, or a version is no number.
pub async fn load_files(folder: &Path, shown_as: &str) -> Result<Vec<MigrationFile>, Failure> {
    let failed = |cause: String| {
        Failure::new(FailureKind::Project, format!("could not read the migrations in {shown_as}"))
            .cause(cause)
            .hint("[migrations] path in the registry names the folder, relative to the registry")
    };
    let names = file_names(folder).map_err(|error| failed(error.to_string()))?;
    let migrator = Migrator::new(folder).await.map_err(|error| failed(error.to_string()))?;
    let mut names: BTreeMap<i64, Vec<&str>> =
        sql::files_by_version(names.iter().map(String::as_str));
    let mut files = Vec::new();
    for migration in migrator.iter() {
        if migration.migration_type == MigrationType::ReversibleDown {
            continue;
        }
        let words = migration.description.as_ref();
        let name = names
            .get_mut(&migration.version)
            .and_then(|names| {
                let at = names.iter().position(|name| describes(name, words))?;
                Some(names.remove(at))
            })
            .ok_or_else(|| failed(format!("{} changed while it was read", migration.version)))?;
        files.push(MigrationFile {
            version: migration.version,
            description: words.to_owned(),
            file: format!("{shown_as}/{name}"),
            checksum: migration.checksum.to_vec(),
            no_transaction: migration.no_tx,
            sql: migration.sql.as_str().to_owned(),
        });
    }
    files.sort_by(|a, b| (a.version, &a.file).cmp(&(b.version, &b.file)));
    Ok(files)
}

fn describes(name: &str, words: &str) -> bool {
    let Some((_, rest)) = name.split_once('_') else { return false };
    let stem = rest.strip_suffix(".up.sql").or_else(|| rest.strip_suffix(".sql")).unwrap_or(rest);
    stem.replace('_', " ") == words || rest.replace('_', " ").starts_with(words)
}

fn file_names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.is_file() || entry.path().is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}
