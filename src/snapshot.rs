//! The snapshot: what the database was at one instant, as plain sorted data. It is read
//! by `pg/read_snapshot.rs` and compared by everything else.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ident::{Identifier, QualifiedName, RoleName};

/// What the server says about itself and the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// `current_database()`.
    pub database: String,
    /// `current_user`.
    pub role: RoleName,
    /// The version as people say it, such as `15.18`.
    pub version: String,
    /// `server_version_num`, such as 150018.
    pub version_num: i32,
    /// `pg_is_in_recovery()`: a standby.
    pub in_recovery: bool,
    /// `default_transaction_read_only`: the session may not write unless it insists.
    pub read_only: bool,
    /// The server's clock when the snapshot was taken, in UTC.
    pub read_at: DateTime<Utc>,
    /// `pg_database.oid` of the database.
    pub database_oid: u32,
    /// `pg_postmaster_start_time()`, in UTC.
    pub server_started: DateTime<Utc>,
}

impl ServerFacts {
    /// Tells whether two sessions are on one server in one database: a server's start and
    /// the database's object id are told to every role.
    pub fn is_same_database(&self, other: &Self) -> bool {
        self.database_oid == other.database_oid && self.server_started == other.server_started
    }

    /// Returns the major version, such as 15.
    pub const fn major(&self) -> i32 {
        self.version_num / 10_000
    }
}

/// An index of a materialized view.
///
/// Source: `pg_index`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexState {
    /// The name of the index, in the schema of its view.
    pub name: Identifier,
    /// Its key columns in order; `None` stands for an expression.
    pub columns: Vec<Option<Identifier>>,
    /// `indisunique`.
    pub unique: bool,
    /// `indisvalid`.
    pub valid: bool,
    /// Whether `REFRESH … CONCURRENTLY` can work with it: unique, valid, immediate, on
    /// columns alone and without a WHERE.
    pub usable_for_concurrent: bool,
}

/// Whether everything about a view could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadStatus {
    /// All was read.
    Ok,
    /// Size and definition could not be read, because another session holds an exclusive
    /// lock on the view or on a relation that it reads.
    Busy,
}

/// A materialized view as it is in the database.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewState {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Schema and name.
    pub name: QualifiedName,
    /// `pg_class.relowner`.
    pub owner: RoleName,
    /// `pg_class.relispopulated`.
    pub populated: bool,
    /// `pg_class.reltuples`: the planner's estimate of rows; `None` when never analyzed.
    pub rows_estimate: Option<f64>,
    /// `COMMENT ON MATERIALIZED VIEW`.
    pub comment: Option<Box<str>>,
    /// The indexes, by name.
    pub indexes: Vec<IndexState>,
    /// The nearest materialized views that it reads, through plain views at any depth.
    pub depends_on: BTreeSet<QualifiedName>,
    /// The nearest materialized views that read it, through plain views at any depth.
    pub dependents: BTreeSet<QualifiedName>,
    /// Whether size and definition could be read, where they were asked for.
    pub status: ReadStatus,
    /// Bytes on disk with indexes and TOAST; `None` when busy or not asked for.
    pub size_bytes: Option<i64>,
    /// SHA-256 of the definition as the server prints it under an empty search path;
    /// `None` when busy or not asked for. It depends on the server's major version.
    pub definition_sha256: Option<[u8; 32]>,
}

impl ViewState {
    /// Tells whether `REFRESH … CONCURRENTLY` can work: populated, with a usable index.
    pub fn is_concurrent_ready(&self) -> bool {
        self.populated && self.has_usable_index()
    }

    /// Tells whether an index is there that `REFRESH … CONCURRENTLY` can work with.
    pub fn has_usable_index(&self) -> bool {
        self.indexes.iter().any(|index| index.usable_for_concurrent)
    }

    /// Returns the fingerprint of the definition, `sha256:` and 64 hexadecimal digits.
    pub fn fingerprint(&self) -> Option<String> {
        self.definition_sha256.map(|digest| format!("sha256:{}", hex(&digest)))
    }
}

/// The materialized views of a database at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The server and the session.
    pub server: ServerFacts,
    /// Every materialized view outside the system schemas, by name.
    pub views: BTreeMap<QualifiedName, ViewState>,
}

impl Snapshot {
    /// Returns the views that were not read whole, by name.
    pub fn busy(&self) -> impl Iterator<Item = &ViewState> {
        self.views.values().filter(|view| view.status == ReadStatus::Busy)
    }
}

/// What a snapshot has to hold beyond the catalog's own rows; each costs server time and
/// waits behind exclusive locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The catalog's rows alone: takes no lock on any view.
    Catalog,
    /// Sizes and the digests of the definitions too.
    Whole,
}

/// Returns bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
