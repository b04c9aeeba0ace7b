//! The keys that a registry makes, one by one: each is known by its place alone, so that
//! millions of them can be compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Collision, Scope, Taker};
use crate::ident::QualifiedName;
use crate::lock_key::{LockKey, normal_tenant};
use crate::registry::{LockScheme, Registry, RegistryEntry};

/// A key by its places: no names are kept for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    entry: u32,
    /// [`NO_TENANT`]: the view's own.
    tenant: u32,
    is_waiting: bool,
}

const NO_TENANT: u32 = u32::MAX;

impl Place {
    /// Orders places as a reader of the registry meets them.
    pub(super) fn at(self) -> (u32, u32, bool) {
        (self.entry, self.tenant.wrapping_add(1), self.is_waiting)
    }
}

/// Two keys that are the same.
pub(super) struct Pair {
    pub(super) first: Place,
    pub(super) second: Place,
    scope: Scope,
}

/// The keys of a registry, of each name once.
pub(super) struct Keys<'r> {
    pub(super) scheme: LockScheme,
    entries: Vec<&'r RegistryEntry>,
    views: Vec<&'r QualifiedName>,
    tenants: Vec<String>,
    /// The entries whose views tenants share, by what their keys are made from; the first in
    /// the registry comes first.
    shared: BTreeMap<String, Vec<u32>>,
    /// The views of one tenant, by what their keys are made from and their tenant.
    single: BTreeMap<(String, u32), Vec<u32>>,
}

impl<'r> Keys<'r> {
    pub(super) fn of(registry: &'r Registry, tenants: &[String]) -> Self {
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut listed: Vec<String> = Vec::new();
        let mut place_of = |tenant: &str| {
            let tenant = normal_tenant(tenant);
            *known.entry(tenant).or_insert_with_key(|tenant| {
                listed.push(tenant.clone());
                u32::try_from(listed.len() - 1).unwrap_or(NO_TENANT)
            })
        };
        for tenant in tenants {
            place_of(tenant);
        }
        let scheme = registry.lock_scheme;
        let (mut entries, mut views) = (Vec::new(), Vec::new());
        let (mut shared, mut single) = (BTreeMap::new(), BTreeMap::new());
        for entry in &registry.matviews {
            let Some(view) = entry.name.fixed() else { continue };
            let at = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            entries.push(entry);
            views.push(view);
            let name = name_in_keys(scheme, view, entry.lock_name.as_deref());
            match entry.tenant_id() {
                None => shared.entry(name).or_insert_with(Vec::new).push(at),
                Some(tenant) => {
                    let tenant = place_of(tenant);
                    single.entry((name, tenant)).or_insert_with(Vec::new).push(at);
                }
            }
        }
        Self { scheme, entries, views, tenants: listed, shared, single }
    }

    /// Returns the collisions of entries whose keys are made from the same name.
    pub(super) fn of_same_names(&self) -> Vec<Pair> {
        let place = |entry: u32, tenant: u32| Place { entry, tenant, is_waiting: false };
        let mut found = Vec::new();
        let scope = if self.tenants.is_empty() { Scope::These } else { Scope::EveryTenant };
        for entries in self.shared.values() {
            let first = place(entries[0], NO_TENANT);
            let others = entries[1..].iter().map(|other| place(*other, NO_TENANT));
            found.extend(others.map(|second| Pair { first, second, scope }));
        }
        for ((name, tenant), entries) in &self.single {
            let shared = self.shared.get(name).map(|entries| entries[0]);
            let first = shared.into_iter().chain(entries.iter().copied()).min();
            let Some(first) = first else { continue };
            let takers = shared.into_iter().chain(entries.iter().copied());
            for other in takers.filter(|other| *other != first) {
                let (first, second) = (place(first, *tenant), place(other, *tenant));
                found.push(Pair { first, second, scope: Scope::These });
            }
        }
        found
    }

    /// Returns the collisions of keys that are made from different names.
    pub(super) fn by_accident(&self, most: usize) -> Vec<Pair> {
        let mut numbers =
            Vec::with_capacity(usize::try_from(self.made()).unwrap_or(most).min(most));
        numbers.extend(self.places().take(most).map(|place| number(self.key(place))));
        numbers.sort_unstable();
        let mut twice: Vec<u64> =
            numbers.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
        drop(numbers);
        twice.dedup();
        if twice.is_empty() {
            return Vec::new();
        }
        // Which they are is worth a second round: few are the same.
        let mut same: BTreeMap<u64, Vec<Place>> = BTreeMap::new();
        for place in self.places().take(most) {
            let number = number(self.key(place));
            if twice.binary_search(&number).is_ok() {
                same.entry(number).or_default().push(place);
            }
        }
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        for mut places in same.into_values() {
            places.sort_by_key(|place| place.at());
            let first = places[0];
            for second in &places[1..] {
                let scope = self.scope(first, *second);
                if told.insert(seen_as(scope, first, *second)) {
                    found.push(Pair { first, second: *second, scope });
                }
            }
        }
        found
    }

    /// Tells how far an accident goes: each half of a pair is that of the view or that of the
    /// tenant alone.
    fn scope(&self, first: Place, second: Place) -> Scope {
        let same_tenant = (first.tenant, first.is_waiting) == (second.tenant, second.is_waiting);
        let are_shared =
            [first, second].iter().all(|place| self.entries[place.entry as usize].tenant.is_none());
        match self.scheme {
            LockScheme::Int32Pair if same_tenant && are_shared => Scope::EveryTenant,
            LockScheme::Int32Pair if first.entry == second.entry => Scope::EveryView,
            _ => Scope::These,
        }
    }

    /// Returns the keys that are compared, the views' own first, and of the same name once.
    ///
    /// The halves of a pair collide by themselves: then the tenants' keys of one view stand
    /// for those of all, and those of another only where they could meet a single view's.
    fn places(&self) -> Box<dyn Iterator<Item = Place> + '_> {
        let shared = || self.shared.values().map(|entries| entries[0]);
        let own = shared().flat_map(|entry| waiting_too(entry, NO_TENANT));
        let single = self.single.iter().flat_map(|((name, tenant), entries)| {
            let places = waiting_too(entries[0], *tenant);
            // The view that tenants share has that tenant's key, and comes with it below.
            places.into_iter().skip(usize::from(self.shared.contains_key(name)))
        });
        let tenants = 0..u32::try_from(self.tenants.len()).unwrap_or(NO_TENANT);
        let place = |entry, tenant| Place { entry, tenant, is_waiting: false };
        if self.scheme == LockScheme::Int32Pair {
            let of_one = shared().min().into_iter();
            let of_one = of_one
                .flat_map(move |entry| tenants.clone().map(move |tenant| place(entry, tenant)));
            let met = self.met_by_accident();
            let met = met.into_iter().map(move |(entry, tenant)| place(entry, tenant));
            return Box::new(own.chain(single).chain(of_one).chain(met));
        }
        let of_tenants =
            tenants.flat_map(move |tenant| shared().map(move |entry| place(entry, tenant)));
        Box::new(own.chain(single).chain(of_tenants))
    }

    /// Returns the shared views whose first number is by accident that of a view of one
    /// tenant, with that tenant.
    fn met_by_accident(&self) -> Vec<(u32, u32)> {
        let first = |entry: u32| {
            let place = Place { entry, tenant: NO_TENANT, is_waiting: false };
            number(self.key(place)) >> 32
        };
        let mut of_shared: BTreeMap<u64, Vec<(&str, u32)>> = BTreeMap::new();
        for (name, entries) in &self.shared {
            of_shared.entry(first(entries[0])).or_default().push((name, entries[0]));
        }
        let met = self.single.iter().flat_map(|((name, tenant), entries)| {
            let shared = of_shared.get(&first(entries[0])).into_iter().flatten();
            shared.filter(move |(other, _)| other != name).map(move |(_, entry)| (*entry, *tenant))
        });
        // The first shared view comes with all tenants as it is.
        let first_shared = self.shared.values().map(|entries| entries[0]).min();
        met.filter(|(entry, _)| Some(*entry) != first_shared).collect()
    }

    /// Returns how many keys [`Keys::places`] gives, or a little less.
    pub(super) fn made(&self) -> u64 {
        let of_tenants = match self.scheme {
            LockScheme::Int32Pair => self.shared.len().min(1),
            LockScheme::Int32 | LockScheme::Int64 => self.shared.len(),
        };
        2 * (self.shared.len() + self.single.len()) as u64
            + of_tenants as u64 * self.tenants.len() as u64
    }

    /// Returns how many keys the registry makes.
    pub(super) fn count(&self) -> u64 {
        2 * (self.shared.len() + self.single.len()) as u64
            + self.shared.len() as u64 * self.tenants.len() as u64
    }

    fn key(&self, place: Place) -> LockKey {
        let view = self.views[place.entry as usize];
        let lock_name = self.entries[place.entry as usize].lock_name.as_deref();
        let tenant = self.tenants.get(place.tenant as usize).map(String::as_str);
        let of = if place.is_waiting { LockKey::waiting } else { LockKey::of };
        of(self.scheme, view, lock_name, tenant)
    }

    fn taker(&self, place: Place) -> Taker {
        let entry = self.entries[place.entry as usize];
        Taker {
            view: self.views[place.entry as usize].clone(),
            line: entry.line,
            lock_name: entry.lock_name.clone(),
            tenant: self.tenants.get(place.tenant as usize).cloned(),
            is_waiting: place.is_waiting,
        }
    }

    pub(super) fn told(&self, pair: &Pair) -> Collision {
        let (first, second) = (self.taker(pair.first), self.taker(pair.second));
        let same_text = first.texts(self.scheme) == second.texts(self.scheme);
        Collision { key: first.key(self.scheme), first, second, scope: pair.scope, same_text }
    }
}

fn waiting_too(entry: u32, tenant: u32) -> [Place; 2] {
    [false, true].map(|is_waiting| Place { entry, tenant, is_waiting })
}

/// Returns what the keys of a view are made from; two views with the same have the same keys.
fn name_in_keys(scheme: LockScheme, view: &QualifiedName, lock_name: Option<&str>) -> String {
    match (lock_name, scheme) {
        (Some(name), _) => name.to_owned(),
        (None, LockScheme::Int64) => format!("{}.{}", view.schema.as_str(), view.name.as_str()),
        (None, LockScheme::Int32 | LockScheme::Int32Pair) => view.name.as_str().to_owned(),
    }
}

/// Returns a number that two keys of one scheme share only if they are the same.
fn number(key: LockKey) -> u64 {
    match key {
        LockKey::One([key]) => key.cast_unsigned(),
        LockKey::Two([first, second]) => {
            u64::from(first.cast_unsigned()) << 32 | u64::from(second.cast_unsigned())
        }
    }
}

/// Returns as what a collision was seen already: that of two views is one, however many
/// tenants it is seen with.
fn seen_as(scope: Scope, first: Place, second: Place) -> (Scope, Place, Place) {
    let bare = |place: Place| Place { tenant: NO_TENANT, is_waiting: false, ..place };
    let only_tenant = |place: Place| Place { entry: 0, ..place };
    match scope {
        Scope::These => (scope, first, second),
        Scope::EveryTenant => (scope, bare(first), bare(second)),
        Scope::EveryView => (scope, only_tenant(first), only_tenant(second)),
    }
}
