//! The files that declare definitions: read whole and bounded, as the text of one query.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::ident::QualifiedName;
use crate::registry::{Registry, RegistryEntry};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A definition that the registry declares for a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The view.
    pub view: QualifiedName,
    /// The file, relative to the registry's folder where it is below it.
    pub file: String,
    /// Its text, without a byte order mark; else why it cannot be used, in one sentence.
    pub text: Result<Arc<str>, String>,
}

/// Reads the definitions that a registry declares, one for each view of an entry that has
/// one; a file that several views share is read once.
pub fn declared(registry: &Registry) -> Vec<Declared> {
    let mut read: HashMap<&Path, Result<Arc<str>, String>> = HashMap::new();
    let mut all = Vec::new();
    for entry in &registry.matviews {
        let (Some(path), Some(file), Some(view)) =
            (entry.definition.as_deref(), file_of(registry, entry), entry.name.fixed())
        else {
            continue;
        };
        let text = read.entry(path).or_insert_with(|| text(path, &file)).clone();
        all.push(Declared { view: view.clone(), file, text });
    }
    all
}

/// Returns the file that declares a view's definition, as a report names it.
pub fn file_of(registry: &Registry, entry: &RegistryEntry) -> Option<String> {
    let path = entry.definition.as_deref()?;
    let file = path.strip_prefix(&registry.source.directory).unwrap_or(path);
    Some(file.display().to_string())
}

fn text(path: &Path, file: &str) -> Result<Arc<str>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|open| open.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("{file} cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{file} is larger than {} MB", MAX_BYTES / 1024 / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("{file}:{line} is not text in UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if let Some((before, _)) = text.split_once('\0') {
        let line = before.matches('\n').count() + 1;
        return Err(format!("{file}:{line} holds a NUL character"));
    }
    match text.trim() {
        "" => Err(format!("{file} is empty; a definition is one SELECT")),
        _ => Ok(text.into()),
    }
}
