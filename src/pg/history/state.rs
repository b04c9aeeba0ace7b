//! Whether the history is installed, in which version, and what this role may do with it.

use sqlx::Row;

use super::install::VERSIONS;
use crate::failure::{Failure, FailureKind};
use crate::pg::session::ReadTransaction;

/// What installs the history, and brings an older one up to date.
pub(super) const INSTALL: &str = "driftgate history install";

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    NotInstalled,
    /// Something that cannot be read, or not by this role; why, and what helps.
    Unreadable(Obstacle),
    /// The version that this program knows.
    Usable(Rights),
}

/// Why the history cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub(super) kind: FailureKind,
    pub(super) reason: String,
    pub(super) hint: String,
}

/// What this role may do with a history that it can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) may_insert: bool,
    pub(super) may_delete: bool,
    pub(super) is_recovering: bool,
}

/// Looks; nothing is run into that the role has no right to.
pub(super) async fn look(transaction: &mut ReadTransaction<'_>) -> Result<State, Failure> {
    let role = transaction.server().role.clone();
    let is_read_only = transaction.server().read_only;
    let mut state = State::NotInstalled;
    transaction
        .rows(include_str!("../sql/history_find.sql"), "look for the history", |row| {
            if !(row.try_get("has_versions")? && row.try_get("has_refreshes")?) {
                return Ok(());
            }
            state = if row.try_get("may_use_schema")? && row.try_get("may_read")? {
                State::Usable(Rights {
                    may_insert: row.try_get("may_insert")?,
                    may_delete: row.try_get("may_delete")?,
                    is_recovering: row.try_get::<bool, _>("is_recovering")? || is_read_only,
                })
            } else {
                State::Unreadable(Obstacle {
                    kind: FailureKind::Permission,
                    reason: format!("{role} may not read the history of refreshes"),
                    hint: format!(
                        "GRANT USAGE ON SCHEMA driftgate TO {role}, and GRANT SELECT ON ALL \
                         TABLES IN SCHEMA driftgate TO {role}, would let it"
                    ),
                })
            };
            Ok(())
        })
        .await?;
    if matches!(state, State::Usable(_))
        && let Some(obstacle) = unfit_version(transaction).await?
    {
        return Ok(State::Unreadable(obstacle));
    }
    Ok(state)
}

/// Returns what is wrong with the version of the tables, if anything is.
async fn unfit_version(transaction: &mut ReadTransaction<'_>) -> Result<Option<Obstacle>, Failure> {
    let mut installed = 0;
    transaction
        .rows(
            "SELECT coalesce(max(version), 0)::int4 AS version FROM driftgate.versions",
            "read the version of the history",
            |row| {
                installed = row.try_get("version")?;
                Ok(())
            },
        )
        .await?;
    Ok(misfit(installed, newest(VERSIONS)))
}

/// Returns the number of the newest version.
pub(super) fn newest(versions: &[&str]) -> i32 {
    i32::try_from(versions.len()).unwrap_or(i32::MAX)
}

/// Tells why tables of one version are of no use to a program that knows another one.
pub(super) fn misfit(installed: i32, known: i32) -> Option<Obstacle> {
    let (reason, hint) = match installed.cmp(&known) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => (
            format!("the history is of version {installed}, and version {known} is needed"),
            format!("`{INSTALL}` brings it up to date; nothing on record is lost"),
        ),
        std::cmp::Ordering::Greater => (
            format!(
                "the history is of version {installed}, and driftgate {} knows none newer than \
                 {known}",
                env!("CARGO_PKG_VERSION")
            ),
            "use a newer driftgate, as those who installed it did".to_owned(),
        ),
    };
    Some(Obstacle { kind: FailureKind::Database, reason, hint })
}

/// Returns the failure for a history that is not there.
pub(super) fn not_installed() -> Failure {
    Failure::new(FailureKind::Database, "the history of refreshes is not installed")
        .hint(format!("`{INSTALL}` makes it"))
}

impl Obstacle {
    /// Returns the failure for a command that cannot do without.
    pub(super) fn into_failure(self) -> Failure {
        Failure::new(self.kind, self.reason).hint(self.hint)
    }
}

impl State {
    /// Returns what the role may do with the history, where a command cannot do without.
    pub(super) fn usable(self) -> Result<Rights, Failure> {
        match self {
            Self::NotInstalled => Err(not_installed()),
            Self::Unreadable(obstacle) => Err(obstacle.into_failure()),
            Self::Usable(rights) => Ok(rights),
        }
    }
}
