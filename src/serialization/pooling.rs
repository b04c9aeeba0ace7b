//! What stands between the program and the server, told by which server process worked for
//! which session in which transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What stands between the program and the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pooling {
    /// Nothing that would have shown: each session had a process of its own, made for it.
    Direct,
    /// Something that keeps connections; each session kept its process as long as it lasted.
    Session,
    /// A pooler that gives the process of a session to others between its transactions.
    Transaction {
        /// Which process worked for which session.
        turns: Vec<Turn>,
    },
    /// A pooler that refuses transactions of several statements.
    Statement {
        /// SQLSTATE of the refusal.
        sqlstate: String,
    },
}

/// One transaction: the server process that worked for a session in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Turn {
    /// The session: 1 is connected from the first turn to the last, and each of the others
    /// ends before the next one of them begins.
    pub session: usize,
    /// The process.
    pub pid: i32,
    /// When it was started; tells processes apart that have the same id.
    #[serde(serialize_with = "crate::report::serialize_optional_time")]
    pub started: Option<DateTime<Utc>>,
}

impl Turn {
    const fn process(&self) -> (i32, Option<DateTime<Utc>>) {
        (self.pid, self.started)
    }
}

/// Tells whether sessions shared processes: one session had two, or the first had one that
/// another session had while the first was connected.
///
/// A server process belongs to one session from its start to its end, so this never happens
/// without a pooler in between, however busy the server is. A session that ended may leave
/// its process to a later one: that is what a session pooler does.
pub fn is_shared(turns: &[Turn]) -> bool {
    let processes = |wanted: usize| -> BTreeSet<_> {
        turns.iter().filter(|turn| turn.session == wanted).map(Turn::process).collect()
    };
    let of_first = processes(1);
    let sessions: BTreeSet<usize> = turns.iter().map(|turn| turn.session).collect();
    sessions.into_iter().any(|session| {
        let own = processes(session);
        own.len() > 1 || session != 1 && !own.is_disjoint(&of_first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(of: &[(usize, i32)]) -> Vec<Turn> {
        of.iter()
            .map(|(session, pid)| Turn { session: *session, pid: *pid, started: None })
            .collect()
    }

    #[test]
    fn sessions_with_processes_of_their_own_share_nothing() {
        for apart in [
            &[][..],
            &[(1, 10)],
            &[(1, 10), (1, 10), (2, 11), (1, 10), (2, 11)],
            // A session pooler gives the process of one that ended to the next.
            &[(1, 10), (2, 11), (1, 10), (3, 11), (4, 12), (1, 10)],
        ] {
            assert!(!is_shared(&turns(apart)), "{apart:?}");
        }
    }

    #[test]
    fn a_process_that_changes_or_is_given_away_is_shared() {
        for shared in [
            &[(1, 10), (2, 10)][..],
            &[(1, 10), (2, 11), (1, 12)],
            &[(1, 10), (2, 11), (2, 10)],
            &[(1, 10), (2, 11), (3, 11), (3, 12)],
            &[(1, 10), (2, 11), (3, 12), (4, 10)],
        ] {
            assert!(is_shared(&turns(shared)), "{shared:?}");
        }
    }

    #[test]
    fn the_same_number_on_another_server_is_another_process() {
        let mut two = turns(&[(1, 10), (2, 10)]);
        two[0].started = Some(DateTime::UNIX_EPOCH);
        two[1].started = Some(DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(1));
        assert!(!is_shared(&two));
    }
}
