//! One view per tenant: every template of a registry filled in for every tenant, so that
//! all else compares views with names. Pure; the tenants are read in `src/pg`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{EntryIndex, EntryName, ExpandError, NameTemplate, Registry, RegistryEntry, Selection};
use crate::ident::{IdentError, QualifiedName};
use crate::tenants::Tenant;
use crate::wording::plural;

/// A registry whose templates were filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Expansion {
    /// The registry: entries of one view alone, in the order of the file and of the tenants.
    pub registry: Registry,
    /// What could not be filled in; those entries are not in the registry.
    pub mistakes: Vec<ExpandMistake>,
}

/// Why a tenant has no view of its own by a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpandMistake {
    /// The line of the entry that is at fault, counted from 1.
    pub line: usize,
    /// What is wrong, without the tenant.
    pub reason: ExpandReason,
    /// The tenant's id; `None` where no tenant is at fault.
    pub tenant: Option<String>,
}

/// What is wrong with a template for a tenant. It tells ids and names of views, and no
/// other value of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ExpandReason {
    /// The tenants query has no such column, or it is null or empty.
    #[error("the tenants query gives no value for `{{{column}}}` of {template}")]
    NoValue {
        /// The template as the registry spells it.
        template: String,
        /// The column.
        column: String,
    },
    /// What comes of it cannot name a view.
    #[error("{template} comes to a name that {fault}")]
    NoName {
        /// The template as the registry spells it.
        template: String,
        /// What is wrong with the name, as a predicate.
        fault: &'static str,
    },
    /// The name is taken by an entry before it.
    #[error("{name} is named already, by line {first_line}{}", of_tenant(.first_tenant))]
    Collision {
        /// The view.
        name: String,
        /// The line of the entry that has the name.
        first_line: usize,
        /// The tenant of that entry.
        first_tenant: Option<String>,
    },
    /// A role's list names a view that no entry and no tenant gives.
    #[error("[roles.{role}] lists {name}, which no tenant gives")]
    NoSuchView {
        /// The role.
        role: String,
        /// The name in the list.
        name: String,
    },
}

fn of_tenant(tenant: &Option<String>) -> String {
    tenant.as_ref().map(|tenant| format!(" for tenant {tenant}")).unwrap_or_default()
}

/// How many tenants are named with one reason.
const MOST_NAMED: usize = 5;

impl ExpandMistake {
    /// Returns one sentence for each reason, with the first of the tenants that it is about.
    pub fn told(mistakes: &[Self]) -> Vec<String> {
        let mut reasons: BTreeMap<(usize, &ExpandReason), Vec<&str>> = BTreeMap::new();
        for mistake in mistakes {
            let tenants = reasons.entry((mistake.line, &mistake.reason)).or_default();
            tenants.extend(mistake.tenant.as_deref());
        }
        let sentence = |((line, reason), tenants): ((usize, &ExpandReason), Vec<&str>)| {
            let named = tenants[..tenants.len().min(MOST_NAMED)].join(", ");
            let of_whom = match tenants.len() {
                0 => String::new(),
                1 => format!("tenant {named}: "),
                count if count > MOST_NAMED => {
                    format!("{}, {named} among them: ", plural(count, "tenant"))
                }
                _ => format!("tenants {named}: "),
            };
            format!("{of_whom}{reason} (line {line})")
        };
        reasons.into_iter().map(sentence).collect()
    }
}

impl Registry {
    /// Tells whether an entry stands for one view per tenant.
    pub fn has_templates(&self) -> bool {
        self.matviews.iter().any(|entry| entry.name.fixed().is_none())
    }

    /// Fills every template in for every tenant.
    ///
    /// An entry that comes of it knows its tenant and its template, and keeps its line.
    /// Lists of views that name the template select it. Without a template the registry is
    /// given back as it is.
    pub fn expand(&self, tenants: &[Tenant]) -> Expansion {
        if !self.has_templates() {
            return Expansion { registry: self.clone(), mistakes: Vec::new() };
        }
        let tenants: Vec<Arc<Tenant>> = tenants.iter().cloned().map(Arc::new).collect();
        let mut expanding = Expanding::default();
        for entry in self.matviews.iter().filter(|entry| entry.name.fixed().is_some()) {
            expanding.take_name(entry);
        }
        for entry in &self.matviews {
            match &entry.name {
                EntryName::Fixed(_) => expanding.entries.push(entry.clone()),
                EntryName::PerTenant(template) => expanding.fill(entry, template, &tenants),
            }
        }
        let Expanding { entries, mut mistakes, of_template, .. } = expanding;
        let index = EntryIndex::new(&entries);
        let templates = self.matviews.iter().filter(|entry| entry.name.fixed().is_none());
        let templates = templates.cloned().collect();
        let mut registry = Self { matviews: entries, templates, index, ..self.without_views() };
        let lines: BTreeMap<String, usize> =
            registry.roles.iter().map(|(role, rules)| (role.to_string(), rules.line)).collect();
        let mut unknown = Vec::new();
        for (role, rules) in &mut registry.roles {
            for selection in [&mut rules.refresh, &mut rules.read].into_iter().flatten() {
                select_filled_in(selection, &of_template);
                unknown.extend(listed(selection).map(|name| (role.to_string(), name.clone())));
            }
        }
        unknown.retain(|(_, name)| registry.entry(name).is_none());
        mistakes.extend(unknown.into_iter().map(|(role, name)| ExpandMistake {
            line: lines.get(&role).copied().unwrap_or_default(),
            reason: ExpandReason::NoSuchView { role, name: name.to_string() },
            tenant: None,
        }));
        Expansion { registry, mistakes }
    }

    /// Returns everything but the views, which may be many.
    fn without_views(&self) -> Self {
        Self {
            source: self.source.clone(),
            database: self.database.clone(),
            migrations: self.migrations.clone(),
            tenancy: self.tenancy.clone(),
            lock_scheme: self.lock_scheme,
            roles: self.roles.clone(),
            schedules: self.schedules.clone(),
            matviews: Vec::new(),
            templates: Vec::new(),
            tasks: self.tasks.clone(),
            exceptions: self.exceptions.clone(),
            required_gates: self.required_gates.clone(),
            index: EntryIndex::default(),
        }
    }
}

/// Adds to a list that names templates the views that came of them.
fn select_filled_in(
    selection: &mut Selection,
    of_template: &BTreeMap<&EntryName, Vec<QualifiedName>>,
) {
    let Selection::Listed(names) = selection else { return };
    let filled_in: BTreeSet<EntryName> = names
        .iter()
        .filter_map(|name| of_template.get(name))
        .flatten()
        .cloned()
        .map(EntryName::Fixed)
        .collect();
    names.extend(filled_in);
}

fn listed(selection: &Selection) -> impl Iterator<Item = &QualifiedName> {
    let names = match selection {
        Selection::All => None,
        Selection::Listed(names) => Some(names),
    };
    names.into_iter().flatten().filter_map(EntryName::fixed)
}

/// An expansion under way.
#[derive(Default)]
struct Expanding<'r> {
    entries: Vec<RegistryEntry>,
    mistakes: Vec<ExpandMistake>,
    /// Who has each name: the line, and the tenant.
    taken: HashMap<QualifiedName, (usize, Option<Arc<Tenant>>)>,
    of_template: BTreeMap<&'r EntryName, Vec<QualifiedName>>,
}

impl<'r> Expanding<'r> {
    fn take_name(&mut self, entry: &RegistryEntry) {
        if let Some(name) = entry.name.fixed() {
            self.taken.insert(name.clone(), (entry.line, None));
        }
    }

    fn fill(&mut self, entry: &'r RegistryEntry, template: &NameTemplate, tenants: &[Arc<Tenant>]) {
        for tenant in tenants {
            let name = match template.expand(&tenant.columns) {
                Ok(name) => name,
                Err(error) => {
                    self.note(entry, tenant, reason(template, error));
                    continue;
                }
            };
            if let Some((first_line, first)) = self.taken.get(&name) {
                let reason = ExpandReason::Collision {
                    name: name.to_string(),
                    first_line: *first_line,
                    first_tenant: first.as_ref().map(|tenant| tenant.id.clone()),
                };
                self.note(entry, tenant, reason);
                continue;
            }
            self.taken.insert(name.clone(), (entry.line, Some(Arc::clone(tenant))));
            self.of_template.entry(&entry.name).or_default().push(name.clone());
            self.entries.push(RegistryEntry {
                name: EntryName::Fixed(name),
                tenant: Some(Arc::clone(tenant)),
                template: Some(entry.name.clone()),
                ..entry.clone()
            });
        }
    }

    fn note(&mut self, entry: &RegistryEntry, tenant: &Tenant, reason: ExpandReason) {
        let tenant = Some(tenant.id.clone());
        self.mistakes.push(ExpandMistake { line: entry.line, reason, tenant });
    }
}

fn reason(template: &NameTemplate, error: ExpandError) -> ExpandReason {
    let template = template.to_string();
    let fault = match error {
        ExpandError::NoValue(column) => return ExpandReason::NoValue { template, column },
        ExpandError::Name(IdentError::Empty) => "is empty",
        ExpandError::Name(IdentError::TooLong(_)) => "is longer than 63 bytes",
        ExpandError::Name(_) => "is no identifier",
    };
    ExpandReason::NoName { template, fault }
}

#[cfg(test)]
mod tests;
