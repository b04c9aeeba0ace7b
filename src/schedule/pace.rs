//! The pace of a class: how long a tick is delayed by chance, and which ticks are left out
//! after repeated failure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Before, TickOutcome};

/// Returns how long a tick is delayed: drawn from class and tick alone, so that all copies
/// agree, and shorter than the jitter.
pub fn delay(class: &str, tick: DateTime<Utc>, jitter: Duration) -> Duration {
    let text = format!("driftgate:jitter:{class}:{}", tick.timestamp_micros());
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let share = u64::from(u32::from_be_bytes([a, b, c, d]));
    let micros = u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX);
    let delay = (u128::from(micros) * u128::from(share)) >> 32;
    Duration::from_micros(u64::try_from(delay).unwrap_or(u64::MAX))
}

/// How many failures in a row are taken as they come.
const PATIENCE: u32 = 3;
/// The most ticks that are left out in a row.
const MOST: u32 = 32;
/// The longest time that is left out.
const LONGEST: Duration = Duration::from_secs(3600);
/// How many ticks before are looked at.
pub const LOOKED_AT: u32 = 200;

/// Tells how many ticks a class is left out after so many failures in a row: from the third
/// on 1, 2, 4, … up to 32, and never an hour or more.
pub fn left_out(failures: u32, interval: Duration) -> u32 {
    let Some(beyond) = failures.checked_sub(PATIENCE) else { return 0 };
    let doubled = 1u32.checked_shl(beyond).unwrap_or(MOST).min(MOST);
    let within = LONGEST.as_micros() / interval.as_micros().max(1);
    doubled.min(u32::try_from(within).unwrap_or(MOST))
}

/// Tells whether this tick is left out, by what came of those before.
///
/// A tick that never ended counts for nothing: its scheduler was killed.
pub fn backs_off(before: &Before, interval: Duration) -> bool {
    let (mut failures, mut left) = (0u32, 0u32);
    for outcome in before.0.iter().flatten() {
        if outcome == TickOutcome::Failed.word() {
            failures += 1;
        } else if outcome == TickOutcome::BackedOff.word() {
            if failures == 0 {
                left += 1;
            }
        } else if outcome != TickOutcome::Overlapped.word() {
            break;
        }
    }
    left < left_out(failures, interval)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn before(words: &str) -> Before {
        let outcome = |letter| match letter {
            'F' => Some(TickOutcome::Failed),
            'B' => Some(TickOutcome::BackedOff),
            'S' => Some(TickOutcome::Success),
            'O' => Some(TickOutcome::Overlapped),
            _ => None,
        };
        Before(words.chars().map(|one| outcome(one).map(|one| one.word().to_owned())).collect())
    }

    #[test]
    fn what_fails_repeatedly_is_tried_less_and_less_often() {
        // Newest first.
        for (words, backs) in [
            ("", false),
            ("FF", false),
            ("FFF", true),
            ("BFFF", false),
            ("FBFFF", true),
            ("BFBFFF", true),
            ("BBFBFFF", false),
            ("SFFFF", false),
            ("OFFF", true),
            ("?FFF", true),
        ] {
            assert_eq!(backs_off(&before(words), MINUTE), backs, "{words}");
        }
    }

    #[test]
    fn a_class_is_never_left_out_for_an_hour_or_more() {
        assert_eq!(left_out(2, MINUTE), 0);
        assert_eq!(left_out(40, MINUTE), 32);
        assert_eq!(left_out(40, Duration::from_secs(1200)), 3);
        assert_eq!(left_out(40, Duration::from_secs(3601)), 0);
    }

    proptest! {
        #[test]
        fn a_delay_is_the_same_for_all_and_below_the_jitter(
            class in "[a-z]{1,9}", second in 0i64..4_000_000_000, jitter in 1u64..100_000_000,
        ) {
            let tick = DateTime::from_timestamp(second, 0).expect("a time");
            let jitter = Duration::from_micros(jitter);
            let drawn = delay(&class, tick, jitter);
            prop_assert!(drawn < jitter);
            prop_assert_eq!(drawn, delay(&class, tick, jitter));
        }
    }
}
