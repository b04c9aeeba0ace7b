//! A new database for the migrations to build: where it may come from, what it and its
//! roles are called, and what a run that was killed has left. Pure; `pg/fresh_database.rs`
//! makes and removes it.

use std::fmt;
use std::str::FromStr;

use crate::failure::{Failure, FailureKind};

mod inventory;
mod marker;
mod migrator;
mod named_roles;
mod search_path;

pub use inventory::{FreshInventory, LiveDrift};
pub use marker::{LEFT_OVER_AFTER, Marker, NAME, database_name};
pub use migrator::{Membership, Migrator};
pub use named_roles::{created_in, named};
pub use search_path::schemas;

/// Where a new database is to come from.
///
/// Source: `--fresh`, or `DRIFTGATE_FRESH`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fresh {
    /// From the first of [`FreshSource::Local`] and [`FreshSource::Server`] that is there.
    #[default]
    Auto,
    /// From this one.
    From(FreshSource),
    /// Nowhere: the migrations are not looked at.
    None,
}

/// A place where a new database can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FreshSource {
    /// A throwaway PostgreSQL of this machine.
    Local,
    /// A scratch database on the server of the target.
    Server,
    /// An empty database that may be used.
    Url(FreshUrl),
}

/// The URL of an empty database; `Debug` shows nothing of it, since it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct FreshUrl(String);

impl FreshUrl {
    /// Returns the URL as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FreshUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreshUrl")
    }
}

impl FreshSource {
    /// Returns the word for it in reports; a URL is `url`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Server => "server",
            Self::Url(_) => "url",
        }
    }

    /// Tells whether roles and other databases there belong to somebody else.
    pub const fn is_shared(&self) -> bool {
        !matches!(self, Self::Local)
    }
}

impl FromStr for Fresh {
    type Err = String;

    /// Reads `auto`, `local`, `server`, `none`, or the URL of an empty database.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "local" => Ok(Self::From(FreshSource::Local)),
            "server" => Ok(Self::From(FreshSource::Server)),
            "none" => Ok(Self::None),
            url if url.contains("://") || url.contains('=') => {
                Ok(Self::From(FreshSource::Url(FreshUrl(url.to_owned()))))
            }
            _ => Err("write auto, local, server, none, or the URL of an empty database".to_owned()),
        }
    }
}

impl Fresh {
    /// Returns the places to try, the best one first.
    pub fn candidates(&self) -> Vec<FreshSource> {
        match self {
            Self::Auto => vec![FreshSource::Local, FreshSource::Server],
            Self::From(source) => vec![source.clone()],
            Self::None => Vec::new(),
        }
    }
}

/// Returns the failure for a new database that cannot be had anywhere; each reason belongs
/// to one place that was tried.
pub fn nowhere(reasons: Vec<(FreshSource, Failure)>) -> Failure {
    let mut failure = match <[_; 1]>::try_from(reasons) {
        // Only one place was asked for: its own words say it best.
        Ok([(_, only)]) => return only,
        Err(reasons) => reasons.into_iter().fold(
            Failure::new(FailureKind::Machine, "a new database cannot be had"),
            |failure, (source, reason)| {
                let causes: Vec<String> =
                    std::iter::once(reason.message).chain(reason.causes).collect();
                failure.cause(format!("--fresh {}: {}", source.word(), causes.join(": ")))
            },
        ),
    };
    failure.hints = vec![
        "install PostgreSQL's server programs here (--fresh local), or give the role that \
         migrates CREATEDB (--fresh server)"
            .to_owned(),
        "or name an empty database: --fresh URL".to_owned(),
    ];
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_urls_are_told_apart() {
        for (text, expected) in [
            ("auto", Fresh::Auto),
            ("local", Fresh::From(FreshSource::Local)),
            ("server", Fresh::From(FreshSource::Server)),
            ("none", Fresh::None),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for url in ["postgresql://u:secret@h/d", "host=/tmp dbname=d password=secret"] {
            let fresh: Fresh = url.parse().expect("a URL");
            let Fresh::From(FreshSource::Url(read)) = &fresh else { panic!("{fresh:?}") };
            assert_eq!(read.as_str(), url);
            assert!(!format!("{fresh:?}").contains("secret"));
        }
        for text in ["", "Local", "nowhere", "remote"] {
            assert!(text.parse::<Fresh>().is_err(), "{text}");
        }
    }

    #[test]
    fn local_comes_before_the_server_and_nothing_is_tried_for_none() {
        let auto = Fresh::Auto.candidates();
        assert_eq!(auto, [FreshSource::Local, FreshSource::Server]);
        assert_eq!(Fresh::From(FreshSource::Server).candidates(), [FreshSource::Server]);
        assert_eq!(Fresh::None.candidates(), []);
    }

    #[test]
    fn each_place_that_was_tried_says_why_not() {
        let local = Failure::new(FailureKind::Machine, "no programs");
        let server = Failure::new(FailureKind::Permission, "no CREATEDB").cause("app");
        let failure =
            nowhere(vec![(FreshSource::Local, local.clone()), (FreshSource::Server, server)]);
        assert_eq!(
            failure.causes,
            ["--fresh local: no programs", "--fresh server: no CREATEDB: app"]
        );
        assert_eq!(failure.exit(), crate::exit::Exit::Undecided);
        assert_eq!(nowhere(vec![(FreshSource::Local, local.clone())]), local);
    }
}
