//! `lock-not-exclusive`: a lock's key, tried in two sessions, does not keep one of them out,
//! or is not free afterwards.

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "lock-not-exclusive",
    gate: GateId::Eg6,
    severity: Severity::Error,
    summary: "a lock key does not keep two sessions apart",
    needs: &[Source::Serialization],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(serialization) = facts.serialization else { return };
    let trial = match &serialization.exclusion {
        Err(reason) => return outcome.cannot_judge(check, None, reason.clone()),
        Ok(exclusion) => match &exclusion.trial {
            Err(reason) => return outcome.cannot_judge(check, None, reason.clone()),
            Ok(trial) => trial,
        },
    };
    let broken = trial.broken();
    let declared = json!({
        "one_database": true,
        "first_given": true,
        "second_given": false,
        "given_after_rollback": true,
        "left_behind": 0,
    });
    let remedy = if trial.one_database {
        "find out what is between the program and the server, and refresh from one place until \
         then"
    } else {
        "let the URL lead to one server: the two sessions were not in one database"
    };
    for what in &broken {
        let message = format!("{what}: two refreshes of one view can run at the same time");
        outcome.add(
            check
                .finding(Subject::database(&serialization.database), message)
                .evidence(declared.clone(), json!(trial))
                .query(query::exclusion(trial.key))
                .remedy(Remedy::says(remedy)),
        );
    }
    if broken.is_empty() && !trial.is_whole() {
        outcome.cannot_judge(check, None, "the trial of a lock key was cut short");
    }
}

#[cfg(test)]
mod tests {
    use crate::serialization::Serialization;
    use crate::testing::{found_in_locks, registry, sound_locks, unjudged_in_locks};

    const SLUG: &str = "lock-not-exclusive";

    fn found(locks: &Serialization) -> Vec<crate::finding::Finding> {
        found_in_locks(SLUG, &registry("version = 1"), locks)
    }

    fn unjudged(locks: &Serialization) -> usize {
        unjudged_in_locks(SLUG, &registry("version = 1"), locks).len()
    }

    #[test]
    fn fires_when_both_are_given_the_key() {
        let mut locks = sound_locks();
        let trial = locks.trial_mut();
        (trial.second_given, trial.one_database) = (Some(true), false);
        let found = found(&locks);
        assert_eq!(found.len(), 1);
        let remedy = found[0].remedy.as_ref().expect("a remedy");
        assert!(remedy.summary.starts_with("let the URL lead to one server"));
    }

    #[test]
    fn fires_for_each_expectation_that_does_not_hold() {
        let mut locks = sound_locks();
        let trial = locks.trial_mut();
        (trial.given_after_rollback, trial.left_behind) = (Some(false), Some(1));
        assert_eq!(found(&locks).len(), 2);
        let trial = locks.trial_mut();
        (trial.first_given, trial.second_given) = (false, None);
        (trial.given_after_rollback, trial.left_behind) = (None, None);
        assert_eq!(found(&locks).len(), 1);
    }

    #[test]
    fn quiet_when_the_second_is_refused_until_the_rollback() {
        assert!(found(&sound_locks()).is_empty());
        assert_eq!(unjudged(&sound_locks()), 0);
    }

    #[test]
    fn undecided_when_it_was_not_tried_to_the_end() {
        let mut locks = sound_locks();
        locks.trial_mut().left_behind = None;
        assert_eq!(unjudged(&locks), 1);
        let mut locks = sound_locks();
        locks.exclusion.as_mut().expect("it is sound").trial = Err("one at a time".to_owned());
        assert_eq!(unjudged(&locks), 1);
        locks.exclusion = Err("a standby".to_owned());
        assert_eq!(unjudged(&locks), 1);
    }
}
