//! Makes what is on record of views, and judges how fresh they are.

use std::time::Duration;

use crate::checks::{self, Facts, Outcome};
use crate::gate::GateId;
use crate::history::{FailedRefresh, History, LastRefresh, Records};
use crate::snapshot::ViewState;

/// A view with what is on record of it.
pub(crate) struct Past {
    view: ViewState,
    last: Option<LastRefresh>,
    failed: Option<FailedRefresh>,
}

/// Makes a view whose last refresh is so many seconds old, and that nobody touched since.
pub(crate) fn past(name: &str, age_seconds: u64) -> Past {
    let last = LastRefresh {
        as_of: read_at() - Duration::from_secs(age_seconds),
        duration_ms: 100,
        typical_ms: 100,
        touched_since: Some(false),
    };
    Past { view: super::view(name), last: Some(last), failed: None }
}

impl Past {
    /// Somebody else refreshed or altered it since.
    pub(crate) fn touched(mut self) -> Self {
        self.last.as_mut().expect("a refresh is on record").touched_since = Some(true);
        self
    }

    /// What is on record is of another relation.
    pub(crate) fn of_another_relation(mut self) -> Self {
        self.last.as_mut().expect("a refresh is on record").touched_since = None;
        self
    }

    /// No success is on record.
    pub(crate) fn without_success(mut self) -> Self {
        self.last = None;
        self
    }

    /// It is not populated.
    pub(crate) fn unpopulated(mut self) -> Self {
        self.view.populated = false;
        self
    }

    /// A refresh failed after the last success.
    pub(crate) fn failed_since(mut self, outcome: &str, sqlstate: Option<&str>) -> Self {
        let sqlstate = sqlstate.map(str::to_owned);
        self.failed = Some(FailedRefresh { at: read_at(), outcome: outcome.to_owned(), sqlstate });
        self
    }
}

/// Judges how fresh views are by a registry's text.
pub(crate) fn judged(registry: &str, views: &[Past]) -> Outcome {
    let registry = super::registry(registry);
    let snapshot = super::snapshot(views.iter().map(|past| past.view.clone()));
    let of = |past: &Past| past.view.name.clone();
    let history = History::Known(Records {
        writable: Ok(()),
        read_at: read_at(),
        last_success: views.iter().filter_map(|one| Some((of(one), one.last.clone()?))).collect(),
        failed_since: views.iter().filter_map(|one| Some((of(one), one.failed.clone()?))).collect(),
    });
    let facts = Facts::new(&registry, Ok(&snapshot), Err("not looked at".to_owned()))
        .with_history(Ok(&history));
    checks::run(&[GateId::Eg8], &facts)
}

/// Makes records of views that were refreshed just now, and of how many milliseconds that
/// takes.
pub(crate) fn records(views: &[(&str, u64)]) -> Records {
    let last = |took: u64| LastRefresh {
        as_of: read_at(),
        duration_ms: took,
        typical_ms: took,
        touched_since: Some(false),
    };
    let of = |(name, took): &(&str, u64)| (name.parse().expect("a view"), last(*took));
    Records {
        writable: Ok(()),
        read_at: read_at(),
        last_success: views.iter().map(of).collect(),
        failed_since: Default::default(),
    }
}

fn read_at() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}
