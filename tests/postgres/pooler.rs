//! Poolers in between: which of them EG-6 finds, and what the commands do through one that
//! gives away server processes between transactions.

mod refresh;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::driftgate::{findings, verdict};
use crate::support::pgbouncer::{PgBouncer, Pool, Pooling};
use crate::support::session::Session;
use crate::support::{Project, TestDatabase, driftgate};

const FOUND: &str = "pooler-in-between";

/// Judges EG-6 by way of a URL.
fn judge(project: &Project, url: &str, exit: i32) -> Value {
    driftgate(["preflight", "--gate", "EG-6"])
        .project(project)
        .database(url)
        .json()
        .exits(exit)
        .document()
}

/// Returns what was seen of the pooler.
fn pooling(report: &Value) -> &str {
    let findings = report["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["check"] == FOUND);
    found.and_then(|finding| finding["evidence"]["observed"]["pooling"].as_str()).unwrap_or("none")
}

#[test]
fn a_direct_connection_passes() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let report = judge(&project, &database.url(), 0);
    assert_eq!((verdict(&report, "EG-6"), findings(&report).len()), ("pass", 0));
    assert!(database.advisory_locks().is_empty());
}

#[test]
fn a_direct_connection_passes_while_others_come_and_go() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    database.session().run("SELECT count(*) FROM pg_class");
                }
            });
        }
        for _ in 0..10 {
            assert_eq!(verdict(&judge(&project, &database.url(), 0), "EG-6"), "pass");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_pool_of_sessions_passes() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    for size in [2, 20] {
        let pooler = Pool::of(Pooling::Session, size).start();
        // The second time the pool has connections that are older than the program.
        for _ in 0..2 {
            let report = judge(&project, &pooler.url(database.name(), "postgres"), 0);
            assert_eq!((verdict(&report, "EG-6"), pooling(&report)), ("pass", "none"));
        }
    }
    assert!(database.advisory_locks().is_empty());
}

#[test]
fn a_pool_with_one_connection_for_sessions_is_undecided() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let pooler = Pool::of(Pooling::Session, 1).start();
    let report = judge(&project, &pooler.url(database.name(), "postgres"), 3);
    assert_eq!((verdict(&report, "EG-6"), findings(&report).len()), ("undecided", 0));
}

#[test]
fn a_pool_of_transactions_is_found_whatever_it_hands_out() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let pools = [
        Pool::of(Pooling::Transaction, 1),
        Pool::of(Pooling::Transaction, 2),
        Pool::of(Pooling::Transaction, 20),
        Pool::of(Pooling::Transaction, 20).setting("min_pool_size = 5"),
        Pool::of(Pooling::Transaction, 3).setting("server_round_robin = 1"),
        Pool::of(Pooling::Transaction, 3).setting("ignore_startup_parameters = options"),
    ];
    for pool in pools {
        let pooler = pool.clone().start();
        for round in 0..2 {
            let report = judge(&project, &pooler.url(database.name(), "postgres"), 1);
            let seen = (verdict(&report, "EG-6"), pooling(&report));
            assert_eq!(seen, ("fail", "transaction"), "{pool:?}, round {round}");
        }
    }
    assert!(database.advisory_locks().is_empty());
}

#[test]
fn a_pool_of_transactions_is_found_while_others_use_it() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let pooler = Pool::of(Pooling::Transaction, 8).start();
    let url = pooler.url(database.name(), "postgres");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Session::connect(&url);
                while !is_over.load(Ordering::Relaxed) {
                    client.run("BEGIN; SELECT count(*) FROM pg_class; COMMIT");
                }
            });
        }
        for _ in 0..5 {
            assert_eq!(pooling(&judge(&project, &url, 1)), "transaction");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn several_poolers_behind_one_port_are_found() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let pooler = Pool::of(Pooling::Transaction, 5).processes(2).start();
    let report = judge(&project, &pooler.url(database.name(), "postgres"), 1);
    assert_eq!(pooling(&report), "transaction");

    let pooler = Pool::of(Pooling::Session, 5).processes(2).start();
    let report = judge(&project, &pooler.url(database.name(), "postgres"), 0);
    assert_eq!(verdict(&report, "EG-6"), "pass");
}

#[test]
fn a_pool_of_statements_is_found() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let pooler = Pool::of(Pooling::Statement, 5).start();
    let report = judge(&project, &pooler.url(database.name(), "postgres"), 1);
    assert_eq!(findings(&report), [format!("{FOUND} {}", database.name())]);
    assert_eq!(pooling(&report), "statement");
}

#[test]
fn the_finding_says_what_to_do_and_shows_what_was_seen() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let pooler = Pool::of(Pooling::Transaction, 2).start();
    let url = pooler.url(database.name(), "postgres");
    let report = judge(&project, &url, 1);
    let finding = &report["findings"][0];
    assert_eq!(finding["subject"]["kind"], "database");
    let advice = finding["remedy"]["summary"].as_str().expect("advice");
    assert!(advice.contains("leads to the server itself"), "{advice}");
    let turns = finding["evidence"]["observed"]["turns"].as_array().expect("turns");
    let of = |session: u64| turns.iter().find(|turn| turn["session"] == session);
    assert_eq!(of(1).expect("turns of 1")["pid"], of(2).expect("turns of 2")["pid"]);
    // The steps of the query, each in its session.
    let process = "SELECT pg_backend_pid()";
    assert_eq!(finding["evidence"]["query"].as_str().map(|q| q.matches(process).count()), Some(3));
    let (mut first, mut second) = (Session::connect(&url), Session::connect(&url));
    let before = first.value(process);
    second.run("BEGIN");
    assert_eq!(second.value(process), before);
    assert_ne!(first.value(process), before);
    second.run("ROLLBACK");
}

/// Returns a pool of few transactions, and its URL of a database.
fn few(database: &TestDatabase) -> (PgBouncer, String) {
    let pooler = Pool::of(Pooling::Transaction, 2).start();
    let url = pooler.url(database.name(), "postgres");
    (pooler, url)
}

#[test]
fn what_is_looked_at_is_the_same_through_a_pool_of_transactions() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    database.session().run("DROP INDEX public.mv_realtime_revenue_key");
    let (_pooler, pooled) = few(&database);
    for (arguments, exit) in [
        (&["inventory"][..], 0),
        (&["diff-registry"], 1),
        (&["check-grants"], 0),
        (&["migrate", "status"], 0),
        (&["preflight", "--gate", "EG-1", "--gate", "EG-3", "--gate", "EG-7"], 1),
    ] {
        let [through, straight] = [&pooled, &database.url()].map(|url| {
            let run = driftgate(arguments).project(&project).database(url).json().exits(exit);
            let mut report = run.document();
            for key in ["run_id", "started_at", "duration_ms", "target"] {
                report[key] = Value::Null;
            }
            report
        });
        assert_eq!(through, straight, "{arguments:?}");
    }
}

#[test]
fn commands_at_the_same_time_do_not_get_each_others_answers() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let (_pooler, pooled) = few(&database);
    let commands = [
        &["inventory"][..],
        &["diff-registry"],
        &["check-grants"],
        &["inventory"],
        &["diff-registry"],
        &["check-grants"],
    ];
    let data = |arguments: &[&str], url: &str| {
        let run = driftgate(arguments).project(&project).database(url).json().exits(0);
        run.document()["data"].clone()
    };
    let straight: Vec<Value> =
        commands.iter().map(|arguments| data(arguments, &database.url())).collect();
    thread::scope(|scope| {
        let running: Vec<_> = commands
            .iter()
            .map(|arguments| {
                let (data, pooled) = (&data, &pooled);
                scope.spawn(move || (0..5).map(|_| data(arguments, pooled)).collect::<Vec<_>>())
            })
            .collect();
        for (client, straight) in running.into_iter().zip(&straight) {
            for answer in client.join().expect("it does not panic") {
                assert_eq!(&answer, straight);
            }
        }
    });
}

#[test]
fn nothing_is_left_to_the_next_client_of_a_pool() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let pooler = Pool::of(Pooling::Transaction, 1).start();
    let url = pooler.url(database.name(), "postgres");
    let settings = "SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_settings \
                    WHERE name IN ('lock_timeout', 'statement_timeout', 'search_path', 'jit', \
                    'idle_in_transaction_session_timeout', 'client_connection_check_interval', \
                    'transaction_read_only', 'default_transaction_read_only') \
                    OR name LIKE 'driftgate%'";
    let before = Session::connect(&url).value(settings);
    for arguments in [&["inventory"][..], &["diff-registry"], &["check-grants"], &["preflight"]] {
        driftgate(arguments).project(&project).database(&url).json();
        assert_eq!(Session::connect(&url).value(settings), before, "{arguments:?}");
    }
    assert!(database.advisory_locks().is_empty());
}

#[test]
fn who_holds_a_lock_is_the_same_through_a_pool_of_transactions() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let (_pooler, pooled) = few(&database);
    let plan = driftgate(["refresh", "--all", "--dry-run"]).project(&project);
    let plan = plan.database(&pooled).json().document();
    assert!(plan["failure"].is_null(), "{plan:#}");
    // One past the pooler, and one by way of it.
    let key = |view: &str| {
        format!(
            "SELECT pg_advisory_xact_lock(('x' || encode(substring(sha256(
                 'driftgate:public.{view}:*') FROM 1 FOR 8), 'hex'))::bit(64)::int8)"
        )
    };
    let (mut past, mut through) = (database.session(), Session::connect(&pooled));
    past.run(&format!("BEGIN; {}", key("mv_channel_performance")));
    through.run(&format!("BEGIN; {}", key("mv_allocation_summary")));
    let locks = |url: &str| {
        let run = driftgate(["lock-status"]).project(&project).database(url).json().exits(0);
        let mut locks = run.document()["data"]["locks"].clone();
        for lock in locks.as_array_mut().expect("locks") {
            lock["held_seconds"] = Value::Null;
        }
        locks
    };
    let seen = locks(&pooled);
    assert_eq!(seen, locks(&database.url()));
    let views: Vec<&str> = seen
        .as_array()
        .expect("locks")
        .iter()
        .filter(|lock| lock["kind"] == "advisory")
        .filter_map(|lock| lock["view"].as_str())
        .collect();
    assert_eq!(views.len(), 2, "{seen:#}");
    past.run("ROLLBACK");
    through.run("ROLLBACK");
    assert_eq!(locks(&pooled), serde_json::json!([]));
}

#[test]
fn a_pooler_can_be_accepted_until_a_date() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let (_pooler, pooled) = few(&database);
    project.register(&format!(
        "[[exception]]\ncheck = '{FOUND}'\nsubject = '{}'\nreason = 'driftgate alone'\n\
         until = 2099-12-31",
        database.name()
    ));
    let report = judge(&project, &pooled, 0);
    assert_eq!(verdict(&report, "EG-6"), "pass");
    assert_eq!(report["findings"][0]["exception"]["reason"], "driftgate alone");
}
