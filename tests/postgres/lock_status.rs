//! `lock-status` on a real server: what it names, who it says waits behind whom, and whom a
//! release moves.

mod elsewhere;
mod held;
mod keys;
mod meeting;
mod queue;
mod release;
mod rights;
mod stranded;
mod watch;

use serde_json::Value;

use ::driftgate::ident::QualifiedName;
use ::driftgate::lock_key::LockKey;
use ::driftgate::registry::LockScheme;

use crate::support::driftgate::Driftgate;
use crate::support::poll::until;
use crate::support::session::Session;
use crate::support::{Project, TestDatabase, driftgate};

/// Two views that tenants share, and the tenants.
const VIEWS: &str = r#"
    CREATE TABLE public.tenants (id text PRIMARY KEY);
    INSERT INTO public.tenants VALUES ('acme'), ('123e4567-e89b-12d3-a456-426614174000');
    CREATE MATERIALIZED VIEW public.mv AS SELECT 1 AS a;
    CREATE UNIQUE INDEX ON public.mv (a);
    CREATE SCHEMA rpt;
    CREATE MATERIALIZED VIEW rpt."Weird Name" AS SELECT 1 AS a;"#;

const REGISTRY: &str = r#"
    version = 1

    [tenancy]
    tenants = "SELECT id FROM public.tenants ORDER BY id"

    [[matview]]
    name = "public.mv"

    [[matview]]
    name = 'rpt."Weird Name"'
"#;

/// A database with views, and the project that registers them.
struct Scene {
    database: TestDatabase,
    project: Project,
}

impl Scene {
    fn new() -> Self {
        let (database, project) = (TestDatabase::empty(), Project::new(REGISTRY));
        database.session().run(VIEWS);
        Self { database, project }
    }

    /// Starts a command line about it.
    fn command<const N: usize>(&self, arguments: [&str; N]) -> Driftgate {
        driftgate(["lock-status"])
            .args(arguments)
            .project(&self.project)
            .database(&self.database.url())
    }

    /// Returns the report of a look.
    fn look(&self) -> Value {
        self.command([]).json().exits(0).document()
    }

    /// Returns a session that holds a lock by an expression of SQL, in a transaction.
    fn holding(&self, sql: &str) -> Session {
        let mut session = self.database.session();
        session.run(&format!("BEGIN; SELECT {sql}"));
        session
    }
}

/// Returns the arguments of a view's key.
fn key(scheme: LockScheme, view: &str, tenant: Option<&str>) -> LockKey {
    let view: QualifiedName = view.parse().expect("a name");
    LockKey::of(scheme, &view, None, tenant)
}

/// Returns the expression that takes a key until the transaction ends.
fn take(key: LockKey) -> String {
    format!("pg_advisory_xact_lock({key})")
}

fn rows(report: &Value) -> &[Value] {
    report["data"]["locks"].as_array().expect("rows")
}

/// Returns the rows as `pid name mode`, with what is in front of each that waits.
fn told(report: &Value) -> Vec<String> {
    let line = |row: &Value| {
        let name = row["name"].as_str().map_or_else(|| row["key"].to_string(), str::to_owned);
        let mode = row["mode"].as_str().expect("a mode");
        let behind = match row["granted"] == true {
            true => String::new(),
            false => format!(" behind {}", row["blocked_by"]),
        };
        format!("{} {name} {mode}{behind}", row["pid"])
    };
    rows(report).iter().map(line).collect()
}

/// Returns the row of a process.
#[track_caller]
fn of_pid<'r>(report: &'r Value, pid: &str) -> &'r Value {
    rows(report)
        .iter()
        .find(|row| row["pid"].as_i64() == pid.parse().ok())
        .unwrap_or_else(|| panic!("no {pid} in {:#}", report["data"]))
}

/// Waits until a number of locks are waited for in a database.
fn until_waiting(database: &TestDatabase, count: usize) {
    let mut session = database.session();
    let waiting = format!(
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
          WHERE NOT l.granted AND a.datname = '{}'",
        database.name()
    );
    until("sessions that wait", || (session.value(&waiting) == count.to_string()).then_some(()));
}
