//! Serialization: whether two refreshes of one view keep each other out, as facts. The keys
//! are compared here, without a server; `pg/prove_exclusion.rs` tries a key in two sessions.

use serde::Serialize;

use crate::lock_key::LockKey;

pub mod chance;
pub mod collisions;
pub mod pooling;

pub use collisions::{Collision, Collisions, Scope, Taker};
pub use pooling::{Pooling, Turn};

/// What the checks of EG-6 compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Serialization {
    /// The database that the URL names.
    pub database: String,
    /// The keys that the registry makes, compared with each other.
    pub collisions: Collisions,
    /// What two sessions saw; else why it was not tried.
    pub exclusion: Result<Exclusion, String>,
}

/// What two sessions saw of each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Exclusion {
    /// What a key did; else why it could not be tried.
    pub trial: Result<LockTrial, String>,
    /// What stands between the program and the server.
    pub pooling: Pooling,
}

/// One key, tried in the transactions of two sessions.
///
/// What comes after an expectation that did not hold may not have been tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockTrial {
    /// The key, which is no view's.
    pub key: LockKey,
    /// Whether both sessions were in one database of one server.
    pub one_database: bool,
    /// Whether the first was given the key, which nobody held.
    pub first_given: bool,
    /// Whether the second was given it too.
    pub second_given: Option<bool>,
    /// Whether the second was given it after the first had rolled back.
    pub given_after_rollback: Option<bool>,
    /// How many holds of it were left when both had rolled back.
    pub left_behind: Option<i64>,
}

impl LockTrial {
    /// Returns what did not go as it must, each as the end of a sentence.
    pub fn broken(&self) -> Vec<&'static str> {
        let mut broken = Vec::new();
        if !self.first_given {
            broken.push("a key that nobody held was refused");
        }
        if self.second_given == Some(true) {
            broken.push("two sessions held one key at the same time");
        }
        if self.given_after_rollback == Some(false) {
            broken.push("a key was not free after the rollback of its holder");
        }
        if self.left_behind.is_some_and(|left| left > 0) {
            broken.push("a key was still held after the rollback of both sessions");
        }
        broken
    }

    /// Tells whether every step was tried.
    pub const fn is_whole(&self) -> bool {
        self.first_given
            && self.second_given.is_some()
            && self.given_after_rollback.is_some()
            && self.left_behind.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> LockTrial {
        LockTrial {
            key: LockKey::One([7]),
            one_database: true,
            first_given: true,
            second_given: Some(false),
            given_after_rollback: Some(true),
            left_behind: Some(0),
        }
    }

    #[test]
    fn each_expectation_is_told_by_itself() {
        assert!(sound().broken().is_empty() && sound().is_whole());
        let both = LockTrial { second_given: Some(true), left_behind: Some(2), ..sound() };
        assert_eq!(both.broken().len(), 2);
        let kept = LockTrial { given_after_rollback: Some(false), ..sound() };
        assert_eq!(kept.broken().len(), 1);
        let refused = LockTrial {
            first_given: false,
            second_given: None,
            given_after_rollback: None,
            left_behind: None,
            ..sound()
        };
        assert_eq!(refused.broken().len(), 1);
        assert!(!refused.is_whole());
    }
}
