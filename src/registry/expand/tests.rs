//! Templates filled in for tenants, and what cannot be.

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
