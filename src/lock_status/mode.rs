//! The modes of the server's locks, from the weakest to the strongest.

use serde::{Serialize, Serializer};

/// The mode of a lock.
///
/// Source: `mode` of `pg_locks`. A stronger one conflicts with all that a weaker one does,
/// but for `ShareUpdateExclusiveLock` beside `ShareLock`, which nobody takes on a
/// materialized view both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// Readers.
    AccessShare,
    /// `SELECT … FOR UPDATE`.
    RowShare,
    /// Writers of rows.
    RowExclusive,
    /// VACUUM, ANALYZE.
    ShareUpdateExclusive,
    /// CREATE INDEX.
    Share,
    /// CREATE TRIGGER.
    ShareRowExclusive,
    /// REFRESH … CONCURRENTLY, and the keys of refreshes.
    Exclusive,
    /// REFRESH, DROP, ALTER: even readers wait.
    AccessExclusive,
}

impl LockMode {
    const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// Returns the server's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AccessShare => "AccessShareLock",
            Self::RowShare => "RowShareLock",
            Self::RowExclusive => "RowExclusiveLock",
            Self::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            Self::Share => "ShareLock",
            Self::ShareRowExclusive => "ShareRowExclusiveLock",
            Self::Exclusive => "ExclusiveLock",
            Self::AccessExclusive => "AccessExclusiveLock",
        }
    }

    /// Reads the server's word; `None` for one that a later version has brought.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

impl Serialize for LockMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for mode in LockMode::ALL {
            assert_eq!(LockMode::of_word(mode.word()), Some(mode));
        }
        assert_eq!(LockMode::of_word("SIReadLock"), None);
    }
}
