//! The ticks of a class. Those of `every` stand at multiples of the interval since the Unix
//! epoch, so that all copies agree; those of `cron` by the clock of their time zone.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;

use super::LONGEST;
use super::pace::delay;
use crate::registry::{Rhythm, ScheduleRules, parse_cron};

/// The ticks of one class.
#[derive(Debug, Clone)]
pub struct Calendar(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Microseconds between ticks, at least one.
    Every(i64),
    Cron(Box<Cron>, Tz),
    /// Nothing that the registry lets through.
    Never,
}

/// The shortest and the longest time between two ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gaps {
    /// The shortest.
    pub shortest: Duration,
    /// The longest.
    pub longest: Duration,
}

/// A tick, and when it is to be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The tick.
    pub tick: DateTime<Utc>,
    /// The tick with its delay by chance.
    pub due: DateTime<Utc>,
}

/// The ticks around now, of which the server picks the newest that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The ticks without a gap, oldest first; at least two.
    pub candidates: Vec<Candidate>,
    /// How many ticks lie between the last one known to be claimed and the first of these.
    pub skipped: u64,
}

/// A tick that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When it was to be.
    pub at: DateTime<Utc>,
    /// How many before it collapse into it.
    pub missed: u64,
}

/// How many ticks of a calendar are counted one by one.
const MOST_COUNTED: u64 = 10_000;
/// How many ticks gaps are measured over.
const MOST_GAPS: usize = 2_000;

impl Calendar {
    /// Makes the calendar of a class.
    pub fn of(rhythm: &Rhythm) -> Self {
        Self(match rhythm {
            Rhythm::Every(interval) => {
                let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
                if interval == 0 { Kind::Never } else { Kind::Every(interval) }
            }
            Rhythm::Cron { expression, timezone } => match parse_cron(expression) {
                Ok(cron) => Kind::Cron(Box::new(cron), *timezone),
                Err(_) => Kind::Never,
            },
        })
    }

    /// Returns the newest tick that is not after a time.
    pub fn at_or_before(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            Kind::Never => None,
            Kind::Every(interval) => {
                let micros = time.timestamp_micros();
                DateTime::from_timestamp_micros(micros - micros.rem_euclid(*interval))
            }
            Kind::Cron(cron, zone) => {
                let local = time.with_timezone(zone);
                let before = cron.find_previous_occurrence(&local, true).ok()?;
                Some(before.with_timezone(&Utc))
            }
        }
    }

    /// Returns the newest tick before a time.
    pub fn before(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.at_or_before(time - TimeDelta::microseconds(1))
    }

    /// Returns the first tick after a time.
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            Kind::Never => None,
            Kind::Every(interval) => {
                let newest = self.at_or_before(time)?.timestamp_micros();
                DateTime::from_timestamp_micros(newest.checked_add(*interval)?)
            }
            Kind::Cron(cron, zone) => {
                let local = time.with_timezone(zone);
                let next = cron.find_next_occurrence(&local, false).ok()?;
                Some(next.with_timezone(&Utc))
            }
        }
    }

    /// Returns the ticks after a time, in order.
    pub fn following(&self, time: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.after(time), |tick| self.after(*tick))
    }

    /// Counts the ticks between two times, both excluded; of a calendar that ticks by cron
    /// no more than ten thousand.
    pub fn between(&self, after: DateTime<Utc>, before: DateTime<Utc>) -> u64 {
        if let Kind::Every(interval) = self.0 {
            let first = after.timestamp_micros().div_euclid(interval);
            let last = (before.timestamp_micros() - 1).div_euclid(interval);
            return u64::try_from(last - first).unwrap_or_default();
        }
        let most = usize::try_from(MOST_COUNTED).unwrap_or(usize::MAX);
        self.following(after).take(most).take_while(|tick| *tick < before).count() as u64
    }

    /// Measures the time between ticks over the year that follows.
    pub fn gaps(&self, from: DateTime<Utc>) -> Option<Gaps> {
        if let Kind::Every(interval) = self.0 {
            let interval = Duration::from_micros(u64::try_from(interval).unwrap_or_default());
            return Some(Gaps { shortest: interval, longest: interval });
        }
        let end = from + LONGEST;
        let ticks: Vec<_> =
            self.following(from).take_while(|tick| *tick <= end).take(MOST_GAPS).collect();
        let gaps = ticks.windows(2).filter_map(|pair| (pair[1] - pair[0]).to_std().ok());
        let (mut shortest, mut longest) = (Duration::MAX, Duration::ZERO);
        for gap in gaps {
            shortest = shortest.min(gap);
            longest = longest.max(gap);
        }
        let is_measured = longest > Duration::ZERO;
        Some(if is_measured {
            Gaps { shortest, longest }
        } else {
            Gaps { shortest: LONGEST, longest: LONGEST }
        })
    }

    /// Returns the ticks around now, of which the newest that is due may be claimed; `last`
    /// is the last one that is known to be claimed.
    pub fn window(
        &self,
        class: &str,
        jitter: Duration,
        now: DateTime<Utc>,
        last: Option<DateTime<Utc>>,
    ) -> Option<Window> {
        const AHEAD: usize = 4;
        const MOST_BACK: usize = 32;
        let mut first = self.at_or_before(now).or_else(|| self.after(now))?;
        let mut back = 0;
        // A delay may reach back over several ticks.
        while let Some(earlier) = self.before(first).filter(|_| back < MOST_BACK) {
            back += 1;
            first = earlier;
            if earlier + jitter < now {
                break;
            }
        }
        let following = self.following(first).take(back + AHEAD);
        let candidates: Vec<_> = std::iter::once(first)
            .chain(following)
            .map(|tick| Candidate { tick, due: tick + delay(class, tick, jitter) })
            .collect();
        let skipped = last.map_or(0, |last| self.between(last, first));
        (candidates.len() > 1).then_some(Window { candidates, skipped })
    }
}

/// Returns the tick that is due, where it was not claimed yet: all that were missed collapse
/// into the newest. Without a claim the newest is due at once.
pub fn due(rules: &ScheduleRules, now: DateTime<Utc>, last: Option<DateTime<Utc>>) -> Option<Tick> {
    let calendar = Calendar::of(&rules.rhythm);
    let at = calendar.at_or_before(now)?;
    match last {
        None => Some(Tick { at, missed: 0 }),
        Some(last) if last < at => Some(Tick { at, missed: calendar.between(last, at) }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn every(seconds: u64) -> Calendar {
        Calendar::of(&Rhythm::Every(Duration::from_secs(seconds)))
    }

    fn cron(expression: &str, timezone: Tz) -> Calendar {
        Calendar::of(&Rhythm::Cron { expression: expression.to_owned(), timezone })
    }

    fn rules(rhythm: Rhythm) -> ScheduleRules {
        ScheduleRules { rhythm, jitter: Duration::ZERO, line: 1 }
    }

    #[test]
    fn ticks_of_an_interval_stand_at_multiples_since_the_epoch() {
        let calendar = every(60);
        let now = at("2026-11-24T10:00:59.999Z");
        assert_eq!(calendar.at_or_before(now), Some(at("2026-11-24T10:00:00Z")));
        assert_eq!(calendar.after(now), Some(at("2026-11-24T10:01:00Z")));
        assert_eq!(
            calendar.at_or_before(at("1969-12-31T23:59:59Z")),
            Some(at("1969-12-31T23:59:00Z"))
        );
        assert_eq!(every(7).after(at("1970-01-01T00:00:00Z")), Some(at("1970-01-01T00:00:07Z")));
    }

    #[test]
    fn missed_ticks_collapse_into_the_newest() {
        let minutely = rules(Rhythm::Every(Duration::from_secs(60)));
        let now = at("2026-11-24T10:10:30Z");
        for (last, expected) in [
            (None, Some((at("2026-11-24T10:10:00Z"), 0))),
            (Some(at("2026-11-24T10:10:00Z")), None),
            (Some(at("2026-11-24T10:09:00Z")), Some((at("2026-11-24T10:10:00Z"), 0))),
            (Some(at("2026-11-24T10:00:00Z")), Some((at("2026-11-24T10:10:00Z"), 9))),
            // The clock went back.
            (Some(at("2026-11-25T10:00:00Z")), None),
        ] {
            let due = due(&minutely, now, last).map(|tick| (tick.at, tick.missed));
            assert_eq!(due, expected, "{last:?}");
        }
    }

    #[test]
    fn a_tick_in_the_hour_that_is_left_out_comes_right_after_it() {
        // Berlin went from 02:00 to 03:00 on 2026-03-29, at 01:00 UTC.
        let nightly = cron("30 2 * * *", Tz::Europe__Berlin);
        let ticks: Vec<_> = nightly.following(at("2026-03-28T00:00:00Z")).take(3).collect();
        let expected =
            ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"].map(at);
        assert_eq!(ticks, expected);
    }

    #[test]
    fn a_tick_in_the_hour_that_comes_twice_is_one_tick() {
        // Berlin went from 03:00 to 02:00 on 2026-10-25, at 01:00 UTC.
        let nightly = cron("30 2 * * *", Tz::Europe__Berlin);
        let ticks: Vec<_> = nightly.following(at("2026-10-24T12:00:00Z")).take(2).collect();
        assert_eq!(ticks, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"].map(at));
    }

    #[test]
    fn hourly_ticks_go_on_through_both_changes() {
        let hourly = cron("0 * * * *", Tz::Europe__Berlin);
        for day in ["2026-03-28T23:00:00Z", "2026-10-24T22:00:00Z"] {
            let ticks: Vec<_> = hourly.following(at(day)).take(5).collect();
            let hour = TimeDelta::hours(1);
            assert!(ticks.windows(2).all(|pair| pair[1] - pair[0] == hour), "{ticks:?}");
        }
    }

    #[test]
    fn gaps_are_measured_over_a_year() {
        let from = at("2026-11-24T00:00:00Z");
        let weekdays = cron("0 6 * * 1-5", Tz::UTC).gaps(from).expect("it ticks");
        assert_eq!(weekdays.shortest, Duration::from_secs(86_400));
        assert_eq!(weekdays.longest, Duration::from_secs(3 * 86_400));
        let leap = cron("0 0 29 2 *", Tz::UTC).gaps(from).expect("it ticks");
        assert_eq!(leap.shortest, LONGEST);
    }

    #[test]
    fn a_window_reaches_back_as_far_as_a_delay_can() {
        let now = at("2026-11-24T10:00:05Z");
        let window = every(1).window("a", Duration::ZERO, now, Some(at("2026-11-24T09:59:00Z")));
        let window = window.expect("it ticks");
        assert_eq!(window.candidates[0].tick, at("2026-11-24T10:00:04Z"));
        assert_eq!(window.skipped, 63);
        let delayed = cron("* * * * *", Tz::UTC).window("a", Duration::from_secs(90), now, None);
        let delayed = delayed.expect("it ticks");
        assert_eq!(delayed.candidates[0].tick, at("2026-11-24T09:58:00Z"));
        assert!(delayed.candidates.iter().all(|one| one.tick <= one.due));
    }

    proptest! {
        #[test]
        fn what_follows_is_found_again_from_both_sides(
            seconds in 1_700_000_000i64..1_900_000_000,
            expression in prop::sample::select(vec![
                "* * * * *", "*/7 * * * *", "30 2 * * *", "0 0 1 * *", "15 3 * * 1-5", "0 1,2,3 * * 0",
            ]),
            zone in prop::sample::select(vec![
                Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe,
            ]),
        ) {
            let calendar = cron(expression, zone);
            let now = DateTime::from_timestamp(seconds, 0).expect("a time");
            let next = calendar.after(now).expect("it ticks");
            prop_assert!(next > now);
            prop_assert_eq!(calendar.at_or_before(next), Some(next));
            let newest = calendar.at_or_before(now).expect("it ticks");
            prop_assert!(newest <= now);
            prop_assert_eq!(calendar.after(newest), Some(next));
            prop_assert_eq!(calendar.between(newest, next), 0);
        }

        #[test]
        fn every_tick_of_an_interval_is_counted_once(
            interval in 1u64..100_000, start in 0i64..2_000_000_000, ticks in 1i64..500,
        ) {
            let calendar = every(interval);
            let first = calendar.at_or_before(DateTime::from_timestamp(start, 0).expect("a time"));
            let first = first.expect("it ticks");
            let last = first + TimeDelta::seconds(ticks * interval as i64);
            prop_assert_eq!(calendar.between(first, last), ticks as u64 - 1);
        }
    }
}
