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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{registry, tenant};

    const TEMPLATES: &str = "version = 1
[tenancy]
setting = 'app.tenant'
tenants = 'TABLE tenants'
[roles.worker]
refresh = ['tenant_{slug}.mv', 'public.mv']
read = ['*']
[roles.reader]
read = ['tenant_b.mv']
[[matview]]
name = 'public.mv'
[[matview]]
name = 'tenant_{slug}.mv'
tenant_column = 'tenant_id'
[[matview]]
name = 'public.mv_{slug}'
";

    fn fixed(name: &str) -> EntryName {
        EntryName::Fixed(name.parse().expect("a name"))
    }

    fn names(registry: &Registry) -> Vec<String> {
        registry.matviews.iter().map(|entry| entry.name.to_string()).collect()
    }

    fn role<'r>(registry: &'r Registry, name: &str) -> &'r crate::registry::RoleRules {
        let found = registry.roles.iter().find(|(role, _)| role.as_str() == name);
        found.expect("the role is declared").1
    }

    #[test]
    fn every_template_is_one_entry_a_tenant_with_its_line() {
        let expansion = registry(TEMPLATES).expand(&[tenant("b"), tenant("a")]);
        assert_eq!(expansion.mistakes, []);
        let registry = expansion.registry;
        assert_eq!(
            names(&registry),
            ["public.mv", "tenant_b.mv", "tenant_a.mv", "public.mv_b", "public.mv_a"]
        );
        let entry = registry.entry(&"tenant_a.mv".parse().expect("a name")).expect("an entry");
        assert_eq!((entry.line, entry.tenant_id()), (12, Some("id-a")));
        assert_eq!(entry.template_spelling().as_deref(), Some("tenant_{slug}.mv"));
        assert!(entry.tenant_column.is_some() && !entry.is_shared());
        assert_eq!(registry.templates.iter().map(|entry| entry.line).collect::<Vec<_>>(), [12, 15]);
        assert!(!registry.has_templates());
    }

    #[test]
    fn roles_select_by_template_and_by_name() {
        let registry = registry(TEMPLATES).expand(&[tenant("a"), tenant("b")]).registry;
        let refresh = role(&registry, "worker").refresh.as_ref().expect("declared");
        for (name, is_selected) in [
            ("public.mv", true),
            ("tenant_a.mv", true),
            ("tenant_b.mv", true),
            ("public.mv_a", false),
            ("tenant_c.mv", false),
        ] {
            assert_eq!(refresh.contains(&fixed(name)), is_selected, "{name}");
        }
        let read = role(&registry, "reader").read.as_ref().expect("declared");
        assert!(read.contains(&fixed("tenant_b.mv")) && !read.contains(&fixed("tenant_a.mv")));
    }

    #[test]
    fn without_a_template_nothing_changes() {
        let registry = registry("version = 1\n[[matview]]\nname = 'public.mv'");
        let expansion = registry.expand(&[tenant("a")]);
        assert_eq!(expansion, Expansion { registry, mistakes: vec![] });
    }

    #[test]
    fn a_tenant_that_gives_no_name_is_told_by_its_id() {
        let mut tenants = vec![tenant("b")];
        tenants.push(Tenant { id: "7".into(), columns: BTreeMap::new() });
        tenants.push(Tenant { id: "8".into(), columns: [("slug".into(), "".into())].into() });
        tenants.push(tenant(&"secret".repeat(20)));
        let expansion = registry(TEMPLATES).expand(&tenants);
        assert_eq!(names(&expansion.registry), ["public.mv", "tenant_b.mv", "public.mv_b"]);
        let told = ExpandMistake::told(&expansion.mistakes);
        let long = format!("id-{}", "secret".repeat(20));
        assert_eq!(
            told,
            [
                "tenants 7, 8: the tenants query gives no value for `{slug}` of tenant_{slug}.mv \
                 (line 12)"
                    .to_owned(),
                format!(
                    "tenant {long}: tenant_{{slug}}.mv comes to a name that is longer than 63 \
                     bytes (line 12)"
                ),
                "tenants 7, 8: the tenants query gives no value for `{slug}` of public.mv_{slug} \
                 (line 15)"
                    .to_owned(),
                format!(
                    "tenant {long}: public.mv_{{slug}} comes to a name that is longer than 63 \
                     bytes (line 15)"
                ),
            ]
        );
    }

    #[test]
    fn one_name_for_two_is_told_and_the_first_has_it() {
        let text = format!("{TEMPLATES}[[matview]]\nname = 'public.mv_x'");
        let mut twin = tenant("b");
        twin.id = "twin".into();
        let expansion = registry(&text).expand(&[tenant("b"), twin, tenant("x")]);
        assert_eq!(
            ExpandMistake::told(&expansion.mistakes),
            [
                "tenant twin: tenant_b.mv is named already, by line 12 for tenant id-b (line 12)",
                "tenant twin: public.mv_b is named already, by line 15 for tenant id-b (line 15)",
                "tenant id-x: public.mv_x is named already, by line 17 (line 15)",
            ]
        );
        assert_eq!(expansion.registry.matviews.len(), 5);
    }

    #[test]
    fn a_listed_view_that_no_tenant_gives_is_told() {
        let expansion = registry(TEMPLATES).expand(&[tenant("a")]);
        assert_eq!(
            ExpandMistake::told(&expansion.mistakes),
            ["[roles.reader] lists tenant_b.mv, which no tenant gives (line 8)"]
        );
    }

    #[test]
    fn many_tenants_with_one_mistake_are_counted() {
        let without = |id: usize| Tenant { id: id.to_string(), columns: BTreeMap::new() };
        let mut tenants: Vec<Tenant> = (0..1_000).map(without).collect();
        tenants.push(tenant("b"));
        let told = ExpandMistake::told(&registry(TEMPLATES).expand(&tenants).mistakes);
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("1000 tenants, 0, 1, 2, 3, 4 among them: "), "{}", told[0]);
    }

    proptest! {
        #[test]
        fn no_two_tenants_have_one_view_and_none_is_lost(
            rows in proptest::collection::vec(("[ab._\"{é]{0,3}", "[ab_]{0,2}"), 0..8),
        ) {
            let text = "version = 1\n[tenancy]\nsetting = 'a.t'\ntenants = 'TABLE t'\n\
                        [[matview]]\nname = 'public.mv_a'\n[[matview]]\nname = 'public.mv_{x}'\n\
                        [[matview]]\nname = '{x}.mv_{y}'\n[[matview]]\nname = '{x}_{y}.mv_a'";
            let tenant = |(at, (x, y)): (usize, &(String, String))| Tenant {
                id: at.to_string(),
                columns: [("x".to_owned(), x.clone()), ("y".to_owned(), y.clone())].into(),
            };
            let tenants: Vec<Tenant> = rows.iter().enumerate().map(tenant).collect();
            let Expansion { registry, mistakes } = registry(text).expand(&tenants);
            let names: BTreeSet<_> = registry.matviews.iter().map(|entry| &entry.name).collect();
            prop_assert_eq!(names.len(), registry.matviews.len());
            prop_assert_eq!(registry.matviews.len() + mistakes.len(), 1 + 3 * tenants.len());
            for entry in &registry.matviews {
                let name = entry.name.fixed().expect("every template is filled in");
                prop_assert_eq!(registry.entry(name), Some(entry));
                if let Some(tenant) = &entry.tenant {
                    let template = entry.template.as_ref().expect("it came of one");
                    prop_assert!(template.may_stand_for(name));
                    let EntryName::PerTenant(template) = template else { panic!("no template") };
                    prop_assert_eq!(&template.expand(&tenant.columns), &Ok(name.clone()));
                }
            }
        }
    }
}
