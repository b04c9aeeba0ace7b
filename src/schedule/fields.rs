//! The fields of a cron expression as sets of numbers, for schedulers that do not read cron;
//! and the grid of cron on which an interval's ticks lie.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::registry::Rhythm;

/// The five fields of a cron expression, as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// 0 to 59.
    pub minutes: Set,
    /// 0 to 23.
    pub hours: Set,
    /// 1 to 31.
    pub days: Set,
    /// 1 to 12.
    pub months: Set,
    /// 0 to 6, from Sunday.
    pub weekdays: Set,
}

/// A set of numbers of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The numbers.
    pub numbers: BTreeSet<u8>,
    /// Whether they are all that there are.
    pub is_all: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Returns the five fields of an expression, words such as `@daily` spelt out.
pub fn spelt_out(expression: &str) -> Option<String> {
    let five = match expression.trim().to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 1 1 *".to_owned(),
        "@monthly" => "0 0 1 * *".to_owned(),
        "@weekly" => "0 0 * * 0".to_owned(),
        "@daily" | "@midnight" => "0 0 * * *".to_owned(),
        "@hourly" => "0 * * * *".to_owned(),
        word if word.starts_with('@') => return None,
        _ => expression.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    Some(five)
}

impl Fields {
    /// Reads an expression; `None` where it says what other programs read otherwise or not at
    /// all, such as `L`, `#` and `W`, or a step over all days beside a weekday.
    pub fn read(expression: &str) -> Option<Self> {
        let five = spelt_out(expression)?;
        let fields: Vec<&str> = five.split(' ').collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else { return None };
        // Some programs take a field that begins with a star for no limit at all.
        let is_plain = |field: &str| field == "*" || !field.starts_with('*');
        if !(is_plain(days) && is_plain(weekdays)) && days != "*" && weekdays != "*" {
            return None;
        }
        let mut weekdays = Set::read(weekdays, 0, 7, &WEEKDAYS, 0)?;
        if weekdays.numbers.remove(&7) {
            weekdays.numbers.insert(0);
        }
        weekdays.is_all |= weekdays.numbers.len() == 7;
        Some(Self {
            minutes: Set::read(minutes, 0, 59, &[], 0)?,
            hours: Set::read(hours, 0, 23, &[], 0)?,
            days: Set::read(days, 1, 31, &[], 0)?,
            months: Set::read(months, 1, 12, &MONTHS, 1)?,
            weekdays,
        })
    }

    /// Returns the expression, as every cron reads it.
    pub fn five(&self) -> String {
        [&self.minutes, &self.hours, &self.days, &self.months, &self.weekdays]
            .map(|set| set.cron())
            .join(" ")
    }
}

impl Set {
    fn read(field: &str, least: u8, most: u8, names: &[&str], first: u8) -> Option<Self> {
        let number = |word: &str| {
            let word = word.to_ascii_lowercase();
            let named = names.iter().position(|name| *name == word);
            let named = named.and_then(|at| u8::try_from(at).ok()).map(|at| at + first);
            named.or_else(|| word.parse().ok()).filter(|one| (least..=most).contains(one))
        };
        let mut numbers = BTreeSet::new();
        for part in field.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => {
                    (range, step.parse::<usize>().ok().filter(|step| *step > 0)?)
                }
                None => (part, 1),
            };
            let (from, to) = match range.split_once('-') {
                Some((from, to)) => (number(from)?, number(to)?),
                None if range == "*" => (least, if most == 7 { 6 } else { most }),
                // A step from one number on is not read alike everywhere.
                None if step > 1 => return None,
                None => (number(range)?, number(range)?),
            };
            if from > to {
                return None;
            }
            numbers.extend((from..=to).step_by(step));
        }
        let all = usize::from(most - least) + if most == 7 { 0 } else { 1 };
        let is_all = field == "*" || numbers.len() == all;
        Some(Self { numbers, is_all })
    }

    /// Returns the field as cron reads it: in ranges where they are shorter.
    fn cron(&self) -> String {
        if self.is_all {
            return "*".to_owned();
        }
        let mut parts: Vec<String> = Vec::new();
        let numbers: Vec<u8> = self.numbers.iter().copied().collect();
        let mut at = 0;
        while at < numbers.len() {
            let mut end = at;
            while end + 1 < numbers.len() && numbers[end + 1] == numbers[end] + 1 {
                end += 1;
            }
            if end - at >= 2 {
                parts.push(format!("{}-{}", numbers[at], numbers[end]));
                at = end + 1;
            } else {
                parts.push(numbers[at].to_string());
                at += 1;
            }
        }
        parts.join(",")
    }
}

/// The grid of cron on which the ticks of a class lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// The expression.
    pub expression: String,
    /// The zone whose clock it means.
    pub timezone: String,
    /// Whether every point of it is a tick; else some are not.
    pub is_exact: bool,
}

/// Returns the coarsest grid of cron on which all ticks of a rhythm lie; `None`: cron cannot
/// say it.
pub fn grid(rhythm: &Rhythm) -> Option<Grid> {
    const MINUTE: u128 = 60_000_000;
    const HOUR: u128 = 60 * MINUTE;
    const DAY: u128 = 24 * HOUR;
    match rhythm {
        Rhythm::Cron { expression, timezone } => {
            Fields::read(expression)?;
            let expression = spelt_out(expression)?;
            Some(Grid { expression, timezone: timezone.name().to_owned(), is_exact: true })
        }
        Rhythm::Every(interval) => {
            let micros = interval.as_micros();
            let (expression, is_exact) = if micros == 0 || !micros.is_multiple_of(MINUTE) {
                return None;
            } else if micros.is_multiple_of(DAY) {
                ("0 0 * * *".to_owned(), micros == DAY)
            } else if DAY.is_multiple_of(micros) && micros.is_multiple_of(HOUR) {
                (format!("0 {} * * *", stepped(micros / HOUR)), true)
            } else if micros.is_multiple_of(HOUR) {
                ("0 * * * *".to_owned(), false)
            } else if HOUR.is_multiple_of(micros) {
                (format!("{} * * * *", stepped(micros / MINUTE)), true)
            } else {
                ("* * * * *".to_owned(), false)
            };
            Some(Grid { expression, timezone: "UTC".to_owned(), is_exact })
        }
    }
}

fn stepped(step: u128) -> String {
    if step == 1 { "*".to_owned() } else { format!("*/{step}") }
}

/// Returns an interval in whole seconds, where it is that.
pub fn whole_seconds(interval: Duration) -> Option<u64> {
    (interval.subsec_nanos() == 0).then_some(interval.as_secs())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::calendar::Calendar;

    fn every(seconds: u64) -> Rhythm {
        Rhythm::Every(Duration::from_secs(seconds))
    }

    #[test]
    fn intervals_lie_on_the_coarsest_grid() {
        for (seconds, expected) in [
            (60, Some(("* * * * *", true))),
            (300, Some(("*/5 * * * *", true))),
            (420, Some(("* * * * *", false))),
            (3600, Some(("0 * * * *", true))),
            (7200, Some(("0 */2 * * *", true))),
            (5 * 3600, Some(("0 * * * *", false))),
            (5400, Some(("* * * * *", false))),
            (86_400, Some(("0 0 * * *", true))),
            (3 * 86_400, Some(("0 0 * * *", false))),
            (30, None),
            (90, None),
        ] {
            let grid = grid(&every(seconds)).map(|grid| (grid.expression, grid.is_exact));
            let expected = expected.map(|(expression, exact)| (expression.to_owned(), exact));
            assert_eq!(grid, expected, "{seconds}");
        }
    }

    #[test]
    fn what_other_programs_read_otherwise_is_not_read() {
        for expression in [
            "0 0 L * *",
            "0 0 * * 5#2",
            "0 0 15W * *",
            "0 0 */2 * 1",
            "0 0 1 * */2",
            "5/10 * * * *",
        ] {
            assert_eq!(Fields::read(expression), None, "{expression}");
        }
        assert_eq!(spelt_out("@reboot"), None);
    }

    #[test]
    fn names_steps_and_ranges_become_numbers() {
        let fields = Fields::read("*/20 1-3,5 * jan mon-fri").expect("it is plain");
        assert_eq!(fields.five(), "0,20,40 1-3,5 * 1 1-5");
        assert_eq!(Fields::read("@weekly").expect("it is plain").five(), "0 0 * * 0");
        assert_eq!(Fields::read("0 0 * * 7").expect("it is plain").five(), "0 0 * * 0");
    }

    proptest! {
        #[test]
        fn the_grid_has_every_tick(minutes in 1u64..5000, start in 0i64..2_000_000_000) {
            let rhythm = every(minutes * 60);
            let grid = grid(&rhythm).expect("whole minutes");
            let timezone = chrono_tz::Tz::UTC;
            let on_grid = Calendar::of(&Rhythm::Cron { expression: grid.expression, timezone });
            let now = DateTime::from_timestamp(start, 0).expect("a time");
            let tick = Calendar::of(&rhythm).after(now).expect("it ticks");
            prop_assert_eq!(on_grid.at_or_before(tick), Some(tick));
            if grid.is_exact {
                prop_assert_eq!(on_grid.after(now), Some(tick));
            }
        }

        #[test]
        fn the_numbers_tick_when_the_expression_does(
            expression in prop::sample::select(vec![
                "*/7 * * * *", "1-5,30 2-4 * * *", "0 0 1,15 * 1", "0 6 * feb-apr sun", "@monthly",
            ]),
            start in 0i64..2_000_000_000,
        ) {
            let timezone = chrono_tz::Tz::UTC;
            let of = |expression: String| Calendar::of(&Rhythm::Cron { expression, timezone });
            let numbers = of(Fields::read(expression).expect("it is plain").five());
            let now = DateTime::from_timestamp(start, 0).expect("a time");
            prop_assert_eq!(of(expression.to_owned()).after(now), numbers.after(now));
        }
    }
}
