//! Has a refresh made a tenant vanish? Rows by tenant, counted before and after in one
//! transaction, and what follows from the difference.

use std::collections::BTreeMap;

use crate::lock_key::normal_tenant;
use crate::tenant_safety::SafetyClass;
use crate::wording::plural;

/// How many tenants a message names; the rest is counted.
const MOST_NAMED: usize = 20;

/// The rows of a view, by tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// Rows by tenant; `None` stands for rows whose tenant is null.
    pub tenants: BTreeMap<Option<String>, i64>,
    /// All rows.
    pub rows: i64,
}

/// What the difference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// The refresh may be kept, with these things worth saying.
    Keep(Vec<String>),
    /// It must be rolled back, for this reason.
    RollBack(String),
}

/// Judges what a refresh did to tenants.
///
/// `of_tenant` is the tenant whose view it is, where it is one tenant's; no other tenant
/// may have rows in it then, whatever the class.
pub fn judge(
    before: &Counted,
    after: &Counted,
    class: SafetyClass,
    tenants_may_vanish: bool,
    of_tenant: Option<&str>,
) -> Judged {
    if let Some(tenant) = of_tenant {
        let strangers: Vec<_> =
            after.tenants.keys().filter(|other| !is_tenant(other.as_deref(), tenant)).collect();
        if !strangers.is_empty() {
            return Judged::RollBack(format!(
                "the view is {tenant}'s, and after the refresh it held rows of {}",
                named(&strangers)
            ));
        }
    }
    let vanished: Vec<_> =
        before.tenants.keys().filter(|tenant| !after.tenants.contains_key(tenant)).collect();
    if vanished.is_empty() {
        return Judged::Keep(Vec::new());
    }
    let told = format!("{} had rows before and none after", named(&vanished));
    if class == SafetyClass::Clear || tenants_may_vanish {
        Judged::Keep(vec![told])
    } else {
        Judged::RollBack(told)
    }
}

/// Tells whether a value of the tenant column is a tenant's id.
fn is_tenant(value: Option<&str>, tenant: &str) -> bool {
    value.is_some_and(|value| value == tenant || normal_tenant(value) == normal_tenant(tenant))
}

fn named(tenants: &[&Option<String>]) -> String {
    let names: Vec<&str> = tenants
        .iter()
        .take(MOST_NAMED)
        .map(|tenant| tenant.as_deref().unwrap_or("(no tenant)"))
        .collect();
    let more = tenants.len() - names.len();
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{} ({}{rest})", plural(tenants.len(), "tenant"), names.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(tenants: &[&str]) -> Counted {
        Counted {
            tenants: tenants.iter().map(|tenant| (Some((*tenant).to_owned()), 2)).collect(),
            rows: 2 * i64::try_from(tenants.len()).expect("few"),
        }
    }

    #[test]
    fn a_tenant_that_vanished_takes_an_opaque_refresh_back_and_is_told_of_a_clear_one() {
        let (before, after) = (counted(&["a", "b", "c"]), counted(&["a", "d"]));
        let opaque = judge(&before, &after, SafetyClass::Opaque, false, None);
        let told = "2 tenants (b, c) had rows before and none after".to_owned();
        assert_eq!(opaque, Judged::RollBack(told.clone()));
        let clear = judge(&before, &after, SafetyClass::Clear, false, None);
        assert_eq!(clear, Judged::Keep(vec![told.clone()]));
        let declared = judge(&before, &after, SafetyClass::Opaque, true, None);
        assert_eq!(declared, Judged::Keep(vec![told]));
    }

    #[test]
    fn rows_of_no_tenant_count_as_a_tenant() {
        let mut before = counted(&["a"]);
        before.tenants.insert(None, 1);
        let judged = judge(&before, &counted(&["a"]), SafetyClass::Opaque, false, None);
        let told = "1 tenant ((no tenant)) had rows before and none after".to_owned();
        assert_eq!(judged, Judged::RollBack(told));
    }

    #[test]
    fn one_tenants_view_holds_nobody_elses_rows_whatever_its_class() {
        for class in [SafetyClass::Clear, SafetyClass::Setting, SafetyClass::Rls] {
            let judged = judge(&counted(&["a"]), &counted(&["a", "b"]), class, false, Some("a"));
            assert!(matches!(judged, Judged::RollBack(reason) if reason.contains("b")));
        }
        let uuid = "123E4567-E89B-12D3-A456-426614174000";
        let same = counted(&["123e4567-e89b-12d3-a456-426614174000"]);
        assert_eq!(judge(&same, &same, SafetyClass::Rls, false, Some(uuid)), Judged::Keep(vec![]));
    }

    #[test]
    fn many_names_are_counted() {
        let names: Vec<String> = (0..25).map(|number| format!("t{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let judged = judge(&counted(&names), &counted(&[]), SafetyClass::Opaque, false, None);
        assert!(matches!(judged, Judged::RollBack(reason) if reason.contains("t19 and 5 more")));
    }

    proptest! {
        #[test]
        fn an_opaque_refresh_is_kept_exactly_when_every_tenant_is_still_there(
            before in prop::collection::btree_set("[a-e]", 0..5),
            after in prop::collection::btree_set("[a-e]", 0..5),
        ) {
            let of = |tenants: &std::collections::BTreeSet<String>| {
                counted(&tenants.iter().map(String::as_str).collect::<Vec<_>>())
            };
            let judged = judge(&of(&before), &of(&after), SafetyClass::Opaque, false, None);
            prop_assert_eq!(judged == Judged::Keep(vec![]), before.is_subset(&after));
        }
    }
}
