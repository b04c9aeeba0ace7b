//! The session that all views of a run are looked at with: a transaction for each view, and
//! one budget for all waits.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::look::{self, Around, Known};
use super::print::{Made, Viewing};
use crate::definitions::Refused;
use crate::failure::Failure;
use crate::ident::QualifiedName;
use crate::pg::session::{AtWork, Endpoint, LockTimeout, SearchPath, Session};
use crate::snapshot::ServerFacts;

/// How often a view is looked at that a lock hides.
const ATTEMPTS: usize = 5;

/// How long one look waits for a lock; the caller's own limit where that is shorter.
const ONE_WAIT: Duration = Duration::from_millis(300);

/// How long all looks together wait where the caller sets no limit.
const ALL_WAITS: Duration = Duration::from_secs(5);

/// What came of a look at a view.
#[derive(Debug)]
pub(super) enum Tried<T> {
    Done(T),
    /// A lock was in the way.
    Busy,
    /// The server did not print the view, or its indexes.
    Refused(Refused),
}

impl<T> Tried<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Tried<U> {
        match self {
            Self::Done(value) => Tried::Done(change(value)),
            Self::Busy => Tried::Busy,
            Self::Refused(refused) => Tried::Refused(refused),
        }
    }
}

/// The session, and what is known before the first view.
pub(super) struct Desk {
    session: Session,
    server: ServerFacts,
    around: Around,
    /// The views that are there.
    pub(super) known: HashMap<QualifiedName, Known>,
    patience: Duration,
    _at_work: AtWork,
}

impl Desk {
    /// Connects, and looks which of these views are there.
    pub(super) async fn open(
        endpoint: &Endpoint,
        names: &[&QualifiedName],
    ) -> Result<Self, Failure> {
        let mut session = Session::connect(endpoint).await?;
        let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
        let server = transaction.server().clone();
        let known = look::at_views(&mut transaction, names).await?;
        let around = look::around(&mut transaction, &server).await?;
        transaction.finish().await?;
        let at_work = session.note_backend().await?;
        let patience = match endpoint.limits.lock {
            LockTimeout(limit) if limit.is_zero() => ALL_WAITS,
            LockTimeout(limit) => limit,
        };
        Ok(Self { session, server, around, known, patience, _at_work: at_work })
    }

    /// Says goodbye to the server.
    pub(super) async fn close(self) {
        self.session.close().await;
    }

    /// Looks at each view in a transaction of its own, puts what comes of it into `done`, and
    /// returns the views of which nothing came, with the reason.
    ///
    /// All waits together take no longer than the limit on one: when it is used up, the rest
    /// is looked at without waiting. A view that is gone meanwhile is left out.
    pub(super) async fn each<T, U>(
        &mut self,
        todo: Vec<(Known, T)>,
        done: &mut BTreeMap<QualifiedName, U>,
        work: impl AsyncFn(&mut Viewing<'_>, &T) -> Result<Tried<U>, sqlx::Error>,
    ) -> Result<Vec<(Known, String)>, Failure> {
        let mut todo: Vec<_> =
            todo.into_iter().map(|(known, task)| (known, task, String::new())).collect();
        for _attempt in 0..ATTEMPTS {
            let mut left = Vec::new();
            for (known, task, _) in todo {
                let started = Instant::now();
                match self.one(&known, &task, &work).await? {
                    None => {}
                    Some(Tried::Done(value)) => {
                        done.insert(known.name, value);
                    }
                    Some(Tried::Busy) => {
                        self.patience = self.patience.saturating_sub(started.elapsed());
                        let reason = hidden(&known.name);
                        left.push((known, task, reason));
                    }
                    // Something that it names may just have been dropped.
                    Some(Tried::Refused(refused)) => {
                        let reason = format!(
                            "the server does not print {}: {}",
                            known.name,
                            refused.words()
                        );
                        left.push((known, task, reason));
                    }
                }
            }
            todo = left;
            if todo.is_empty() || self.patience.is_zero() {
                break;
            }
        }
        Ok(todo.into_iter().map(|(known, _, reason)| (known, reason)).collect())
    }

    /// Looks at one view; `None`: it is gone.
    async fn one<T, U>(
        &mut self,
        known: &Known,
        task: &T,
        work: &impl AsyncFn(&mut Viewing<'_>, &T) -> Result<Tried<U>, sqlx::Error>,
    ) -> Result<Option<Tried<U>>, Failure> {
        let wait = LockTimeout(self.patience.clamp(Duration::from_millis(1), ONE_WAIT));
        let Self { session, server, around, .. } = self;
        let looked = async {
            let begun = Viewing::begin(session, server, around, known, wait).await?;
            Ok::<_, sqlx::Error>(match begun {
                Made::Printed(Some(mut viewing)) => Some(work(&mut viewing, task).await?),
                Made::Printed(None) => None,
                Made::Busy => Some(Tried::Busy),
                Made::Refused(refused) => Some(Tried::Refused(refused)),
            })
        };
        let doing = || format!("compare the definition of {}", known.name);
        let looked = looked.await.map_err(|error| session.failure(&error, &doing()))?;
        let ended = session.run_within("ROLLBACK", session.answer_limit()).await;
        ended.map_err(|error| session.failure(&error, &doing()))?;
        Ok(looked)
    }
}

fn hidden(view: &QualifiedName) -> String {
    format!("another session holds a lock on {view}, or on something that its query names")
}
