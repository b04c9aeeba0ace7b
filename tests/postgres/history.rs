//! `history`: what it makes, lists and removes, and whom it lets.

use std::time::Duration;

use driftgate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use driftgate::target::{Source, Target, ThisMachine};

use crate::support::TestDatabase;
use crate::support::history::install;

mod installing;
mod listing;
mod plans;
mod pruning;
mod reading;
mod versions;

/// Returns where the library finds a database, as the superuser.
fn endpoint(database: &TestDatabase) -> Endpoint {
    endpoint_of(&database.url())
}

/// Returns where the library finds a database.
fn endpoint_of(url: &str) -> Endpoint {
    Endpoint {
        resolved: Target::resolve(Some((url, Source::Throwaway)), &ThisMachine)
            .expect("the URL of a test is sound"),
        limits: Limits {
            connect: Duration::from_secs(30),
            lock: LockTimeout(Duration::from_secs(30)),
            statement: StatementTimeout(Duration::from_secs(60)),
        },
        application_name: "driftgate test".to_owned(),
        backends: Backends::default(),
    }
}

/// Makes a database with the history and some views, odd names among them.
fn with_views() -> TestDatabase {
    let database = TestDatabase::empty();
    database.session().run(
        "CREATE SCHEMA \"Odd schema\";
         CREATE MATERIALIZED VIEW mv_a AS SELECT 1 AS id;
         CREATE MATERIALIZED VIEW mv_b AS SELECT 1 AS id;
         CREATE MATERIALIZED VIEW \"Odd schema\".\"it's \\ \"\"mine\"\"\" AS SELECT 1 AS id",
    );
    install(&database);
    database
}

/// The odd name, as the catalog keeps it.
const ODD: (&str, &str) = ("Odd schema", "it's \\ \"mine\"");

/// The odd name, as SQL spells it.
const ODD_SPELT: &str = "\"Odd schema\".\"it's \\ \"\"mine\"\"\"";
