//! `[roles.NAME]`: what a role must be able to do, and what it must not.

use std::collections::{BTreeMap, BTreeSet};

use super::entry_name::EntryName;
use super::matviews::read_name;
use super::section::{Field, Section};
use super::text::{Text, toml_string};
use crate::ident::{Identifier, QualifiedName, RoleName};

/// What is declared about one role.
///
/// Source: one `[roles.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRules {
    /// The views that it must be able to refresh; `None`: not judged. Source: `refresh`.
    pub refresh: Option<Selection>,
    /// The views that it may read, and no others; `None`: not judged. Source: `read`.
    pub read: Option<Selection>,
    /// The tables that it must not be able to write. Source: `must_not_write`.
    pub must_not_write: Vec<QualifiedName>,
    /// It may read nothing that holds several tenants' rows. Source: `tenant_facing`.
    pub tenant_facing: bool,
    /// The line of the header, counted from 1.
    pub line: usize,
}

/// Some of the registry's views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them. Source: `["*"]`.
    All,
    /// The entries with these names.
    Listed(BTreeSet<EntryName>),
}

impl Selection {
    /// Tells whether an entry is selected.
    pub fn contains(&self, name: &EntryName) -> bool {
        match self {
            Self::All => true,
            Self::Listed(names) => names.contains(name),
        }
    }
}

/// The names of the registered views, to check selections against.
pub(super) trait Registered {
    /// Tells whether there is an entry of that name.
    fn has(&self, name: &EntryName) -> bool;
    /// Returns the names of all entries as the registry spells them.
    fn spellings(&self) -> impl Iterator<Item = String>;
}

/// Reads `[roles]`; `registered` is `None` when not every entry could be read.
pub(super) fn read(
    section: Section<'_, '_>,
    registered: Option<&impl Registered>,
) -> BTreeMap<RoleName, RoleRules> {
    let mut roles: BTreeMap<RoleName, RoleRules> = BTreeMap::new();
    for field in section.into_fields() {
        let (key_at, mistakes) = (field.key_at, field.mistakes());
        let title = format!("[roles.{}]", field.key);
        let name = match field.key.parse::<RoleName>() {
            Ok(name) => Some(name),
            Err(error) => {
                let hint = Identifier::new(&field.key)
                    .ok()
                    .map(|name| format!("write `[roles.{}]`", toml_string(&name.to_string())));
                mistakes.add(key_at, format!("the role's name is none: {error}"), hint);
                None
            }
        };
        let rules = field.section(title).map(|section| read_one(section, registered));
        if let (Some(name), Some(rules)) = (name, rules) {
            if let Some(first) = roles.get(&name) {
                let message =
                    format!("the role `{name}` is declared on line {} already", first.line);
                mistakes.add(key_at, message, None);
            }
            roles.insert(name, rules);
        }
    }
    roles
}

fn read_one(mut section: Section<'_, '_>, registered: Option<&impl Registered>) -> RoleRules {
    let line = section.line();
    let refresh = section.take("refresh").and_then(|field| read_selection(field, registered));
    let read = section.take("read").and_then(|field| read_selection(field, registered));
    let tables = section.take("must_not_write").and_then(Field::texts).unwrap_or_default();
    let must_not_write = Text::read_all(&tables, Text::relation);
    let tenant_facing = section.take_flag("tenant_facing");
    section.finish();
    RoleRules { refresh, read, must_not_write, tenant_facing, line }
}

fn read_selection(field: Field<'_, '_>, registered: Option<&impl Registered>) -> Option<Selection> {
    let (stars, texts): (Vec<_>, Vec<_>) =
        field.texts()?.into_iter().partition(|text| text.value == "*");
    let names = Text::read_all(&texts, |text| {
        let name = read_name(text)?;
        if registered.is_some_and(|registered| !registered.has(&name)) {
            let spellings = registered.into_iter().flat_map(Registered::spellings);
            let hint = match text.mistakes.nearest(&text.value, spellings) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "add a [[matview]] of that name, or leave it out here".to_owned(),
            };
            text.mistake(format!("`{name}` is no view of this registry"), Some(hint));
        }
        Some(name)
    });
    Some(match stars.is_empty() {
        true => Selection::Listed(names.into_iter().collect()),
        false => Selection::All,
    })
}
