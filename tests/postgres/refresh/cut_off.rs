//! A connection that is lost: in mid-refresh, before the commit gets there, and after it did.
//! What is told is what the server has, asked on a new connection and never guessed.

use serde_json::Value;

use super::scene::{SOON, Scene, message, notes, outcome, outcomes};
use crate::support::proxy::{AtCommit, Proxy};
use crate::support::server;

/// A proxy before the server of the tests.
fn proxy() -> Proxy {
    Proxy::before(server::socket_folder())
}

/// Refreshes through a proxy that does something to the commit, and returns the report.
#[track_caller]
fn refresh_with(scene: &Scene, what: AtCommit, exit: i32) -> Value {
    let proxy = proxy();
    proxy.at_commit(what);
    let command = scene.refresh(["--all", "--format", "json"]);
    let running = command.database(&proxy.through(&scene.database.url())).start();
    let report = running.wait_within(SOON).exits(exit).document();
    proxy.cut(true);
    scene.assert_nothing_is_left();
    report
}

/// A scene with a row that only a refresh brings into the view.
fn with_news(scene: Scene) -> Scene {
    scene.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
    scene
}

#[test]
fn a_proxy_that_does_nothing_changes_nothing() {
    let scene = with_news(Scene::of_sales());
    assert_eq!(outcome(&refresh_with(&scene, AtCommit::Pass, 0)), "SUCCESS");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
}

#[test]
fn a_connection_cut_in_the_middle_fails_and_the_view_is_as_before() {
    let scene = with_news(Scene::with_gate().with_history());
    scene.run(
        "CREATE MATERIALIZED VIEW public.z_last AS SELECT tenant_id, day FROM public.sales;
         CREATE UNIQUE INDEX ON public.z_last (tenant_id, day)",
    );
    scene.project.register("[[matview]]\nname = 'public.z_last'");
    let (before, proxy, gate) = (scene.rows("public.mv"), proxy(), scene.close_gate());
    let command = scene.refresh(["--all", "--format", "json"]);
    let running = command.database(&proxy.through(&scene.database.url())).start();
    scene.until_at_gate(1);
    proxy.cut(false);
    let report = running.wait_within(SOON).exits(1).document();
    // The rest goes on, on a new connection.
    assert_eq!(outcomes(&report), ["public.mv FAILED", "public.z_last SUCCESS"]);
    drop(gate);
    scene.assert_nothing_is_left();
    assert_eq!(scene.rows("public.mv"), before);
    assert_eq!(scene.on_record(), ["mv FAILED", "z_last SUCCESS"]);
}

#[test]
fn a_server_that_is_out_of_reach_for_good_fails_and_the_view_is_as_before() {
    let scene = with_news(Scene::with_gate().with_history());
    let (before, proxy, gate) = (scene.rows("public.mv"), proxy(), scene.close_gate());
    let command = scene.refresh(["--all", "--format", "json", "--connect-timeout", "2s"]);
    let running = command.database(&proxy.through(&scene.database.url())).start();
    scene.until_at_gate(1);
    proxy.cut(true);
    let report = running.wait_within(SOON).exits(1).document();
    assert_eq!(outcome(&report), "FAILED");
    assert!(notes(&report).contains("not on record"), "{report:#}");
    drop(gate);
    scene.assert_nothing_is_left();
    assert_eq!(scene.rows("public.mv"), before);
}

#[test]
fn a_commit_whose_answer_was_lost_is_found_to_be_a_success() {
    for what in [AtCommit::LoseTheAnswer, AtCommit::HoldTheAnswer] {
        for with_history in [true, false] {
            let scene = with_news(Scene::of_sales());
            let scene = if with_history { scene.with_history() } else { scene };
            let report = refresh_with(&scene, what, 0);
            assert_eq!(outcome(&report), "SUCCESS", "{what:?}");
            assert!(notes(&report).contains("the server has it committed"), "{report:#}");
            assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
            if with_history {
                assert_eq!(scene.on_record(), ["mv SUCCESS"]);
            }
        }
    }
}

#[test]
fn a_commit_that_never_got_there_is_found_to_be_rolled_back() {
    for what in [AtCommit::LoseIt, AtCommit::HoldIt] {
        let scene = with_news(Scene::of_sales().with_history());
        let before = (scene.rows("public.mv"), scene.xmin("public.mv"));
        // Its row of the failure is committed by the same word.
        let report = refresh_with(&scene, what, 1);
        assert_eq!(outcome(&report), "FAILED", "{what:?}");
        assert!(message(&report).contains("rolled back"), "{report:#}");
        assert_eq!((scene.rows("public.mv"), scene.xmin("public.mv")), before);
    }
}

#[test]
fn what_reads_a_view_whose_answer_was_lost_is_refreshed_after_all() {
    let scene = with_news(Scene::of_sales());
    scene.run(
        "CREATE MATERIALIZED VIEW public.above AS SELECT tenant_id, day FROM public.mv;
         CREATE UNIQUE INDEX ON public.above (tenant_id, day)",
    );
    scene.project.register("[[matview]]\nname = 'public.above'");
    let report = refresh_with(&scene, AtCommit::LoseTheAnswer, 0);
    assert_eq!(outcomes(&report), ["public.mv SUCCESS", "public.above SUCCESS"]);
    assert_eq!(scene.value("SELECT count(*) FROM public.above"), "10");
}

#[test]
fn no_password_is_told_when_the_connection_is_lost() {
    let scene = Scene::with_gate();
    let (proxy, gate) = (proxy(), scene.close_gate());
    let url = proxy.through(&scene.database.url()).replace("postgres@", "postgres:s3cr%3Ft@");
    let running = scene.refresh(["--all", "-vv", "--format", "json"]).database(&url).start();
    scene.until_at_gate(1);
    proxy.cut(true);
    let run = running.wait_within(SOON).exits(1);
    for words in [run.stdout, run.stderr] {
        assert!(!words.contains("s3cr"), "{words}");
    }
    drop(gate);
}
