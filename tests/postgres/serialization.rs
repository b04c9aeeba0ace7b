//! EG-6 judged on a real server: keys that collide, and a key tried in two sessions.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::driftgate::{findings, verdict};
use crate::support::standby::Standby;
use crate::support::{Project, TestDatabase, driftgate, server};

fn judge(project: &Project, url: &str, exit: i32) -> Value {
    driftgate(["preflight", "--gate", "EG-6"])
        .project(project)
        .database(url)
        .json()
        .exits(exit)
        .document()
}

/// Returns what EG-6 could not judge, as `check reason`.
fn unjudged(report: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let gates = report["gates"].as_array().expect("gates");
    let unjudged = gates[0]["unjudged"].as_array().expect("what was not judged");
    unjudged.iter().map(|one| format!("{} {}", word(&one["check"]), word(&one["reason"]))).collect()
}

const TWO_VIEWS: &str = "[[matview]]\nname = 'public.mv_a'\n[[matview]]\nname = 'audit.mv_a'\n";

fn project(scheme: &str, rest: &str) -> Project {
    Project::new(&format!("version = 1\n[locks]\nscheme = '{scheme}'\n{rest}"))
}

#[test]
fn a_key_excludes_and_no_lock_is_left() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let report = judge(&project, &database.url(), 0);
    assert_eq!((verdict(&report, "EG-6"), findings(&report).len()), ("pass", 0));
    let checks = report["gates"][0]["checks"].as_array().expect("checks");
    assert_eq!(checks.len(), 3);
    assert!(database.advisory_locks().is_empty());
    assert!(database.sessions_of_the_program().is_empty());
}

#[test]
fn every_scheme_is_tried_with_keys_of_its_own_form() {
    let database = TestDatabase::empty();
    for scheme in ["int32", "int32-pair", "int64"] {
        let project = project(scheme, "[[matview]]\nname = 'public.mv_a'");
        assert_eq!(verdict(&judge(&project, &database.url(), 0), "EG-6"), "pass", "{scheme}");
    }
}

#[test]
fn refreshes_that_are_running_neither_disturb_nor_are_disturbed() {
    let database = TestDatabase::empty();
    let project = project("int64", "[[matview]]\nname = 'public.mv_a'");
    let mut busy = database.session();
    // The key of public.mv_a, and one of its tenants'.
    busy.run(
        "BEGIN; SELECT pg_advisory_xact_lock(('x' || encode(substring(sha256(
             convert_to('driftgate:public.mv_a:' || who, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::int8)
           FROM (VALUES ('*'::text), ('1')) v (who)",
    );
    assert_eq!(verdict(&judge(&project, &database.url(), 0), "EG-6"), "pass");
    assert_eq!(database.advisory_locks().len(), 2);
}

#[test]
fn connect_is_the_only_right_that_is_needed() {
    let mut database = TestDatabase::empty();
    let reader = database.role("reader");
    database.close_to_the_public();
    database.session().run(&format!("GRANT CONNECT ON DATABASE {} TO {reader}", database.name()));
    let project = project("int32", "[[matview]]\nname = 'public.mv_a'");
    judge(&project, &database.url_as(&reader), 0);
}

#[test]
fn a_function_that_may_not_be_called_leaves_it_undecided() {
    let mut database = TestDatabase::empty();
    let reader = database.role("reader");
    database
        .session()
        .run("REVOKE EXECUTE ON FUNCTION pg_try_advisory_xact_lock(int8) FROM PUBLIC");
    let project = project("int64", TWO_VIEWS);
    let report = judge(&project, &database.url_as(&reader), 3);
    assert_eq!((verdict(&report, "EG-6"), findings(&report).len()), ("undecided", 0));
    let of = |slug: &str| unjudged(&report).iter().any(|one| one.starts_with(slug));
    assert!(of("lock-not-exclusive ") && of("pooler-in-between "), "{:?}", unjudged(&report));
}

#[test]
fn a_standby_leaves_it_undecided_and_says_why() {
    let standby = Standby::start();
    let report = judge(&project("int64", TWO_VIEWS), &standby.url(), 3);
    assert_eq!((verdict(&report, "EG-6"), findings(&report).len()), ("undecided", 0));
    let unjudged = unjudged(&report);
    assert_eq!(unjudged.len(), 2);
    assert!(unjudged.iter().all(|one| one.contains("is a standby")), "{unjudged:?}");
    // The names need no server.
    let report = judge(&project("int32", TWO_VIEWS), &standby.url(), 1);
    assert_eq!(findings(&report), ["lock-key-collision audit.mv_a"]);
}

#[test]
fn a_server_that_is_not_there_leaves_it_undecided() {
    let report = judge(&project("int32", TWO_VIEWS), "postgresql://a@/b?host=/nowhere/at/all", 3);
    assert_eq!(verdict(&report, "EG-6"), "undecided");
}

#[test]
fn one_address_for_two_servers_is_found() {
    let (first, second) = (server::server(), server::own());
    let address = Alternating::between([&first.url, &second.url]);
    let report = judge(&project("int64", TWO_VIEWS), &address.url(), 1);
    assert_eq!(findings(&report), ["lock-not-exclusive postgres"]);
    let finding = &report["findings"][0];
    let observed = &finding["evidence"]["observed"];
    assert_eq!(
        (&observed["one_database"], &observed["second_given"]),
        (&false.into(), &true.into())
    );
    let remedy = finding["remedy"]["summary"].as_str().expect("a remedy");
    assert!(remedy.starts_with("let the URL lead to one server"), "{remedy}");
}

#[test]
fn the_steps_of_the_evidence_can_be_repeated() {
    let (first, second) = (server::server(), server::own());
    let address = Alternating::between([&first.url, &second.url]);
    let report = judge(&project("int64", TWO_VIEWS), &address.url(), 1);
    let query = report["findings"][0]["evidence"]["query"].as_str().expect("a query");
    // Two sessions of one server do what is wanted of them.
    let database = TestDatabase::empty();
    let mut sessions = [database.session(), database.session()];
    let mut seen = Vec::new();
    for step in query.split("/* session ").skip(1) {
        let (head, steps) = step.split_once("*/").expect("a comment");
        let session = &mut sessions[usize::from(head.starts_with('2'))];
        for statement in steps.split(';').map(str::trim).filter(|one| !one.is_empty()) {
            seen.extend(session.column(statement));
        }
    }
    assert_eq!(seen, ["t", "f", "t"]);
}

#[test]
fn two_views_of_one_bare_name_collide_and_psql_agrees() {
    let database = TestDatabase::empty();
    for (scheme, exit) in [("int32", 1), ("int32-pair", 1), ("int64", 0)] {
        let report = judge(&project(scheme, TWO_VIEWS), &database.url(), exit);
        if exit == 0 {
            continue;
        }
        assert_eq!(findings(&report), ["lock-key-collision audit.mv_a"], "{scheme}");
        let finding = &report["findings"][0];
        assert_eq!(finding["location"]["line"], 6);
        let rows = database.session().rows(finding["evidence"]["query"].as_str().expect("a query"));
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0][1..], rows[1][1..]);
        let key = finding["evidence"]["observed"]["key"].as_array().expect("a key");
        let key: Vec<_> = key.iter().map(|part| Some(part.to_string())).collect();
        assert_eq!(rows[0][1..], key);
    }
}

/// Tenants whose keys really are the same, found by a search.
const TENANTS: &str =
    "SELECT id FROM (VALUES ('tenant_06144'), ('other'), ('tenant_35846')) v (id)";

#[test]
fn tenants_collide_by_accident_and_psql_agrees() {
    let database = TestDatabase::empty();
    let rest = format!(
        "[tenancy]\ntenants = \"{TENANTS}\"\n[[matview]]\nname = 'public.mv_channel_performance'"
    );
    let report = judge(&project("int32", &rest), &database.url(), 1);
    assert_eq!(findings(&report), ["lock-key-collision public.mv_channel_performance"]);
    let evidence = &report["findings"][0]["evidence"];
    let message = report["findings"][0]["message"].as_str().expect("a message");
    assert!(message.contains("tenant_06144") && message.contains("tenant_35846"), "{message}");
    let rows = database.session().rows(evidence["query"].as_str().expect("a query"));
    assert_eq!(
        (rows[0][1].as_deref(), rows[1][1].as_deref()),
        (Some("1403351676"), Some("1403351676"))
    );
    for scheme in ["int32-pair", "int64"] {
        judge(&project(scheme, &rest), &database.url(), 0);
    }
}

#[test]
fn views_of_one_tenant_are_compared_with_their_tenant() {
    let database = TestDatabase::empty();
    const TENANTS: &str = "SELECT id, slug FROM (VALUES (1, 'x'), (2, 'y')) v (id, slug)";
    let rest =
        format!("[tenancy]\ntenants = \"{TENANTS}\"\n[[matview]]\nname = 't_{{slug}}.mv_a'\n");
    judge(&project("int32", &rest), &database.url(), 0);
    let both = format!("{rest}[[matview]]\nname = 'u_{{slug}}.mv_a'\n");
    let report = judge(&project("int32", &both), &database.url(), 1);
    let expected = ["lock-key-collision u_x.mv_a", "lock-key-collision u_y.mv_a"];
    assert_eq!(findings(&report), expected);
    judge(&project("int64", &both), &database.url(), 0);
}

#[test]
fn tenants_that_cannot_be_known_leave_the_keys_undecided() {
    let database = TestDatabase::empty();
    let failing =
        "[tenancy]\ntenants = 'SELECT id FROM nowhere'\n[[matview]]\nname = 'public.mv_a'";
    for scheme in ["int32", "int32-pair", "int64"] {
        let report = judge(&project(scheme, failing), &database.url(), 3);
        let unjudged = unjudged(&report);
        assert_eq!(unjudged.len(), 1, "{unjudged:?}");
        assert!(unjudged[0].starts_with("lock-key-collision "), "{unjudged:?}");
    }
    // Without a query, four bytes may collide and eight do not.
    let silent = "[tenancy]\nsetting = 'app.tenant'\n[[matview]]\nname = 'public.mv_a'";
    let report = judge(&project("int32", silent), &database.url(), 3);
    assert!(unjudged(&report)[0].contains("does not say who the tenants are"));
    judge(&project("int64", silent), &database.url(), 0);
    judge(&project("int32", "[[matview]]\nname = 'public.mv_a'"), &database.url(), 0);
}

/// A socket whose connections lead to two servers by turns.
struct Alternating(TempDir);

impl Alternating {
    fn between(urls: [&str; 2]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432"));
        let listener = listener.expect("a socket can be made");
        let sockets = urls.map(socket_of);
        thread::spawn(move || {
            let servers = sockets.iter().cycle();
            for (client, server) in listener.incoming().map_while(Result::ok).zip(servers) {
                let server = UnixStream::connect(server).expect("the server listens");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let ends = from.try_clone().and_then(|from| Ok((from, to.try_clone()?)));
                    let (mut from, mut to) = ends.expect("a socket can be shared");
                    thread::spawn(move || {
                        // Either side may hang up.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self(folder)
    }

    fn url(&self) -> String {
        format!("postgresql://postgres@/postgres?host={}", self.0.path().display())
    }
}

fn socket_of(url: &str) -> PathBuf {
    let (_, folder) = url.split_once("host=").expect("the server listens on a socket");
    PathBuf::from(folder.split('&').next().unwrap_or(folder)).join(".s.PGSQL.5432")
}
