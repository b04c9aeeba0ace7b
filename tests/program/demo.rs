//! `demo`: the whole tour, on a server of its own, which is gone afterwards.

use std::path::PathBuf;

use crate::support::driftgate;

/// Returns where the programs of the server under test are, so that the tour is given on
/// its major version.
fn programs(run: crate::support::driftgate::Driftgate) -> crate::support::driftgate::Driftgate {
    match std::env::var_os("DRIFTGATE_PG_BIN") {
        Some(folder) => run.env("DRIFTGATE_PG_BIN", folder),
        None => run,
    }
}

#[test]
fn own_server_the_tour_shows_each_verdict_and_leaves_nothing_behind() {
    let run = programs(driftgate(["demo"])).run().exits(0);
    for words in [
        "$ driftgate migrate up",
        "EG-1 pass",
        "error [view-missing] public.mv_realtime_revenue",
        "error [view-unregistered] public.mv_top_tenants",
        "error [owner-drift] public.mv_daily_revenue_summary",
        "error [tenant-rows-lost] public.mv_daily_revenue_summary",
        "EG-7 fail",
        "(exit code 1)",
    ] {
        assert!(run.stdout.contains(words), "{words} in:\n{}", run.stdout);
    }
    let socket = run.stdout.split("host=").nth(1).expect("the URL is shown");
    let socket = socket.split(['&', '\'', '\n']).next().expect("a path");
    assert!(socket.starts_with('/'), "{socket}");
    assert!(!PathBuf::from(socket).exists(), "{socket} is still there");
}

#[test]
fn own_server_the_tour_as_json_is_one_document() {
    let report = programs(driftgate(["demo"])).json().exits(0).document();
    let steps = report["data"]["steps"].as_array().expect("steps");
    assert!(steps.len() >= 6, "{report:#}");
    assert!(steps.iter().all(|step| step["exit_code"] == step["expected_exit_code"]));
}

#[test]
fn programs_that_are_not_there_are_told_before_anything_is_started() {
    let run = driftgate(["demo", "--pg-bin", "/nowhere/at/all"]).run().exits(2);
    assert!(run.stderr.contains("/nowhere/at/all"), "{}", run.stderr);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
}
