//! `lock-key-collision`: two refreshes that have nothing to do with each other share a
//! lock's key. While one is running, the other is skipped, and nothing else says so.

use serde_json::{Value, json};

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Finding, Location, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::registry::LockScheme;
use crate::serialization::{Collision, Collisions, Scope, chance};
use crate::wording::plural;

pub(super) const CHECK: Check = Check {
    slug: "lock-key-collision",
    gate: GateId::Eg6,
    severity: Severity::Error,
    summary: "two different refreshes share one lock key",
    needs: &[Source::Registry, Source::Serialization],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(serialization) = facts.serialization else { return };
    let collisions = &serialization.collisions;
    for collision in &collisions.found {
        outcome.add(finding(check, facts, collisions, collision));
    }
    if collisions.more > 0 {
        let message = format!(
            "{} more, beside the {} that are told",
            plural(collisions.more, "collision"),
            collisions.found.len(),
        );
        let observed = json!({ "keys": collisions.keys, "more": collisions.more });
        outcome.add(
            check
                .finding(Subject::database(&serialization.database), message)
                .evidence(json!({ "scheme": collisions.scheme }), observed)
                .remedy(Remedy::says("mend those that are told, and look again")),
        );
    }
    if let Some(reason) = &collisions.tenants_unknown {
        outcome.cannot_judge(check, None, reason.clone());
    }
    // Of keys of eight bytes none are the same by accident, and the names were compared.
    if collisions.not_compared > 0 && collisions.scheme != LockScheme::Int64 {
        let reason = format!(
            "{} of {} lock keys were not compared: there are too many of them",
            collisions.not_compared, collisions.keys
        );
        outcome.cannot_judge(check, None, reason);
    }
}

fn finding(
    check: &Check,
    facts: &Facts<'_>,
    collisions: &Collisions,
    collision: &Collision,
) -> Finding {
    let Collision { first, second, scope, .. } = collision;
    let what = match scope {
        Scope::These => format!("{} has the lock key of {}", second.told(), first.told()),
        Scope::EveryTenant => {
            format!("{} has the lock keys of {}, for every tenant", second.view, first.view)
        }
        Scope::EveryView => format!(
            "the tenants {} and {} have the same lock keys, in every view",
            first.tenant.as_deref().unwrap_or("GLOBAL"),
            second.tenant.as_deref().unwrap_or("GLOBAL"),
        ),
    };
    let scheme = collisions.scheme;
    let observed = json!({
        "key": collision.key,
        "names": [first.told(), second.told()],
        "scope": scope,
        "same_text": collision.same_text,
        "keys": collisions.keys,
        "chance": chance_of(collisions),
    });
    check
        .finding(
            Subject::matview(&second.view),
            format!("{what}: while one is refreshed, the other is skipped"),
        )
        .evidence(json!({ "scheme": scheme }), observed)
        .query(query::lock_keys(scheme, [first, second]))
        .remedy(remedy(collision))
        .at(Some(Location { file: facts.registry.source.display.clone(), line: second.line }))
}

/// Returns how likely an accident is with so many keys, to four places; of a pair's halves
/// each has a chance of its own.
fn chance_of(collisions: &Collisions) -> Value {
    let bits = match collisions.scheme {
        LockScheme::Int32 => 32,
        LockScheme::Int64 => 64,
        LockScheme::Int32Pair => return Value::Null,
    };
    json!((chance::of_a_collision(collisions.keys, bits) * 10_000.0).round() / 10_000.0)
}

fn remedy(collision: &Collision) -> Remedy {
    let is_one_view = collision.first.view == collision.second.view;
    Remedy::says(match (collision.same_text, is_one_view) {
        (true, false) => {
            "give one of them a lock_name of its own in the registry, and in every other program \
             that refreshes it"
        }
        (true, true) => "give the tenant another id: this one stands for the view itself",
        (false, _) => {
            "set scheme = \"int64\" below [locks], and the same in every other program that takes \
             these locks"
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::serialization::collisions;
    use crate::testing::{found_in_locks, locks, registry, unjudged_in_locks};

    const SLUG: &str = "lock-key-collision";
    const TWO: &str = "version = 1\n[locks]\nscheme = 'int32'\n[[matview]]\nname = 'public.mv_a'\n\
                       [[matview]]\nname = 'audit.mv_a'\n";

    fn apart() -> String {
        format!("{TWO}lock_name = 'audit_mv_a'")
    }

    #[test]
    fn fires_for_two_views_of_one_bare_name() {
        let registry = registry(TWO);
        let locks = locks(collisions::find(&registry, Ok(&["7".to_owned()])));
        let found = found_in_locks(SLUG, &registry, &locks);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "audit.mv_a");
        assert!(found[0].message.starts_with("audit.mv_a has the lock keys of public.mv_a, for"));
        assert!(unjudged_in_locks(SLUG, &registry, &locks).is_empty());
    }

    #[test]
    fn fires_for_tenants_by_accident_and_counts_what_is_more() {
        let registry = registry(
            "version = 1\n[locks]\nscheme = 'int32'\n\
             [[matview]]\nname = 'public.mv_channel_performance'\n",
        );
        let tenants = ["tenant_06144", "tenant_35846"].map(str::to_owned);
        let mut locks = locks(collisions::find(&registry, Ok(&tenants)));
        assert_eq!(found_in_locks(SLUG, &registry, &locks).len(), 1);
        locks.collisions.more = 3;
        let found = found_in_locks(SLUG, &registry, &locks);
        assert_eq!(found.len(), 2);
        assert!(found.iter().any(|one| one.message.starts_with("3 collisions more")));
    }

    #[test]
    fn quiet_when_a_lock_name_tells_them_apart() {
        let registry = registry(&apart());
        let locks = locks(collisions::find(&registry, Ok(&["7".to_owned()])));
        assert!(found_in_locks(SLUG, &registry, &locks).is_empty());
        assert!(unjudged_in_locks(SLUG, &registry, &locks).is_empty());
    }

    #[test]
    fn undecided_when_the_tenants_are_not_known_or_too_many() {
        let registry = registry(&apart());
        let mut locks = locks(collisions::find(&registry, Err("denied".to_owned())));
        assert_eq!(unjudged_in_locks(SLUG, &registry, &locks).len(), 1);
        locks.collisions.tenants_unknown = None;
        locks.collisions.not_compared = 1;
        assert_eq!(unjudged_in_locks(SLUG, &registry, &locks).len(), 1);
    }
}
