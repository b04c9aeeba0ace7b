//! A database with views, the project that registers them, and what is looked at after a
//! refresh: rows, locks, sessions and the history.

use std::time::Duration;

use serde_json::Value;

use crate::support::driftgate::{Driftgate, Running};
use crate::support::poll::{until, within};
use crate::support::session::Session;
use crate::support::{Project, TestDatabase, driftgate};

/// How soon what was killed, cut or cancelled must be gone.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// The key of the gate: a view that calls [`gated`] waits while a session holds it.
const GATE: i64 = 7_141_914;

/// Three tenants with three rows each.
pub(super) const SALES: &str = "
    CREATE TABLE public.sales (
        tenant_id text NOT NULL, day int NOT NULL, cents int NOT NULL,
        PRIMARY KEY (tenant_id, day));
    INSERT INTO public.sales SELECT t, d, 100 * d FROM unnest('{a,b,c}'::text[]) t,
                                                        generate_series(1, 3) d;";

/// A view of all of [`SALES`] that is safe to refresh.
pub(super) const MV: &str = "
    CREATE MATERIALIZED VIEW public.mv AS SELECT tenant_id, day, cents FROM public.sales;
    CREATE UNIQUE INDEX ON public.mv (tenant_id, day);";

/// Its entry in the registry.
pub(super) const MV_ENTRY: &str = "
    [[matview]]
    name = 'public.mv'
    tenant_column = 'tenant_id'
    unique_key = ['tenant_id', 'day']";

/// Returns the query of a view whose refresh waits at the gate while that is closed.
///
/// No function of our own: the view stays clear. An empty table would not wait.
pub(super) fn gated(query: &str) -> String {
    format!(
        "SELECT q.*, pg_advisory_xact_lock_shared({GATE})::text AS gate
           FROM ({query}) AS q"
    )
}

/// A database with a project.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) database: TestDatabase,
    pub(super) project: Project,
}

impl Scene {
    /// Makes a database by SQL, and a project by the entries of its registry.
    pub(super) fn new(sql: &str, entries: &str) -> Self {
        let (database, project) =
            (TestDatabase::empty(), Project::new(&format!("version = 1\n{entries}\n")));
        database.session().run(sql);
        Self { database, project }
    }

    /// Makes one with three tenants' sales and the view of them.
    pub(super) fn of_sales() -> Self {
        Self::new(&format!("{SALES}{MV}"), MV_ENTRY)
    }

    /// Makes one whose view waits at the gate.
    pub(super) fn with_gate() -> Self {
        let query = gated("SELECT tenant_id, day, cents FROM public.sales");
        let view = format!(
            "CREATE MATERIALIZED VIEW public.mv AS {query};
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day);"
        );
        Self::new(&format!("{SALES}{view}"), MV_ENTRY)
    }

    /// Makes one of the reference project.
    pub(super) fn reference() -> Self {
        Self { database: TestDatabase::reference(), project: Project::reference() }
    }

    /// Installs the history.
    pub(super) fn with_history(self) -> Self {
        self.command(["history", "install"]).run().exits(0);
        self
    }

    /// Runs statements.
    pub(super) fn run(&self, sql: &str) {
        self.session().run(sql);
    }

    /// Opens a session as the superuser.
    pub(super) fn session(&self) -> Session {
        self.database.session()
    }

    /// Returns the one value of a query.
    pub(super) fn value(&self, sql: &str) -> String {
        self.session().value(sql)
    }

    /// Starts a command line in the project, against the database.
    pub(super) fn command<const N: usize>(&self, arguments: [&str; N]) -> Driftgate {
        driftgate(arguments).project(&self.project).database(&self.database.url())
    }

    /// Starts a command line of `refresh`; a lock in the way is waited for long enough.
    pub(super) fn refresh<const N: usize>(&self, arguments: [&str; N]) -> Driftgate {
        self.command(["refresh", "--lock-timeout", "30s"]).args(arguments)
    }

    /// Refreshes, and returns the report of a run that must end with `exit`.
    #[track_caller]
    pub(super) fn refreshes<const N: usize>(&self, arguments: [&str; N], exit: i32) -> Value {
        self.refresh(arguments).json().exits(exit).document()
    }

    /// Returns what tells a view's rows, all of them, from any others.
    pub(super) fn rows(&self, view: &str) -> String {
        self.value(&format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(v::text, E'\\n' ORDER BY v::text)),
                                                '') FROM {view} AS v"
        ))
    }

    /// Returns the version of a view's entry in the catalog, which every refresh moves.
    pub(super) fn xmin(&self, view: &str) -> String {
        self.value(&format!("SELECT xmin FROM pg_class WHERE oid = '{view}'::regclass"))
    }

    /// Returns the refreshes on record, as `view OUTCOME sqlstate`, in the order of their end.
    pub(super) fn on_record(&self) -> Vec<String> {
        self.session().column(
            "SELECT concat_ws(' ', view_name, outcome, sqlstate)
               FROM driftgate.refreshes ORDER BY finished_at",
        )
    }

    /// Closes the gate, until the session is dropped.
    pub(super) fn close_gate(&self) -> Session {
        let mut session = self.session();
        session.run(&format!("SELECT pg_advisory_lock({GATE})"));
        session
    }

    /// Waits until so many refreshes of the program stand at the gate.
    pub(super) fn until_at_gate(&self, many: usize) {
        self.until_waiting(many, "REFRESH MATERIALIZED VIEW");
    }

    /// Waits until so many of the program's sessions wait for a lock in a statement.
    pub(super) fn until_waiting(&self, many: usize, statement: &str) {
        let mut session = self.session();
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name LIKE 'driftgate%'
                AND wait_event_type = 'Lock' AND position('{statement}' IN query) > 0"
        );
        until(&format!("{many} sessions that wait in {statement}"), || {
            (session.value(&waiting) == many.to_string()).then_some(())
        });
    }

    /// Waits until a session waits for a lock on a relation.
    pub(super) fn until_locked_out(&self, relation: &str) {
        let mut session = self.session();
        let waiting = format!(
            "SELECT count(*) > 0 FROM pg_locks
              WHERE NOT granted AND relation = '{relation}'::regclass"
        );
        until("a session that waits for the relation", || {
            (session.value(&waiting) == "t").then_some(())
        });
    }

    /// Closes the gate and starts a refresh that stands at it.
    pub(super) fn start_at_gate<const N: usize>(&self, arguments: [&str; N]) -> (Session, Running) {
        let gate = self.close_gate();
        let running = self.refresh(arguments).args(["--format", "json"]).start();
        self.until_at_gate(1);
        (gate, running)
    }

    /// Waits until the program has no session here any more.
    pub(super) fn until_gone(&self) {
        within(SOON, "every session of the program ended", || {
            self.database.sessions_of_the_program().is_empty().then_some(())
        });
    }

    /// Asserts that no session of the program and none of its locks is left.
    #[track_caller]
    pub(super) fn assert_nothing_is_left(&self) {
        self.until_gone();
        assert_eq!(self.database.advisory_locks(), Vec::<String>::new());
    }
}

/// Returns the outcomes of a report as `view OUTCOME`, in its order.
#[track_caller]
pub(super) fn outcomes(report: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    results(report)
        .iter()
        .map(|result| format!("{} {}", word(&result["view"]), word(&result["outcome"])))
        .collect()
}

/// Every field that a result has, whatever its outcome.
const FIELDS: [&str; 15] = [
    "as_of",
    "correlation_id",
    "duration_ms",
    "error",
    "lock",
    "mode",
    "notes",
    "outcome",
    "rows_after",
    "rows_before",
    "started_at",
    "tenant",
    "tenants_after",
    "tenants_before",
    "view",
];

/// Returns the results of a report, each of which has all that a result has.
#[track_caller]
pub(super) fn results(report: &Value) -> &[Value] {
    let results = report["data"]["refreshes"].as_array();
    let results = results.unwrap_or_else(|| panic!("no refreshes in {report:#}"));
    for result in results {
        let has = |of: &Value, field: &str| {
            assert!(of.get(field).is_some(), "no {field} in {result:#}");
        };
        FIELDS.iter().for_each(|field| has(result, field));
        ["scheme", "key", "name"].iter().for_each(|field| has(&result["lock"], field));
        if result["outcome"] == "SUCCESS" {
            assert!(result["error"].is_null() && result["as_of"].is_string(), "{result:#}");
        } else if !result["error"].is_null() {
            let parts = ["sqlstate", "message", "hint"];
            parts.iter().for_each(|field| has(&result["error"], field));
        }
    }
    results
}

/// Returns the only result of a report.
#[track_caller]
pub(super) fn only(report: &Value) -> &Value {
    let results = results(report);
    assert_eq!(results.len(), 1, "{report:#}");
    &results[0]
}

/// Returns the only outcome of a report.
#[track_caller]
pub(super) fn outcome(report: &Value) -> &str {
    only(report)["outcome"].as_str().expect("a word")
}

/// Returns the message of the only result's error.
#[track_caller]
pub(super) fn message(report: &Value) -> &str {
    let error = &only(report)["error"];
    error["message"].as_str().unwrap_or_else(|| panic!("no error in {report:#}"))
}

/// Returns the notes of the only result, one a line.
#[track_caller]
pub(super) fn notes(report: &Value) -> String {
    let notes = only(report)["notes"].as_array().expect("there are notes, or none");
    notes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}
