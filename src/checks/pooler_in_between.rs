//! `pooler-in-between`: the URL leads through a pooler that gives a session's server process
//! to others between transactions, or that lets no transaction through.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::serialization::Pooling;

pub(super) const CHECK: Check = Check {
    slug: "pooler-in-between",
    gate: GateId::Eg6,
    severity: Severity::Error,
    summary: "a pooler gives the server process of a session to others",
    needs: &[Source::Serialization],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(serialization) = facts.serialization else { return };
    let exclusion = match &serialization.exclusion {
        Ok(exclusion) => exclusion,
        Err(reason) => return outcome.cannot_judge(check, None, reason.clone()),
    };
    let (message, observed) = match &exclusion.pooling {
        Pooling::Direct | Pooling::Session => return,
        Pooling::Transaction { turns } => (
            "a pooler in between gives the server process of a session to others after each \
             transaction, with what the session locked and set",
            json!({ "pooling": "transaction", "turns": turns }),
        ),
        Pooling::Statement { sqlstate } => (
            "a pooler in between lets no transaction through: no key can be held for as long as \
             a refresh takes",
            json!({ "pooling": "statement", "sqlstate": sqlstate }),
        ),
    };
    outcome.add(
        check
            .finding(Subject::database(&serialization.database), message)
            .evidence(json!({ "pooling": ["none", "session"] }), observed)
            .query(query::processes())
            .remedy(Remedy::says(
                "give everything that refreshes a URL that leads to the server itself, or to a \
                 pool with pool_mode = session",
            )),
    );
}

#[cfg(test)]
mod tests {
    use crate::serialization::{Pooling, Turn};
    use crate::testing::{found_in_locks, registry, sound_locks, unjudged_in_locks};

    const SLUG: &str = "pooler-in-between";

    fn found(pooling: Pooling) -> usize {
        let mut locks = sound_locks();
        locks.exclusion.as_mut().expect("it is sound").pooling = pooling;
        found_in_locks(SLUG, &registry("version = 1"), &locks).len()
    }

    #[test]
    fn fires_for_pools_of_transactions_and_of_statements() {
        let turns = vec![Turn { session: 1, pid: 7, started: None }];
        assert_eq!(found(Pooling::Transaction { turns }), 1);
        assert_eq!(found(Pooling::Statement { sqlstate: "08P01".to_owned() }), 1);
    }

    #[test]
    fn quiet_without_a_pooler_and_with_one_of_sessions() {
        assert_eq!(found(Pooling::Direct), 0);
        assert_eq!(found(Pooling::Session), 0);
    }

    #[test]
    fn undecided_when_no_session_was_to_be_had() {
        let mut locks = sound_locks();
        locks.exclusion = Err("no answer".to_owned());
        let unjudged = unjudged_in_locks(SLUG, &registry("version = 1"), &locks);
        assert_eq!(unjudged.len(), 1);
    }
}
