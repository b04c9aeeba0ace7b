//! Lock keys that two refreshes share: one of them is skipped while the other, which has
//! nothing to do with it, is running. Pure, and bounded in memory and time.

use serde::Serialize;

use crate::ident::QualifiedName;
use crate::lock_key::LockKey;
use crate::registry::{LockScheme, Registry};

use keys::Keys;

mod keys;

/// The most keys that are made: 16 MB, and some seconds at the most.
///
/// Keys of four bytes collide long before; of those of eight, two in a million keys more or
/// less are as good as never the same by accident, and what is not by accident is found by
/// the names.
pub const MOST_KEYS: usize = 2_000_000;

/// The most collisions that are told.
pub const MOST_TOLD: usize = 20;

/// The keys that a registry makes, compared with each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Collisions {
    /// How the keys are made.
    pub scheme: LockScheme,
    /// How many keys there are.
    pub keys: u64,
    /// How many of them were not compared with the others; their names were.
    pub not_compared: u64,
    /// The collisions, in the order of the registry; at most [`MOST_TOLD`].
    pub found: Vec<Collision>,
    /// How many collisions there are more.
    pub more: usize,
    /// Why the tenants are not known; `None`: they are, or there are none.
    pub tenants_unknown: Option<String>,
}

/// Two refreshes with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The key.
    pub key: LockKey,
    /// The one that comes first in the registry.
    pub first: Taker,
    /// The other one.
    pub second: Taker,
    /// What else the collision means.
    pub scope: Scope,
    /// Whether both keys are made from the same text, so that it is no accident.
    pub same_text: bool,
}

/// How far a collision goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// These two.
    These,
    /// The keys of the two views are the same for every tenant.
    EveryTenant,
    /// The keys of the two tenants are the same for every view.
    EveryView,
}

/// Who takes a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taker {
    /// The view.
    pub view: QualifiedName,
    /// The line of its entry, counted from 1.
    pub line: usize,
    /// What the registry declares in place of its name.
    pub lock_name: Option<String>,
    /// The tenant; `None`: the view's own key.
    pub tenant: Option<String>,
    /// Whether it is the key of the one that waits to refresh next.
    pub is_waiting: bool,
}

impl Taker {
    /// Returns the key under a scheme.
    pub fn key(&self, scheme: LockScheme) -> LockKey {
        let of = if self.is_waiting { LockKey::waiting } else { LockKey::of };
        of(scheme, &self.view, self.lock_name.as_deref(), self.tenant.as_deref())
    }

    /// Returns the texts that the key is made from.
    pub fn texts(&self, scheme: LockScheme) -> Vec<String> {
        let (lock_name, tenant) = (self.lock_name.as_deref(), self.tenant.as_deref());
        LockKey::texts_of(scheme, &self.view, lock_name, tenant, self.is_waiting)
    }

    /// Returns a name for a reader.
    pub fn told(&self) -> String {
        let mut told = self.view.to_string();
        if let Some(tenant) = &self.tenant {
            told.push_str(" for tenant ");
            told.push_str(tenant);
        }
        if self.is_waiting {
            told.push_str(" (waiting)");
        }
        told
    }
}

/// Compares the keys that a registry makes, its templates filled in, for these tenants.
///
/// A view that tenants share takes its own key, that of the one that waits, and with tenants
/// asked for by id theirs; a view of one tenant takes that tenant's key and that of the one
/// that waits. Entries with a template are passed over.
pub fn find(registry: &Registry, tenants: Result<&[String], String>) -> Collisions {
    find_within(registry, tenants, MOST_KEYS)
}

fn find_within(registry: &Registry, tenants: Result<&[String], String>, most: usize) -> Collisions {
    let (tenants, tenants_unknown) = match tenants {
        Ok(tenants) => (tenants, None),
        Err(reason) => (&[][..], Some(reason)),
    };
    let keys = Keys::of(registry, tenants);
    let mut found = keys.of_same_names();
    found.extend(keys.by_accident(most));
    found.sort_by_key(|pair| (pair.first.at(), pair.second.at()));
    let more = found.len().saturating_sub(MOST_TOLD);
    found.truncate(MOST_TOLD);
    let all = keys.count();
    Collisions {
        scheme: keys.scheme,
        keys: all,
        not_compared: if keys.made() > most as u64 { all.saturating_sub(most as u64) } else { 0 },
        found: found.iter().map(|pair| keys.told(pair)).collect(),
        more,
        tenants_unknown,
    }
}

#[cfg(test)]
mod tests;
