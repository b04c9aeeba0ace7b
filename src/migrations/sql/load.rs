//! Loads a folder of `.sql` files: finds out whose naming it is, and puts them in order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha384};

use super::name::{self, Name};
use super::version::Version;
use crate::failure::{Failure, FailureKind};
use crate::migrations::{MigrationFile, Migrations, Script, Tool};

/// Loads the migrations of a folder; `shown_as` is how the report names it.
///
/// # Errors
///
/// When the folder or a file cannot be read, a name has no number, or the names are those
/// of several tools.
pub fn load(folder: &Path, shown_as: &str) -> Result<Migrations, Failure> {
    let failed = |cause: String| {
        Failure::new(FailureKind::Project, format!("could not read the migrations in {shown_as}"))
            .cause(cause)
            .hint("[migrations] path in the registry names the folder, relative to the registry")
    };
    let mut entries = list(folder).map_err(|error| failed(error.to_string()))?;
    let tool = tool(&entries).map_err(|cause| failed(cause).hint(SEVERAL_TOOLS))?;
    if tool == Tool::Flyway {
        entries.files = files_below(folder, "").map_err(|error| failed(error.to_string()))?;
    }
    let mut found = Vec::new();
    match tool {
        Tool::Diesel => {
            for name in &entries.folders {
                let Some((id, words)) = name::diesel(name) else { continue };
                let script = read_script(&folder.join(name).join("up.sql")).map_err(failed)?;
                let no_transaction = is_outside(&folder.join(name)).map_err(failed)?;
                let script = Script { no_transaction, ..script };
                let file = format!("{shown_as}/{name}/up.sql");
                found.push(made(id, words, file, script, tool));
            }
        }
        _ => {
            for path in &entries.files {
                let Some((id, words)) = identity(tool, path).map_err(failed)? else { continue };
                let script = read_script(&folder.join(path)).map_err(failed)?;
                let file = format!("{shown_as}/{path}");
                refuse_way_back(&file, &script.sql)?;
                let mut made = made(id, words, file, script, tool);
                made.repeatable = matches!(name::read(base(path)), Name::Repeatable { .. });
                found.push(made);
            }
        }
    }
    sort(&mut found);
    let notes = notes(tool, &entries, &found, shown_as);
    Ok(Migrations { notes, ..Migrations::new(tool, shown_as, found) })
}

const SEVERAL_TOOLS: &str = "keep the files of one tool in a folder of their own";

/// What a folder holds.
struct Entries {
    /// The files, hidden ones left out.
    files: Vec<String>,
    /// The folders that hold an `up.sql`.
    folders: Vec<String>,
}

fn list(folder: &Path) -> std::io::Result<Entries> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        // Of a link, what it leads to.
        let path = entry.path();
        if fs::metadata(&path)?.is_file() {
            files.push(name);
        } else if path.join("up.sql").is_file() {
            folders.push(name);
        }
    }
    files.sort();
    folders.sort();
    Ok(Entries { files, folders })
}

/// Lists the files of a folder and of those below it, by their paths.
fn files_below(folder: &Path, prefix: &str) -> std::io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let below = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path(), &format!("{below}/"))?);
        } else if fs::metadata(entry.path())?.is_file() {
            files.push(below);
        }
    }
    files.sort();
    Ok(files)
}

/// Finds out whose names these are; the error names one file of each tool.
fn tool(entries: &Entries) -> Result<Tool, String> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for file in &entries.files {
        let whose = match name::read(file) {
            Name::Sqlx { .. } => "sqlx",
            Name::Flyway { .. } | Name::Repeatable { .. } | Name::Baseline => "Flyway",
            Name::Numbered { .. } => "numbers",
            _ => continue,
        };
        first.entry(whose).or_insert(file);
    }
    if let Some(folder) = entries.folders.iter().find(|name| name::diesel(name).is_some()) {
        first.insert("Diesel", folder);
    }
    let has = |whose: &str| first.contains_key(whose);
    if first.len() > 1 && (has("Flyway") || has("Diesel")) {
        let names: Vec<String> =
            first.iter().map(|(whose, file)| format!("{file} ({whose})")).collect();
        return Err(format!("its files are named as those of several tools: {}", names.join(", ")));
    }
    // sqlx leaves out what only begins with a number, and so do we beside its files.
    Ok(match () {
        () if has("Flyway") => Tool::Flyway,
        () if has("Diesel") => Tool::Diesel,
        () if has("numbers") && !has("sqlx") => Tool::Numbered,
        () => Tool::Sqlx,
    })
}

/// Returns id and description of a file; `None` where it is no migration to apply.
fn identity(tool: Tool, path: &str) -> Result<Option<(String, String)>, String> {
    let name = base(path);
    Ok(match (tool, name::read(name)) {
        (Tool::Sqlx, Name::Sqlx { version, description, .. }) => {
            Some((version.to_string(), description))
        }
        (Tool::Sqlx, Name::NoNumber) => return Err(no_number(name)),
        // Its version is no whole number, or too large a one.
        (Tool::Sqlx, Name::Numbered { .. }) if name.contains('_') => return Err(no_number(name)),
        (Tool::Flyway, Name::Flyway { version, description })
        | (Tool::Numbered, Name::Numbered { version, description }) => {
            Some((version.to_string(), description))
        }
        (Tool::Flyway, Name::Repeatable { description }) => {
            Some((repeatable_id(&description), description))
        }
        _ => None,
    })
}

/// Returns what a repeatable migration is called: its description tells it from others.
pub fn repeatable_id(description: &str) -> String {
    format!("R {description}")
}

fn no_number(name: &str) -> String {
    format!(
        "error parsing migration filename {name:?}; expected integer version prefix (e.g. \
         `01_foo.sql`)"
    )
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn read_script(path: &Path) -> Result<Script, String> {
    let sql = fs::read_to_string(path).map_err(|error| {
        format!("error reading contents of migration {}: {error}", path.display())
    })?;
    // The text in a file beside it says more of one of Flyway's.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".conf");
    let options = fs::read_to_string(PathBuf::from(beside)).unwrap_or_default();
    let is_option = |line: &str| line.replace(' ', "") == "executeInTransaction=false";
    let no_transaction = sql.starts_with("-- no-transaction") || options.lines().any(is_option);
    Ok(Script { sql, no_transaction })
}

/// Reads whether one of Diesel's migrations runs outside a transaction.
fn is_outside(folder: &Path) -> Result<bool, String> {
    let path = folder.join("metadata.toml");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(false) };
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| format!("{}: {}", path.display(), error.message()))?;
    Ok(table.get("run_in_transaction").and_then(toml::Value::as_bool) == Some(false))
}

fn made(id: String, words: String, file: String, script: Script, tool: Tool) -> MigrationFile {
    let mut made = MigrationFile::of_version(id, words, file);
    made.checksum = match tool {
        Tool::Sqlx => Sha384::digest(script.sql.as_bytes()).to_vec(),
        Tool::Flyway => super::flyway_checksum(&script.sql).to_vec(),
        _ => Vec::new(),
    };
    let looks = matches!(tool, Tool::Flyway | Tool::Numbered);
    let outside = script.no_transaction || looks && name::wants_no_transaction(&script.sql);
    made.script = Some(Script { no_transaction: outside, ..script });
    made
}

/// Refuses a file that would be undone as soon as it is done.
fn refuse_way_back(file: &str, sql: &str) -> Result<(), Failure> {
    let Some((line, mark)) = name::way_back(sql) else { return Ok(()) };
    Err(Failure::new(FailureKind::Project, format!("{file} goes forwards and backwards"))
        .cause(format!("at {file}:{line}: `{mark}`"))
        .hint("as plain SQL it would be undone as soon as it is done")
        .hint("let the tool run that these files are for: [migrations] kind = \"command\""))
}

fn sort(files: &mut [MigrationFile]) {
    let number = |file: &MigrationFile| file.id.parse::<i64>().ok();
    files.sort_by(|a, b| {
        let by_version = || match (number(a), number(b)) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => Version::read(&a.id).cmp(&Version::read(&b.id)),
        };
        let by_words =
            || if a.repeatable { a.description.cmp(&b.description) } else { by_version() };
        a.repeatable.cmp(&b.repeatable).then_with(by_words).then_with(|| a.file.cmp(&b.file))
    });
}

/// Says what was left out, and where the order is not the tool's own.
fn notes(tool: Tool, entries: &Entries, files: &[MigrationFile], shown_as: &str) -> Vec<String> {
    let of = |wanted: &dyn Fn(&Name) -> bool| -> Vec<&str> {
        let is_wanted = |file: &&String| wanted(&name::read(base(file)));
        entries.files.iter().filter(is_wanted).map(String::as_str).collect()
    };
    let is_conf = |file: &str| file.ends_with(".sql.conf");
    let other: Vec<&str> =
        of(&|name| *name == Name::Other).into_iter().filter(|file| !is_conf(file)).collect();
    let unversioned = of(&|name| match name {
        Name::Unversioned => true,
        Name::NoNumber => tool != Tool::Sqlx,
        Name::Numbered { .. } => tool == Tool::Sqlx,
        Name::Sqlx { .. } => tool == Tool::Diesel,
        _ => false,
    });
    let mut notes = Vec::new();
    for (names, why) in [
        (other, "no SQL"),
        (unversioned, "no version in the name"),
        (of(&|name| *name == Name::Baseline), "stands for others, which are applied themselves"),
    ] {
        if !names.is_empty() {
            notes.push(format!("left out of {shown_as} ({why}): {}", names.join(", ")));
        }
    }
    let by_text = files.windows(2).any(|pair| pair[0].id > pair[1].id);
    if tool == Tool::Diesel && by_text {
        notes.push(format!(
            "the versions in {shown_as} have several lengths: Diesel itself orders them as text"
        ));
    }
    notes
}

#[cfg(test)]
mod tests;
