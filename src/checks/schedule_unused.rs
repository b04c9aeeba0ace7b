//! `schedule-unused`: a class of `[schedules]` dispatches nothing.

use super::{Check, Facts, Outcome, Source};
use crate::finding::{Remedy, Severity, Subject};
use crate::gate::GateId;

pub(super) const CHECK: Check = Check {
    slug: "schedule-unused",
    gate: GateId::Eg5,
    severity: Severity::Error,
    summary: "a class of [schedules] is named by no view and no task",
    needs: &[Source::Registry],
    run,
};

/// Why there is nothing to judge.
pub(super) const NO_CLASS: &str =
    "the registry declares no class in [schedules]: there is nothing to judge";

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let registry = facts.registry;
    if registry.schedules.is_empty() {
        outcome.cannot_judge(check, None, NO_CLASS);
    }
    for (name, rules) in &registry.schedules {
        let of_views = registry.matviews.iter().chain(&registry.templates);
        let is_used = of_views.filter_map(|entry| entry.schedule.as_ref()).any(|one| one == name)
            || registry.tasks.iter().any(|task| task.schedule == *name);
        if !is_used {
            let remedy =
                "give a view or a task this schedule, or take the class out of [schedules]";
            outcome.add(
                check
                    .finding(Subject::class(name), format!("no view and no task names {name}"))
                    .remedy(Remedy::says(remedy))
                    .at(facts.line(rules.line)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::schedule::judged;

    #[test]
    fn fires_for_a_class_that_nothing_names() {
        let outcome = judged("a = { every = '1m' }\nb = { every = '1m' }", "", &[]);
        let found: Vec<_> =
            outcome.findings.iter().filter(|one| one.check == "schedule-unused").collect();
        assert_eq!(found.len(), 1, "{outcome:?}");
        assert_eq!(found[0].subject.name, "b");
    }

    #[test]
    fn quiet_when_a_view_or_a_task_names_it() {
        let task = "[[task]]\nname = 't'\nsql = 'SELECT 1'\nschedule = 'b'\n";
        let outcome = judged("a = { every = '1m' }\nb = { every = '1m' }", task, &[]);
        assert!(outcome.findings.iter().all(|one| one.check != "schedule-unused"), "{outcome:?}");
    }

    #[test]
    fn undecided_where_there_is_no_class_at_all() {
        let registry = crate::testing::registry("version = 1");
        let outcome = crate::testing::schedule::judged_registry(&registry, None);
        assert!(outcome.unjudged.iter().any(|(_, one)| one.check == Some("schedule-unused")));
    }
}
