//! Locks that look stranded, and the command that is said to be safe.

use serde_json::Value;

use ::driftgate::registry::LockScheme;

use super::{Scene, key, of_pid, rows, take};
use crate::support::session::Session;
use crate::support::{Project, driftgate, server};

#[test]
fn a_key_at_session_level_of_an_idle_session_is_stranded() {
    let scene = Scene::new();
    let place = key(LockScheme::Int32, r#"rpt."Weird Name""#, Some("acme"));
    let mut left = scene.database.session();
    left.run(&format!("SELECT pg_advisory_lock({place})"));
    let report = scene.look();
    let row = of_pid(&report, &left.pid());
    assert_eq!(row["state"], "idle");
    assert_eq!(row["held_seconds"], Value::Null);
    let why = row["stranded"].as_str().expect("it looks stranded");
    assert!(why.contains("in no transaction"), "{why}");
    let next = r#"driftgate lock-status --release 'rpt."Weird Name"' --tenant acme --terminate"#;
    assert_eq!(row["next"], next);
    scene.command([]).run().exits(0).shows("stranded: ").shows(&format!("$ {next}"));

    // In a transaction it is not stranded until that was idle for a minute.
    left.run("BEGIN; SELECT 1");
    assert_eq!(of_pid(&scene.look(), &left.pid())["stranded"], Value::Null);
}

#[test]
fn a_key_of_a_transaction_at_work_is_not_stranded() {
    let scene = Scene::new();
    let mut holding = scene.holding(&take(key(LockScheme::Int64, "public.mv", None)));
    let report = scene.look();
    let row = of_pid(&report, &holding.pid());
    assert_eq!(row["stranded"], Value::Null);
    assert_eq!(row["next"], Value::Null);
    assert!(row["held_seconds"].is_u64(), "{row:#}");
}

#[test]
fn a_prepared_transaction_is_named_and_no_signal_is_sent() {
    let server = server::own_with(&["max_prepared_transactions=2"]);
    let mut session = Session::connect(&server.url);
    session.run("CREATE MATERIALIZED VIEW public.mv AS SELECT 1 AS a");
    let take = take(key(LockScheme::Int64, "public.mv", None));
    session.run(&format!("BEGIN; SELECT {take}; PREPARE TRANSACTION 'left over'"));
    let project = Project::new("version = 1\n[[matview]]\nname = \"public.mv\"\n");
    let command = |arguments: &[&str]| {
        driftgate(["lock-status"]).args(arguments).project(&project).database(&server.url)
    };
    let report = command(&[]).json().exits(0).document();
    let row = &rows(&report)[0];
    assert_eq!((&row["pid"], row["prepared"].as_str()), (&Value::Null, Some("left over")));
    assert_eq!((row["view"].as_str(), row["user"].as_str()), (Some("public.mv"), Some("postgres")));

    command(&["--release", "public.mv", "--yes", "--terminate"])
        .run()
        .exits(4)
        .says("ROLLBACK PREPARED 'left over'")
        .shows("the prepared transaction 'left over' holds the key");
    session.run("ROLLBACK PREPARED 'left over'");
    command(&["--release", "public.mv", "--yes"]).run().exits(0).shows("Nobody holds the key");
}
