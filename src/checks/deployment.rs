//! Whether the migrations that make, change or drop a view were applied: what tells a view
//! that was not deployed from one that somebody touched. No check of its own.

use chrono::{DateTime, Utc};

use super::Facts;
use crate::ident::QualifiedName;
use crate::migrations::MigrationState;
use crate::report::timestamp;
use crate::wording::plural;

/// What the ledger says of migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deployment {
    /// This one is pending.
    Pending(String),
    /// They were applied, this one last.
    Applied(String, Option<DateTime<Utc>>),
    /// It is not known which they are, and so many are pending.
    SomePending(usize),
    /// It is not known which they are, and none is pending.
    NonePending,
    /// It is not known, for this reason.
    Unknown(String),
}

impl Deployment {
    /// Returns what follows for a view that the migrations build and the database does not
    /// have.
    pub(super) fn of_absence(&self) -> String {
        match self {
            Self::Pending(file) => format!("{file}, which is pending, makes it"),
            Self::Applied(file, at) => {
                format!("{file}, which makes it, was applied{}: somebody dropped it", on(*at))
            }
            Self::SomePending(count) => {
                let pending = plural(*count, "migration");
                let (are, it) = if *count == 1 { ("is", "it") } else { ("are", "one of them") };
                format!("{pending} {are} pending, and {it} may make it")
            }
            Self::NonePending => "no migration is pending: somebody dropped it".to_owned(),
            Self::Unknown(reason) => format!("whether it was deployed is not known: {reason}"),
        }
    }

    /// Tells whether a deploy may be all that is missing.
    pub(super) const fn may_be_pending(&self) -> bool {
        matches!(self, Self::Pending(_) | Self::SomePending(_))
    }
}

fn on(at: Option<DateTime<Utc>>) -> String {
    at.map(|at| format!(" on {}", timestamp(at).split('T').next().unwrap_or_default()))
        .unwrap_or_default()
}

/// Returns whether what makes a view as the migrations build it was applied.
pub(super) fn of_making(facts: &Facts<'_>, name: &QualifiedName) -> Deployment {
    let story = facts.fresh.as_ref().ok().and_then(|fresh| fresh.built.stories.of(name));
    let steps: Vec<&str> = story
        .into_iter()
        .flat_map(|story| story.created_by.iter().chain(&story.changed_by))
        .map(String::as_str)
        .collect();
    match &facts.migrations {
        Ok(state) => of_steps(state, &steps),
        Err(reason) => Deployment::Unknown(reason.clone()),
    }
}
fn of_steps(state: &MigrationState, steps: &[&str]) -> Deployment {
    let pending = match state.pending() {
        Ok(pending) => pending,
        Err(reason) => return Deployment::Unknown(reason),
    };
    let is_pending = |step: &&&str| pending.iter().any(|file| file.file == **step);
    if let Some(step) = steps.iter().find(is_pending) {
        return Deployment::Pending((*step).to_owned());
    }
    let file = |step: &&str| state.project.files.iter().find(|file| file.file == **step);
    let last = steps.iter().rev().find_map(file);
    match (last, pending.len()) {
        (Some(file), _) => {
            let rows = state.applied().unwrap_or_default();
            let row = rows.iter().find(|row| row.id == file.id);
            Deployment::Applied(file.file.clone(), row.and_then(|row| row.installed_on))
        }
        (None, 0) => Deployment::NonePending,
        (None, count) => Deployment::SomePending(count),
    }
}

/// Returns why nothing can be said of what a deploy is about to change; `None`: none is
/// running.
pub(super) fn is_running(facts: &Facts<'_>) -> Option<String> {
    let who = facts.deploying.as_ref()?;
    Some(format!("a deploy is running: {who} holds the lock on migrating"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::Ledger;
    use crate::testing::{applied, migrations};

    #[test]
    fn what_is_pending_is_told_from_what_was_applied() {
        let state = migrations(&[1, 2, 3], Ledger::Read(vec![applied(1), applied(2)]));
        let (one, three) = ("migrations/0001_step.sql", "migrations/0003_step.sql");
        let at = DateTime::<Utc>::UNIX_EPOCH;
        assert_eq!(of_steps(&state, &[one]), Deployment::Applied(one.into(), Some(at)));
        assert_eq!(of_steps(&state, &[one, three]), Deployment::Pending(three.into()));
        assert_eq!(of_steps(&state, &[]), Deployment::SomePending(1));
        // What is run before the migrations is none.
        assert_eq!(of_steps(&state, &["before.sql"]), Deployment::SomePending(1));
        let state = migrations(&[1], Ledger::Read(vec![applied(1)]));
        assert_eq!(of_steps(&state, &[]), Deployment::NonePending);
        let state = migrations(&[1], Ledger::Unreadable("no right".into()));
        assert_eq!(of_steps(&state, &[one]), Deployment::Unknown("no right".into()));
        let state = migrations(&[1], Ledger::Missing);
        assert_eq!(of_steps(&state, &[one]), Deployment::Pending(one.into()));
    }

    #[test]
    fn each_cause_is_told_in_words() {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        for (deployment, words) in [
            (Deployment::Pending("m/3".into()), "m/3, which is pending, makes it"),
            (
                Deployment::Applied("m/1".into(), Some(at)),
                "m/1, which makes it, was applied on 1970-01-01: somebody dropped it",
            ),
            (Deployment::SomePending(1), "1 migration is pending, and it may make it"),
            (Deployment::SomePending(2), "2 migrations are pending, and one of them may make it"),
            (Deployment::NonePending, "no migration is pending: somebody dropped it"),
        ] {
            assert_eq!(deployment.of_absence(), words);
        }
    }
}
