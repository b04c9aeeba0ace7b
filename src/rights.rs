//! Rights: who may do what, computed from the catalog's own rows, without asking the
//! server once per role and object. Plain data and pure rules; `pg/read_rights.rs` reads it.
//!
//! The rules are those of PostgreSQL 13 to 18; tests compare them with the server's
//! `has_…_privilege` functions.

pub mod body;

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

/// Everything that rights depend on, at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// `server_version_num`.
    pub version_num: i32,
    /// Whether the server is a standby.
    pub in_recovery: bool,
    /// The name of the database, for grants on it.
    pub database: Option<Identifier>,
    /// The owner of the database.
    pub database_owner: Oid,
    /// The grants on the database, the defaults filled in.
    pub database_grants: Vec<Grant>,
    /// Every role of the server.
    pub roles: BTreeMap<Oid, Role>,
    /// Every membership.
    pub memberships: Vec<Membership>,
    /// The schemas of the relations.
    pub schemas: BTreeMap<Oid, Schema>,
    /// The relations that matter.
    pub relations: BTreeMap<Oid, Relation>,
    /// The foreign tables among the partitions and children of a table, at any depth: who
    /// reads it reads them, and no query names them.
    pub foreign_parts: BTreeMap<Oid, Vec<QualifiedName>>,
    /// What each view and materialized view reads and calls.
    pub rules: BTreeMap<Oid, Rule>,
    /// The functions that the indexes of each materialized view call; a refresh builds
    /// them anew. Built-in ones are left out.
    pub index_calls: BTreeMap<Oid, BTreeSet<Oid>>,
    /// The functions that are called.
    pub functions: BTreeMap<Oid, Function>,
    /// Roles that may set `session_replication_role`, superusers left out.
    pub may_set_replication_role: BTreeSet<Oid>,
    index: Index,
}

/// What is looked up often, computed once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Index {
    role_names: BTreeMap<RoleName, Oid>,
    relation_names: BTreeMap<QualifiedName, Oid>,
    /// For each role, the roles whose rights it has without more ado, itself included.
    inherited: BTreeMap<Oid, BTreeSet<Oid>>,
    /// For each role, the roles that it may `SET ROLE` to, itself included.
    settable: BTreeMap<Oid, BTreeSet<Oid>>,
    /// For each role, the roles that it can act as, itself included.
    reachable: BTreeMap<Oid, BTreeSet<Oid>>,
    predefined: BTreeMap<&'static str, Oid>,
}

/// The predefined roles whose members may do something everywhere.
const PREDEFINED: [&str; 4] =
    ["pg_read_all_data", "pg_write_all_data", "pg_maintain", "pg_database_owner"];

impl Rights {
    /// Computes what is looked up often; called once, when everything was read.
    #[must_use]
    pub fn indexed(mut self) -> Self {
        // The catalog gives them in no order.
        self.memberships.sort_unstable();
        let mut index = Index {
            role_names: self.roles.iter().map(|(oid, role)| (role.name.clone(), *oid)).collect(),
            relation_names: self
                .relations
                .iter()
                .map(|(oid, relation)| (relation.name.clone(), *oid))
                .collect(),
            ..Index::default()
        };
        for name in PREDEFINED {
            if let Some(oid) = index.role_names.get(&RoleName::from_catalog(name)) {
                index.predefined.insert(name, *oid);
            }
        }
        let mut inherit: BTreeMap<Oid, Vec<Oid>> = BTreeMap::new();
        let mut set: BTreeMap<Oid, Vec<Oid>> = BTreeMap::new();
        for membership in &self.memberships {
            if membership.inherit {
                inherit.entry(membership.member).or_default().push(membership.group);
            }
            if membership.set {
                set.entry(membership.member).or_default().push(membership.group);
            }
        }
        // The owner of the database is a member of this role, and no grant says so.
        if let Some(owners) = index.predefined.get("pg_database_owner") {
            set.entry(self.database_owner).or_default().push(*owners);
            // Before 16 NOINHERIT stands in the way of this one, too.
            let inherits = |role: &Role| role.inherit || self.version_num >= 160_000;
            if self.roles.get(&self.database_owner).is_some_and(inherits) {
                inherit.entry(self.database_owner).or_default().push(*owners);
            }
        }
        for role in self.roles.keys() {
            index.inherited.insert(*role, closure(*role, &inherit));
            index.settable.insert(*role, closure(*role, &set));
        }
        for (role, inherited) in &index.inherited {
            // Whoever has the rights of an administrator of a group may join the group.
            let administered = self.memberships.iter().filter(|membership| {
                membership.admin
                    && inherited.contains(&membership.member)
                    && !self.is_superuser(membership.group)
            });
            set.entry(*role).or_default().extend(administered.map(|membership| membership.group));
        }
        for role in self.roles.keys() {
            index.reachable.insert(*role, closure(*role, &set));
        }
        self.index = index;
        self
    }

    /// Returns a role by its name.
    pub fn role_named(&self, name: &RoleName) -> Option<Oid> {
        self.index.role_names.get(name).copied()
    }

    /// Returns a relation by its name.
    pub fn relation_named(&self, name: &QualifiedName) -> Option<Oid> {
        self.index.relation_names.get(name).copied()
    }

    /// Returns the name of a role; a role that is gone is shown by its number.
    pub fn role_name(&self, role: Oid) -> RoleName {
        match self.roles.get(&role) {
            Some(role) => role.name.clone(),
            None if role == PUBLIC => RoleName::from_catalog("PUBLIC"),
            None => RoleName::from_catalog(role.to_string()),
        }
    }

    /// Tells whether a role is a superuser.
    pub fn is_superuser(&self, role: Oid) -> bool {
        self.roles.get(&role).is_some_and(|role| role.superuser)
    }

    /// Tells whether a role has the rights of another without more ado: it is that role,
    /// inherits from it, or is a superuser. As `pg_has_role(role, other, 'USAGE')`.
    pub fn has_rights_of(&self, role: Oid, other: Oid) -> bool {
        self.is_superuser(role) || self.inherits(role, other)
    }

    /// Tells whether a role is another or inherits from it, superuser or not.
    pub fn inherits(&self, role: Oid, other: Oid) -> bool {
        self.index.inherited.get(&role).is_some_and(|groups| groups.contains(&other))
    }

    /// Tells whether a role may `SET ROLE` to another, or is it.
    pub fn may_become(&self, role: Oid, other: Oid) -> bool {
        self.is_superuser(role)
            || self.index.settable.get(&role).is_some_and(|roles| roles.contains(&other))
    }

    /// Returns the roles that a role may `SET ROLE` to, itself left out.
    pub fn may_become_which(&self, role: Oid) -> impl Iterator<Item = Oid> + '_ {
        self.index.settable.get(&role).into_iter().flatten().copied().filter(move |to| *to != role)
    }

    /// Returns the roles that a role can act as, itself included: those that it may
    /// `SET ROLE` to, at once or after joining a group that it administers.
    ///
    /// Only a superuser may let others join a superuser. Superusers, and what `CREATEROLE`
    /// opens before 16, are not looked at.
    pub fn reachable(&self, role: Oid) -> impl Iterator<Item = Oid> + '_ {
        self.index.reachable.get(&role).into_iter().flatten().copied()
    }

    /// Tells whether [`Rights::reachable`] holds another role.
    pub fn can_act_as(&self, role: Oid, other: Oid) -> bool {
        self.index.reachable.get(&role).is_some_and(|roles| roles.contains(&other))
    }

    /// Returns a predefined role, where the server has it.
    pub fn predefined(&self, name: &str) -> Option<Oid> {
        self.index.predefined.get(name).copied()
    }

    /// Tells whether a list of grants gives a role a privilege, by itself, by what it
    /// inherits, or through PUBLIC. Superusers are not looked at.
    pub fn granted(&self, role: Oid, grants: &[Grant], privilege: Privilege) -> bool {
        grants.iter().any(|grant| {
            grant.privilege == privilege
                && (grant.grantee == PUBLIC || self.inherits(role, grant.grantee))
        })
    }

    /// Tells whether a role may use a schema. As `has_schema_privilege(…, 'USAGE')`.
    pub fn may_use_schema(&self, role: Oid, schema: Oid) -> bool {
        let Some(schema) = self.schemas.get(&schema) else { return false };
        self.is_superuser(role)
            || self.granted(role, &schema.grants, Privilege::Usage)
            || self.is_in(role, "pg_read_all_data")
            || self.is_in(role, "pg_write_all_data")
    }

    /// Tells whether a role has a privilege on a whole relation. As `has_table_privilege`.
    pub fn has_on_relation(&self, role: Oid, relation: Oid, privilege: Privilege) -> bool {
        let Some(relation) = self.relations.get(&relation) else { return false };
        self.is_superuser(role)
            || self.granted(role, &relation.grants, privilege)
            || match privilege {
                Privilege::Select => self.is_in(role, "pg_read_all_data"),
                Privilege::Insert | Privilege::Update | Privilege::Delete => {
                    self.is_in(role, "pg_write_all_data")
                }
                Privilege::Maintain => self.is_in(role, "pg_maintain"),
                _ => false,
            }
    }

    /// Tells whether a role has a privilege on one column, or on the whole relation.
    pub fn has_on_column(
        &self,
        role: Oid,
        relation: Oid,
        column: i16,
        privilege: Privilege,
    ) -> bool {
        self.has_on_relation(role, relation, privilege)
            || self
                .relations
                .get(&relation)
                .and_then(|relation| relation.column_grants.get(&column))
                .is_some_and(|grants| self.granted(role, grants, privilege))
    }

    /// Tells whether a role has a privilege on a relation or on any column of it.
    pub fn has_on_any_column(&self, role: Oid, relation: Oid, privilege: Privilege) -> bool {
        self.has_on_relation(role, relation, privilege)
            || self.relations.get(&relation).is_some_and(|found| {
                // The columns of the system, with negative numbers, are not looked at.
                found
                    .column_grants
                    .range(1..)
                    .any(|(_, grants)| self.granted(role, grants, privilege))
            })
    }

    /// Tells whether a role may call a function. As `has_function_privilege`.
    pub fn may_call(&self, role: Oid, function: Oid) -> bool {
        let Some(function) = self.functions.get(&function) else { return false };
        self.is_superuser(role) || self.granted(role, &function.grants, Privilege::Execute)
    }

    /// Tells whether a role may make temporary objects, as a concurrent refresh does.
    pub fn may_make_temporary(&self, role: Oid) -> bool {
        self.is_superuser(role) || self.granted(role, &self.database_grants, Privilege::Temporary)
    }

    /// Tells whether row-level security of a table binds a role that reads it.
    ///
    /// Source: section 5.9 of the manual of PostgreSQL 18: superusers, roles with
    /// BYPASSRLS, and the owner unless it is forced, are not bound.
    pub fn is_bound_by(&self, role: Oid, table: &Relation) -> bool {
        let exempt = self.roles.get(&role).is_some_and(|role| role.superuser || role.bypass_rls);
        table.row_security
            && !exempt
            && (table.force_row_security || !self.inherits(role, table.owner))
    }

    /// Returns the materialized views.
    pub fn matviews(&self) -> impl Iterator<Item = (Oid, &Relation)> {
        self.relations
            .iter()
            .filter(|(_, relation)| relation.kind == RelationKind::Matview)
            .map(|(oid, relation)| (*oid, relation))
    }

    fn is_in(&self, role: Oid, predefined: &str) -> bool {
        self.predefined(predefined).is_some_and(|group| self.inherits(role, group))
    }
}

/// Returns a role with everything that it reaches by these edges.
fn closure(role: Oid, edges: &BTreeMap<Oid, Vec<Oid>>) -> BTreeSet<Oid> {
    let (mut reached, mut todo) = (BTreeSet::from([role]), vec![role]);
    while let Some(at) = todo.pop() {
        for next in edges.get(&at).into_iter().flatten() {
            if reached.insert(*next) {
                todo.push(*next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests;
