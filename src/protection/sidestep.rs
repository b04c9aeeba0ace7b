//! What the triggers of a table refuse, and how a role gets around them.

use std::collections::BTreeSet;

use super::ways::{Entrance, Source};
use crate::rights::{Oid, PUBLIC, Privilege, Relation, RelationKind, Rights, Trigger};

/// What triggers do to the privileges that a role has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Triggers {
    /// The privileges that a trigger refuses.
    pub(super) refused: Vec<Privilege>,
    /// How the role can use a refused privilege all the same, and which is not refused.
    pub(super) ways_around: Vec<String>,
}

/// Judges the triggers of a table against what a role can do.
pub(super) fn judge(
    rights: &Rights,
    role: Oid,
    relation: &Relation,
    entrances: &[Entrance],
) -> Triggers {
    let has: BTreeSet<Privilege> = entrances.iter().map(|one| one.privilege).collect();
    let refusing = |privilege| {
        let covers =
            move |trigger: &&Trigger| trigger.refuses && trigger.events.contains(&privilege);
        relation.triggers.iter().filter(covers)
    };
    let (refused, open): (Vec<Privilege>, Vec<Privilege>) =
        has.into_iter().partition(|privilege| refusing(*privilege).next().is_some());
    let mut ways_around = Vec::new();
    if !refused.is_empty() {
        let at_owner = entrances.iter().find(|one| one.source == Source::Owner);
        if let Some(entrance) = at_owner {
            ways_around.push(as_owner(rights, role, entrance));
        }
        let not_refused =
            |privilege: &Privilege| format!("no trigger refuses {}", privilege.word());
        ways_around.extend(open.iter().map(not_refused));
    }
    for privilege in &refused {
        let weak: Vec<Vec<String>> = refusing(*privilege)
            .map(|trigger| weaknesses(rights, role, relation, trigger))
            .collect();
        // One trigger that holds is enough.
        if weak.iter().all(|ways| !ways.is_empty()) {
            for way in weak.into_iter().flatten() {
                if !ways_around.contains(&way) {
                    ways_around.push(way);
                }
            }
        }
    }
    Triggers { refused, ways_around }
}

fn as_owner(rights: &Rights, role: Oid, entrance: &Entrance) -> String {
    let may = "may disable and drop its triggers";
    if entrance.holder == role {
        format!("it owns the table and {may}")
    } else {
        format!("{} owns the table and {may}", rights.role_name(entrance.holder))
    }
}

/// Returns how a role gets around one trigger without owning the table.
fn weaknesses(rights: &Rights, role: Oid, relation: &Relation, trigger: &Trigger) -> Vec<String> {
    let name = &trigger.name;
    let mut ways = Vec::new();
    let is_reached = |owner| rights.reachable(role).any(|acting| rights.inherits(acting, owner));
    if is_reached(trigger.function_owner) {
        ways.push(format!("it may replace or drop the function of the trigger {name}"));
    }
    // Without its trigger a view that has one for the event passes nothing on.
    let is_view = relation.kind == RelationKind::View;
    if !trigger.always && !is_view && may_silence_triggers(rights, role) {
        ways.push(format!(
            "it may set session_replication_role, and the trigger {name} is not ENABLE ALWAYS"
        ));
    }
    if trigger.reads_setting {
        ways.push(format!("the trigger {name} reads a setting, which every role may change"));
    }
    if trigger.conditional {
        ways.push(format!("the trigger {name} refuses some writes only"));
    }
    ways
}

fn may_silence_triggers(rights: &Rights, role: Oid) -> bool {
    rights.may_set_replication_role.iter().any(|may| {
        *may == PUBLIC || rights.reachable(role).any(|acting| rights.inherits(acting, *may))
    })
}
