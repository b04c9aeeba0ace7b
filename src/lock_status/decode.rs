//! From keys back to names. Keys are digests, so the names are tried: every view and tenant
//! of the registry, in every scheme, against the keys that are held. Nothing is kept of
//! those that do not fit; with many tenants there are millions.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::ident::QualifiedName;
use crate::lock_key::{LockKey, LockPlace, normal_tenant};
use crate::registry::{EntryName, LockScheme, Registry};

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName {
    /// The view.
    pub view: QualifiedName,
    /// The tenant; `None`: the view as a whole.
    pub tenant: Option<String>,
    /// Whether it is the key of the one that waits to refresh next (`--coalesce`).
    pub next_in_line: bool,
    /// The scheme that makes the key from the name.
    pub scheme: LockScheme,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.view)?;
        if let Some(tenant) = &self.tenant {
            write!(f, " for tenant {tenant}")?;
        }
        if self.next_in_line { f.write_str(" (next in line)") } else { Ok(()) }
    }
}

/// A view whose keys are tried.
#[derive(Debug, Clone, Copy)]
pub struct KeyView<'r> {
    /// The view.
    pub view: &'r QualifiedName,
    /// What stands in for its name in keys.
    pub lock_name: Option<&'r str>,
    /// The tenant whose view it is; `None`: a view that tenants share.
    pub tenant: Option<&'r str>,
}

/// Returns the views of a registry, in its order; a template stands for none.
pub fn views_of(registry: &Registry) -> Vec<KeyView<'_>> {
    let views = registry.matviews.iter().filter_map(|entry| match &entry.name {
        EntryName::Fixed(view) => Some(KeyView {
            view,
            lock_name: entry.lock_name.as_deref(),
            tenant: entry.tenant.as_ref().map(|tenant| tenant.id.as_str()),
        }),
        EntryName::PerTenant(_) => None,
    });
    views.collect()
}

/// The names of keys: more than one where names collide in 32 bits.
pub type KeyNames = HashMap<LockPlace, Vec<KeyName>>;

/// Returns the names of those of the held keys that a view and a tenant explain.
///
/// The scheme that comes first is the one in use; the others are tried with what it does
/// not explain. Tenants are ids as the registry's query lists them.
pub fn decode(
    held: &HashSet<LockPlace>,
    views: &[KeyView<'_>],
    tenants: &[String],
    first: LockScheme,
) -> KeyNames {
    let tenants: Vec<String> = tenants.iter().map(|tenant| normal_tenant(tenant)).collect();
    let mut names = KeyNames::new();
    let others = LockScheme::ALL.into_iter().map(|(_, scheme)| scheme);
    for scheme in [first].into_iter().chain(others.filter(|scheme| *scheme != first)) {
        let unnamed = held.iter().filter(|place| could_be(scheme, **place));
        let unnamed: HashSet<LockPlace> =
            unnamed.filter(|place| !names.contains_key(place)).copied().collect();
        if unnamed.is_empty() {
            continue;
        }
        match scheme {
            LockScheme::Int32Pair => try_pairs(&unnamed, views, &tenants, &mut names),
            LockScheme::Int32 | LockScheme::Int64 => {
                try_ones(scheme, unnamed, views, &tenants, &mut names);
            }
        }
    }
    for names in names.values_mut() {
        names.sort();
        names.dedup();
    }
    names
}

/// Tells whether a scheme makes keys that show up at such a place.
fn could_be(scheme: LockScheme, place: LockPlace) -> bool {
    match (scheme, key_at(place)) {
        (LockScheme::Int32Pair, LockKey::Two(_)) | (LockScheme::Int64, LockKey::One(_)) => true,
        (LockScheme::Int32, LockKey::One([key])) => i32::try_from(key).is_ok(),
        _ => false,
    }
}

/// Returns the key that shows up at a place.
pub fn key_at(place: LockPlace) -> LockKey {
    match place.objsubid {
        2 => LockKey::Two([place.classid.cast_signed(), place.objid.cast_signed()]),
        _ => {
            let bits = u64::from(place.classid) << 32 | u64::from(place.objid);
            LockKey::One([bits.cast_signed()])
        }
    }
}

/// Tries the schemes whose key is a digest of view and tenant together.
fn try_ones(
    scheme: LockScheme,
    mut unnamed: HashSet<LockPlace>,
    views: &[KeyView<'_>],
    tenants: &[String],
    names: &mut KeyNames,
) {
    for one in views {
        for tenant in tenants_of(one, tenants) {
            for next_in_line in [false, true] {
                let key = if next_in_line { LockKey::waiting } else { LockKey::of };
                let place = key(scheme, one.view, one.lock_name, tenant).place();
                if !unnamed.contains(&place) {
                    continue;
                }
                names.entry(place).or_default().push(named(scheme, one, tenant, next_in_line));
                // In 64 bits no two names meet; in 32 the operator is told of both.
                if scheme == LockScheme::Int64 {
                    unnamed.remove(&place);
                }
                if unnamed.is_empty() {
                    return;
                }
            }
        }
    }
}

/// Tries the scheme whose key is two digests, one of the view and one of the tenant: each
/// is looked up by itself, so the time does not grow with their product.
fn try_pairs(
    unnamed: &HashSet<LockPlace>,
    views: &[KeyView<'_>],
    tenants: &[String],
    names: &mut KeyNames,
) {
    let scheme = LockScheme::Int32Pair;
    let halves = |key: LockKey| (key.place().classid, key.place().objid);
    let held_views: HashSet<u32> = unnamed.iter().map(|place| place.classid).collect();
    let held_tenants: HashSet<u32> = unnamed.iter().map(|place| place.objid).collect();

    let mut by_view: HashMap<u32, Vec<&KeyView<'_>>> = HashMap::new();
    // Whose tenant it is, and whether it is that of the next in line.
    let mut by_tenant: HashMap<u32, HashSet<(Option<&str>, bool)>> = HashMap::new();
    let Some(any) = views.first() else { return };
    let own = views.iter().filter_map(|one| one.tenant);
    let all = tenants.iter().map(String::as_str).chain(own).map(Some).chain([None]);
    for tenant in all {
        for next_in_line in [false, true] {
            let key = if next_in_line { LockKey::waiting } else { LockKey::of };
            let (_, half) = halves(key(scheme, any.view, any.lock_name, tenant));
            if held_tenants.contains(&half) {
                by_tenant.entry(half).or_default().insert((tenant, next_in_line));
            }
        }
    }
    for one in views {
        let (half, _) = halves(LockKey::of(scheme, one.view, one.lock_name, None));
        if held_views.contains(&half) {
            by_view.entry(half).or_default().push(one);
        }
    }
    for place in unnamed {
        let (Some(views), Some(tenants)) =
            (by_view.get(&place.classid), by_tenant.get(&place.objid))
        else {
            continue;
        };
        for one in views {
            let fits = |tenant: Option<&str>| one.tenant.is_none() || one.tenant == tenant;
            for (tenant, next_in_line) in tenants.iter().filter(|(tenant, _)| fits(*tenant)) {
                names.entry(*place).or_default().push(named(scheme, one, *tenant, *next_in_line));
            }
        }
    }
}

/// Returns whose keys a view has: those of all tenants and its own where it is shared, else
/// its one tenant's.
fn tenants_of<'t>(
    one: &KeyView<'t>,
    tenants: &'t [String],
) -> impl Iterator<Item = Option<&'t str>> {
    let shared: &[String] = if one.tenant.is_none() { tenants } else { &[] };
    [one.tenant].into_iter().chain(shared.iter().map(|tenant| Some(tenant.as_str())))
}

fn named(
    scheme: LockScheme,
    one: &KeyView<'_>,
    tenant: Option<&str>,
    next_in_line: bool,
) -> KeyName {
    KeyName { view: one.view.clone(), tenant: tenant.map(str::to_owned), next_in_line, scheme }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const SCHEMES: [LockScheme; 3] = [LockScheme::Int32, LockScheme::Int32Pair, LockScheme::Int64];

    fn view(name: &str) -> QualifiedName {
        name.parse().expect("a name")
    }

    fn shared(view: &QualifiedName) -> KeyView<'_> {
        KeyView { view, lock_name: None, tenant: None }
    }

    fn tenants() -> Vec<String> {
        vec!["acme".to_owned(), "123E4567-E89B-12D3-A456-426614174000".to_owned()]
    }

    /// Returns the names of one key in words, whichever scheme is in use.
    #[track_caller]
    fn names(place: LockPlace, views: &[KeyView<'_>]) -> Vec<String> {
        let held = HashSet::from([place]);
        let named = |first| {
            let mut names = decode(&held, views, &tenants(), first);
            names.remove(&place).unwrap_or_default()
        };
        let [one, others @ ..] = SCHEMES.map(named);
        assert!(others.iter().all(|other| *other == one), "{one:?} {others:?}");
        one.iter().map(|name| format!("{name} in {}", name.scheme.as_str())).collect()
    }

    #[test]
    fn every_scheme_is_read_back_to_view_and_tenant() {
        let mv = view(r#"rpt."Weird Name""#);
        let other = view("public.other");
        let views = [shared(&other), shared(&mv)];
        let uuid = "123e4567-e89b-12d3-a456-426614174000";
        for (tenant, said) in [
            (None, ""),
            (Some("acme"), " for tenant acme"),
            (Some(uuid), &format!(" for tenant {uuid}")),
        ] {
            for scheme in SCHEMES {
                let name = format!("{mv}{said}");
                let word = scheme.as_str();
                let held = LockKey::of(scheme, &mv, None, tenant).place();
                assert_eq!(names(held, &views), [format!("{name} in {word}")]);
                let next = LockKey::waiting(scheme, &mv, None, tenant).place();
                assert_eq!(names(next, &views), [format!("{name} (next in line) in {word}")]);
            }
        }
    }

    #[test]
    fn what_no_view_explains_has_no_name() {
        let mv = view("public.mv");
        let stranger = LockKey::of(LockScheme::Int64, &view("public.stranger"), None, None);
        let other_tenant = LockKey::of(LockScheme::Int32Pair, &mv, None, Some("nobody"));
        for key in [stranger, other_tenant, LockKey::One([-5]), LockKey::Two([-5, -7])] {
            assert_eq!(names(key.place(), &[shared(&mv)]), [""; 0]);
        }
        assert!(names(stranger.place(), &[]).is_empty());
    }

    #[test]
    fn a_lock_name_stands_in_for_the_view() {
        let mv = view("public.mv");
        let views = [KeyView { lock_name: Some("legacy"), ..shared(&mv) }];
        for scheme in SCHEMES {
            let held = LockKey::of(scheme, &mv, Some("legacy"), Some("acme")).place();
            let word = scheme.as_str();
            assert_eq!(names(held, &views), [format!("public.mv for tenant acme in {word}")]);
            let bare = LockKey::of(scheme, &mv, None, Some("acme")).place();
            assert_eq!(names(bare, &views), [""; 0]);
        }
    }

    #[test]
    fn a_tenants_view_has_the_key_of_its_tenant_alone() {
        let (one, two) = (view("tenant_a.mv"), view("tenant_b.mv"));
        let views = [
            KeyView { tenant: Some("a"), ..shared(&one) },
            KeyView { tenant: Some("b"), ..shared(&two) },
        ];
        for scheme in SCHEMES {
            let word = scheme.as_str();
            let held = LockKey::of(scheme, &two, None, Some("b")).place();
            assert_eq!(names(held, &views), [format!("tenant_b.mv for tenant b in {word}")]);
            // Where keys know no schema, this is the key of another view.
            let strange = LockKey::of(LockScheme::Int64, &two, None, Some("a")).place();
            assert_eq!(names(strange, &views), [""; 0]);
        }
    }

    #[test]
    fn names_that_collide_in_32_bits_are_all_told() {
        let mut seen: HashMap<LockPlace, QualifiedName> = HashMap::new();
        let (one, two, place) = (0..)
            .find_map(|number| {
                let mv = view(&format!("public.mv_{number}"));
                let place = LockKey::of(LockScheme::Int32, &mv, None, None).place();
                let one = seen.insert(place, mv.clone())?;
                Some((one, mv, place))
            })
            .expect("some collide");
        let told = names(place, &[shared(&one), shared(&two)]);
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn a_key_is_read_from_its_place_and_back() {
        for key in [
            LockKey::One([7]),
            LockKey::One([-5]),
            LockKey::One([i64::MIN]),
            LockKey::One([i64::MAX]),
            LockKey::Two([0, 7]),
            LockKey::Two([-5, -7]),
        ] {
            assert_eq!(key_at(key.place()), key);
        }
    }
}
