//! What needs a server of its own: a crash in mid-refresh, and a standby.

use super::scene::{MV, MV_ENTRY, SALES, SOON, gated};
use crate::support::cluster::{Cluster, Follower};
use crate::support::poll::within;
use crate::support::session::Session;
use crate::support::{Project, driftgate};

/// Returns what tells a view's rows from any others.
const ROWS: &str = "SELECT count(*) || ' ' || md5(string_agg(v::text, E'\\n' ORDER BY v::text))
                      FROM public.mv AS v";

#[test]
fn a_crash_of_an_own_server_in_the_middle_leaves_the_view_as_it_was() {
    let mut cluster = Cluster::start();
    let project = Project::new(&format!("version = 1\n{MV_ENTRY}\n"));
    let url = cluster.url().to_owned();
    let mut session = Session::connect(&url);
    let query = gated("SELECT tenant_id, day, cents FROM public.sales");
    session.run(&format!(
        "{SALES} CREATE MATERIALIZED VIEW public.mv AS {query};
         CREATE UNIQUE INDEX ON public.mv (tenant_id, day); CHECKPOINT"
    ));
    driftgate(["history", "install"]).project(&project).database(&url).run().exits(0);
    session.run("INSERT INTO public.sales VALUES ('d', 1, 1); CHECKPOINT");
    let before = session.value(ROWS);
    session.run("SELECT pg_advisory_lock(7141914)");
    let arguments = ["refresh", "--all", "--format", "json", "--lock-timeout", "60s"];
    let running = driftgate(arguments).project(&project).database(&url).start();
    within(SOON, "a refresh at the gate", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                        WHERE wait_event = 'advisory' AND query LIKE '%REFRESH%'";
        (Session::connect(&url).value(waiting) == "1").then_some(())
    });
    cluster.crash();
    let run = running.wait_within(SOON).exits(1);
    let report = run.document();
    let result = &report["data"]["refreshes"][0];
    assert_ne!(result["outcome"], "SUCCESS", "{report:#}");
    assert!(result["notes"].to_string().contains("not on record"), "{report:#}");

    cluster.start_again();
    let mut session = Session::connect(&url);
    assert_eq!(session.value(ROWS), before);
    assert_eq!(session.value("SELECT count(*) FROM driftgate.refreshes"), "0");
    assert_eq!(session.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
    let report = driftgate(["refresh", "--all"]).project(&project).database(&url).json();
    assert_eq!(report.exits(0).document()["data"]["refreshes"][0]["outcome"], "SUCCESS");
    assert_eq!(session.value("SELECT count(*) FROM public.mv"), "10");
}

#[test]
fn a_crash_of_an_own_server_right_after_a_success_loses_nothing() {
    let mut cluster = Cluster::start();
    let project = Project::new(&format!("version = 1\n{MV_ENTRY}\n"));
    let url = cluster.url().to_owned();
    let mut session = Session::connect(&url);
    session.run(&format!("{SALES}{MV} INSERT INTO public.sales VALUES ('d', 1, 1)"));
    driftgate(["history", "install"]).project(&project).database(&url).run().exits(0);
    let run = driftgate(["refresh", "--all"]).project(&project).database(&url).json().exits(0);
    cluster.crash();
    assert_eq!(run.document()["data"]["refreshes"][0]["outcome"], "SUCCESS");
    cluster.start_again();
    let mut session = Session::connect(&url);
    assert_eq!(session.value("SELECT count(*) FROM public.mv"), "10");
    assert_eq!(session.value("SELECT string_agg(outcome, '') FROM driftgate.refreshes"), "SUCCESS");
}

#[test]
fn a_standby_of_an_own_server_is_looked_at_and_never_refreshed() {
    let cluster = Cluster::start();
    let project = Project::new(&format!("version = 1\n{MV_ENTRY}\n"));
    let mut primary = Session::connect(cluster.url());
    primary.run(&format!("{SALES}{MV}"));
    driftgate(["history", "install"]).project(&project).database(cluster.url()).run().exits(0);
    let standby = Follower::of(&cluster);
    within(SOON, "a standby that has caught up", || {
        let there = "SELECT count(*) FROM pg_class WHERE relname = 'refreshes'";
        (Session::connect(standby.url()).value(there) == "1").then_some(())
    });
    let mut session = Session::connect(standby.url());
    assert_eq!(session.value("SELECT pg_is_in_recovery()"), "t");
    let on_standby =
        |arguments: &[&str]| driftgate(arguments).project(&project).database(standby.url());
    for arguments in [
        &["refresh", "--all"][..],
        &["refresh", "public.mv", "--coalesce", "--wait", "1s"],
        &["refresh", "--all", "--dry-run"],
        &["refresh", "--all", "--if-older-than", "1h"],
    ] {
        let run = on_standby(arguments).json().exits(3);
        let report = run.document();
        assert_eq!(report["verdict"], "undecided", "{arguments:?}");
        assert!(run.stderr.contains("standby"), "{}", run.stderr);
    }
    on_standby(&["inventory"]).run().exits(0).shows("public.mv");
    on_standby(&["lock-status"]).run().exits(0);
    // Its rows come from the primary, as ever.
    primary.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
    driftgate(["refresh", "--all"]).project(&project).database(cluster.url()).run().exits(0);
    within(SOON, "the refreshed rows on the standby", || {
        (session.value("SELECT count(*) FROM public.mv") == "10").then_some(())
    });
}
