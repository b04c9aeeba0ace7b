//! Alembic: its revisions are read from the project's own files, without Python; applying
//! them is left to the project's own `alembic`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::load::shown;
use super::tool::{self, ToolRun};
use super::{Migrations, Tool};
use crate::failure::{Failure, FailureKind};
use crate::registry::{MigrationsRules, Registry};

mod config;
mod environment;
mod ini;
pub mod lines;
mod module;
mod revision;
mod token;

use config::Config;
use revision::Read;

/// Loads the revisions of a project.
///
/// # Errors
///
/// When the configuration or a folder that it names is not there, or cannot be read. What
/// only Python could tell is in the value.
pub(super) fn load(registry: &Registry, rules: &MigrationsRules) -> Result<Migrations, Failure> {
    let config = Config::load(registry, rules)?;
    let folder = shown(registry, &config.file);
    let mut migrations = Migrations::new(Tool::Alembic, folder, Vec::new());
    let mut seen = BTreeSet::new();
    for location in &config.version_locations {
        let listed = list(location, config.recursive);
        let failed = |cause: std::io::Error| {
            let message = format!("could not read the revisions in {}", shown(registry, location));
            Failure::new(FailureKind::Project, message).cause(cause.to_string())
        };
        if !location.exists() {
            let name = shown(registry, location);
            migrations.notes.push(format!("the version location {name} is not there"));
            continue;
        }
        for path in listed.map_err(failed)? {
            // One file by two names is one file.
            if !seen.insert(fs::canonicalize(&path).map_err(failed)?) {
                continue;
            }
            let name = shown(registry, &path);
            if is_compiled_alone(&path) {
                if config.sourceless {
                    migrations.doubts.push(revision::compiled(name));
                }
            } else if is_revision(&path) {
                match revision::read(&path, &name) {
                    Read::Known(file) => migrations.files.push(*file),
                    Read::Doubtful(doubt) => migrations.doubts.push(doubt),
                }
            }
        }
    }
    migrations.ledger = environment::ledger(&config.script_location.join("env.py"));
    Ok(migrations)
}

/// Returns how the revisions up to one of them are applied.
pub(super) fn run(
    registry: &Registry,
    rules: &MigrationsRules,
    revision: &str,
) -> Result<ToolRun, Failure> {
    let config = Config::load(registry, rules)?;
    let (program, mut args) = program(&config.base, &registry.source.directory)?;
    let file = config.file.display().to_string();
    args.extend(["-c".to_owned(), file, "upgrade".to_owned(), revision.to_owned()]);
    let shown = format!("alembic upgrade {revision}");
    Ok(ToolRun { shown, program, args, folder: config.base, avoids_percent: true })
}

/// Finds Alembic: in the virtual environment of the project, in `PATH`, or as a module of
/// the Python in `PATH`.
fn program(base: &Path, directory: &Path) -> Result<(PathBuf, Vec<String>), Failure> {
    let folders = [base, directory];
    let environments = folders.iter().flat_map(|folder| {
        [".venv/bin/alembic", "venv/bin/alembic"].map(|program| folder.join(program))
    });
    let own = environments.into_iter().find(|path| tool::is_program(path));
    if let Some(program) = own.or_else(|| tool::in_path("alembic", base)) {
        return Ok((program, Vec::new()));
    }
    let python = ["python3", "python"].iter().find_map(|name| tool::in_path(name, base));
    python.map(|python| (python, vec!["-m".to_owned(), "alembic".to_owned()])).ok_or_else(|| {
        Failure::new(FailureKind::Machine, "the program `alembic` is not there")
            .cause("it was looked for in .venv/bin and venv/bin of the project and in PATH")
            .hint("install it into the project's virtual environment, or activate that")
    })
}

/// Lists the files of a folder as Alembic does: by name, those of folders below it after
/// them.
fn list(folder: &Path, recursive: bool) -> std::io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // What a link leads to may be the folder above it.
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    folders.sort();
    if recursive {
        for folder in folders {
            if !folder.ends_with("__pycache__") {
                files.extend(list(&folder, recursive)?);
            }
        }
    }
    Ok(files)
}

/// Tells whether Alembic takes a file for a revision.
///
/// Source: `_only_source_rev_file` of Alembic 1.20.
fn is_revision(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".py") && !name.starts_with(".#") && !name.starts_with("__init__")
}

/// Tells whether a file is compiled, without its source beside it.
fn is_compiled_alone(path: &Path) -> bool {
    let is_compiled = path.extension().is_some_and(|one| one == "pyc" || one == "pyo");
    is_compiled && !path.with_extension("py").exists()
}
