//! Makers and assertions for table tests of the checks on locks.

use crate::checks::Facts;
use crate::finding::{Finding, Unjudged};
use crate::lock_key::LockKey;
use crate::registry::Registry;
use crate::serialization::{Collisions, Exclusion, LockTrial, Pooling, Serialization, collisions};

/// Makes facts in which two sessions saw what they should.
pub(crate) fn locks(collisions: Collisions) -> Serialization {
    let trial = LockTrial {
        key: LockKey::One([7]),
        one_database: true,
        first_given: true,
        second_given: Some(false),
        given_after_rollback: Some(true),
        left_behind: Some(0),
    };
    let exclusion = Exclusion { trial: Ok(trial), pooling: Pooling::Direct };
    Serialization { database: "app".to_owned(), collisions, exclusion: Ok(exclusion) }
}

/// Makes facts in which nothing is wrong.
pub(crate) fn sound_locks() -> Serialization {
    locks(collisions::find(&super::registry("version = 1"), Ok(&[])))
}

impl Serialization {
    pub(crate) fn trial_mut(&mut self) -> &mut LockTrial {
        let exclusion = self.exclusion.as_mut().expect("it was tried");
        exclusion.trial.as_mut().expect("it was tried")
    }
}

/// Returns what one check finds in the locks.
pub(crate) fn found_in_locks(
    slug: &str,
    registry: &Registry,
    locks: &Serialization,
) -> Vec<Finding> {
    super::findings(slug, &facts(registry, locks))
}

/// Returns what one check leaves unjudged in the locks.
pub(crate) fn unjudged_in_locks(
    slug: &str,
    registry: &Registry,
    locks: &Serialization,
) -> Vec<Unjudged> {
    super::not_judged(slug, &facts(registry, locks))
}

fn facts<'a>(registry: &'a Registry, locks: &'a Serialization) -> Facts<'a> {
    let missing = || "not looked".to_owned();
    Facts::new(registry, Err(missing()), Err(missing())).with_serialization(Ok(locks))
}
