//! `write-allowed`: a role can write a table that it must not, or only a trigger stands in
//! the way that it can sidestep.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Finding, Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::protection::{Level, Protection};

pub(super) const CHECK: Check = Check {
    slug: "write-allowed",
    gate: GateId::Eg4,
    severity: Severity::Error,
    summary: "a role can write a table that it must not",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for (role, table) in &grants.missing_tables {
        let reason = format!("{role} must not write {table}, which the database does not have");
        outcome.cannot_judge(check, Some(Subject::table(table)), reason);
    }
    for protection in &grants.protection {
        match protection.level {
            Level::Denied => {}
            Level::Trigger if protection.sidestep.is_empty() => {}
            Level::Void => {
                let reason = grants.void_roles.get(&protection.role);
                let reason = reason.map_or("no right is checked for it", String::as_str);
                let subject = Some(Subject::role(&protection.role));
                outcome.cannot_judge(check, subject, format!("void: {reason}"));
            }
            Level::Allowed | Level::Trigger => outcome.add(finding(check, facts, protection)),
        }
    }
}

/// Returns the finding for a role that can write.
pub(super) fn finding(check: &Check, facts: &Facts<'_>, protection: &Protection) -> Finding {
    let Protection { role, table, .. } = protection;
    let words: Vec<&str> = protection.privileges.iter().map(|one| one.word()).collect();
    let via: Vec<String> = protection.via.iter().map(ToString::to_string).collect();
    let (can, ways) = (words.join(", "), via.join(", "));
    let message = match (protection.level, protection.sidestep.as_slice()) {
        (Level::Trigger, []) => {
            format!("{role} may {can} on {table} by {ways}; only a trigger stands in the way")
        }
        (Level::Trigger, ways_around) => format!(
            "{role} may {can} on {table} by {ways}, and can get around the trigger: {}",
            ways_around.join("; ")
        ),
        _ => format!("{role} can {can} on {table}, by {ways}"),
    };
    let rules = facts.registry.roles.get(role);
    let is_named = rules.is_some_and(|rules| rules.must_not_write.contains(table));
    let message = match is_named {
        true => message,
        false => format!("{message}; it shares rows with a table that {role} must not write"),
    };
    let mut remedy = Remedy::says("close each way in");
    remedy.sql.clone_from(&protection.revoke);
    let line = facts.registry.roles.get(role).map_or(1, |rules| rules.line);
    check
        .finding(Subject::table(table), message)
        .evidence(
            json!({ "role": role, "level": "denied" }),
            json!({
                "role": role,
                "level": protection.level.word(),
                "privileges": words,
                "via": via,
                "sidestep": protection.sidestep,
            }),
        )
        .query(query::can_write(role, table))
        .remedy(remedy)
        .at(Some(Location { file: facts.registry.source.display.clone(), line }))
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, unjudged, world};

    const RULES: &str = "[roles.app]\nmust_not_write = ['public.ledger']";

    #[test]
    fn fires_for_a_grant() {
        let world = world(RULES)
            .role("app")
            .role("owner")
            .table("public.ledger", "owner")
            .insert("public.ledger", "app");
        let found = found("write-allowed", &world);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("INSERT"), "{}", found[0].message);
    }

    #[test]
    fn quiet_without_a_right() {
        let world = world(RULES).role("app").role("owner").table("public.ledger", "owner");
        assert!(found("write-allowed", &world).is_empty());
        assert!(unjudged("write-allowed", &world).is_empty());
    }

    #[test]
    fn undecided_for_a_superuser_and_for_a_table_that_is_not_there() {
        let superuser = world(RULES).superuser("app").role("owner").table("public.ledger", "owner");
        assert_eq!(unjudged("write-allowed", &superuser).len(), 1);
        let missing = world(RULES).role("app");
        assert_eq!(unjudged("write-allowed", &missing).len(), 1);
    }
}
