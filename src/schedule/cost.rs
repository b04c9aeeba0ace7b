//! What a schedule costs: views times tenants times frequency, against how long refreshes
//! take by the history.

use std::time::Duration;

use serde::Serialize;

use super::Class;
use super::calendar::Gaps;
use crate::history::Records;
use crate::registry::EntryName;
use crate::wording;

/// What one class costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Refreshes of one tick, views of tenants counted one by one.
    pub refreshes: usize,
    /// Of these, how many are of tenants' own views.
    pub of_tenants: usize,
    /// Templates whose tenants are not known; each counts as one.
    pub unknown: usize,
    /// Refreshes of a day, at the shortest time between ticks.
    pub refreshes_per_day: u64,
    /// How long those of one tick take in turn, by the history, in milliseconds; `None`:
    /// nothing is on record of any.
    pub work_ms: Option<u64>,
    /// Of how many of them the history knows how long they take.
    pub known: usize,
    /// The shortest time between two ticks, in milliseconds.
    pub interval_ms: u64,
}

impl Cost {
    /// Reckons the cost of a class whose templates are filled in.
    pub fn of(class: &Class<'_>, gaps: Gaps, history: Option<&Records>) -> Self {
        const DAY: u64 = 86_400_000;
        let interval_ms = milliseconds(gaps.shortest).max(1);
        let refreshes = class.views.len();
        let names = class.views.iter().filter_map(|entry| entry.name.fixed());
        let known: Vec<u64> =
            names.filter_map(|name| Some(history?.last_success.get(name)?.typical_ms)).collect();
        Self {
            refreshes,
            of_tenants: class.views.iter().filter(|entry| entry.tenant.is_some()).count(),
            unknown: class
                .views
                .iter()
                .filter(|entry| matches!(entry.name, EntryName::PerTenant(_)))
                .count(),
            // A class that ticks once a day or less often may all the same tick today.
            refreshes_per_day: (DAY / interval_ms).max(1).saturating_mul(refreshes as u64),
            work_ms: (!known.is_empty()).then(|| known.iter().sum()),
            known: known.len(),
            interval_ms,
        }
    }

    /// Tells whether the work of one tick takes longer than the time until the next.
    pub fn cannot_keep_up(&self) -> bool {
        self.work_ms.is_some_and(|work| work > self.interval_ms)
    }

    /// Says it in words.
    pub fn told(&self) -> String {
        let count = wording::plural(self.refreshes, "view");
        let tenants = match self.of_tenants {
            0 => String::new(),
            own => format!(", {own} of them tenants' own"),
        };
        let every = wording::duration(Duration::from_millis(self.interval_ms));
        let work = match self.work_ms {
            None => "how long they take is not on record".to_owned(),
            Some(work) => {
                let took = wording::duration(Duration::from_millis(work));
                match self.known == self.refreshes {
                    true => format!("{took} of work each time"),
                    false => format!("{took} of work each time for {} of them", self.known),
                }
            }
        };
        format!("{count}{tenants}, every {every}: {} a day, {work}", self.refreshes_per_day)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::classes;
    use crate::testing::history::records;
    use crate::testing::registry;

    fn gaps(seconds: u64) -> Gaps {
        let gap = Duration::from_secs(seconds);
        Gaps { shortest: gap, longest: gap }
    }

    #[test]
    fn the_work_of_a_tick_is_held_against_the_time_until_the_next() {
        let registry = registry(
            "version = 1\n[schedules]\na = { every = '1s' }\n\
             [[matview]]\nname = 'public.mv_a'\nschedule = 'a'\n\
             [[matview]]\nname = 'public.mv_b'\nschedule = 'a'\n",
        );
        let classes = classes(&registry);
        for (took, seconds, cannot) in [(400, 1, false), (600, 1, true), (600, 2, false)] {
            let history = records(&[("public.mv_a", took), ("public.mv_b", took)]);
            let cost = Cost::of(&classes[0], gaps(seconds), Some(&history));
            assert_eq!(cost.cannot_keep_up(), cannot, "{took} in {seconds}: {cost:?}");
            assert_eq!(cost.refreshes_per_day, 2 * 86_400 / seconds);
        }
        let one = records(&[("public.mv_a", 3)]);
        assert_eq!(
            Cost::of(&classes[0], gaps(60), Some(&one)).told(),
            "2 views, every 1m: 2880 a day, 3ms of work each time for 1 of them"
        );
        assert!(!Cost::of(&classes[0], gaps(1), None).cannot_keep_up());
    }
}
