//! Where else it works: on a standby, and at what cost.

use serde_json::json;

use super::{Scene, key, rows, take};
use ::driftgate::registry::LockScheme;

use crate::support::cluster::{Cluster, Follower};
use crate::support::driftgate;
use crate::support::pgbouncer::{Pool, Pooling};
use crate::support::round_trips::Counting;
use crate::support::session::Session;

#[test]
fn a_standby_tells_of_its_own_locks_and_says_so() {
    let primary = Cluster::start();
    let standby = Follower::of(&primary);
    let mut elsewhere = Session::connect(primary.url());
    elsewhere.run("SELECT pg_advisory_lock(8)");
    let mut holding = Session::connect(standby.url());
    holding.run("SELECT pg_advisory_lock(7)");
    let report = driftgate(["lock-status"]).database(standby.url()).json().exits(0).document();
    let keys: Vec<_> = rows(&report).iter().map(|row| &row["key"]).collect();
    assert_eq!(keys, [&json!([7])]);
    assert_eq!(report["target"]["in_recovery"], true);
    let notes = report["notes"].to_string();
    assert!(notes.contains("the locks of a standby are its own"), "{notes}");
}

#[test]
fn a_look_is_one_message_and_one_more_for_the_owners_of_locks() {
    let scene = Scene::new();
    let way = Counting::new();
    let trips = || {
        let before = way.count();
        scene.command([]).database(&way.url(&scene.database)).run().exits(0);
        way.count() - before
    };
    // The greeting, the message, and the good-bye.
    assert_eq!(trips(), 3);
    let _held = scene.holding(&take(key(LockScheme::Int64, "public.mv", None)));
    assert_eq!(trips(), 4);
    // A tenant's key needs the tenants, on a connection of their own.
    let _tenants = scene.holding(&take(key(LockScheme::Int64, "public.mv", Some("acme"))));
    assert!(trips() > 4);
}

#[test]
fn a_key_is_released_by_way_of_a_pool_of_transactions() {
    let scene = Scene::new();
    let pooler = Pool::of(Pooling::Transaction, 2).start();
    let mut left = scene.holding(&take(key(LockScheme::Int64, "public.mv", None)));
    scene
        .command(["--release", "public.mv", "--yes", "--terminate"])
        .database(&pooler.url(scene.database.name(), "postgres"))
        .run()
        .exits(0)
        .shows("the key of public.mv is free");
    assert!(left.try_run("SELECT 1").is_err(), "its session is over");
}

#[test]
fn looking_changes_nothing_and_leaves_no_session() {
    let scene = Scene::new();
    scene.database.session().run(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        scene.database.name()
    ));
    let _held = scene.holding(&take(key(LockScheme::Int64, "public.mv", Some("acme"))));
    assert_eq!(rows(&scene.look())[0]["tenant"], "acme");
    assert!(scene.database.sessions_of_the_program().is_empty());
    assert_eq!(scene.database.advisory_locks().len(), 1);
}
