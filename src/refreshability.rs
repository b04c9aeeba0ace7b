//! Who can refresh a materialized view, and what stands in the way: the caller's right to
//! ask for it, and the whole chain of rights of the view's owner, as whom it runs.
//!
//! A prediction from the catalog alone; `pg/prove_refresh.rs` really tries.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::ident::{QualifiedName, RoleName};
use crate::registry::RefreshMode;
use crate::rights::{Oid, Relation, RelationKind, Rights};

mod caller;
mod chain;
mod needs;

#[cfg(test)]
mod tests;

/// The first version on which refreshing is a privilege of its own.
const MAINTAIN_SINCE: i32 = 170_000;

/// Whether a role can refresh a view, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshability {
    /// The role that asks for the refresh.
    pub role: RoleName,
    /// The materialized view.
    pub view: QualifiedName,
    /// Whether the refresh succeeds, as far as rights go; `None` where that cannot be told.
    pub can_refresh: Option<bool>,
    /// Why it cannot be told, or what else might stand in the way.
    pub unsure: Option<String>,
    /// What lets the role ask for it, whether or not the refresh then succeeds.
    pub via: Via,
    /// A role to which it could `SET ROLE` and then refresh, where it may not by itself.
    pub after_set_role: Option<RoleName>,
    /// What stands in the way, and last what might, where [`unsure`](Self::unsure) says so.
    pub blockers: Vec<Blocker>,
    /// What has rights of its own that were not followed: the bodies of functions, and the
    /// servers of foreign tables.
    pub unseen: Vec<String>,
}

/// What lets a role ask for a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// It owns the view.
    Owner,
    /// It has the rights of the owner.
    Member,
    /// It was granted `MAINTAIN`, or has it everywhere; 17 and later.
    Maintain,
    /// It is a superuser; nothing is proved about any other role.
    Superuser,
    /// Nothing does.
    #[serde(rename = "none")]
    None_,
}

impl Via {
    /// Returns the word that reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Maintain => "maintain",
            Self::Superuser => "superuser",
            Self::None_ => "none",
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A right that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// The role that lacks it, which need not be the one that asks for the refresh.
    pub role: RoleName,
    /// The privilege, or what else it takes.
    pub lacks: String,
    /// The object as a `GRANT` names it, columns included: `public.t (a, b)`, `SCHEMA s`.
    pub on: String,
    /// The narrowest statement that gives it; `None` where none does, or none should.
    pub statement: Option<String>,
    /// Why it is needed, in one sentence.
    pub why: String,
}

/// Predicts whether a role can refresh a view.
///
/// Every right counts that the view's query asks for. PostgreSQL leaves out some that it
/// never comes to use, such as those on a `WITH` query that nothing refers to.
pub fn judge(rights: &Rights, role: Oid, view: Oid, mode: RefreshMode) -> Refreshability {
    let name = rights.relations.get(&view).map(|relation| relation.name.clone());
    let mut judged = Refreshability {
        role: rights.role_name(role),
        view: name.unwrap_or_else(|| QualifiedName::from_catalog("", view.to_string())),
        can_refresh: None,
        unsure: None,
        via: Via::None_,
        after_set_role: None,
        blockers: Vec::new(),
        unseen: Vec::new(),
    };
    let Some(subject) = Subject::of(rights, view) else {
        judged.unsure = Some("it is not among the materialized views that were read".to_owned());
        return judged;
    };
    if !rights.roles.contains_key(&role) {
        judged.unsure = Some("there is no such role".to_owned());
        return judged;
    }
    let chain = chain::judge(&subject, mode);
    judged.via = caller::via(&subject, role);
    judged.blockers = caller::blockers(&subject, role, mode);
    let is_blocked = !judged.blockers.is_empty() || !chain.blockers.is_empty();
    if is_blocked && chain.blockers.is_empty() && !rights.in_recovery {
        judged.after_set_role = caller::after_set_role(&subject, role, mode);
    }
    judged.can_refresh = match is_blocked {
        true => Some(false),
        false if chain.unsure.is_empty() => Some(true),
        false => None,
    };
    judged.blockers.extend(chain.blockers);
    judged.blockers.extend(chain.possible);
    if !chain.unsure.is_empty() {
        judged.unsure = Some(chain.unsure.into_iter().collect::<Vec<_>>().join("; "));
    }
    judged.blockers = leave_out_inherited(rights, judged.blockers);
    judged.unseen = chain.unseen.into_iter().collect();
    judged
}

/// Leaves out what a role lacks that it inherits as soon as another role has it.
fn leave_out_inherited(rights: &Rights, blockers: Vec<Blocker>) -> Vec<Blocker> {
    let inherits = |blocker: &Blocker, from: &Blocker| {
        let role = |blocker: &Blocker| rights.role_named(&blocker.role);
        role(blocker).zip(role(from)).is_some_and(|(role, from)| rights.inherits(role, from))
    };
    let comes_with = |blocker: &Blocker, other: &Blocker| {
        (&blocker.lacks, &blocker.on) == (&other.lacks, &other.on) && inherits(blocker, other)
    };
    let is_left_out = |at: usize| {
        blockers.iter().enumerate().any(|(other_at, other)| {
            let is_same_role = other.role == blockers[at].role;
            other_at != at && comes_with(&blockers[at], other) && (!is_same_role || other_at < at)
        })
    };
    let kept: Vec<usize> = (0..blockers.len()).filter(|at| !is_left_out(*at)).collect();
    kept.into_iter().map(|at| blockers[at].clone()).collect()
}

/// The view that is judged.
struct Subject<'r> {
    rights: &'r Rights,
    oid: Oid,
    view: &'r Relation,
}

impl<'r> Subject<'r> {
    fn of(rights: &'r Rights, oid: Oid) -> Option<Self> {
        let view = rights.relations.get(&oid)?;
        (view.kind == RelationKind::Matview).then_some(Self { rights, oid, view })
    }

    fn owner(&self) -> Oid {
        self.view.owner
    }

    fn owner_name(&self) -> RoleName {
        self.rights.role_name(self.view.owner)
    }

    /// Tells whether `MAINTAIN` decides, on 17 and later, and not ownership.
    const fn has_maintain(&self) -> bool {
        self.rights.version_num >= MAINTAIN_SINCE
    }

    /// Returns the name of the view's schema as SQL spells it.
    fn schema(&self) -> String {
        self.view.name.schema.to_string()
    }
}

/// What was found about the rights of a view's owner, and of the owners of plain views.
#[derive(Debug, Default)]
struct Chain {
    blockers: Vec<Blocker>,
    /// What stands in the way if the query comes to it, which was not found out.
    possible: Vec<Blocker>,
    unsure: BTreeSet<String>,
    unseen: BTreeSet<String>,
}
