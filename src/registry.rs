//! The registry: the declared truth about a database's materialized views, as plain data.
//! Loading is in `registry/`; comparing it with a database is left to the checks.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use crate::failure::{Failure, FailureKind, Mistake};
use crate::gate::GateId;
use crate::ident::{Identifier, QualifiedName, RoleName};

mod database;
mod document;
mod entry_name;
mod exceptions;
mod expand;
mod file;
mod locate;
mod locks;
mod matviews;
mod migrations;
mod mistakes;
mod read;
mod roles;
mod schedules;
mod section;
mod tasks;
mod tenancy;
mod text;

pub use database::{DatabaseRules, IgnorePattern, Schemas};
pub use entry_name::{EntryName, EntryNameError, ExpandError, NameTemplate};
pub use exceptions::ExceptionRules;
pub use expand::{ExpandMistake, ExpandReason, Expansion};
pub use file::{MAX_BYTES, RegistrySource};
pub use locate::{REGISTRY_FILE, find, locate};
pub use locks::LockScheme;
pub use matviews::{RefreshMode, RegistryEntry};
pub use migrations::{MigrationsKind, MigrationsRules};
pub use roles::{RoleRules, Selection};
pub use schedules::{Rhythm, ScheduleRules, parse_cron};
pub use tasks::TaskRules;
pub use tenancy::Tenancy;

/// What a team declares about its materialized views: the closed world.
///
/// Source: one `registry.toml`, in which no mistake was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    /// The file that it was read from.
    pub source: RegistrySource,
    /// The schemas that it closes. Source: `[database]`.
    pub database: DatabaseRules,
    /// What builds the database. Source: `[migrations]`.
    pub migrations: Option<MigrationsRules>,
    /// How tenants are kept apart. Source: `[tenancy]`.
    pub tenancy: Option<Tenancy>,
    /// How lock keys are made. Source: `scheme` of `[locks]`.
    pub lock_scheme: LockScheme,
    /// What roles must and must not be able to do. Source: `[roles.NAME]`.
    pub roles: BTreeMap<RoleName, RoleRules>,
    /// When refreshes and tasks are due. Source: `[schedules]`.
    pub schedules: BTreeMap<String, ScheduleRules>,
    /// The views, in the order of the file. Source: `[[matview]]`.
    pub matviews: Vec<RegistryEntry>,
    /// The entries that [`Registry::expand`] filled in for tenants; they are no longer among
    /// the views.
    pub templates: Vec<RegistryEntry>,
    /// Other scheduled work. Source: `[[task]]`.
    pub tasks: Vec<TaskRules>,
    /// Findings that are accepted. Source: `[[exception]]`.
    pub exceptions: Vec<ExceptionRules>,
    /// The gates of `preflight`, at least one; `None`: all. Source: `required` of `[gates]`.
    pub required_gates: Option<Vec<GateId>>,
    index: EntryIndex,
}

impl Registry {
    /// Loads a registry, and finds every mistake in it at once.
    ///
    /// `known_checks` are the slugs that an exception may name; empty: any.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Registry`] with all mistakes in the order of their lines, or when the
    /// file cannot be read as text; [`FailureKind::Usage`] when there is no such file.
    pub fn load(path: &Path, known_checks: &[&str]) -> Result<Self, Failure> {
        let (text, source) = file::load(path)?;
        let display = source.display.clone();
        read::read(&text, source, known_checks).map_err(|mistakes| {
            let message = match mistakes.len() {
                1 => format!("{display} has 1 mistake"),
                count => format!("{display} has {count} mistakes"),
            };
            Failure::new(FailureKind::Registry, message).mistakes(mistakes)
        })
    }

    /// Reads a registry's text, as if it came from a file of that name in a directory.
    ///
    /// # Errors
    ///
    /// Every mistake in the text, in the order of their lines.
    pub fn parse(
        text: &str,
        file: &str,
        directory: &Path,
        known_checks: &[&str],
    ) -> Result<Self, Vec<Mistake>> {
        let source = RegistrySource::of(text, file, directory);
        read::read(text, source, known_checks)
    }

    /// Returns the entry of one view; views of a template are not among them.
    pub fn entry(&self, name: &QualifiedName) -> Option<&RegistryEntry> {
        let position = self.index.position(&self.matviews, |entry| match entry {
            EntryName::Fixed(entry) => entry.cmp(name),
            // Templates come after all single views.
            EntryName::PerTenant(_) => Ordering::Greater,
        })?;
        self.matviews.get(position)
    }

    /// Returns the first pattern by which a view is left aside.
    pub fn is_ignored(&self, name: &QualifiedName) -> Option<&IgnorePattern> {
        if self.database.ignore.is_empty() {
            return None;
        }
        let spelling = name.to_string();
        self.database.ignore.iter().find(|pattern| pattern.matches_spelling(&spelling))
    }

    /// Tells whether a schema is part of the closed world.
    pub fn in_scope(&self, schema: &Identifier) -> bool {
        self.database.schemas.contains(schema)
    }
}

/// The positions of the entries in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct EntryIndex(Box<[u32]>);

impl EntryIndex {
    fn new(entries: &[RegistryEntry]) -> Self {
        let mut positions: Box<[u32]> = (0..).take(entries.len()).collect();
        // Stable: of two equal names, the first in the file stays first.
        positions
            .sort_by(|one, other| entries[*one as usize].name.cmp(&entries[*other as usize].name));
        Self(positions)
    }

    fn position(
        &self,
        entries: &[RegistryEntry],
        compare: impl Fn(&EntryName) -> Ordering,
    ) -> Option<usize> {
        let found = self.0.binary_search_by(|at| match entries.get(*at as usize) {
            Some(entry) => compare(&entry.name),
            None => Ordering::Greater,
        });
        found.ok().map(|place| self.0[place] as usize)
    }
}

#[cfg(test)]
mod tests;
