//! A real `pg_cron`: it takes what is exported, runs it, and `schedule check` reads it. On
//! Debian's PostgreSQL 15 with `postgresql-15-cron`, which `scripts/test` installs.

use std::path::Path;
use std::time::Duration;

use ::driftgate::throwaway::{Programs, Throwaway};

use crate::support::driftgate::{Run, findings, verdict};
use crate::support::poll::within;
use crate::support::session::Session;
use crate::support::{Project, driftgate};

const REGISTRY: &str = "version = 1\n[schedules]\nminutely = { every = \"1m\" }\n\
    [[matview]]\nname = \"public.mv_a\"\nschedule = \"minutely\"\nunique_key = [\"id\"]\n\
    [[task]]\nname = \"scan\"\nsql = \"INSERT INTO public.scanned SELECT 'it''s'\"\n\
    schedule = \"minutely\"\n";

/// It begins on the minute.
const LONGEST: Duration = Duration::from_secs(130);

fn programs() -> Programs {
    let bin = Path::new("/usr/lib/postgresql/15/bin");
    Programs::find(Some(bin)).expect("Debian's PostgreSQL 15; scripts/test installs it")
}

#[test]
fn what_is_exported_is_loaded_run_and_checked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let settings = [
        ("shared_preload_libraries", "pg_cron"),
        ("cron.database_name", "postgres"),
        // Else it would have to be told where the socket is.
        ("cron.use_background_workers", "on"),
    ];
    let server = runtime.block_on(Throwaway::start(&programs(), &settings));
    let server = server.expect("a server with pg_cron; scripts/test installs postgresql-15-cron");
    let url = server.url("postgres");
    let mut session = Session::connect(&url);
    session.run(
        "CREATE EXTENSION pg_cron;
                 CREATE MATERIALIZED VIEW mv_a AS SELECT 1 AS id, clock_timestamp() AS at;
                 CREATE UNIQUE INDEX ON mv_a (id);
                 CREATE TABLE scanned (what text)",
    );
    let project = Project::new(REGISTRY);
    let at = |arguments: &[&str]| driftgate(arguments).project(&project).database(&url);
    let check = |exit| -> Run { at(&["schedule", "check"]).json().exits(exit) };
    assert_eq!(verdict(&check(3).document(), "EG-5"), "undecided");

    let exported = at(&["schedule", "export", "pg-cron"]).run().exits(0).stdout;
    session.run(&exported);
    let jobs = "SELECT jobname || ' ' || schedule FROM cron.job ORDER BY 1";
    let loaded =
        ["driftgate:minutely:public.mv_a * * * * *", "driftgate:minutely:task scan * * * * *"];
    assert_eq!(session.column(jobs), loaded);
    // Nothing is on record of them yet.
    assert_eq!(findings(&check(3).document()), Vec::<String>::new());

    // The commands themselves, as pg_cron sends them; and then a run of its own.
    for command in session.column("SELECT command FROM cron.job ORDER BY jobname") {
        session.run(&command);
    }
    assert_eq!(session.column("SELECT what FROM scanned"), ["it's"]);
    let status = "SELECT status || ' ' || coalesce(return_message, '') FROM cron.job_run_details";
    let ran = within(LONGEST, "runs", || {
        let ended = "SELECT count(DISTINCT jobid) FROM cron.job_run_details \
                     WHERE status IN ('succeeded', 'failed')";
        (session.value(ended) == "2").then(|| session.column(status))
    });
    assert!(ran.iter().all(|run| run.starts_with("succeeded")), "{ran:?}");
    let report = check(0).document();
    assert_eq!(report["data"]["classes"][0]["loaded"], "pg-cron", "{report:#}");

    session.run("UPDATE cron.job SET schedule = '*/5 * * * *' WHERE jobname LIKE '%mv_a'");
    assert_eq!(findings(&check(1).document()), ["schedule-differs minutely"]);
    session.run(&exported);
    session.run(
        "SELECT cron.unschedule('driftgate:minutely:task scan');
                 SELECT cron.schedule('driftgate:gone:x', '* * * * *', 'SELECT 1')",
    );
    let found = findings(&check(1).document());
    assert_eq!(found, ["schedule-differs gone", "schedule-differs minutely"]);
    session.run("SELECT cron.unschedule('driftgate:gone:x')");
    session.run(&exported);

    at(&["history", "install"]).run().exits(0);
    at(&["schedule", "run", "--once"]).run().exits(0);
    let report = at(&["schedule", "check", "--fail-on", "warning"]).json().exits(1).document();
    assert_eq!(findings(&report), ["schedule-twice minutely"]);
    let role = "CREATE ROLE auditor LOGIN; GRANT USAGE ON SCHEMA driftgate TO auditor; \
                GRANT SELECT ON ALL TABLES IN SCHEMA driftgate TO auditor; \
                REVOKE USAGE ON SCHEMA cron FROM PUBLIC";
    session.run(role);
    let as_auditor = url.replacen("postgres@", "auditor@", 1);
    let report = at(&["schedule", "check"]).env("DATABASE_URL", as_auditor).json().exits(3);
    let report = report.document();
    assert_eq!(verdict(&report, "EG-5"), "undecided");
}
