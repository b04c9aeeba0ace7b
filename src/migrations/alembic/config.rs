//! The settings of Alembic: where its scripts are, read from `alembic.ini` and
//! `pyproject.toml`.
//!
//! Source: `Config` and `ScriptDirectory.from_config` of Alembic 1.20.

use std::path::{Path, PathBuf};

use super::ini::{self, Ini};
use crate::failure::{Failure, FailureKind};
use crate::migrations::load::shown;
use crate::registry::{MigrationsRules, Registry};

/// Where Alembic's scripts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    /// The file that says so: an `alembic.ini` or a `pyproject.toml`.
    pub(super) file: PathBuf,
    /// The folder that relative paths begin at, and that Alembic is run in.
    pub(super) base: PathBuf,
    /// The folder with `env.py`.
    pub(super) script_location: PathBuf,
    /// The folders with revisions; at least one.
    pub(super) version_locations: Vec<PathBuf>,
    /// Whether folders below them hold revisions too.
    pub(super) recursive: bool,
    /// Whether revisions may be there as compiled files alone.
    pub(super) sourceless: bool,
}

/// What the files say, before paths are looked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Written {
    script_location: Option<String>,
    version_locations: Vec<String>,
    prepend_sys_path: Vec<String>,
    recursive: bool,
    sourceless: bool,
}

impl Config {
    /// Finds and reads the settings.
    ///
    /// A relative path is meant from the folder of the file, or, where its scripts are not
    /// there, from that of the registry: Alembic itself means the folder in which it is
    /// typed, which differs from person to person.
    pub(super) fn load(registry: &Registry, rules: &MigrationsRules) -> Result<Self, Failure> {
        let file = find(&rules.path, &shown(registry, &rules.path))?;
        let name = shown(registry, &file);
        let here = file.parent().unwrap_or(&file).to_owned();
        let failed = |cause: String| {
            Failure::new(FailureKind::Project, format!("could not read {name}")).cause(cause)
        };
        let read = |path: &Path| std::fs::read_to_string(path);
        let text = read(&file).map_err(|error| failed(error.to_string()))?;
        let folder = here.display().to_string();
        let written = if is_toml(&file) {
            of_toml(&text, &folder)
        } else {
            let mut written = of_ini(&text, &folder).map_err(failed)?;
            if let (None, Ok(text)) = (&written.script_location, read(&here.join("pyproject.toml")))
            {
                written = of_toml(&text, &folder).map_err(failed)?;
            }
            Ok(written)
        };
        let written = written.map_err(failed)?;
        let Some(location) = &written.script_location else {
            return Err(failed("it has no script_location in [alembic]".to_owned())
                .hint("write it, such as: script_location = %(here)s/alembic"));
        };
        let bases = [here.clone(), registry.source.directory.clone()];
        let found = bases.iter().find_map(|base| {
            let folder = resolve(location, base, &written.prepend_sys_path)?;
            folder.is_dir().then(|| (base.clone(), folder))
        });
        let Some((base, script_location)) = found else {
            return Err(not_found(&name, location, failed));
        };
        let mut version_locations = Vec::new();
        for written_location in &written.version_locations {
            match resolve(written_location, &base, &written.prepend_sys_path) {
                Some(folder) => version_locations.push(folder),
                None => return Err(not_found(&name, written_location, failed)),
            }
        }
        if version_locations.is_empty() {
            version_locations.push(script_location.join("versions"));
        }
        let (recursive, sourceless) = (written.recursive, written.sourceless);
        Ok(Self { file, base, script_location, version_locations, recursive, sourceless })
    }
}

fn not_found(name: &str, location: &str, failed: impl Fn(String) -> Failure) -> Failure {
    if is_package(location) {
        return failed(format!("`{location}` names a folder of a package, which is not there"))
            .hint(format!(
                "only packages below prepend_sys_path are found without Python; write the \
                 folder into {name}, such as %(here)s/alembic"
            ));
    }
    failed(format!("the folder `{location}` is not there"))
        .hint("a path without %(here)s is meant from the folder of the file, or the registry's")
}

/// Finds the file that a path names: itself, or in the folder that it is.
fn find(path: &Path, shown_as: &str) -> Result<PathBuf, Failure> {
    let candidates = if path.is_dir() {
        vec![path.join("alembic.ini"), path.join("pyproject.toml")]
    } else {
        vec![path.to_owned()]
    };
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Failure::new(FailureKind::Project, format!("{shown_as} is not there"))
            .hint("[migrations] path in the registry names alembic.ini, or the folder it is in")
    })
}

fn is_toml(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "toml")
}

/// Reads the settings in an `alembic.ini`.
fn of_ini(text: &str, here: &str) -> Result<Written, String> {
    let ini =
        Ini::read(text).map_err(|mistake| format!("line {}: {}", mistake.line, mistake.message))?;
    let get = |option: &str| ini.get("alembic", option, here);
    let is_true = |option: &str| Ok::<_, String>(get(option)?.as_deref() == Some("true"));
    let (new, old) = (get("path_separator")?, get("version_path_separator")?);
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let version_locations = match filled(get("version_locations")?) {
        Some(text) => split(&text, new.as_deref().or(old.as_deref()), &[' ', ','])?,
        None => Vec::new(),
    };
    let prepend_sys_path = match filled(get("prepend_sys_path")?) {
        Some(text) => split(&text, new.as_deref(), &[' ', ',', ':'])?,
        None => Vec::new(),
    };
    Ok(Written {
        script_location: get("script_location")?,
        version_locations,
        prepend_sys_path,
        recursive: is_true("recursive_version_locations")?,
        sourceless: is_true("sourceless")?,
    })
}

/// Separates a list of paths; without a separator at any of the older ones.
///
/// Source: `Config.get_version_locations_list`.
fn split(text: &str, separator: Option<&str>, older: &[char]) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = match separator {
        None => text.split(older).collect(),
        Some("space") => text.split(' ').collect(),
        Some("newline") => text.split('\n').collect(),
        // That of this system, which is not Windows.
        Some("os" | ":") => text.split(':').collect(),
        Some(";") => text.split(';').collect(),
        Some(other) => {
            return Err(format!(
                "`{other}` is no path_separator: it is `space`, `newline`, `os`, `:` or `;`"
            ));
        }
    };
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    Ok(parts.map(str::to_owned).collect())
}

/// Reads the settings in the `[tool.alembic]` of a `pyproject.toml`.
fn of_toml(text: &str, here: &str) -> Result<Written, String> {
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let alembic = table.get("tool").and_then(|tool| tool.get("alembic"));
    let get = |key: &str| alembic.and_then(|alembic| alembic.get(key));
    let look_up = |name: &str| (name == "here").then(|| here.replace('%', "%%"));
    let fill_in = |text: &str| ini::fill_in(text, &look_up, 0);
    let list = |key: &str| -> Result<Vec<String>, String> {
        let values = get(key).and_then(toml::Value::as_array).into_iter().flatten();
        values.filter_map(toml::Value::as_str).map(fill_in).collect()
    };
    let is_true = |key: &str| get(key).and_then(toml::Value::as_bool) == Some(true);
    Ok(Written {
        script_location: get("script_location")
            .and_then(toml::Value::as_str)
            .map(fill_in)
            .transpose()?,
        version_locations: list("version_locations")?,
        prepend_sys_path: list("prepend_sys_path")?,
        recursive: is_true("recursive_version_locations"),
        sourceless: is_true("sourceless"),
    })
}

/// Tells whether a location is `package:folder`.
fn is_package(location: &str) -> bool {
    !location.starts_with('/') && location.contains(':')
}

/// Returns the folder of a location; `None` for that of a package which is not below one of
/// the folders where Python would look first.
fn resolve(location: &str, base: &Path, sys_path: &[String]) -> Option<PathBuf> {
    if !is_package(location) {
        return Some(base.join(location));
    }
    let mut parts = location.split(':');
    let package: PathBuf = parts.next()?.split('.').collect();
    let inside: PathBuf = package.join(parts.collect::<PathBuf>());
    let usual = ["".to_owned(), "src".to_owned()];
    let folders = sys_path.iter().chain(&usual).map(|folder| base.join(folder).join(&inside));
    folders.into_iter().find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locations(text: &str) -> Result<Vec<String>, String> {
        of_ini(&format!("[alembic]\n{text}"), "/app").map(|written| written.version_locations)
    }

    #[test]
    fn lists_of_folders_are_separated_as_alembic_does() {
        let ab = || Ok(vec!["/app/a".to_owned(), "b".to_owned()]);
        for text in [
            "version_locations = %(here)s/a b",
            "version_locations = %(here)s/a,b",
            "version_locations = %(here)s/a, b",
            "version_locations = %(here)s/a   b",
            "version_locations = %(here)s/a:b\npath_separator = os",
            "version_locations = %(here)s/a:b\npath_separator = :",
            "version_locations = %(here)s/a;b\npath_separator = ;",
            "version_locations = %(here)s/a b\npath_separator = space",
            "version_locations =\n  %(here)s/a\n  b\npath_separator = newline",
            "version_locations = %(here)s/a:b\nversion_path_separator = os",
            "version_locations = %(here)s/a; b\nversion_path_separator = :\npath_separator = ;",
        ] {
            assert_eq!(locations(text), ab(), "{text}");
        }
        assert_eq!(locations("version_locations ="), Ok(vec![]));
        assert_eq!(locations(""), Ok(vec![]));
        // A separator that was not declared is part of the path.
        assert_eq!(locations("version_locations = a:b"), Ok(vec!["a:b".to_owned()]));
        let with_space = "version_locations = a b:c\npath_separator = os";
        assert_eq!(locations(with_space), Ok(vec!["a b".to_owned(), "c".to_owned()]));
        assert!(locations("version_locations = a\npath_separator = |").is_err());
    }

    #[test]
    fn only_true_is_true() {
        for (text, expected) in [("true", true), ("True", false), ("yes", false), ("1", false)] {
            let text = format!("[alembic]\nrecursive_version_locations = {text}");
            assert_eq!(of_ini(&text, "/app").expect("it is read").recursive, expected);
        }
    }

    #[test]
    fn pyproject_has_the_same_settings() {
        let text = "[tool.alembic]\nscript_location = '%(here)s/db'\n\
                    version_locations = ['%(here)s/a', 'b']\nrecursive_version_locations = true";
        let written = of_toml(text, "/app").expect("it is read");
        assert_eq!(written.script_location.as_deref(), Some("/app/db"));
        assert_eq!(written.version_locations, ["/app/a", "b"]);
        assert!(written.recursive && !written.sourceless);
        assert_eq!(of_toml("[project]\nname = 'x'", "/app"), Ok(Written::default()));
    }

    #[test]
    fn a_package_is_looked_for_where_python_would_look_first() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let made = folder.path().join("lib/app/db/migrations");
        std::fs::create_dir_all(&made).expect("it can be made");
        let sys_path = ["lib".to_owned()];
        assert_eq!(resolve("app.db:migrations", folder.path(), &sys_path), Some(made));
        assert_eq!(resolve("app.db:migrations", folder.path(), &[]), None);
        assert_eq!(resolve("db", Path::new("/x"), &[]), Some(PathBuf::from("/x/db")));
        assert_eq!(resolve("/db:1", Path::new("/x"), &[]), Some(PathBuf::from("/db:1")));
    }
}
