//! Without any right beyond CONNECT: who and what is told, the rest is `null`, and a note
//! says which membership shows it.

use serde_json::{Value, json};

use ::driftgate::registry::LockScheme;

use super::{Scene, key, of_pid, take};

const HIDDEN: [&str; 5] = ["state", "state_change", "held_seconds", "client_addr", "query"];

#[test]
fn what_belongs_to_another_role_is_not_told_and_a_note_says_why() {
    let mut scene = Scene::new();
    let role = scene.database.role("onlooker");
    scene.database.close_to_the_public();
    let name = scene.database.name().to_owned();
    scene.database.session().run(&format!(
        "GRANT CONNECT ON DATABASE {name} TO {role}; GRANT SELECT ON public.tenants TO {role};
         GRANT USAGE ON SCHEMA public TO {role}"
    ));
    let mut holding = scene.holding(&take(key(LockScheme::Int64, "public.mv", Some("acme"))));
    let pid = holding.pid();
    holding.run("REFRESH MATERIALIZED VIEW public.mv");
    let look = || {
        let url = scene.database.url_as(&role);
        scene.command([]).database(&url).json().exits(0).document()
    };
    let report = look();
    let row = of_pid(&report, &pid);
    assert_eq!((&row["view"], &row["tenant"]), (&json!("public.mv"), &json!("acme")));
    assert_eq!((&row["user"], &row["application_name"]), (&json!("postgres"), &json!("test")));
    for field in HIDDEN {
        assert_eq!(row[field], Value::Null, "{field}");
    }
    let notes = report["notes"].to_string();
    assert!(notes.contains("members of pg_read_all_stats"), "{notes}");

    scene.database.session().run(&format!("GRANT pg_read_all_stats TO {role}"));
    let report = look();
    let row = of_pid(&report, &pid);
    assert_eq!(row["query"], "REFRESH MATERIALIZED VIEW public.mv");
    assert_eq!(row["state"], "idle in transaction");
    assert_eq!(report["notes"], json!([]));
}

#[test]
fn a_role_that_may_not_signal_is_told_which_right_it_lacks() {
    let mut scene = Scene::new();
    let role = scene.database.role("onlooker");
    let worker = scene.database.role("worker");
    let mut holding = crate::support::session::Session::connect(&scene.database.url_as(&worker));
    let take = take(key(LockScheme::Int64, "public.mv", None));
    holding.run(&format!("BEGIN; SELECT {take}"));
    let pid = holding.pid();
    let url = scene.database.url_as(&role);
    let release = |how: &[&str]| {
        scene.command(["--release", "public.mv", "--yes"]).args(how).database(&url).run()
    };
    release(&["--terminate"]).exits(3).says("pg_signal_backend").says(&pid);
    assert_eq!(holding.value("SELECT 1"), "1", "it is still there");

    // The membership is enough, although it shows neither state nor start of the session.
    scene.database.session().run(&format!("GRANT pg_signal_backend TO {role}"));
    release(&["--terminate"]).exits(0).shows(&format!("Session {pid} was ended"));
    assert!(holding.try_run("SELECT 1").is_err(), "its session is over");
}
