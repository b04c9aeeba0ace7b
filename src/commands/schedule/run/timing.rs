//! The server's clock as it is known here, and when each class is to be asked about next.
//! This machine's own clock is not used: it may be wrong, and it may be set.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::registry::ScheduleRules;
use crate::schedule::calendar::{Calendar, Window};
use crate::schedule::pace::delay;

/// The server's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    at: DateTime<Utc>,
    since: Instant,
}

/// How much later than a tick it is asked for: what is asked a moment too early costs a
/// second round trip.
const MARGIN: TimeDelta = TimeDelta::milliseconds(3);

impl Clock {
    /// Sets it by what the server just said.
    pub(super) fn set(at: DateTime<Utc>) -> Self {
        Self { at, since: Instant::now() }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.at + TimeDelta::from_std(self.since.elapsed()).unwrap_or_default()
    }

    /// Returns how long ago the server was asked.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    pub(super) fn until(&self, time: DateTime<Utc>) -> Duration {
        (time + MARGIN - self.now()).to_std().unwrap_or_default()
    }
}

/// A class with the ticks that are known of it.
#[derive(Debug)]
pub(super) struct Clocked {
    pub(super) name: String,
    calendar: Calendar,
    jitter: Duration,
    /// The newest tick that somebody is known to have.
    pub(super) last: Option<DateTime<Utc>>,
    /// When it is to be asked about; `None`: now.
    ask_at: Option<DateTime<Utc>>,
}

impl Clocked {
    /// Makes one; `jitter` is left out where a tick is not to be delayed.
    pub(super) fn new(name: &str, rules: &ScheduleRules, with_jitter: bool) -> Self {
        Self {
            name: name.to_owned(),
            calendar: Calendar::of(&rules.rhythm),
            jitter: if with_jitter { rules.jitter } else { Duration::ZERO },
            last: None,
            ask_at: None,
        }
    }

    pub(super) fn window(&self, now: DateTime<Utc>) -> Option<Window> {
        self.calendar.window(&self.name, self.jitter, now, self.last)
    }

    /// Returns how long to wait until it is to be asked about.
    pub(super) fn wait(&self, clock: &Clock) -> Duration {
        self.ask_at.map_or(Duration::ZERO, |at| clock.until(at))
    }

    /// Notes what the server said: the newest tick that is due has an owner now. Where none
    /// of those that were asked about was due, the clocks differed, and it is asked again.
    pub(super) fn heard(&mut self, newest: Option<DateTime<Utc>>, clock: &Clock) {
        self.last = self.last.max(newest);
        self.ask_at = match newest {
            Some(newest) => self.next_due(newest, clock.now()),
            None => Some(clock.now() + TimeDelta::milliseconds(50)),
        };
    }

    fn next_due(&self, newest: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let due = |tick: DateTime<Utc>| tick + delay(&self.name, tick, self.jitter);
        // Far away stands for never.
        let never = now + TimeDelta::days(3650);
        let mut next = self.calendar.after(newest);
        // What lies behind collapses into the newest, which is asked about at once.
        while let Some(tick) = next.filter(|tick| due(*tick) < now) {
            match self.calendar.after(tick) {
                Some(after) if due(after) < now => next = Some(after),
                _ => break,
            }
        }
        Some(next.map_or(never, due))
    }

    /// Has it asked about at once.
    pub(super) fn ask_now(&mut self) {
        self.ask_at = None;
    }

    /// Returns the tick after a time.
    pub(super) fn next_tick(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.calendar.after(now)
    }

    /// Returns the time between a tick and the one after it.
    pub(super) fn interval_after(&self, tick: DateTime<Utc>) -> Duration {
        let next = self.calendar.after(tick);
        next.and_then(|next| (next - tick).to_std().ok()).unwrap_or(Duration::from_secs(86_400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Rhythm;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).expect("a time")
    }

    fn minutely() -> Clocked {
        let rhythm = Rhythm::Every(Duration::from_secs(60));
        Clocked::new("a", &ScheduleRules { rhythm, jitter: Duration::ZERO, line: 1 }, true)
    }

    #[test]
    fn the_first_tick_is_asked_about_at_once_and_the_next_when_it_is_due() {
        let mut class = minutely();
        let clock = Clock::set(at(630));
        assert_eq!(class.wait(&clock), Duration::ZERO);
        class.heard(Some(at(600)), &clock);
        let wait = class.wait(&clock);
        assert!(wait > Duration::from_secs(29) && wait < Duration::from_secs(31), "{wait:?}");
        assert_eq!(class.last, Some(at(600)));
    }

    #[test]
    fn a_clock_that_went_back_waits_for_the_next_tick_of_its_own() {
        let mut class = minutely();
        class.heard(Some(at(6_000)), &Clock::set(at(6_030)));
        class.heard(Some(at(600)), &Clock::set(at(630)));
        let wait = class.wait(&Clock::set(at(630)));
        assert!(wait < Duration::from_secs(31), "{wait:?}");
    }

    #[test]
    fn clocks_that_differ_are_set_and_it_is_asked_again_soon() {
        let mut class = minutely();
        let clock = Clock::set(at(630));
        class.heard(None, &clock);
        assert!(class.wait(&clock) < Duration::from_millis(100));
    }
}
