//! The statements that close a role's ways in, for a superuser to run in their order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::ways::{self, Entrance, Source};
use crate::rights::{Grant, Membership, Oid, PUBLIC, Privilege, Relation, RelationKind, Rights};

/// Returns the statements that close these ways in.
///
/// The role alone loses a way where that can be: what it has through a group is closed by
/// taking it out of the group. What PUBLIC has can only be taken from everybody.
pub(super) fn statements(
    rights: &Rights,
    role: Oid,
    relation: &Relation,
    entrances: &[Entrance],
) -> Vec<String> {
    let mut leaving = BTreeSet::new();
    let mut losing = BTreeSet::new();
    let mut disowning = false;
    for entrance in entrances {
        let target = if entrance.acting == role { entrance.holder } else { entrance.acting };
        let groups = if target == role || target == PUBLIC {
            BTreeSet::new()
        } else {
            groups_towards(rights, role, target)
        };
        if !groups.is_empty() {
            leaving.extend(groups);
        } else if entrance.source == Source::Owner {
            disowning = true;
        } else {
            losing.insert(entrance.holder);
        }
    }
    let mut statements = Vec::new();
    for group in leaving {
        statements.extend(leave(rights, role, group));
    }
    let privileges: BTreeSet<Privilege> = entrances.iter().map(|one| one.privilege).collect();
    statements.extend(revoke(rights, relation, &losing, &privileges));
    if disowning {
        statements.push(give_away(rights, role, relation));
    }
    statements
}

/// Returns the groups that a role is itself a member of and through which it comes by what
/// another role has. The membership that the owner of the database has by itself is not
/// among them.
fn groups_towards(rights: &Rights, role: Oid, target: Oid) -> BTreeSet<Oid> {
    rights
        .memberships
        .iter()
        .filter(|membership| membership.member == role)
        .filter(|first| {
            (first.inherit && rights.inherits(first.group, target))
                || acts_as(rights, first).iter().any(|acting| rights.inherits(*acting, target))
        })
        .map(|membership| membership.group)
        .collect()
}

/// Returns the roles that a membership lets its member act as.
fn acts_as(rights: &Rights, first: &Membership) -> BTreeSet<Oid> {
    let mut roles = BTreeSet::new();
    if first.set || (first.admin && !rights.is_superuser(first.group)) {
        roles.extend(rights.reachable(first.group));
    }
    if first.inherit {
        let administered = rights.memberships.iter().filter(|membership| {
            membership.admin
                && rights.inherits(first.group, membership.member)
                && !rights.is_superuser(membership.group)
        });
        roles.extend(administered.flat_map(|membership| rights.reachable(membership.group)));
    }
    roles
}

/// Returns the statements that take a role out of a group.
fn leave(rights: &Rights, role: Oid, group: Oid) -> Vec<String> {
    let (group_name, role_name) = (rights.role_name(group), rights.role_name(role));
    if rights.version_num < 160_000 {
        return vec![format!("REVOKE {group_name} FROM {role_name}")];
    }
    // Since 16 each grantor's grant is one of its own, and those that rest on it stand in
    // the way of revoking it.
    let of_group: Vec<Edge> = rights
        .memberships
        .iter()
        .filter(|membership| membership.group == group)
        .map(|membership| Edge { grantee: membership.member, grantor: membership.grantor })
        .collect();
    with_dependents(&of_group, role)
        .into_iter()
        .map(|(_, edge)| {
            let (member, grantor) =
                (rights.role_name(edge.grantee), rights.role_name(edge.grantor));
            format!("REVOKE {group_name} FROM {member} GRANTED BY {grantor}")
        })
        .collect()
}

/// Who has something from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    grantee: Oid,
    grantor: Oid,
}

/// Returns what a grantee has, and what rests on it because the grantee passed it on: the
/// last to receive first, each with how often it was passed on.
///
/// Whoever has it from somebody else too keeps it, and so do those behind.
fn with_dependents(edges: &[Edge], grantee: Oid) -> Vec<(Reverse<usize>, Edge)> {
    let own = edges.iter().filter(|edge| edge.grantee == grantee);
    // What it gave to itself rests on what others gave.
    let mut found: BTreeMap<Edge, usize> =
        own.map(|edge| (*edge, usize::from(edge.grantor == grantee))).collect();
    let mut todo = if found.is_empty() { Vec::new() } else { vec![(grantee, 1)] };
    while let Some((at, depth)) = todo.pop() {
        let passed_on = |edge: &&Edge| edge.grantor == at && edge.grantee != grantee;
        for edge in edges.iter().filter(passed_on) {
            let deepest = found.entry(*edge).or_insert(0);
            let is_deeper = *deepest < depth;
            *deepest = depth.max(*deepest);
            let is_only = !edges
                .iter()
                .any(|other| other.grantee == edge.grantee && other.grantor != edge.grantor);
            if is_deeper && is_only && depth < edges.len() {
                todo.push((edge.grantee, depth + 1));
            }
        }
    }
    let mut ordered: Vec<_> =
        found.into_iter().map(|(edge, depth)| (Reverse(depth), edge)).collect();
    ordered.sort();
    ordered
}

/// One statement's share: how deep, from whom, by whom, on columns or on the whole.
type Share = (Reverse<usize>, Oid, Oid, bool);

/// Returns the statements that take privileges on a relation and its columns from roles.
fn revoke(
    rights: &Rights,
    relation: &Relation,
    from: &BTreeSet<Oid>,
    privileges: &BTreeSet<Privilege>,
) -> Vec<String> {
    let mut shares: BTreeMap<Share, BTreeMap<Privilege, BTreeSet<i16>>> = BTreeMap::new();
    let lists = relation.column_grants.iter().map(|(number, grants)| (Some(*number), grants));
    for (column, grants) in lists.chain([(None, &relation.grants)]) {
        for privilege in privileges {
            let edges = edges(grants, *privilege);
            for grantee in from {
                for (depth, edge) in with_dependents(&edges, *grantee) {
                    let share = (depth, edge.grantor, edge.grantee, column.is_some());
                    let columns = shares.entry(share).or_default().entry(*privilege).or_default();
                    columns.extend(column);
                }
            }
        }
    }
    let mut statements = Vec::new();
    for ((_, grantor, grantee, _), what) in shares {
        let from = match grantee {
            PUBLIC => "PUBLIC".to_owned(),
            _ => rights.role_name(grantee).to_string(),
        };
        let statement =
            format!("REVOKE {} ON {} FROM {from}", list(relation, &what), relation.name);
        if grantor == relation.owner {
            statements.push(statement);
        } else {
            // A superuser revokes what the owner granted; nobody can name another grantor.
            let become_grantor = format!("SET ROLE {}", rights.role_name(grantor));
            statements.extend([become_grantor, statement, "RESET ROLE".to_owned()]);
        }
    }
    statements
}

fn edges(grants: &[Grant], privilege: Privilege) -> Vec<Edge> {
    grants
        .iter()
        .filter(|grant| grant.privilege == privilege)
        .map(|grant| Edge { grantee: grant.grantee, grantor: grant.grantor })
        .collect()
}

/// Returns privileges as `REVOKE` takes them, with their columns where they have any.
fn list(relation: &Relation, what: &BTreeMap<Privilege, BTreeSet<i16>>) -> String {
    let one = |(privilege, columns): (&Privilege, &BTreeSet<i16>)| {
        let names: Vec<String> =
            columns.iter().map(|number| ways::column_name(relation, *number).to_string()).collect();
        if names.is_empty() {
            privilege.word().to_owned()
        } else {
            format!("{} ({})", privilege.word(), names.join(", "))
        }
    };
    what.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Returns the statement that gives the relation to an owner that the role has no part in:
/// the owner of its schema, of the database, else a superuser, else whoever runs it.
fn give_away(rights: &Rights, role: Oid, relation: &Relation) -> String {
    let what = match relation.kind {
        RelationKind::Table => "TABLE",
        RelationKind::ForeignTable => "FOREIGN TABLE",
        RelationKind::View => "VIEW",
        RelationKind::Matview => "MATERIALIZED VIEW",
    };
    let is_apart = |candidate: &Oid| {
        let own = rights.reachable(role).any(|acting| rights.inherits(acting, *candidate));
        let name = rights.roles.get(candidate).map(|role| role.name.as_str());
        !own && name.is_some_and(|name| !name.starts_with("pg_"))
    };
    let schema_owner = rights.schemas.get(&relation.schema).map(|schema| schema.owner);
    let superusers = rights.roles.iter().filter(|(_, role)| role.superuser).map(|(oid, _)| *oid);
    let owner = schema_owner
        .into_iter()
        .chain([rights.database_owner])
        .chain(superusers)
        .find(is_apart)
        .map_or_else(|| "CURRENT_USER".to_owned(), |owner| rights.role_name(owner).to_string());
    format!("ALTER {what} {} OWNER TO {owner}", relation.name)
}
