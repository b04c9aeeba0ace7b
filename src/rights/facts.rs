//! The facts that rights rest on, one type for each kind of row of the catalog: roles,
//! memberships, grants, schemas, relations with their policies and triggers, queries and
//! functions.

use std::collections::{BTreeMap, BTreeSet};

use crate::ident::{Identifier, QualifiedName, RoleName};

/// The object id of an object in the catalog.
pub type Oid = u32;

/// The grantee of what everybody may do.
pub const PUBLIC: Oid = 0;

/// A privilege that a grant can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// Reading a relation or a column.
    Select,
    /// Adding rows, or values to a column.
    Insert,
    /// Changing rows, or a column of them.
    Update,
    /// Removing rows.
    Delete,
    /// Removing all rows at once.
    Truncate,
    /// Adding triggers.
    Trigger,
    /// Refreshing, analyzing and the like; 17 and later.
    Maintain,
    /// Using a schema.
    Usage,
    /// Creating objects in a schema.
    Create,
    /// Making temporary objects in a database.
    Temporary,
    /// Connecting to a database.
    Connect,
    /// Calling a function.
    Execute,
}

impl Privilege {
    /// The privileges with which a role writes to a table; `MERGE` needs one or more of the
    /// first three.
    pub const WRITING: [Self; 4] = [Self::Insert, Self::Update, Self::Delete, Self::Truncate];

    /// Returns the word that `GRANT` takes, and `aclexplode` gives.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::Trigger => "TRIGGER",
            Self::Maintain => "MAINTAIN",
            Self::Usage => "USAGE",
            Self::Create => "CREATE",
            Self::Temporary => "TEMPORARY",
            Self::Connect => "CONNECT",
            Self::Execute => "EXECUTE",
        }
    }

    /// Returns the privilege of a word; `None` for one that nothing here depends on.
    pub fn of_word(word: &str) -> Option<Self> {
        const ALL: [Privilege; 12] = [
            Privilege::Select,
            Privilege::Insert,
            Privilege::Update,
            Privilege::Delete,
            Privilege::Truncate,
            Privilege::Trigger,
            Privilege::Maintain,
            Privilege::Usage,
            Privilege::Create,
            Privilege::Temporary,
            Privilege::Connect,
            Privilege::Execute,
        ];
        ALL.into_iter().find(|privilege| privilege.word() == word)
    }
}

/// One entry of an access control list.
///
/// Source: `aclexplode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Who may; [`PUBLIC`] is everybody.
    pub grantee: Oid,
    /// What.
    pub privilege: Privilege,
    /// Who granted it; only that role's grant can be revoked with `GRANTED BY` left out.
    pub grantor: Oid,
}

/// A role.
///
/// Source: `pg_roles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// `rolsuper`: no right is ever checked.
    pub superuser: bool,
    /// `rolinherit`; before 16 it decides whether memberships count without `SET ROLE`.
    pub inherit: bool,
    /// `rolbypassrls`: row-level security does not bind it.
    pub bypass_rls: bool,
    /// `rolcanlogin`.
    pub can_login: bool,
    /// `rolcreaterole`; before 16 it lets a role join every role that is no superuser.
    pub create_role: bool,
}

/// A membership of one role in another.
///
/// Source: `pg_auth_members`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    /// The role that is joined.
    pub group: Oid,
    /// The role that joins.
    pub member: Oid,
    /// Whether the member has the group's rights without more ado: `inherit_option`, and
    /// before 16 the member's own `rolinherit`.
    pub inherit: bool,
    /// Whether the member may `SET ROLE`: `set_option`, and before 16 always.
    pub set: bool,
    /// Whether the member may pass the membership on, to itself too: `admin_option`.
    pub admin: bool,
    /// Who granted it; 16 and later revoke that role's grant alone.
    pub grantor: Oid,
}

/// A schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its name.
    pub name: Identifier,
    /// Its owner.
    pub owner: Oid,
    /// Its grants, the defaults filled in.
    pub grants: Vec<Grant>,
}

/// What kind of relation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// An ordinary or partitioned table, or a sequence that a view reads.
    Table,
    /// A foreign table: its rows come from another server.
    ForeignTable,
    /// A plain view.
    View,
    /// A materialized view.
    Matview,
}

/// A relation that matters: a view, what a view reads, or a table that the registry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Schema and name.
    pub name: QualifiedName,
    /// The schema's object id.
    pub schema: Oid,
    /// What it is.
    pub kind: RelationKind,
    /// Its owner.
    pub owner: Oid,
    /// Its grants, the defaults filled in.
    pub grants: Vec<Grant>,
    /// Its columns that have grants of their own, by number; those of the system, such as
    /// `ctid`, have negative ones.
    pub column_grants: BTreeMap<i16, Vec<Grant>>,
    /// The names of its columns, by number; dropped ones are left out.
    pub columns: BTreeMap<i16, Identifier>,
    /// `relrowsecurity`.
    pub row_security: bool,
    /// `relforcerowsecurity`: binds the owner too.
    pub force_row_security: bool,
    /// `security_invoker` of a plain view: it reads with the rights of whoever asks.
    pub security_invoker: bool,
    /// The policies for reading, where row-level security is on.
    pub policies: Vec<Policy>,
    /// The enabled triggers that act before a write.
    pub triggers: Vec<Trigger>,
}

/// A policy that applies to reading.
///
/// Source: `pg_policy` with `polcmd` `r` or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: Identifier,
    /// Whether it opens rows; a restrictive one closes them.
    pub permissive: bool,
    /// The roles that it applies to; [`PUBLIC`] is every role.
    pub roles: Vec<Oid>,
    /// Whether its condition is the constant `true`.
    pub always_true: bool,
    /// Whether its condition reads a setting.
    pub reads_setting: bool,
}

/// A trigger that acts before a write and may stop it.
///
/// Source: `pg_trigger` and the body of its function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: Identifier,
    /// The writes that fire it.
    pub events: BTreeSet<Privilege>,
    /// Whether its function can refuse: raise an error, or drop the row.
    pub refuses: bool,
    /// Whether its function or its `WHEN` reads a setting that any role may change.
    pub reads_setting: bool,
    /// Whether it lets some writes pass: it has a `WHEN` or `UPDATE OF` columns, or a branch
    /// in its function may lead past the refusal.
    pub conditional: bool,
    /// Whether it fires whatever `session_replication_role` says (`ENABLE ALWAYS`).
    pub always: bool,
    /// The owner of its function, who may replace the function, or drop both with it.
    pub function_owner: Oid,
}

/// What the query of a view or materialized view reads and calls.
///
/// Source: `pg_rewrite` and `pg_depend`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// The relations that it names, each with the numbers of the columns that it uses; an
    /// empty set means that the relation is named and none of its columns.
    pub reads: BTreeMap<Oid, BTreeSet<i16>>,
    /// The functions that it calls, operators included; built-in ones are left out, but for
    /// those that run a query or read a table that they are given as text.
    pub calls: BTreeSet<Oid>,
    /// Whether the query itself reads a setting.
    pub reads_setting: bool,
    /// Whether the query itself depends on who asks: `current_user` and the like.
    pub reads_user: bool,
    /// Whether it uses whole rows, which need every column of some relation.
    pub uses_whole_rows: bool,
}

/// A function that a view calls.
///
/// Source: `pg_proc`; built-in and C functions of the system are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name with argument types, as `regprocedure` writes it under an empty path.
    pub signature: String,
    /// The schema that it is in.
    pub schema: Identifier,
    /// The names in its body that are written without a schema, and that are relations,
    /// functions or types of some schema other than the system's; a guess from the text.
    pub unqualified: Vec<String>,
    /// Its owner.
    pub owner: Oid,
    /// Its grants, the defaults filled in.
    pub grants: Vec<Grant>,
    /// Whether it runs with the rights of its owner.
    pub security_definer: bool,
    /// The language it is written in.
    pub language: String,
    /// Whether its body reads a setting.
    pub reads_setting: bool,
    /// Whether its settings or its body name `row_security`.
    pub touches_row_security: bool,
    /// Whether it sets its own `search_path`.
    pub sets_search_path: bool,
    /// Whether its body is text that is looked up when it runs, so that unqualified names
    /// in it depend on the search path (`BEGIN ATOMIC` bodies do not).
    pub has_text_body: bool,
}
