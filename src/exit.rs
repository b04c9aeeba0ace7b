//! The exit codes: one enum, one table (`docs/exit-codes.md`), one order of precedence.

use std::process::ExitCode;

/// What the process tells its caller by its exit status.
///
/// Source: the table in `docs/exit-codes.md`, compared with this enum by a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Done; or every gate and check asked for was judged and passed.
    Done,
    /// Judged, and something failed; or a change was tried and failed or was refused.
    Failed,
    /// Usage, or the registry is invalid: nothing was contacted.
    Usage,
    /// Something could not be judged or reached; never folded into `Done`.
    Undecided,
    /// The work was not done because somebody else holds the lock.
    LockHeld,
    /// Interrupted by SIGINT, after cancelling on the server and rolling back.
    Interrupted,
    /// Ended by SIGTERM or SIGHUP, after cancelling on the server and rolling back.
    Terminated,
}

impl Exit {
    /// Every exit, in the order of its code.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Undecided,
        Self::LockHeld,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// Returns the number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Undecided => 3,
            Self::LockHeld => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Returns the one of two exits that is reported when both apply.
    ///
    /// Precedence: 130 and 143, then 2, 1, 3, 4, and 0 last: a failure that was found
    /// outranks what could not be judged.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.rank() <= other.rank() { self } else { other }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Interrupted | Self::Terminated => 0,
            Self::Usage => 1,
            Self::Failed => 2,
            Self::Undecided => 3,
            Self::LockHeld => 4,
            Self::Done => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_interrupted_usage_failed_undecided_lock_held_done() {
        let order = [
            Exit::Interrupted,
            Exit::Usage,
            Exit::Failed,
            Exit::Undecided,
            Exit::LockHeld,
            Exit::Done,
        ];
        for (at, first) in order.iter().enumerate() {
            for second in &order[at..] {
                assert_eq!(first.or(*second), *first);
                assert_eq!(second.or(*first), *first);
            }
        }
    }
}
