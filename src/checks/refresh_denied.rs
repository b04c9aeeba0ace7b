//! `refresh-denied`: a role that must refresh a view cannot, for want of a right of its
//! own or of the view's owner.

use std::collections::HashMap;

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Finding, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::grants::ViewSafety;
use crate::ident::QualifiedName;
use crate::refreshability::Refreshability;
use crate::registry::EntryName;

pub(super) const CHECK: Check = Check {
    slug: "refresh-denied",
    gate: GateId::Eg4,
    severity: Severity::Error,
    summary: "a role that must refresh a view cannot",
    needs: &[Source::Registry, Source::Grants],
    run,
};

/// Returns why nothing can be said of a view that is registered and not there.
pub(super) fn not_there(view: &QualifiedName) -> String {
    format!("{view} is not in the database")
}

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    let is_declared = |role| facts.registry.roles.contains_key(role);
    for (role, reason) in grants.void_roles.iter().filter(|(role, _)| !is_declared(role)) {
        outcome.cannot_judge(check, Some(Subject::role(role)), format!("void: {reason}"));
    }
    for view in &grants.missing_views {
        let name = EntryName::Fixed(view.clone());
        let is_required =
            facts.registry.roles.values().any(|rules| {
                rules.refresh.as_ref().is_some_and(|selection| selection.contains(&name))
            });
        if is_required {
            outcome.cannot_judge(check, Some(Subject::matview(view)), not_there(view));
        }
    }
    let hand_backs = hand_backs(facts);
    for refreshes in grants.refreshes.iter().filter(|refreshes| refreshes.required) {
        let judged = &refreshes.judged;
        match judged.can_refresh {
            // A superuser passes every check today, and proves nothing about the rights
            // that the role will have in production.
            Some(true) => {
                if let Some(reason) = grants.void_roles.get(&judged.role) {
                    let reason = format!("void: {reason}");
                    outcome.cannot_judge(check, Some(Subject::role(&judged.role)), reason);
                }
            }
            None => outcome.cannot_judge(
                check,
                Some(Subject::matview(&judged.view)),
                judged.unsure.clone().unwrap_or_else(|| "it cannot be told".to_owned()),
            ),
            Some(false) => outcome.add(denied(check, facts, judged, &hand_backs)),
        }
    }
}

fn denied(
    check: &Check,
    facts: &Facts<'_>,
    judged: &Refreshability,
    hand_backs: &HashMap<String, String>,
) -> Finding {
    let lacks: Vec<String> = judged
        .blockers
        .iter()
        .map(|blocker| format!("{} lacks {} on {}", blocker.role, blocker.lacks, blocker.on))
        .collect();
    let remedy = remedy(facts, judged, hand_backs);
    check
        .finding(
            Subject::matview(&judged.view),
            format!("{} cannot refresh {}: {}", judged.role, judged.view, lacks.join("; ")),
        )
        .evidence(
            json!({ "role": judged.role, "can_refresh": true }),
            json!({
                "role": judged.role,
                "can_refresh": false,
                "via": judged.via.as_str(),
                "lacks": lacks,
            }),
        )
        .query(query::refresh_rights(&judged.role, &judged.view))
        .remedy(remedy)
        .at(facts.registry.entry(&judged.view).and_then(|entry| facts.location(entry)))
}

/// Returns what would let the role refresh. Where the view belongs to another role than
/// declared it is handed back first: granting what its wrong owner lacks would only widen
/// rights.
fn remedy(
    facts: &Facts<'_>,
    judged: &Refreshability,
    hand_backs: &HashMap<String, String>,
) -> Remedy {
    let declared = facts.registry.entry(&judged.view).and_then(|entry| entry.owner.as_ref());
    let live = facts.grants.as_ref().ok().and_then(|grants| grants.safety_of(&judged.view));
    if let (Some(declared), Some(live)) = (declared, live)
        && *declared != live.owner
    {
        let sql = format!("ALTER MATERIALIZED VIEW {} OWNER TO {declared}", judged.view);
        return Remedy::says(format!(
            "it belongs to {}, not to {declared} as declared: hand it back, and look again",
            live.owner
        ))
        .sql(sql);
    }
    let mut remedy = Remedy::says(match &judged.after_set_role {
        Some(to) => format!("it could after SET ROLE {to}; without that, grant what is missing"),
        None => "grant what is missing".to_owned(),
    });
    for blocker in &judged.blockers {
        match hand_back(hand_backs, &blocker.on) {
            Some(statement) => remedy.sql.push(statement.clone()),
            None => remedy.sql.extend(blocker.statement.clone()),
        }
    }
    remedy.sql.dedup();
    remedy
}

/// Returns the statements that hand registered views back to their declared owners, by the
/// view's name, for those that belong to another.
fn hand_backs(facts: &Facts<'_>) -> HashMap<String, String> {
    let Ok(grants) = &facts.grants else { return HashMap::new() };
    let hand_back = |view: &ViewSafety| {
        let declared = facts.registry.entry(&view.view)?.owner.as_ref()?;
        let name = view.view.to_string();
        let statement = format!("ALTER MATERIALIZED VIEW {name} OWNER TO {declared}");
        (*declared != view.owner).then_some((name, statement))
    };
    grants.safety.iter().filter_map(hand_back).collect()
}

/// Returns the statement for the view on which a right is lacking; its columns may follow its
/// name in parentheses.
fn hand_back<'h>(hand_backs: &'h HashMap<String, String>, object: &str) -> Option<&'h String> {
    let named = std::iter::once(object.len()).chain(object.match_indices(" (").map(|(at, _)| at));
    named.map(|end| &object[..end]).find_map(|name| hand_backs.get(name))
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, unjudged, world};

    const WORKER: &str = "[roles.worker]\nrefresh = ['*']\n\
                          [[matview]]\nname = 'public.mv'\nrefresh = 'plain'";

    #[test]
    fn fires_when_the_role_is_neither_owner_nor_member() {
        let world = world(WORKER).role("worker").role("owner").matview("public.mv", "owner");
        let found = found("refresh-denied", &world);
        assert_eq!(found.len(), 1);
        assert!(!found[0].remedy.as_ref().expect("a remedy").sql.is_empty());
    }

    #[test]
    fn quiet_for_a_member_of_the_owner_and_for_roles_that_need_not() {
        let member = world(WORKER)
            .role("worker")
            .role("owner")
            .member("worker", "owner")
            .matview("public.mv", "owner");
        assert!(found("refresh-denied", &member).is_empty());
        assert!(unjudged("refresh-denied", &member).is_empty());
        let other = world("[roles.worker]\n[[matview]]\nname = 'public.mv'\nrefresh = 'plain'")
            .role("worker")
            .role("owner")
            .matview("public.mv", "owner");
        assert!(found("refresh-denied", &other).is_empty());
    }

    #[test]
    fn undecided_when_the_view_is_not_there() {
        let world = world(WORKER).role("worker");
        assert!(found("refresh-denied", &world).is_empty());
        let unjudged = unjudged("refresh-denied", &world);
        assert_eq!(unjudged.len(), 1);
        assert_eq!(unjudged[0].reason, "public.mv is not in the database");
    }

    #[test]
    fn undecided_for_a_superuser() {
        let world = world(WORKER).superuser("worker").role("owner").matview("public.mv", "owner");
        assert!(found("refresh-denied", &world).is_empty());
        assert_eq!(unjudged("refresh-denied", &world).len(), 1);
    }
}
