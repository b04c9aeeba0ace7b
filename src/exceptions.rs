//! Exceptions: findings accepted for a reason, until a date. The hidden is counted, and an
//! exception that hides nothing, or is past its date, is itself a finding.

use chrono::NaiveDate;
use serde_json::json;

use crate::checks::{self, CHECKS, Check, Facts, Outcome};
use crate::finding::{
    AppliedException, Evidence, Finding, Location, Remedy, Severity, Subject, SubjectKind, Unjudged,
};
use crate::gate::GateId;
use crate::registry::ExceptionRules;

const UNUSED: &str = "exception-unused";
const EXPIRED: &str = "exception-expired";

/// The slugs of the checks on exceptions themselves.
pub const SLUGS: [&str; 2] = [UNUSED, EXPIRED];

/// Applies the registry's exceptions to findings, and adds what is wrong with them.
///
/// Only exceptions on checks of the gates that were run are looked at, and none where the
/// database was not read. An exception holds through its last day; `today` is in UTC.
pub fn apply(facts: &Facts<'_>, gates: &[GateId], today: NaiveDate, outcome: &mut Outcome) {
    let mut about_exceptions = Vec::new();
    for rules in &facts.registry.exceptions {
        // The same state may be told by either of two checks.
        let tells = |check: &&Check| checks::tells_the_same(check.slug, &rules.check);
        let was_run = |check: &&Check| gates.contains(&check.gate) && facts.has_all(check);
        let Some(check) = CHECKS.iter().filter(tells).find(was_run) else { continue };
        let about = |slug, message| finding(facts, rules, check.gate, slug, message);
        let what = format!("the exception for {} on {}", rules.check, rules.subject);
        let was_judged = !outcome.unjudged.iter().any(|(gate, unjudged)| {
            let subject = unjudged.subject.as_ref().map(|subject| subject.name.as_str());
            match (unjudged.check, subject) {
                (Some(slug), subject) => {
                    slug == check.slug && subject.is_none_or(|name| name == rules.subject)
                }
                // Something of the whole gate was not.
                (None, None) => *gate == check.gate,
                (None, Some(_)) => false,
            }
        });
        match state(rules, today, facts, &outcome.findings) {
            State::Unused if !was_judged => {}
            State::Holds(matching) => accept(rules, &matching, &mut outcome.findings),
            State::Unread(matching) => {
                accept(rules, &matching, &mut outcome.findings);
                let unjudged = Unjudged {
                    check: Some(check.slug),
                    subject: Some(outcome.findings[matching[0]].subject.clone()),
                    reason: format!("{what} is bound to a fingerprint, which was not read"),
                };
                outcome.unjudged.push((check.gate, unjudged));
            }
            State::Expired => {
                let message = format!("{what} ended on {}", rules.until);
                about_exceptions.push(about(EXPIRED, message));
            }
            State::Changed(now) => {
                let message = format!("{what} is bound to a fingerprint that it no longer has");
                let mut unused = about(UNUSED, message);
                unused.evidence.observed = json!({ "fingerprint": now });
                about_exceptions.push(unused);
            }
            State::Unused => {
                about_exceptions.push(about(UNUSED, format!("{what} matched nothing")))
            }
        }
    }
    outcome.findings.extend(about_exceptions);
    crate::finding::sort(&mut outcome.findings);
}

enum State {
    /// It accepts these findings.
    Holds(Vec<usize>),
    /// It would accept these, if the object is still the same, which was not read.
    Unread(Vec<usize>),
    /// Its last day is past.
    Expired,
    /// The object is no longer the one that was accepted; with its fingerprint now.
    Changed(Option<String>),
    /// It accepts nothing.
    Unused,
}

fn state(
    rules: &ExceptionRules,
    today: NaiveDate,
    facts: &Facts<'_>,
    findings: &[Finding],
) -> State {
    if rules.until < today {
        return State::Expired;
    }
    let matching: Vec<usize> = findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| {
            checks::tells_the_same(finding.check, &rules.check)
                && finding.subject.name == rules.subject
        })
        .map(|(at, _)| at)
        .collect();
    if matching.is_empty() {
        return State::Unused;
    }
    let Some(bound) = &rules.fingerprint else { return State::Holds(matching) };
    let view = facts.snapshot.as_ref().ok().and_then(|snapshot| {
        snapshot.views.values().find(|view| view.name.to_string() == rules.subject)
    });
    match view.map(|view| view.fingerprint()) {
        Some(Some(now)) if now == *bound => State::Holds(matching),
        Some(None) => State::Unread(matching),
        now => State::Changed(now.flatten()),
    }
}

fn accept(rules: &ExceptionRules, matching: &[usize], findings: &mut [Finding]) {
    for at in matching {
        findings[*at].exception =
            Some(AppliedException { reason: rules.reason.clone(), until: rules.until });
    }
}

fn finding(
    facts: &Facts<'_>,
    rules: &ExceptionRules,
    gate: GateId,
    check: &'static str,
    message: String,
) -> Finding {
    let name = format!("{} {}", rules.check, rules.subject);
    let declared = json!({
        "until": rules.until,
        "reason": rules.reason,
        "fingerprint": rules.fingerprint,
    });
    Finding {
        check,
        gate,
        also: None,
        severity: Severity::Warning,
        subject: Subject { kind: SubjectKind::Exception, name },
        message,
        evidence: Evidence { declared, ..Evidence::default() },
        remedy: Some(Remedy::says(if check == EXPIRED {
            "mend what it excused, or give it a new date and reason"
        } else {
            "look at the object as it is now; take the exception out, or accept it anew"
        })),
        location: Some(Location { file: facts.registry.source.display.clone(), line: rules.line }),
        exception: None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use crate::checks::Facts;
    use crate::gate::{FailOn, GateId, Verdict};
    use crate::judgement::{Judgement, judge};
    use crate::snapshot::Snapshot;
    use crate::testing::{registry, snapshot, view};

    fn judged(exception: &str, snapshot: &Snapshot) -> Judgement {
        let text = format!(
            "version = 1\n[[exception]]\ncheck = 'view-unregistered'\nsubject = 'public.mv'\n\
             reason = 'goes soon'\n{exception}"
        );
        let registry = registry(&text);
        let facts = Facts::new(&registry, Ok(snapshot), Err("not looked".into()));
        let today = NaiveDate::from_ymd_opt(2026, 12, 5).expect("a date");
        judge(&[GateId::Eg3], &facts, FailOn::Error, today)
    }

    fn slugs(judgement: &Judgement) -> Vec<&'static str> {
        judgement.findings.iter().map(|finding| finding.check).collect()
    }

    #[test]
    fn a_finding_is_accepted_through_the_last_day() {
        let judgement = judged("until = 2026-12-05", &snapshot([view("public.mv")]));
        assert_eq!(judgement.gates[0].verdict, Verdict::Pass);
        assert!(judgement.findings[0].exception.is_some());
    }

    #[test]
    fn an_expired_exception_accepts_nothing_and_is_a_finding() {
        let judgement = judged("until = 2026-12-04", &snapshot([view("public.mv")]));
        assert_eq!(judgement.gates[0].verdict, Verdict::Fail);
        assert_eq!(slugs(&judgement), ["view-unregistered", "exception-expired"]);
    }

    #[test]
    fn an_exception_that_matched_nothing_is_a_finding() {
        let judgement = judged("until = 2030-01-01", &snapshot([]));
        assert_eq!(slugs(&judgement), ["exception-unused"]);
    }

    #[test]
    fn a_fingerprint_binds_the_exception_to_the_object_as_it_was() {
        let bound = format!("until = 2030-01-01\nfingerprint = 'sha256:{}'", "07".repeat(32));
        let same = snapshot([view("public.mv").defined_as([7; 32])]);
        assert_eq!(judged(&bound, &same).gates[0].verdict, Verdict::Pass);
        let changed = snapshot([view("public.mv").defined_as([8; 32])]);
        let judgement = judged(&bound, &changed);
        assert_eq!(judgement.gates[0].verdict, Verdict::Fail);
        assert_eq!(slugs(&judgement), ["view-unregistered", "exception-unused"]);
        let unread = snapshot([view("public.mv").busy()]);
        assert_eq!(judged(&bound, &unread).gates[0].verdict, Verdict::Undecided);
    }
}
