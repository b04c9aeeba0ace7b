//! The rights of the role that asks for a refresh: on the view, and on its schema.

use std::collections::BTreeSet;

use super::{Blocker, Subject, Via};
use crate::ident::RoleName;
use crate::registry::RefreshMode;
use crate::rights::{Oid, Privilege, Rights};

/// The first version on which a membership says for itself whether it is inherited.
const INHERIT_OPTION_SINCE: i32 = 160_000;

/// Returns what lets a role ask for a refresh.
///
/// From 17 on the privilege decides, also for the owner, who may have lost it.
pub(super) fn via(subject: &Subject<'_>, role: Oid) -> Via {
    let (rights, owner) = (subject.rights, subject.owner());
    if rights.is_superuser(role) {
        return Via::Superuser;
    }
    let owner_may = !subject.has_maintain() || owner_has_maintain(subject);
    if owner_may && role == owner {
        Via::Owner
    } else if owner_may && rights.inherits(role, owner) {
        Via::Member
    } else if subject.has_maintain()
        && rights.has_on_relation(role, subject.oid, Privilege::Maintain)
    {
        Via::Maintain
    } else {
        Via::None_
    }
}

/// Tells whether the owner's own privilege is still there.
fn owner_has_maintain(subject: &Subject<'_>) -> bool {
    subject
        .view
        .grants
        .iter()
        .any(|grant| grant.grantee == subject.owner() && grant.privilege == Privilege::Maintain)
}

/// Returns what keeps a role from asking for a refresh, the server included.
pub(super) fn blockers(subject: &Subject<'_>, role: Oid, mode: RefreshMode) -> Vec<Blocker> {
    let rights = subject.rights;
    let name = rights.role_name(role);
    let mut blockers = Vec::new();
    if rights.in_recovery {
        blockers.push(Blocker {
            role: name.clone(),
            lacks: "a server that takes changes".to_owned(),
            on: subject.view.name.to_string(),
            statement: None,
            why: "this server is a standby, where nothing can be refreshed".to_owned(),
        });
    }
    let mut schema_comes_along = false;
    if via(subject, role) == Via::None_ {
        if subject.has_maintain() {
            blockers.push(lacks_maintain(subject, &name));
        } else {
            let ownership = lacks_ownership(subject, role);
            // A concurrent refresh asks it of the owner as well, who passes it on.
            schema_comes_along = ownership.iter().all(|blocker| blocker.statement.is_some())
                && (mode == RefreshMode::Concurrently
                    || rights.may_use_schema(subject.owner(), subject.view.schema));
            blockers.extend(ownership);
        }
    }
    if !schema_comes_along && !rights.may_use_schema(role, subject.view.schema) {
        let schema = subject.schema();
        blockers.push(Blocker {
            statement: Some(format!("GRANT USAGE ON SCHEMA {schema} TO {name}")),
            role: name,
            lacks: Privilege::Usage.word().to_owned(),
            on: format!("SCHEMA {schema}"),
            why: "whoever refreshes a view must be able to name it".to_owned(),
        });
    }
    blockers
}

/// Returns a role to which `role` may `SET ROLE`, and which may ask for the refresh: the
/// owner before others, and superusers last.
pub(super) fn after_set_role(
    subject: &Subject<'_>,
    role: Oid,
    mode: RefreshMode,
) -> Option<RoleName> {
    let rights = subject.rights;
    rights
        .may_become_which(role)
        .filter(|to| blockers(subject, *to, mode).is_empty())
        .map(|to| (to != subject.owner(), rights.is_superuser(to), rights.role_name(to)))
        .min()
        .map(|(_, _, name)| name)
}

fn lacks_maintain(subject: &Subject<'_>, role: &RoleName) -> Blocker {
    let (view, owner) = (&subject.view.name, subject.owner_name());
    Blocker {
        role: role.clone(),
        lacks: "ownership or MAINTAIN".to_owned(),
        on: view.to_string(),
        statement: Some(format!("GRANT MAINTAIN ON {view} TO {role}")),
        why: format!(
            "it takes the rights of the owner {owner}, without SET ROLE, or the privilege MAINTAIN"
        ),
    }
}

/// Before 17 only the owner's rights will do, and a role must have them without `SET ROLE`.
fn lacks_ownership(subject: &Subject<'_>, role: Oid) -> Vec<Blocker> {
    let (rights, owner) = (subject.rights, subject.owner());
    let (name, owner_name) = (rights.role_name(role), subject.owner_name());
    let needs = format!("before PostgreSQL 17 it takes the rights of the owner {owner_name}");
    let ownership = |statement, why| Blocker {
        role: name.clone(),
        lacks: "ownership".to_owned(),
        on: subject.view.name.to_string(),
        statement,
        why,
    };
    if rights.is_superuser(owner) {
        let why = format!("{needs}, a superuser, whose rights nobody should be given");
        return vec![ownership(None, why)];
    }
    if is_member(rights, owner, role) {
        let why = format!("{needs}, which is a member of {name} itself: no role may be both");
        return vec![ownership(None, why)];
    }
    if rights.version_num >= INHERIT_OPTION_SINCE {
        let grant = format!("GRANT {owner_name} TO {name} WITH INHERIT TRUE");
        return vec![ownership(Some(grant), format!("{needs}, without SET ROLE"))];
    }
    let grant = format!("GRANT {owner_name} TO {name}");
    if rights.roles.get(&role).is_none_or(|role| role.inherit) {
        return vec![ownership(Some(grant), needs)];
    }
    let mut blockers = Vec::new();
    if !would_inherit(rights, role, owner) {
        blockers.push(ownership(Some(grant), needs));
    }
    blockers.push(Blocker {
        role: name.clone(),
        lacks: "INHERIT".to_owned(),
        on: format!("ROLE {name}"),
        statement: Some(format!("ALTER ROLE {name} INHERIT")),
        why: format!("{name} is NOINHERIT: it has the rights of {owner_name} after SET ROLE only"),
    });
    blockers
}

/// Tells whether a role is a member of another by whatever way.
fn is_member(rights: &Rights, role: Oid, group: Oid) -> bool {
    let (mut seen, mut todo) = (BTreeSet::from([role]), vec![role]);
    while let Some(at) = todo.pop() {
        for membership in rights.memberships.iter().filter(|one| one.member == at) {
            if seen.insert(membership.group) {
                todo.push(membership.group);
            }
        }
    }
    seen.contains(&group)
}

/// Tells whether a NOINHERIT role would have the rights of `group` were it INHERIT.
fn would_inherit(rights: &Rights, role: Oid, group: Oid) -> bool {
    rights.memberships.iter().any(|one| one.member == role && rights.inherits(one.group, group))
}
