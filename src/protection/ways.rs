//! The ways by which a role comes by a privilege on a relation: as itself, by what it
//! inherits, and as each role that it can act as.

use std::collections::BTreeSet;
use std::fmt;

use crate::ident::{Identifier, RoleName};
use crate::rights::{Grant, Oid, PUBLIC, Privilege, Relation, Rights};

/// A way in, named as the report spells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WayIn {
    /// It owns the relation.
    Owner,
    /// It has a grant on the relation.
    Grant,
    /// It has a grant on one column.
    Column(Identifier),
    /// Everybody has a grant.
    Public,
    /// It inherits from a role that owns the relation or has a grant.
    Member(RoleName),
    /// It can act as a role that has a way in: by `SET ROLE`, at once or after joining a
    /// group that it administers.
    SetRole(RoleName),
    /// It inherits from a role that may do so everywhere.
    Predefined(RoleName),
}

impl fmt::Display for WayIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::Grant => f.write_str("grant"),
            Self::Column(name) => write!(f, "column:{name}"),
            Self::Public => f.write_str("PUBLIC"),
            Self::Member(role) => write!(f, "member:{role}"),
            Self::SetRole(role) => write!(f, "set-role:{role}"),
            Self::Predefined(role) => write!(f, "predefined:{role}"),
        }
    }
}

/// What a right rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Ownership.
    Owner,
    /// A grant on the relation.
    Grant,
    /// A grant on a column.
    Column(i16),
    /// A predefined role.
    Predefined,
    /// Nothing is checked for the acting role.
    Superuser,
}

/// One privilege by one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entrance {
    /// The role that it acts as; itself, where that is enough.
    pub(super) acting: Oid,
    /// Whose right it is: the owner, the grantee, the predefined role.
    pub(super) holder: Oid,
    pub(super) source: Source,
    pub(super) privilege: Privilege,
}

/// Returns every way by which a role comes by one of the privileges, and can name the
/// relation.
pub(super) fn entrances(
    rights: &Rights,
    role: Oid,
    relation: &Relation,
    wanted: &[Privilege],
) -> Vec<Entrance> {
    let usable = |acting| uses_schema(rights, acting, relation.schema);
    collect(rights, role, relation, wanted, &usable)
}

/// Returns the ways that would be open if every role could name the relation.
pub(super) fn latent(
    rights: &Rights,
    role: Oid,
    relation: &Relation,
    wanted: &[Privilege],
) -> Vec<WayIn> {
    let entrances = collect(rights, role, relation, wanted, &|_| true);
    named(rights, role, relation, &entrances)
}

fn collect(
    rights: &Rights,
    role: Oid,
    relation: &Relation,
    wanted: &[Privilege],
    usable: &dyn Fn(Oid) -> bool,
) -> Vec<Entrance> {
    let as_itself = usable(role);
    // What it can do as itself already, or as the holder, is not told again.
    let is_told = |holder| match holder {
        PUBLIC => as_itself,
        _ => {
            (as_itself && rights.inherits(role, holder))
                || (rights.can_act_as(role, holder) && usable(holder))
        }
    };
    let mut found = Vec::new();
    for acting in rights.reachable(role).filter(|acting| usable(*acting)) {
        for entrance in held(rights, acting, relation, wanted) {
            let is_own = acting == role || entrance.source == Source::Superuser;
            let is_holder = entrance.holder == acting && !rights.inherits(role, acting);
            if is_own || is_holder || !is_told(entrance.holder) {
                found.push(entrance);
            }
        }
    }
    found
}

/// Returns the rights that a role has without more ado.
fn held(rights: &Rights, acting: Oid, relation: &Relation, wanted: &[Privilege]) -> Vec<Entrance> {
    let mut found = Vec::new();
    for privilege in wanted.iter().copied() {
        let mut add = |holder, source| {
            found.push(Entrance { acting, holder, source, privilege });
        };
        if rights.is_superuser(acting) {
            add(acting, Source::Superuser);
        }
        if rights.inherits(acting, relation.owner) {
            add(relation.owner, Source::Owner);
        }
        for grant in applying(rights, acting, relation, &relation.grants, privilege) {
            add(grant.grantee, Source::Grant);
        }
        for (column, grants) in &relation.column_grants {
            for grant in applying(rights, acting, relation, grants, privilege) {
                add(grant.grantee, Source::Column(*column));
            }
        }
        if let Some(group) = everywhere(rights, privilege)
            && rights.inherits(acting, group)
        {
            add(group, Source::Predefined);
        }
    }
    found
}

/// Returns the grants that give a role a privilege; those of the owner to itself are left
/// out, for it does not depend on them.
fn applying<'a>(
    rights: &'a Rights,
    acting: Oid,
    relation: &'a Relation,
    grants: &'a [Grant],
    privilege: Privilege,
) -> impl Iterator<Item = &'a Grant> {
    grants.iter().filter(move |grant| {
        grant.privilege == privilege
            && grant.grantee != relation.owner
            && (grant.grantee == PUBLIC || rights.inherits(acting, grant.grantee))
    })
}

/// Returns the predefined role that gives a privilege on every relation.
fn everywhere(rights: &Rights, privilege: Privilege) -> Option<Oid> {
    match privilege {
        Privilege::Select => rights.predefined("pg_read_all_data"),
        Privilege::Insert | Privilege::Update | Privilege::Delete => {
            rights.predefined("pg_write_all_data")
        }
        _ => None,
    }
}

/// Tells whether a role can use a schema, or allow itself to.
pub(super) fn uses_schema(rights: &Rights, role: Oid, schema: Oid) -> bool {
    rights.may_use_schema(role, schema)
        || rights.schemas.get(&schema).is_some_and(|schema| rights.inherits(role, schema.owner))
}

/// Tells whether a role has a privilege by any way in. As [`entrances`], without telling.
pub(super) fn has_any(
    rights: &Rights,
    role: Oid,
    relation: &Relation,
    privilege: Privilege,
) -> bool {
    rights.reachable(role).any(|acting| {
        uses_schema(rights, acting, relation.schema)
            && !held(rights, acting, relation, &[privilege]).is_empty()
    })
}

/// Returns the ways in of these entrances, in the order of the report and without doubles.
pub(super) fn named(
    rights: &Rights,
    role: Oid,
    relation: &Relation,
    entrances: &[Entrance],
) -> Vec<WayIn> {
    let way = |entrance: &Entrance| {
        if entrance.acting != role {
            return WayIn::SetRole(rights.role_name(entrance.acting));
        }
        match (entrance.source, entrance.holder) {
            (Source::Predefined, group) => WayIn::Predefined(rights.role_name(group)),
            (_, PUBLIC) => WayIn::Public,
            (Source::Owner, holder) if holder == role => WayIn::Owner,
            (Source::Column(number), holder) if holder == role => {
                WayIn::Column(column_name(relation, number))
            }
            (_, holder) if holder == role => WayIn::Grant,
            (_, holder) => WayIn::Member(rights.role_name(holder)),
        }
    };
    let ways: BTreeSet<WayIn> = entrances
        .iter()
        .filter(|entrance| entrance.acting != role || entrance.source != Source::Superuser)
        .map(way)
        .collect();
    ways.into_iter().collect()
}

/// Returns the name of a column; one that is not among the facts is shown by its number.
pub(super) fn column_name(relation: &Relation, number: i16) -> Identifier {
    let name = relation.columns.get(&number).cloned();
    name.unwrap_or_else(|| Identifier::from_catalog(number.to_string()))
}
