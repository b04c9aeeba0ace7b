//! `fresh-build-failed`: the migrations do not build a new database.

use serde_json::json;

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Location, Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "fresh-build-failed",
    gate: GateId::Eg2,
    severity: Severity::Error,
    summary: "a migration fails on a new database",
    needs: &[Source::NewDatabase],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(fresh) = &facts.fresh else { return };
    let Some(failed) = &fresh.built.failed else { return };
    let location = failed.line.map(|line| Location { file: failed.file.clone(), line });
    outcome.add(
        check
            .finding(
                Subject::migration(&failed.file),
                format!("{} fails on a new database: {}", failed.file, failed.words()),
            )
            .evidence(
                json!({ "applied": fresh.built.total }),
                json!({
                    "applied": fresh.built.applied,
                    "sqlstate": failed.sqlstate,
                    "message": failed.message,
                }),
            )
            .remedy(
                Remedy::says("mend what a new database cannot get past")
                    .command("driftgate migrate verify"),
            )
            .at(location),
    );
}

#[cfg(test)]
mod tests {
    use crate::testing::fresh::scene;

    #[test]
    fn fires_with_the_words_of_the_server() {
        let found = scene("").built(&[]).failed().found("fresh-build-failed");
        assert_eq!(found.len(), 1);
        let message = "migrations/0002_step.sql fails on a new database: no such table (42P01)";
        assert_eq!(found[0].message, message);
        let at = found[0].location.as_ref().expect("a line");
        assert_eq!((at.file.as_str(), at.line), ("migrations/0002_step.sql", 3));
    }

    #[test]
    fn quiet_when_all_of_them_run() {
        assert_eq!(scene("").built(&[]).found("fresh-build-failed"), []);
    }

    #[test]
    fn undecided_when_there_was_no_new_database() {
        assert_eq!(scene("").unjudged("fresh-build-failed").len(), 1);
    }
}
