//! What a role can write and read although it must not: by which ways in, what stands in
//! the way, and which statements close it. Pure rules over [`Rights`].
//!
//! What no catalog tells, and nothing here claims to know: writes and reads by functions
//! with the rights of others, by foreign keys that cascade, by rewrite rules, and past a
//! role from outside (backups, replication, the server's files).

use std::collections::BTreeSet;

use crate::ident::{QualifiedName, RoleName};
use crate::rights::{Oid, Privilege, RelationKind, Rights};

mod closing;
mod sidestep;
mod tenants;
mod views;
mod ways;

#[cfg(test)]
mod tests;

pub use tenants::{UnfilteredRead, unfiltered_reads};
pub use ways::WayIn;

/// What keeps a role from writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Its rights do.
    Denied,
    /// It has rights, and for each a trigger that refuses.
    Trigger,
    /// Nothing, for one privilege at least.
    Allowed,
    /// Nothing was proved: its rights are not checked, or it can give itself any.
    Void,
}

impl Level {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Trigger => "trigger",
            Self::Allowed => "allowed",
            Self::Void => "void",
        }
    }
}

/// What a role can write to a table, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// The role.
    pub role: RoleName,
    /// The table.
    pub table: QualifiedName,
    /// What keeps the role from writing.
    pub level: Level,
    /// The privileges that it has or can give itself, of INSERT, UPDATE, DELETE and
    /// TRUNCATE. `MERGE` needs those of its actions, and SELECT.
    pub privileges: Vec<Privilege>,
    /// Those of them that a trigger refuses.
    pub refused: Vec<Privilege>,
    /// The ways in, without doubles.
    pub via: Vec<WayIn>,
    /// How it gets around the triggers that refuse, and which privileges none refuses;
    /// empty where the triggers hold, and where there are none.
    pub sidestep: Vec<String>,
    /// Ways in that open as soon as the role may use the table's schema.
    pub latent: Vec<WayIn>,
    /// Plain views over the table that the role may write to, and whose own rights reach the
    /// table. Whether such a view passes writes on is not among the facts:
    /// `pg_relation_is_updatable` knows. The level leaves them out.
    pub through: Vec<QualifiedName>,
    /// The statements that close each way in, in order, for a superuser to run.
    ///
    /// A right that the role has passed on is taken from the others first, by statements of
    /// their own. Another owner does not give the former one its right to read.
    pub revoke: Vec<String>,
    /// Why nothing was proved, with [`Level::Void`].
    pub void: Option<String>,
}

/// Judges what a role can write to a table or view.
///
/// - An owner counts as having every privilege, for it can grant itself what was revoked;
///   the owner of a schema in the same way as using it.
/// - A role that does not use the schema cannot name the table: its grants are then
///   `latent`. Views, functions and partitions of other schemas write past that.
/// - A trigger protects as far as it refuses every write of an event; a rewrite rule does
///   not, since `COPY` does not look at it.
/// - Nothing is written to a materialized view; refreshing it is not looked at here.
///
/// A role or table that is not among the facts is void.
pub fn writing(rights: &Rights, role: Oid, table: Oid) -> Protection {
    let mut judged = Protection {
        role: rights.role_name(role),
        table: QualifiedName::from_catalog("", table.to_string()),
        level: Level::Void,
        privileges: Vec::new(),
        refused: Vec::new(),
        via: Vec::new(),
        sidestep: Vec::new(),
        latent: Vec::new(),
        through: Vec::new(),
        revoke: Vec::new(),
        void: is_void(rights, role),
    };
    let Some(relation) = rights.relations.get(&table) else {
        judged.void.get_or_insert_with(|| "the table is not among the facts".to_owned());
        return judged;
    };
    judged.table = relation.name.clone();
    let wanted = writable(relation.kind, rights.version_num);
    let entrances = ways::entrances(rights, role, relation, wanted);
    judged.via = ways::named(rights, role, relation, &entrances);
    if judged.void.is_some() {
        judged.privileges = wanted.to_vec();
        return judged;
    }
    let usable: BTreeSet<Privilege> = entrances.iter().map(|one| one.privilege).collect();
    judged.privileges = usable.into_iter().collect();
    judged.latent = ways::latent(rights, role, relation, wanted);
    judged.latent.retain(|way| !judged.via.contains(way));
    judged.through = views::written_through(rights, role, table);
    judged.revoke = closing::statements(rights, role, relation, &entrances);
    let triggers = sidestep::judge(rights, role, relation, &entrances);
    judged.level = match (judged.privileges.len(), triggers.refused.len()) {
        (0, _) => Level::Denied,
        (has, refused) if has == refused => Level::Trigger,
        _ => Level::Allowed,
    };
    judged.refused = triggers.refused;
    judged.sidestep = triggers.ways_around;
    judged
}

/// Returns the privileges that can write to a kind of relation.
const fn writable(kind: RelationKind, version_num: i32) -> &'static [Privilege] {
    const ROWS: &[Privilege] = &[Privilege::Insert, Privilege::Update, Privilege::Delete];
    match kind {
        RelationKind::Table => &Privilege::WRITING,
        RelationKind::ForeignTable if version_num >= 140_000 => &Privilege::WRITING,
        RelationKind::ForeignTable | RelationKind::View => ROWS,
        RelationKind::Matview => &[],
    }
}

/// Returns the ways in by which a role can read a relation, or one column of it; `None`
/// when it cannot.
///
/// A superuser can read without any; [`is_void`] knows them.
pub fn reading(rights: &Rights, role: Oid, relation: Oid) -> Option<Vec<WayIn>> {
    let relation = rights.relations.get(&relation)?;
    let entrances = ways::entrances(rights, role, relation, &[Privilege::Select]);
    (!entrances.is_empty()).then(|| ways::named(rights, role, relation, &entrances))
}

/// Returns the roles that can read a relation, by name: all but superusers and those that
/// the server brings along. Roles that cannot log in are among them: others act as they.
pub fn roles_that_can_read(rights: &Rights, relation: Oid) -> Vec<RoleName> {
    let Some(relation) = rights.relations.get(&relation) else { return Vec::new() };
    let mut names: Vec<RoleName> = rights
        .roles
        .iter()
        .filter(|(_, role)| !role.superuser && !role.name.as_str().starts_with("pg_"))
        .filter(|(oid, _)| ways::has_any(rights, **oid, relation, Privilege::Select))
        .map(|(_, role)| role.name.clone())
        .collect();
    names.sort();
    names
}

/// The roles whose members reach the files or programs of the server, and through them
/// everything.
///
/// Source: section 21.5 of the manual of PostgreSQL 18, "Predefined Roles".
const AS_GOOD_AS_SUPERUSERS: [&str; 3] =
    ["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"];

/// Tells why judging a role's rights proves nothing, in words; `None` where it does.
pub fn is_void(rights: &Rights, role: Oid) -> Option<String> {
    if !rights.roles.contains_key(&role) {
        return Some("it is not among the facts".to_owned());
    }
    if rights.is_superuser(role) {
        return Some("it is a superuser".to_owned());
    }
    for acting in rights.reachable(role) {
        if rights.is_superuser(acting) {
            return Some(format!("it can become {}, a superuser", rights.role_name(acting)));
        }
    }
    for acting in rights.reachable(role) {
        let creates = rights.roles.get(&acting).is_some_and(|role| role.create_role);
        if creates && rights.version_num < 160_000 {
            let who = if acting == role {
                "it".to_owned()
            } else {
                format!("{}, which it can become,", rights.role_name(acting))
            };
            return Some(format!("{who} has CREATEROLE, and can join any role before 16"));
        }
        for name in AS_GOOD_AS_SUPERUSERS {
            let group = rights.role_named(&RoleName::from_catalog(name));
            if group.is_some_and(|group| rights.inherits(acting, group)) {
                return Some(format!("it is a member of {name}, as good as a superuser"));
            }
        }
    }
    None
}
