//! How a scratch database is told from every other one: by the pattern of its name and by
//! its comment, both with the server's own time at which it was made.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

use crate::report::timestamp;

/// What the name of a scratch database begins with; a UUID of version 7 follows.
pub const NAME: &str = "driftgate_fresh_";

/// From which age on a scratch database that nobody is connected to is left over from a
/// run that was killed.
pub const LEFT_OVER_AFTER: Duration = Duration::from_secs(3_600);

const WORDS: &str = "driftgate: for one run alone, made ";

/// Returns the name of a scratch database that is made at a time of the server.
///
/// The time is in the name too, for a run that is killed before it could add the comment.
pub fn database_name(server_time: DateTime<Utc>) -> String {
    let seconds = u64::try_from(server_time.timestamp()).unwrap_or_default();
    let time = Timestamp::from_unix(NoContext, seconds, server_time.timestamp_subsec_nanos());
    format!("{NAME}{}", Uuid::new_v7(time).simple())
}

/// The comment on what a run makes on a server that is not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// When it was made, by the server's clock, in UTC.
    pub made_at: DateTime<Utc>,
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORDS}{}", timestamp(self.made_at))
    }
}

impl FromStr for Marker {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let made_at = text.strip_prefix(WORDS).ok_or(())?;
        let made_at = DateTime::parse_from_rfc3339(made_at).map_err(|_| ())?;
        Ok(Self { made_at: made_at.to_utc() })
    }
}

impl Marker {
    /// Returns the marker of a database from its name and its comment; `None`: it is not a
    /// scratch database of ours, and is left alone.
    ///
    /// A run that is killed at the wrong moment leaves a name without a comment; a comment
    /// that is not ours says that somebody has taken the database over.
    pub fn of_database(name: &str, comment: Option<&str>) -> Option<Self> {
        let uuid = Uuid::parse_str(name.strip_prefix(NAME)?).ok()?;
        match comment {
            Some(comment) => comment.parse().ok(),
            None => {
                let (seconds, nanoseconds) = uuid.get_timestamp()?.to_unix();
                let made_at = DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)?;
                Some(Self { made_at })
            }
        }
    }

    /// Tells whether what bears it is old enough to be left over, at a time of the server.
    pub fn is_left_over(&self, server_time: DateTime<Utc>) -> bool {
        (server_time - self.made_at).to_std().is_ok_and(|age| age >= LEFT_OVER_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn names_are_unique_and_tell_the_time_of_the_server() {
        let now = at("2026-11-24T01:02:03.456Z");
        let name = database_name(now);
        assert_ne!(name, database_name(now));
        assert!(name.len() <= 63, "{name}");
        assert_eq!(Marker::of_database(&name, None), Some(Marker { made_at: now }));
    }

    #[test]
    fn the_comment_decides_and_a_foreign_one_protects() {
        let name = database_name(at("2026-11-24T01:00:00Z"));
        let marker = Marker { made_at: at("2026-11-23T01:00:00Z") };
        assert_eq!(Marker::of_database(&name, Some(&marker.to_string())), Some(marker));
        for comment in ["mine now", "", "driftgate: for one run alone, made yesterday"] {
            assert_eq!(Marker::of_database(&name, Some(comment)), None, "{comment}");
        }
        for name in ["app", "driftgate_fresh_", "driftgate_fresh_x", "xdriftgate_fresh_1"] {
            assert_eq!(Marker::of_database(name, Some(&marker.to_string())), None, "{name}");
        }
    }

    #[test]
    fn left_over_is_what_is_an_hour_old() {
        let marker = Marker { made_at: at("2026-11-24T01:00:00Z") };
        for (now, expected) in [
            ("2026-11-24T00:00:00Z", false),
            ("2026-11-24T01:59:59Z", false),
            ("2026-11-24T02:00:00Z", true),
            ("2027-01-01T00:00:00Z", true),
        ] {
            assert_eq!(marker.is_left_over(at(now)), expected, "{now}");
        }
    }
}
