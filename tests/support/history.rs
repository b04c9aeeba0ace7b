//! The history of a test: installed by the program, with rows that are as old as wanted.

use super::database::TestDatabase;
use super::driftgate::driftgate;
use super::project::Project;
use super::session::Session;

/// The run of the rows that [`on_record`] makes.
pub(crate) const RUN: &str = "0192f0c1-0000-7000-8000-00000000000a";

/// Installs the history as the superuser.
pub(crate) fn install(database: &TestDatabase) {
    driftgate(["history", "install"]).database(&database.url()).run().exits(0);
}

/// Installs the history, and refreshes all views of a project, so that every gate can pass.
pub(crate) fn refresh_all(url: &str, project: &Project) {
    for arguments in [["history", "install"], ["refresh", "--all"]] {
        driftgate(arguments).project(project).database(url).run().exits(0);
    }
    // Its ticks are on record then too, whatever came of its tasks.
    driftgate(["schedule", "run", "--once"]).project(project).database(url).run();
}

/// A refresh to be put on record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refreshed<'a> {
    /// Schema and name, each as the catalog keeps it.
    pub(crate) view: (&'a str, &'a str),
    /// What came of it.
    pub(crate) outcome: &'a str,
    /// How long ago, as an interval of SQL.
    pub(crate) ago: &'a str,
    /// The run, by [`RUN`] or another one.
    pub(crate) run: &'a str,
    /// The tenant whose view it is.
    pub(crate) tenant: Option<&'a str>,
    /// How long it took, in milliseconds.
    pub(crate) took: u32,
}

/// Returns a success of a view of the schema public.
pub(crate) fn success<'a>(name: &'a str, ago: &'a str) -> Refreshed<'a> {
    Refreshed {
        view: ("public", name),
        outcome: "SUCCESS",
        ago,
        run: RUN,
        tenant: None,
        took: 1_500,
    }
}

/// Puts refreshes on record as a refresh does, but for the time.
pub(crate) fn on_record(session: &mut Session, rows: &[Refreshed<'_>]) {
    for row in rows {
        let (schema, name) = (quoted(row.view.0), quoted(row.view.1));
        let (failed, outcome) = (row.outcome != "SUCCESS", quoted(row.outcome));
        let why = if failed { "'57014', 'canceling statement'" } else { "NULL, NULL" };
        session.run(&format!(
            "INSERT INTO driftgate.refreshes
                    (id, run_id, correlation_id, view_schema, view_name, view_oid, view_xmin,
                     tenant, outcome, mode, started_at, as_of, finished_at, duration_ms, waited_ms,
                     lock_scheme, lock_key, lock_name, sqlstate, message, tool_version)
             SELECT gen_random_uuid(), '{}', 'ticket 7', {schema}, {name}, coalesce(v.oid, 1),
                    CASE WHEN {outcome} = 'SUCCESS' THEN coalesce(v.xmin, '3'::xid) END,
                    {}, {outcome}, 'concurrently', t.at, t.at, t.at, {}, 0,
                    'int64', '{{1}}', {name}, {why}, '0.1.0'
               FROM (SELECT clock_timestamp() - interval '{}' AS at) t
               LEFT JOIN (SELECT c.oid, c.xmin FROM pg_class c
                           WHERE c.relnamespace = (SELECT oid FROM pg_namespace
                                                    WHERE nspname = {schema})
                             AND c.relname = {name}) v ON true",
            row.run,
            row.tenant.map_or_else(|| "NULL".to_owned(), quoted),
            row.took,
            row.ago,
        ));
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
