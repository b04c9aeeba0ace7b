//! Rights: who may do what, computed from the catalog's own rows, without asking the
//! server once per role and object. Plain data and pure rules; `pg/read_rights.rs` reads it.
//!
//! The rules are those of PostgreSQL 13 to 18; tests compare them with the server's
//! `has_…_privilege` functions.

pub mod body;
mod facts;

use std::collections::{BTreeMap, BTreeSet};

use crate::ident::{Identifier, QualifiedName, RoleName};

pub use facts::{
    Function, Grant, Membership, Oid, PUBLIC, Policy, Privilege, Relation, RelationKind, Role,
    Rule, Schema, Trigger,
};

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
    /// The partitions, children and parents, at any depth, of the tables that were asked for
    /// by name: who writes to one of them writes to the table's rows.
    pub kin: BTreeMap<Oid, BTreeSet<Oid>>,
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
