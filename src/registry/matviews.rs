//! `[[matview]]`: the entries, one materialized view each, or one per tenant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::entry_name::{EntryName, EntryNameError};
use super::schedules::ScheduleRules;
use super::section::{Field, Section};
use super::text::Text;
use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::tenants::Tenant;

/// What is declared about one materialized view.
///
/// Source: one `[[matview]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEntry {
    /// The view, or a template that names one per tenant. Source: `name`.
    pub name: EntryName,
    /// The line of the header, counted from 1.
    pub line: usize,
    /// The role that must own it; `None`: not judged. Source: `owner`.
    pub owner: Option<RoleName>,
    /// How it is refreshed. Source: `refresh`.
    pub refresh: RefreshMode,
    /// The column that says whose row it is; `None`: no tenant data. Source: `tenant_column`.
    pub tenant_column: Option<Identifier>,
    /// The columns that are unique together, in the order written. Source: `unique_key`.
    pub unique_key: Option<Vec<Identifier>>,
    /// A key of [`Registry::schedules`](super::Registry::schedules). Source: `schedule`.
    pub schedule: Option<String>,
    /// The oldest that its contents may be, above zero. Source: `max_staleness`.
    pub max_staleness: Option<Duration>,
    /// What must be refreshed before, where the catalog cannot tell. Source: `depends_on`.
    pub depends_on: Vec<QualifiedName>,
    /// A refresh after which a tenant has no rows is kept. Source: `tenants_may_vanish`.
    pub tenants_may_vanish: bool,
    /// A file with the defining SELECT, which was there when the registry was loaded.
    /// Source: `definition`, below the registry's directory.
    pub definition: Option<PathBuf>,
    /// What the lock's key is made from, in place of the view's name. Source: `lock_name`.
    pub lock_name: Option<String>,
    /// ANALYZE after every refresh. Source: `analyze`.
    pub analyze: bool,
    /// The tenant that a template was filled in for; `None`: the view is not one tenant's.
    pub tenant: Option<Arc<Tenant>>,
    /// The template that was filled in.
    pub template: Option<EntryName>,
}

impl RegistryEntry {
    /// Returns the id of the tenant whose own view it is.
    pub fn tenant_id(&self) -> Option<&str> {
        self.tenant.as_ref().map(|tenant| tenant.id.as_str())
    }

    /// Returns the template that was filled in, as the registry spells it.
    pub fn template_spelling(&self) -> Option<String> {
        self.template.as_ref().map(ToString::to_string)
    }

    /// Tells whether the view holds several tenants' rows: it has a column that says whose,
    /// and is not one tenant's own.
    pub fn is_shared(&self) -> bool {
        self.tenant_column.is_some() && self.tenant.is_none()
    }
}

/// How a view is refreshed.
///
/// Source: `refresh` of a `[[matview]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshMode {
    /// `REFRESH MATERIALIZED VIEW CONCURRENTLY`: readers go on reading.
    #[default]
    Concurrently,
    /// `REFRESH MATERIALIZED VIEW`: readers wait.
    Plain,
}

impl RefreshMode {
    /// Every mode, with its name.
    pub const ALL: [(&'static str, Self); 2] =
        [("concurrently", Self::Concurrently), ("plain", Self::Plain)];

    /// Returns the name as the registry writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Concurrently => "concurrently",
            Self::Plain => "plain",
        }
    }
}

/// What the entries are checked against.
pub(super) struct Surroundings<'r> {
    /// The registry's directory.
    pub(super) directory: &'r Path,
    /// The schedules; `None` when they could not be read.
    pub(super) schedules: Option<&'r BTreeMap<String, ScheduleRules>>,
}

/// Reads one `[[matview]]`; `None` when it has no name to speak of.
pub(super) fn read(
    mut section: Section<'_, '_>,
    around: &Surroundings<'_>,
) -> Option<RegistryEntry> {
    let line = section.line();
    let name = section.require("name").and_then(Field::text).and_then(|text| read_name(&text));
    let owner = section.take("owner").and_then(Field::text).and_then(|text| text.role());
    let refresh = section.take("refresh").and_then(Field::text);
    let tenant_column = section.take("tenant_column").and_then(Field::text);
    let unique_key = section.take("unique_key").and_then(read_unique_key);
    let schedule = section.take_text("schedule");
    let max_staleness = section.take("max_staleness").and_then(Field::text);
    let depends_on = section.take("depends_on").and_then(Field::texts).unwrap_or_default();
    let tenants_may_vanish = section.take_flag("tenants_may_vanish");
    let definition = section.take_text("definition");
    let lock_name = section.take_text("lock_name").map(Text::into_string);
    let analyze = section.take_flag("analyze");
    // Every value is read, whether or not the name is one: all mistakes are told at once.
    let refresh = refresh.and_then(|text| text.choice(&RefreshMode::ALL)).unwrap_or_default();
    let tenant_column = tenant_column.and_then(|text| text.identifier());
    let schedule = schedule.and_then(|text| known_schedule(text, around.schedules));
    let max_staleness = max_staleness.and_then(|text| text.duration(Duration::from_nanos(1)));
    let definition = definition.and_then(|text| existing_file(&text, around.directory));
    let entry = name.map(|name| RegistryEntry {
        line,
        owner,
        refresh,
        tenant_column,
        unique_key,
        schedule,
        max_staleness,
        depends_on: read_depends_on(&depends_on, &name),
        tenants_may_vanish,
        definition,
        lock_name,
        analyze,
        tenant: None,
        template: None,
        name,
    });
    section.finish();
    entry
}

/// Reads a view's name, or a template for the names of one view per tenant.
pub(super) fn read_name(text: &Text<'_, '_>) -> Option<EntryName> {
    match text.value.parse() {
        Ok(name) => Some(name),
        Err(EntryNameError::Name(error)) => {
            text.bad_name(&error, true);
            None
        }
        Err(error) => {
            let hint = match &error {
                EntryNameError::Braces(_) => {
                    "write `{column}`; inside double quotes, `{{` and `}}` are plain braces"
                }
                _ => "name a column of the tenants query: `tenant_{slug}.mv_revenue`",
            };
            text.mistake(error, Some(hint.to_owned()));
            None
        }
    }
}

fn read_unique_key(field: Field<'_, '_>) -> Option<Vec<Identifier>> {
    let (at, mistakes) = (field.at, field.mistakes());
    let columns = field.texts()?;
    if columns.is_empty() {
        let hint = "name the columns, or leave the key out".to_owned();
        mistakes.add(at, "`unique_key`: no column is listed", Some(hint));
    }
    Some(Text::read_all(&columns, Text::identifier))
}

fn read_depends_on(texts: &[Text<'_, '_>], own: &EntryName) -> Vec<QualifiedName> {
    Text::read_all(texts, |text| {
        let name = text.relation()?;
        if own.fixed() == Some(&name) {
            text.mistake(format!("`{name}` names itself"), None);
        }
        Some(name)
    })
}

/// Returns the name of a schedule, having noted one that is not declared.
pub(super) fn known_schedule(
    text: Text<'_, '_>,
    schedules: Option<&BTreeMap<String, ScheduleRules>>,
) -> Option<String> {
    if let Some(schedules) = schedules
        && !schedules.contains_key(text.value.as_ref())
    {
        let hint = match text.mistakes.nearest(&text.value, schedules.keys()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("declare `{} = {{ every = \"1h\" }}` below [schedules]", text.value),
        };
        text.mistake(format!("`{}` is no schedule of this registry", text.value), Some(hint));
    }
    Some(text.into_string())
}

fn existing_file(text: &Text<'_, '_>, directory: &Path) -> Option<PathBuf> {
    let path = directory.join(text.value.as_ref());
    let reason = match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => "is a folder".to_owned(),
        Ok(_) => return Some(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        Err(error) => format!("cannot be looked at: {error}"),
    };
    let hint = format!("the path is relative to `{}`", directory.display());
    text.mistake(format!("the file `{}` {reason}", text.value), Some(hint));
    None
}
