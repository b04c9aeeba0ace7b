//! `view-stale`: the rows of a view are older than the registry allows.

use std::time::Duration;

use serde_json::json;

use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Finding, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::history::{FailedRefresh, LastRefresh};
use crate::ident::QualifiedName;
use crate::registry::RegistryEntry;
use crate::wording;

pub(super) const CHECK: Check = Check {
    slug: "view-stale",
    gate: GateId::Eg8,
    severity: Severity::Error,
    summary: "the rows of a view are older than its max_staleness",
    needs: &[Source::Registry, Source::Snapshot, Source::History],
    run,
};

/// A view whose age is limited, as far as the history can tell.
pub(super) struct Limited<'a> {
    /// The registry's entry.
    pub(super) entry: &'a RegistryEntry,
    /// The view.
    pub(super) name: &'a QualifiedName,
    /// How old its rows may be.
    pub(super) limit: Duration,
    /// The last success of this very relation.
    pub(super) last: Option<&'a LastRefresh>,
}

/// Returns the views that have a limit, and of which rows could be judged: those that are
/// there and populated.
pub(super) fn limited<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Limited<'a>> {
    let (snapshot, records) = (facts.snapshot.as_ref().ok(), facts.history.as_ref().ok());
    facts.registry.matviews.iter().filter_map(move |entry| {
        let (name, limit) = (entry.name.fixed()?, entry.max_staleness?);
        snapshot?.views.get(name).filter(|view| view.populated)?;
        let last = records?.last_success.get(name);
        // What is on record of another relation says nothing about this one.
        let last = last.filter(|last| last.touched_since.is_some());
        Some(Limited { entry, name, limit, last })
    })
}

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(records) = &facts.history else { return };
    note_what_has_no_age(check, facts, outcome);
    for one in limited(facts) {
        let Some(last) = one.last else { continue };
        let age = records.age(last);
        if age <= one.limit {
            continue;
        }
        if last.touched_since == Some(true) {
            let reason = format!(
                "the last refresh on record is {} old, and {} are allowed; somebody else refreshed \
                 or altered the view since, so it may be fresher than that",
                wording::duration(age),
                humantime::format_duration(one.limit)
            );
            outcome.cannot_judge(check, Some(Subject::matview(one.name)), reason);
        } else {
            let failed = records.failed_since.get(one.name);
            outcome.add(finding(check, facts, &one, (last, age), failed));
        }
    }
}

fn finding(
    check: &Check,
    facts: &Facts<'_>,
    Limited { entry, name, limit, .. }: &Limited<'_>,
    (last, age): (&LastRefresh, Duration),
    failed: Option<&FailedRefresh>,
) -> Finding {
    let (shown, allowed) = (wording::duration(age), humantime::format_duration(*limit));
    let mut message = format!("{name} holds the rows of {shown} ago, and {allowed} are allowed");
    if let Some(failed) = failed {
        message += &format!("; its last refresh ended with {failed}");
    }
    check
        .finding(Subject::matview(name), message)
        .evidence(
            json!({ "max_staleness_seconds": limit.as_secs() }),
            json!({
                "as_of": crate::report::timestamp(last.as_of),
                "age_seconds": age.as_secs(),
                "last_failure": failed.map(|failed| &failed.outcome),
            }),
        )
        .query(query::last_refresh(name))
        .remedy(
            Remedy::says("refresh it; where nothing does so by itself, it needs a schedule")
                .command(format!("driftgate refresh {name}")),
        )
        .at(facts.location(entry))
}

/// Notes the views with a limit whose rows have no age, and that there is none with a limit.
fn note_what_has_no_age(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(snapshot) = &facts.snapshot else { return };
    let limited = || facts.registry.matviews.iter().filter(|entry| entry.max_staleness.is_some());
    if limited().next().is_none() {
        let reason = "no view of the registry declares max_staleness: there is nothing to judge";
        outcome.cannot_judge(check, None, reason);
    }
    for entry in limited() {
        // A template that is not filled in is noted for all gates of views.
        let Some(name) = entry.name.fixed() else { continue };
        let reason = match snapshot.views.get(name) {
            Some(view) if view.populated => continue,
            Some(_) => "it is not populated, so that it holds no rows of any age (see EG-3)",
            None => "there is no such materialized view (see EG-3)",
        };
        outcome.cannot_judge(check, Some(Subject::matview(name)), reason);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::history::{Past, judged, past};

    const HOURLY: &str = "version = 1\n[[matview]]\nname = 'public.mv_a'\nmax_staleness = '1h'";

    #[test]
    fn fires_when_the_rows_are_older_than_declared() {
        let outcome = judged(HOURLY, &[past("public.mv_a", 3_601)]);
        let [finding] = &outcome.findings[..] else { panic!("{outcome:?}") };
        assert_eq!((finding.check, outcome.unjudged.len()), ("view-stale", 0));
        assert_eq!(finding.evidence.observed["age_seconds"], 3_601);
        assert_eq!(finding.message, "public.mv_a holds the rows of 1h 1s ago, and 1h are allowed");
    }

    #[test]
    fn quiet_up_to_the_limit_whoever_touched_it_since() {
        for view in [past("public.mv_a", 3_600), past("public.mv_a", 5).touched()] {
            let outcome = judged(HOURLY, &[view]);
            assert!(outcome.findings.is_empty() && outcome.unjudged.is_empty(), "{outcome:?}");
        }
    }

    #[test]
    fn undecided_when_somebody_else_may_have_refreshed_it_since() {
        let outcome = judged(HOURLY, &[past("public.mv_a", 7_200).touched()]);
        assert!(outcome.findings.is_empty(), "{outcome:?}");
        assert_eq!(outcome.unjudged.len(), 1);
    }

    #[test]
    fn undecided_when_it_holds_nothing_or_is_not_there() {
        for views in [vec![past("public.mv_a", 5).unpopulated()], vec![]] {
            let outcome = judged(HOURLY, &views);
            assert!(outcome.findings.is_empty(), "{outcome:?}");
            assert_eq!(outcome.unjudged.len(), 1);
        }
    }

    #[test]
    fn undecided_when_no_view_declares_how_old_it_may_be() {
        let registry = "version = 1\n[[matview]]\nname = 'public.mv_a'";
        let outcome = judged(registry, &[past("public.mv_a", 1_000_000)]);
        assert!(outcome.findings.is_empty(), "{outcome:?}");
        assert_eq!(outcome.unjudged.len(), 1);
    }

    #[test]
    fn undecided_for_a_template_that_was_not_filled_in() {
        let registry = "version = 1\n[tenancy]\ntenants = 'SELECT 1 AS id'\n[[matview]]\n\
                        name = 't_{id}.mv_a'\nmax_staleness = '1h'";
        let outcome = judged(registry, &[]);
        assert_eq!(outcome.unjudged.len(), 1, "{outcome:?}");
    }

    #[test]
    fn what_failed_since_is_told() {
        let view: Past = past("public.mv_a", 7_200).failed_since("TIMED_OUT", Some("57014"));
        let outcome = judged(HOURLY, &[view]);
        let message = &outcome.findings[0].message;
        assert!(message.ends_with("its last refresh ended with TIMED_OUT (57014)"), "{message}");
    }
}
