//! The rows of `migrate verify`: how far the migrations got on a new database, and what
//! became of each view.

use serde::Serialize;

use crate::ident::{QualifiedName, RoleName};
use crate::migrations::{Ledger, MigrationState, Migrations};
use crate::report::migrate::{self, MigrationRows};
use crate::verify::{Built, ViewStory};

/// What `migrate verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The project's migrations; no ledger was looked at.
    pub migrations: MigrationRows,
    /// What came of them on a new database.
    pub verify: VerifyRows,
}

/// What came of the migrations on a new database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyRows {
    /// Where the new database came from.
    #[serde(flatten)]
    pub place: Place,
    /// How many migrations ran to their end.
    pub applied: usize,
    /// How many there are.
    pub total: usize,
    /// The migration before which rows were loaded; `None`: none were.
    pub seeded_before: Option<String>,
    /// The first migration that failed; `None`: none did.
    pub failed: Option<FailedRow>,
    /// What became of each view, by its last name.
    pub views: Vec<ViewRow>,
}

/// Where a new database came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// `local`, `server` or `url`.
    pub source: &'static str,
    /// The role that the migrations were applied as.
    pub role: RoleName,
    /// Such as `15.18`.
    pub server_version: String,
}

/// A migration that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedRow {
    /// What the ledger would call it.
    pub id: String,
    /// The file.
    pub file: String,
    /// The line that the server pointed at; `None`: it did not.
    pub line: Option<usize>,
    /// SQLSTATE; `None`: it is not the server that refused.
    pub sqlstate: Option<String>,
    /// The server's words, or those of the tool.
    pub message: String,
}

/// What became of one view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViewRow {
    /// Its last name.
    pub name: QualifiedName,
    /// The migration that made it; `None`: that was not looked at migration by migration.
    pub created_by: Option<String>,
    /// The migrations that changed or renamed it, in order.
    pub changed_by: Vec<String>,
    /// The migration that dropped it; `None`: it is there.
    pub dropped_by: Option<String>,
}

/// Returns the rows for what was built.
pub fn rows(
    migrations: &Migrations,
    place: Place,
    seeded_before: Option<String>,
    built: &Built,
) -> VerifyReport {
    let ledger = Ledger::Unreadable("not looked at".to_owned());
    let state = MigrationState { project: migrations.clone(), ledger };
    VerifyReport {
        migrations: migrate::rows(&state, vec![]).migrations,
        verify: VerifyRows {
            place,
            applied: built.applied,
            total: built.total,
            seeded_before,
            failed: built.failed.as_ref().map(|failed| FailedRow {
                id: failed.id.clone(),
                file: failed.file.clone(),
                line: failed.line,
                sqlstate: failed.sqlstate.clone(),
                message: failed.message.clone(),
            }),
            views: built.stories.by_name().into_iter().map(view).collect(),
        },
    }
}

fn view(story: &ViewStory) -> ViewRow {
    ViewRow {
        name: story.name.clone(),
        created_by: story.created_by.clone(),
        changed_by: story.changed_by.clone(),
        dropped_by: story.dropped_by.clone(),
    }
}
