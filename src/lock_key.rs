//! The keys of the advisory locks that keep refreshes apart: three schemes, so that workers
//! in other languages, which are already running, exclude each other with us.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ident::QualifiedName;
use crate::registry::LockScheme;

/// The key of an advisory lock, as the server takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum LockKey {
    /// One bigint.
    One([i64; 1]),
    /// Two int4.
    Two([i32; 2]),
}

/// Where a key shows up in `pg_locks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LockPlace {
    /// The high half of a bigint, or the first int4, unsigned.
    pub classid: u32,
    /// The low half of a bigint, or the second int4, unsigned.
    pub objid: u32,
    /// 1 for a bigint, 2 for two int4.
    pub objsubid: i16,
}

impl LockKey {
    /// Returns the key for a view, and for one of its tenants where one is given.
    ///
    /// `lock_name` stands in for the view's name where the registry declares one; the
    /// schemes differ in what they take else: the bare name, or schema and name. A tenant's
    /// id is taken in lower case with hyphens where it is a UUID.
    pub fn of(
        scheme: LockScheme,
        view: &QualifiedName,
        lock_name: Option<&str>,
        tenant: Option<&str>,
    ) -> Self {
        Self::with_suffix(scheme, view, lock_name, tenant, "")
    }

    /// Returns the key of the one that waits to refresh next, for `--coalesce`; the other
    /// parameters are those of the key that it waits for.
    pub fn waiting(
        scheme: LockScheme,
        view: &QualifiedName,
        lock_name: Option<&str>,
        tenant: Option<&str>,
    ) -> Self {
        Self::with_suffix(scheme, view, lock_name, tenant, WAITING)
    }

    fn with_suffix(
        scheme: LockScheme,
        view: &QualifiedName,
        lock_name: Option<&str>,
        tenant: Option<&str>,
        suffix: &str,
    ) -> Self {
        let texts = texts(scheme, view, lock_name, tenant, suffix);
        match scheme {
            LockScheme::Int32 => Self::One([i64::from(int32(&texts.0))]),
            LockScheme::Int32Pair => Self::Two([int32(&texts.0), int32(&texts.1)]),
            LockScheme::Int64 => Self::One([int64(&texts.0)]),
        }
    }

    /// Returns the key of a text of our own: the first eight bytes, big-endian, of its SHA-256.
    pub fn of_text(text: &str) -> Self {
        Self::One([int64(text)])
    }

    /// Returns the texts whose digests make a key: two for a pair, else one. The parameters
    /// are those of [`LockKey::of`]; `is_waiting` tells a key of [`LockKey::waiting`].
    pub fn texts_of(
        scheme: LockScheme,
        view: &QualifiedName,
        lock_name: Option<&str>,
        tenant: Option<&str>,
        is_waiting: bool,
    ) -> Vec<String> {
        let suffix = if is_waiting { WAITING } else { "" };
        let (first, second) = texts(scheme, view, lock_name, tenant, suffix);
        [first, second].into_iter().filter(|text| !text.is_empty()).collect()
    }

    /// Returns where the key shows up in `pg_locks`.
    pub const fn place(self) -> LockPlace {
        match self {
            Self::One([key]) => {
                let bits = key.cast_unsigned();
                LockPlace { classid: (bits >> 32) as u32, objid: bits as u32, objsubid: 1 }
            }
            Self::Two([first, second]) => LockPlace {
                classid: first.cast_unsigned(),
                objid: second.cast_unsigned(),
                objsubid: 2,
            },
        }
    }
}

impl fmt::Display for LockKey {
    /// Writes the arguments that the server's lock functions take.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One([key]) => write!(f, "{key}"),
            Self::Two([first, second]) => write!(f, "{first}, {second}"),
        }
    }
}

/// Returns a tenant's id as keys take it.
pub fn normal_tenant(tenant: &str) -> String {
    match uuid::Uuid::try_parse(tenant) {
        Ok(uuid) => uuid.hyphenated().to_string(),
        Err(_) => tenant.to_owned(),
    }
}

/// What the text ends in whose key is that of the one that waits.
const WAITING: &str = ":waiting";

/// Returns the texts that are digested; the second is empty but for a pair.
fn texts(
    scheme: LockScheme,
    view: &QualifiedName,
    lock_name: Option<&str>,
    tenant: Option<&str>,
    suffix: &str,
) -> (String, String) {
    let tenant = tenant.map(normal_tenant);
    let bare = lock_name.unwrap_or_else(|| view.name.as_str());
    let global = tenant.as_deref().unwrap_or("GLOBAL");
    match scheme {
        LockScheme::Int32 => (format!("matview_refresh:{bare}:{global}{suffix}"), String::new()),
        LockScheme::Int32Pair => (format!("view:{bare}"), format!("tenant:{global}{suffix}")),
        LockScheme::Int64 => {
            let tenant = tenant.as_deref().unwrap_or("*");
            let text = match lock_name {
                Some(name) => format!("driftgate:{name}:{tenant}{suffix}"),
                None => {
                    let (schema, name) = (view.schema.as_str(), view.name.as_str());
                    format!("driftgate:{schema}.{name}:{tenant}{suffix}")
                }
            };
            (text, String::new())
        }
    }
}

fn int32(text: &str) -> i32 {
    let [a, b, c, d, ..] = digest(text);
    i32::from_be_bytes([a, b, c, d])
}

fn int64(text: &str) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = digest(text);
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn vectors() -> Vec<Value> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lock_keys.json");
        let text = std::fs::read_to_string(path).expect("the golden vectors are there");
        serde_json::from_str(&text).expect("they are JSON")
    }

    #[test]
    fn every_scheme_gives_the_golden_keys_at_their_places() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 20);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().map(str::to_owned);
            let view = QualifiedName::from_catalog(
                text("schema").expect("a schema"),
                text("view").expect("a view"),
            );
            for (scheme, name) in [
                (LockScheme::Int32, "int32"),
                (LockScheme::Int32Pair, "int32-pair"),
                (LockScheme::Int64, "int64"),
            ] {
                let key = LockKey::of(scheme, &view, None, text("tenant").as_deref());
                assert_eq!(json!(key), vector[name]["key"], "{vector}");
                assert_eq!(json!(key.place()), vector[name]["pg_locks"], "{vector}");
            }
        }
    }

    #[test]
    fn a_uuid_gives_one_key_however_it_is_spelt() {
        let view = QualifiedName::from_catalog("public", "mv");
        let key = |tenant| LockKey::of(LockScheme::Int64, &view, None, Some(tenant));
        let spelt = "123e4567-e89b-12d3-a456-426614174000";
        assert_eq!(key(spelt), key("123E4567E89B12D3A456426614174000"));
        assert_eq!(key(spelt), key("{123e4567-e89b-12d3-a456-426614174000}"));
        assert_ne!(key("Acme"), key("acme"));
    }

    #[test]
    fn places_follow_the_servers_halves() {
        for (key, classid, objid) in [
            (7, 0, 7),
            (-5, u32::MAX, 4_294_967_291),
            (i64::MAX, 2_147_483_647, u32::MAX),
            (i64::MIN, 2_147_483_648, 0),
        ] {
            let place = LockPlace { classid, objid, objsubid: 1 };
            assert_eq!(LockKey::One([key]).place(), place);
        }
        let pair = LockPlace { classid: 4_294_967_291, objid: 4_294_967_289, objsubid: 2 };
        assert_eq!(LockKey::Two([-5, -7]).place(), pair);
    }
}
