//! `view-never-refreshed`: a view may not be older than declared, and no successful refresh
//! of it is on record.

use serde_json::{Value, json};

use super::view_stale::{Limited, limited};
use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "view-never-refreshed",
    gate: GateId::Eg8,
    severity: Severity::Error,
    summary: "a view declares max_staleness, and no successful refresh of it is on record",
    needs: &[Source::Registry, Source::Snapshot, Source::History],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(records) = &facts.history else { return };
    for Limited { entry, name, limit, last } in limited(facts) {
        if last.is_some() {
            continue;
        }
        let former = records.last_success.contains_key(name);
        let failed = records.failed_since.get(name);
        let mut message = format!("no successful refresh of {name} is on record");
        if former {
            message += ": the one on record was of another relation of this name, before the view \
                        was made anew or renamed";
        } else if let Some(failed) = failed {
            message += &format!("; the last one ended with {failed}");
        }
        outcome.add(
            check
                .finding(Subject::matview(name), message)
                .evidence(
                    json!({ "max_staleness_seconds": limit.as_secs() }),
                    json!({
                        "as_of": Value::Null,
                        "last_failure": failed.map(|one| &one.outcome),
                    }),
                )
                .query(query::last_refresh(name))
                .remedy(
                    Remedy::says("refresh it with driftgate, which puts it on record")
                        .command(format!("driftgate refresh {name}")),
                )
                .at(facts.location(entry)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::history::{judged, past};

    const HOURLY: &str = "version = 1\n[[matview]]\nname = 'public.mv_a'\nmax_staleness = '1h'";

    #[test]
    fn fires_when_nothing_is_on_record() {
        let outcome = judged(HOURLY, &[past("public.mv_a", 0).without_success()]);
        let [finding] = &outcome.findings[..] else { panic!("{outcome:?}") };
        assert_eq!((finding.check, outcome.unjudged.len()), ("view-never-refreshed", 0));
    }

    #[test]
    fn fires_when_the_record_is_of_another_relation() {
        let outcome = judged(HOURLY, &[past("public.mv_a", 5).of_another_relation()]);
        let [finding] = &outcome.findings[..] else { panic!("{outcome:?}") };
        assert_eq!(finding.check, "view-never-refreshed");
        assert!(finding.message.contains("another relation"), "{}", finding.message);
    }

    #[test]
    fn tells_how_the_last_try_ended() {
        let view = past("public.mv_a", 0).without_success().failed_since("FAILED", Some("22012"));
        let outcome = judged(HOURLY, &[view]);
        let message = &outcome.findings[0].message;
        assert!(message.ends_with("the last one ended with FAILED (22012)"), "{message}");
    }

    #[test]
    fn quiet_when_a_success_is_on_record_or_none_is_asked_for() {
        let undeclared = "version = 1\n[[matview]]\nname = 'public.mv_a'\n[[matview]]\n\
                          name = 'public.mv_b'\nmax_staleness = '1h'";
        let views = [past("public.mv_a", 0).without_success(), past("public.mv_b", 5)];
        assert!(judged(undeclared, &views).findings.is_empty());
    }

    #[test]
    fn undecided_for_a_view_that_is_not_there() {
        let outcome = judged(HOURLY, &[]);
        assert!(outcome.findings.is_empty(), "{outcome:?}");
        assert!(!outcome.unjudged.is_empty());
    }
}
