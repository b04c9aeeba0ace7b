//! Gates: findings and policy in, verdicts out. Everything that decides between pass,
//! fail and undecided is here, and nothing of it does I/O.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::exit::Exit;
use crate::finding::{Finding, Severity, Unjudged};
use crate::wording::plural;

/// One of the eight gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GateId {
    /// `migration-determinism`.
    Eg1,
    /// `fresh-inventory`.
    Eg2,
    /// `registry-closed`.
    Eg3,
    /// `privileges`.
    Eg4,
    /// `schedule`.
    Eg5,
    /// `serialization`.
    Eg6,
    /// `tenant-safety`.
    Eg7,
    /// `freshness`.
    Eg8,
}

impl GateId {
    /// Every gate, in order.
    pub const ALL: [Self; 8] =
        [Self::Eg1, Self::Eg2, Self::Eg3, Self::Eg4, Self::Eg5, Self::Eg6, Self::Eg7, Self::Eg8];

    /// Returns the id, `EG-1` to `EG-8`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Eg1 => "EG-1",
            Self::Eg2 => "EG-2",
            Self::Eg3 => "EG-3",
            Self::Eg4 => "EG-4",
            Self::Eg5 => "EG-5",
            Self::Eg6 => "EG-6",
            Self::Eg7 => "EG-7",
            Self::Eg8 => "EG-8",
        }
    }

    /// Returns the slug, which never changes.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Eg1 => "migration-determinism",
            Self::Eg2 => "fresh-inventory",
            Self::Eg3 => "registry-closed",
            Self::Eg4 => "privileges",
            Self::Eg5 => "schedule",
            Self::Eg6 => "serialization",
            Self::Eg7 => "tenant-safety",
            Self::Eg8 => "freshness",
        }
    }

    /// Returns what holds when the gate passes, as a short sentence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Eg1 => "the database is at the one head of its migrations",
            Self::Eg2 => "the migrations alone build what the registry declares",
            Self::Eg3 => "the live views are those of the registry, as declared",
            Self::Eg4 => "each role can refresh, read and write what it must, and no more",
            Self::Eg5 => "every schedule is loaded and really dispatches",
            Self::Eg6 => "refreshes of one view exclude each other",
            Self::Eg7 => "no refresh and no read crosses tenants",
            Self::Eg8 => "every view is as fresh as declared",
        }
    }
}

impl fmt::Display for GateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for GateId {
    type Err = String;

    /// Reads `EG-3`, in any case, or the slug.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|gate| gate.id().eq_ignore_ascii_case(text) || gate.slug() == text)
            .ok_or_else(|| format!("`{text}` is no gate; the gates are EG-1 to EG-8"))
    }
}

impl Serialize for GateId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// What the judging came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything asked for was looked at, and nothing is wrong.
    Pass,
    /// Something is wrong.
    Fail,
    /// Nothing wrong was seen, but not everything could be looked at.
    Undecided,
}

impl Verdict {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Undecided => "undecided",
        }
    }
}

/// From which severity on a finding leads to exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum FailOn {
    /// Errors alone.
    #[default]
    Error,
    /// Warnings too.
    Warning,
    /// Nothing: report only. What could not be judged still exits 3.
    Never,
}

impl FailOn {
    /// Returns the least severity that fails a gate.
    ///
    /// An error fails its gate even with `never`; only the exit code is spared then.
    pub const fn least(self) -> Severity {
        match self {
            Self::Warning => Severity::Warning,
            Self::Error | Self::Never => Severity::Error,
        }
    }
}

/// A gate that was run, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateResult {
    /// Which gate.
    pub id: GateId,
    /// Its slug.
    pub slug: &'static str,
    /// What holds when it passes.
    pub title: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub reason: String,
    /// The slugs of the checks that were run for it.
    pub checks: Vec<&'static str>,
    /// What could not be judged.
    pub unjudged: Vec<Unjudged>,
}

/// Judges one gate from all findings of a run.
///
/// Fail outranks undecided; pass needs at least one check that was run, and nothing
/// that was left unjudged.
pub fn judge(
    id: GateId,
    checks: Vec<&'static str>,
    findings: &[Finding],
    unjudged: Vec<Unjudged>,
    fail_on: FailOn,
) -> GateResult {
    let own = || findings.iter().filter(|finding| finding.gate == id || finding.also == Some(id));
    let counted =
        |severity| own().filter(|one| one.severity == severity && one.exception.is_none()).count();
    let (errors, warnings) = (counted(Severity::Error), counted(Severity::Warning));
    let excepted = own().filter(|finding| finding.exception.is_some()).count();

    let fails = own().any(|finding| finding.counts_at(fail_on.least()));
    let verdict = if fails {
        Verdict::Fail
    } else if checks.is_empty() || !unjudged.is_empty() {
        Verdict::Undecided
    } else {
        Verdict::Pass
    };

    let mut parts = Vec::new();
    for (count, word) in [(errors, "error"), (warnings, "warning")] {
        if count > 0 {
            parts.push(plural(count, word));
        }
    }
    if excepted > 0 {
        parts.push(format!("{excepted} excepted"));
    }
    if checks.is_empty() && unjudged.is_empty() {
        parts.push("nothing was checked".to_owned());
    }
    match unjudged.as_slice() {
        [] => {}
        [one] => parts.push(one.reason.clone()),
        [first, ..] if unjudged.iter().all(|one| one.reason == first.reason) => {
            parts.push(first.reason.clone());
        }
        several => parts.push(format!("{} could not be judged", several.len())),
    }
    if parts.is_empty() {
        parts.push(format!("{}, nothing found", plural(checks.len(), "check")));
    }

    GateResult {
        id,
        slug: id.slug(),
        title: id.title(),
        verdict,
        reason: parts.join(", "),
        checks,
        unjudged,
    }
}

/// Joins the verdicts of several gates: fail, else undecided, else pass.
///
/// No gate at all is undecided: nothing was looked at.
pub fn overall(gates: &[GateResult]) -> Verdict {
    let has = |verdict| gates.iter().any(|gate| gate.verdict == verdict);
    if has(Verdict::Fail) {
        Verdict::Fail
    } else if gates.is_empty() || has(Verdict::Undecided) {
        Verdict::Undecided
    } else {
        Verdict::Pass
    }
}

/// Returns the exit that gates lead to.
///
/// With [`FailOn::Never`] a failed gate does not count, but an undecided one does: what
/// was not looked at is never folded into 0.
pub fn exit_of(gates: &[GateResult], fail_on: FailOn) -> Exit {
    let verdict = overall(gates);
    match verdict {
        Verdict::Pass => Exit::Done,
        Verdict::Undecided => Exit::Undecided,
        Verdict::Fail if fail_on != FailOn::Never => Exit::Failed,
        Verdict::Fail => {
            let undecided = gates.iter().any(|gate| !gate.unjudged.is_empty());
            if undecided { Exit::Undecided } else { Exit::Done }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{AppliedException, Evidence, Subject};

    fn finding(severity: Severity) -> Finding {
        Finding {
            check: "view-missing",
            gate: GateId::Eg3,
            also: None,
            severity,
            subject: Subject::migration("x"),
            message: String::new(),
            evidence: Evidence::default(),
            remedy: None,
            location: None,
            exception: None,
        }
    }

    fn excepted(severity: Severity) -> Finding {
        let until = chrono::NaiveDate::from_ymd_opt(2030, 1, 1).expect("a date");
        Finding {
            exception: Some(AppliedException { reason: "known".into(), until }),
            ..finding(severity)
        }
    }

    fn unjudged() -> Unjudged {
        Unjudged { check: None, subject: None, reason: "not looked".into() }
    }

    #[test]
    fn verdicts_follow_findings_then_what_was_not_judged() {
        let error = finding(Severity::Error);
        let warning = finding(Severity::Warning);
        let accepted = excepted(Severity::Error);
        for (findings, missing, fail_on, expected) in [
            (vec![], vec![], FailOn::Error, Verdict::Pass),
            (vec![warning.clone()], vec![], FailOn::Error, Verdict::Pass),
            (vec![warning.clone()], vec![], FailOn::Warning, Verdict::Fail),
            (vec![error.clone()], vec![], FailOn::Error, Verdict::Fail),
            (vec![error.clone()], vec![], FailOn::Never, Verdict::Fail),
            (vec![accepted], vec![], FailOn::Warning, Verdict::Pass),
            (vec![], vec![unjudged()], FailOn::Error, Verdict::Undecided),
            (vec![error], vec![unjudged()], FailOn::Error, Verdict::Fail),
        ] {
            let gate = judge(GateId::Eg3, vec!["view-missing"], &findings, missing, fail_on);
            assert_eq!(gate.verdict, expected, "{findings:?} {fail_on:?}");
        }
    }

    #[test]
    fn a_finding_may_fail_two_gates() {
        let both = Finding { also: Some(GateId::Eg2), ..finding(Severity::Error) };
        for (id, expected) in [
            (GateId::Eg2, Verdict::Fail),
            (GateId::Eg3, Verdict::Fail),
            (GateId::Eg4, Verdict::Pass),
        ] {
            let gate = judge(id, vec!["a"], std::slice::from_ref(&both), vec![], FailOn::Error);
            assert_eq!(gate.verdict, expected, "{id}");
        }
    }

    #[test]
    fn a_gate_without_a_check_is_undecided() {
        let gate = judge(GateId::Eg3, vec![], &[], vec![], FailOn::Error);
        assert_eq!(gate.verdict, Verdict::Undecided);
        assert_eq!(overall(&[]), Verdict::Undecided);
    }

    #[test]
    fn never_spares_the_exit_code_but_not_what_was_left_unjudged() {
        let error = [finding(Severity::Error)];
        let judged = judge(GateId::Eg3, vec!["a"], &error, vec![], FailOn::Never);
        assert_eq!(exit_of(std::slice::from_ref(&judged), FailOn::Never), Exit::Done);
        let half = judge(GateId::Eg3, vec!["a"], &error, vec![unjudged()], FailOn::Never);
        assert_eq!(exit_of(&[half], FailOn::Never), Exit::Undecided);
        assert_eq!(exit_of(&[judged], FailOn::Error), Exit::Failed);
    }

    #[test]
    fn gates_are_read_by_id_and_by_slug() {
        for gate in GateId::ALL {
            assert_eq!(gate.id().parse(), Ok(gate));
            assert_eq!(gate.id().to_lowercase().parse(), Ok(gate));
            assert_eq!(gate.slug().parse(), Ok(gate));
        }
        assert!("EG-9".parse::<GateId>().is_err());
    }
}
