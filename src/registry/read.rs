//! Reads a registry's text section by section. What refers to another section is checked
//! when that one has been read, and not at all when a part of the file is not TOML.

use super::document::Document;
use super::matviews::Surroundings;
use super::mistakes::Mistakes;
use super::roles::Registered;
use super::section::{Section, Source};
use super::text::Text;
use super::{
    EntryIndex, EntryName, Registry, RegistryEntry, RegistrySource, database, exceptions, locks,
    matviews, migrations, roles, schedules, tasks, tenancy,
};
use crate::failure::Mistake;
use crate::gate::GateId;
use crate::ident::QualifiedName;

/// The version of the format that is read.
const VERSION: i64 = 1;

/// Reads a registry's text.
///
/// # Errors
///
/// Every mistake in it, in the order of their lines.
pub(super) fn read(
    text: &str,
    source: RegistrySource,
    known_checks: &[&str],
) -> Result<Registry, Vec<Mistake>> {
    let mistakes = Mistakes::new(&source.display, text);
    let document = Document::split(text);
    let (table, origin) = document.parse_others(&mistakes);
    let is_complete = !mistakes.is_broken();
    let mut root = Section::root(table, Source { mistakes: &mistakes, origin });
    read_version(&mut root, is_complete);
    let database = root.take_section("database", "[database]").map(database::read);
    let migrations = root
        .take_section("migrations", "[migrations]")
        .and_then(|section| migrations::read(section, &source.directory));
    let tenancy = root.take_section("tenancy", "[tenancy]").map(tenancy::read);
    let lock_scheme = root.take_section("locks", "[locks]").map(locks::read);
    let schedules = root.take_section("schedules", "[schedules]").map(schedules::read);
    let schedules = schedules.unwrap_or_default();
    let known_schedules = is_complete.then_some(&schedules);
    let around = Surroundings { directory: &source.directory, schedules: known_schedules };
    let matviews = read_matviews(&document, &mut root, &around);
    let index = EntryIndex::new(&matviews);
    note_duplicates(&matviews, &index, &mistakes);
    let names = Names { entries: &matviews, index: &index };
    let registered = (!mistakes.is_broken()).then_some(&names);
    let roles =
        root.take_section("roles", "[roles]").map(|section| roles::read(section, registered));
    let tasks = tasks::read(root.take_sections("task", "[[task]]"), known_schedules);
    let exceptions =
        exceptions::read(root.take_sections("exception", "[[exception]]"), known_checks);
    let required_gates = root.take_section("gates", "[gates]").and_then(read_gates);
    refuse_slices(&mut root);
    root.finish();
    if is_complete && tenancy.as_ref().is_none_or(|tenancy| tenancy.tenants.is_none()) {
        note_missing_tenants(&matviews, &mistakes);
    }
    let found = mistakes.finish();
    if !found.is_empty() {
        return Err(found);
    }
    Ok(Registry {
        database: database.unwrap_or_default(),
        migrations,
        tenancy,
        lock_scheme: lock_scheme.unwrap_or_default(),
        roles: roles.unwrap_or_default(),
        schedules,
        matviews,
        templates: Vec::new(),
        tasks,
        exceptions,
        required_gates,
        index,
        source,
    })
}

/// Checks `version`; one that is absent may stand in a part that is not TOML.
fn read_version(root: &mut Section<'_, '_>, is_complete: bool) {
    let hint = || Some(format!("write `version = {VERSION}` at the top"));
    match root.take("version") {
        Some(field) => {
            let (at, mistakes) = (field.at, field.mistakes());
            if let Some(version) = field.integer()
                && version != VERSION
            {
                mistakes.add(at, format!("`version`: {version} is not known"), hint());
            }
        }
        None if is_complete => root.mistake("`version` is missing", hint()),
        None => {}
    }
}

/// Reads the views, a batch at a time.
fn read_matviews(
    document: &Document<'_>,
    root: &mut Section<'_, '_>,
    around: &Surroundings<'_>,
) -> Vec<RegistryEntry> {
    let mistakes = root.mistakes();
    let mut entries = Vec::with_capacity(document.matviews);
    if let Some(field) = root.take("matview") {
        // The views that are written as [[matview]] are never part of the root.
        if document.matviews > 0 {
            let hint = "write every view as [[matview]]".to_owned();
            field.mistake("the views are written in two ways", Some(hint));
        } else {
            let sections = field.sections("[[matview]]").into_iter();
            entries.extend(sections.filter_map(|section| matviews::read(section, around)));
        }
    }
    document.each_batch(mistakes, |table, origin| {
        let mut batch = Section::root(table, Source { mistakes, origin });
        let sections = batch.take_sections("matview", "[[matview]]").into_iter();
        entries.extend(sections.filter_map(|section| matviews::read(section, around)));
    });
    entries
}

/// Notes each entry whose name another one has already.
fn note_duplicates(entries: &[RegistryEntry], index: &EntryIndex, mistakes: &Mistakes<'_>) {
    let mut first: Option<&RegistryEntry> = None;
    for entry in index.0.iter().filter_map(|at| entries.get(*at as usize)) {
        match first {
            Some(first) if first.name == entry.name => {
                let message =
                    format!("`{}` is declared on line {} already", entry.name, first.line);
                let hint = "remove one of the two entries".to_owned();
                mistakes.add_on_line(entry.line, message, Some(hint));
            }
            _ => first = Some(entry),
        }
    }
}

/// Notes the entries that are views of one tenant each, in want of tenants.
fn note_missing_tenants(entries: &[RegistryEntry], mistakes: &Mistakes<'_>) {
    for entry in entries.iter().filter(|entry| entry.name.fixed().is_none()) {
        let message = format!("nothing says which tenants `{}` stands for", entry.name);
        let hint = "write a query as `tenants` below [tenancy]".to_owned();
        mistakes.add_on_line(entry.line, message, Some(hint));
    }
}

fn read_gates(mut section: Section<'_, '_>) -> Option<Vec<GateId>> {
    let field = section.take("required");
    section.finish();
    let field = field?;
    let (at, mistakes) = (field.at, field.mistakes());
    let texts = field.texts()?;
    if texts.is_empty() {
        let hint = "leave the key out to require all gates".to_owned();
        mistakes.add(at, "`required`: no gate is listed", Some(hint));
    }
    Some(Text::read_all(&texts, |text| match text.value.parse() {
        Ok(gate) => Some(gate),
        Err(_) => {
            let hint = "the gates are `EG-1` to `EG-8`".to_owned();
            text.mistake(format!("`{}` is no gate", text.value), Some(hint));
            None
        }
    }))
}

fn refuse_slices(root: &mut Section<'_, '_>) {
    let Some(field) = root.take("slices") else { return };
    for at in field.places() {
        let hint = "take the entry out of the registry".to_owned();
        field.mistakes().add(at, "slices are not supported by this version", Some(hint));
    }
}

/// The names of the entries that were read.
struct Names<'r> {
    entries: &'r [RegistryEntry],
    index: &'r EntryIndex,
}

impl Names<'_> {
    /// Tells whether a tenant may give a view of that name; which tenants there are is known
    /// to the database alone.
    fn may_be_of_one_tenant(&self, name: &QualifiedName) -> bool {
        self.entries.iter().any(|entry| entry.name.may_stand_for(name))
    }
}

impl Registered for Names<'_> {
    fn has(&self, name: &EntryName) -> bool {
        self.index.position(self.entries, |entry| entry.cmp(name)).is_some()
            || name.fixed().is_some_and(|name| self.may_be_of_one_tenant(name))
    }

    fn spellings(&self) -> impl Iterator<Item = String> {
        self.entries.iter().map(|entry| entry.name.to_string())
    }
}
