//! The changes of a time zone's clock, and what they do to the ticks of a class.

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::calendar::Calendar;
use crate::registry::Rhythm;
use crate::wording::{duration, plural};

/// A change of a zone's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockChange {
    /// When it happens.
    pub at: DateTime<Utc>,
    /// By how much the clock goes forward; below zero it goes back.
    pub by: TimeDelta,
}

/// How far ahead changes are looked for.
const AHEAD: TimeDelta = TimeDelta::days(366);

/// Returns the next change of a zone's clock within a year.
pub fn next_change(zone: Tz, from: DateTime<Utc>) -> Option<ClockChange> {
    let offset = |time: DateTime<Utc>| {
        i64::from(zone.offset_from_utc_datetime(&time.naive_utc()).fix().local_minus_utc())
    };
    let (mut before, end) = (from, from + AHEAD);
    while before < end {
        let after = before + TimeDelta::days(7);
        if offset(before) != offset(after) {
            let (mut low, mut high) = (before.timestamp(), after.timestamp());
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                let there = DateTime::from_timestamp(middle, 0)?;
                if offset(there) == offset(before) { low = middle } else { high = middle }
            }
            let at = DateTime::from_timestamp(high, 0)?;
            return Some(ClockChange {
                at,
                by: TimeDelta::seconds(offset(after) - offset(before)),
            });
        }
        before = after;
    }
    None
}

/// Says what the next change of the clock does to the ticks of a class; `None`: its clock
/// does not change within a year, or it has none.
pub fn told(rhythm: &Rhythm, from: DateTime<Utc>) -> Option<String> {
    let Rhythm::Cron { timezone, .. } = rhythm else { return None };
    let change = next_change(*timezone, from)?;
    let calendar = Calendar::of(rhythm);
    let local = change.at.with_timezone(timezone);
    let start = |days: i64| {
        let day = local.date_naive() + TimeDelta::days(days);
        let midnight = day.and_hms_opt(0, 0, 0)?;
        Some(timezone.from_local_datetime(&midnight).earliest()?.with_timezone(&Utc))
    };
    let count = |from: i64, to: i64| {
        let before = start(from)? - TimeDelta::microseconds(1);
        Some(calendar.between(before, start(to)?))
    };
    let (that_day, usually) = (count(0, 1)?, count(-7, -6)?);
    let ticks = |count| plural(usize::try_from(count).unwrap_or(usize::MAX), "tick");
    let effect = if that_day == usually {
        "as many ticks on that day as a week before".to_owned()
    } else {
        format!("{} on that day, and {usually} a week before", ticks(that_day))
    };
    let way = if change.by > TimeDelta::zero() { "forward" } else { "back" };
    let by = duration(change.by.abs().to_std().unwrap_or_default());
    let at = local.format("%Y-%m-%d");
    Some(format!("the clock of {timezone} goes {way} by {by} on {at}: {effect}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn cron(expression: &str, timezone: Tz) -> Rhythm {
        Rhythm::Cron { expression: expression.to_owned(), timezone }
    }

    #[test]
    fn the_next_change_is_found_to_the_second() {
        let from = at("2026-11-24T00:00:00Z");
        let berlin = next_change(Tz::Europe__Berlin, from).expect("it changes");
        assert_eq!((berlin.at, berlin.by), (at("2027-03-28T01:00:00Z"), TimeDelta::hours(1)));
        assert_eq!(next_change(Tz::UTC, from), None);
        let sydney = next_change(Tz::Australia__Sydney, from).expect("it changes");
        assert_eq!((sydney.at, sydney.by), (at("2027-04-03T16:00:00Z"), TimeDelta::hours(-1)));
    }

    #[test]
    fn it_is_told_what_becomes_of_the_ticks() {
        let from = at("2026-11-24T00:00:00Z");
        assert_eq!(
            told(&cron("0 * * * *", Tz::Europe__Berlin), from).as_deref(),
            Some(
                "the clock of Europe/Berlin goes forward by 1h on 2027-03-28: 23 ticks on that \
                 day, and 24 a week before"
            )
        );
        let nightly = told(&cron("30 2 * * *", Tz::Europe__Berlin), from).expect("it changes");
        assert!(nightly.ends_with("as many ticks on that day as a week before"), "{nightly}");
        assert_eq!(told(&cron("0 * * * *", Tz::UTC), from), None);
        assert_eq!(told(&Rhythm::Every(std::time::Duration::from_secs(60)), from), None);
    }
}
