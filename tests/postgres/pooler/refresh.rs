//! `refresh` by way of a pooler: right, or clearly refused; no lock left, and nothing for the
//! next client of the pool.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::driftgate::Driftgate;
use crate::support::pgbouncer::{PgBouncer, Pool, Pooling};
use crate::support::poll::{until, within};
use crate::support::session::Session;
use crate::support::{Project, TestDatabase, driftgate};

const SQL: &str = "
    CREATE TABLE public.sales (tenant_id text NOT NULL, cents int NOT NULL);
    INSERT INTO public.sales SELECT t, 1 FROM unnest('{a,b,c}'::text[]) t;
    CREATE MATERIALIZED VIEW public.mv_sums AS
        SELECT tenant_id, sum(cents) AS cents FROM public.sales GROUP BY tenant_id;
    CREATE UNIQUE INDEX ON public.mv_sums (tenant_id);
    CREATE MATERIALIZED VIEW public.mv_total AS
        SELECT 1 AS id, sum(cents) AS cents FROM public.mv_sums;
    CREATE UNIQUE INDEX ON public.mv_total (id);";

const REGISTRY: &str = "version = 1
    [tenancy]
    setting = 'app.tenant'
    settings = { 'app.context' = 'worker' }
    [[matview]]
    name = 'public.mv_sums'
    tenant_column = 'tenant_id'
    [[matview]]
    name = 'public.mv_total'";

/// What a client of a pool must find as if nobody had been there before.
const SETTINGS: &str = "SELECT name || '=' || setting FROM pg_settings
     WHERE source = 'session' AND name NOT IN
           ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'extra_float_digits')
        OR name LIKE 'app.%' AND setting <> ''
    UNION ALL SELECT 'prepared ' || statement FROM pg_prepared_statements";

/// A database, a project, and a pooler in front.
struct Scene {
    database: TestDatabase,
    project: Project,
    pooler: PgBouncer,
}

impl Scene {
    fn new(pool: Pool) -> Self {
        let (database, project) = (TestDatabase::empty(), Project::new(REGISTRY));
        database.session().run(SQL);
        Self { database, project, pooler: pool.start() }
    }

    fn url(&self) -> String {
        self.pooler.url(self.database.name(), "postgres")
    }

    fn refresh(&self, arguments: &[&str]) -> Driftgate {
        driftgate(["refresh", "--all"])
            .args(arguments)
            .args(["--format", "json"])
            .project(&self.project)
            .database(&self.url())
    }

    fn sell(&self, cents: u32) {
        let sql = format!("INSERT INTO public.sales VALUES ('a', {cents})");
        self.database.session().run(&sql);
    }

    /// Returns how many rows of the views are not what their queries give.
    fn wrong_rows(&self) -> i64 {
        let mut session = self.database.session();
        let views = session.rows("SELECT matviewname, rtrim(definition, ';') FROM pg_matviews");
        let wrong = views.iter().map(|row| {
            let [Some(view), Some(query)] = row.as_slice() else { panic!("a view has both") };
            let (view, query) =
                (format!("SELECT * FROM {view}"), format!("SELECT * FROM ({query}) q"));
            let differing = format!(
                "SELECT count(*) FROM (({view} EXCEPT ALL {query}) UNION ALL ({query} EXCEPT ALL \
                 {view})) d"
            );
            session.value(&differing).parse::<i64>().expect("a number")
        });
        wrong.sum()
    }

    /// Asserts that no lock is held, nobody works on, and the pool is as new.
    fn assert_nothing_is_left(&self) {
        assert!(self.database.advisory_locks().is_empty());
        let left = Session::connect(&self.url()).column(SETTINGS);
        assert!(left.is_empty(), "{left:?}");
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND state LIKE 'idle in transaction%'";
        assert_eq!(self.database.session().value(open), "0");
    }
}

/// Returns the outcomes of a report.
fn outcomes(report: &Value) -> Vec<&str> {
    let results = report["data"]["refreshes"].as_array().expect("a refresh has results");
    results.iter().filter_map(|result| result["outcome"].as_str()).collect()
}

/// Tells whether everything was refreshed, or left to somebody who had the key.
fn is_a_race(report: &Value) -> bool {
    match outcomes(report)[..] {
        [first, second] => {
            let is_left = first == "SKIPPED_LOCK_HELD" && second == "SKIPPED_UPSTREAM";
            is_left || first == "SUCCESS" && ["SUCCESS", "SKIPPED_LOCK_HELD"].contains(&second)
        }
        _ => false,
    }
}

#[test]
fn one_after_the_other_they_are_right() {
    let scene = Scene::new(Pool::of(Pooling::Transaction, 2));
    for round in 1..4 {
        scene.sell(round);
        let report = scene.refresh(&[]).run().exits(0).document();
        assert_eq!(outcomes(&report), ["SUCCESS", "SUCCESS"]);
        assert_eq!(scene.wrong_rows(), 0);
    }
    scene.assert_nothing_is_left();
}

#[test]
fn six_clients_of_a_pool_of_two_are_right_together() {
    let scene = Scene::new(Pool::of(Pooling::Transaction, 2));
    thread::scope(|scope| {
        for client in 0..6 {
            let scene = &scene;
            scope.spawn(move || {
                for round in 1..4 {
                    scene.sell(client * 10 + round);
                    let report = scene.refresh(&[]).run().exits(0).document();
                    assert!(is_a_race(&report), "{:?}", outcomes(&report));
                }
            });
        }
    });
    // The last to be skipped may have sold after the last that was refreshed.
    let report = scene.refresh(&[]).run().exits(0).document();
    assert_eq!(outcomes(&report), ["SUCCESS", "SUCCESS"]);
    assert_eq!(scene.wrong_rows(), 0);
    scene.assert_nothing_is_left();
}

#[test]
fn six_that_wait_in_a_pool_of_two_miss_nothing() {
    for how in [&["--coalesce"][..], &["--wait", "30s"]] {
        let scene = Scene::new(Pool::of(Pooling::Transaction, 2));
        thread::scope(|scope| {
            for client in 0..6 {
                let scene = &scene;
                scope.spawn(move || {
                    scene.sell(client + 1);
                    let report = scene.refresh(how).run().exits(0).document();
                    assert!(is_a_race(&report), "{how:?}: {:?}", outcomes(&report));
                });
            }
        });
        // Whoever was skipped was so for one that began after its rows were committed.
        assert_eq!(scene.wrong_rows(), 0, "{how:?}");
        scene.assert_nothing_is_left();
    }
}

#[test]
fn several_jobs_share_a_pool_of_two() {
    let scene = Scene::new(Pool::of(Pooling::Transaction, 2));
    scene.sell(7);
    scene.refresh(&["--jobs", "4"]).run().exits(0);
    assert_eq!(scene.wrong_rows(), 0);
    scene.assert_nothing_is_left();
}

#[test]
fn with_history_it_is_the_same() {
    let scene = Scene::new(Pool::of(Pooling::Transaction, 2));
    let install = driftgate(["history", "install"]).project(&scene.project);
    install.database(&scene.database.url()).run().exits(0);
    scene.sell(7);
    let report = scene.refresh(&[]).run().exits(0).document();
    assert_eq!(outcomes(&report), ["SUCCESS", "SUCCESS"]);
    let report = scene.refresh(&["--if-older-than", "1h"]).run().exits(0).document();
    assert_eq!(outcomes(&report), ["SKIPPED_FRESH", "SKIPPED_FRESH"]);
    scene.assert_nothing_is_left();
}

#[test]
fn a_key_that_is_held_past_the_pooler_is_respected() {
    let scene = Scene::new(Pool::of(Pooling::Transaction, 2));
    let dry = scene.refresh(&["--dry-run"]).run().exits(0).document();
    assert_eq!(dry["verdict"], Value::Null);
    let report = scene.refresh(&[]).run().exits(0).document();
    let key = report["data"]["refreshes"][0]["lock"]["key"][0].to_string();
    let mut holder = scene.database.session();
    holder.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({key})"));
    let report = scene.refresh(&[]).run().exits(0).document();
    assert_eq!(outcomes(&report)[0], "SKIPPED_LOCK_HELD");
    holder.run("ROLLBACK");
    scene.assert_nothing_is_left();
}

#[test]
fn one_that_is_killed_or_interrupted_leaves_nothing_to_the_pool() {
    for signal in [Signal::KILL, Signal::INT] {
        let scene = Scene::new(Pool::of(Pooling::Transaction, 2));
        scene.sell(7);
        // A reader of the table in a way that a refresh waits for.
        let mut holder = scene.database.session();
        holder.run("BEGIN; LOCK TABLE public.sales IN ACCESS EXCLUSIVE MODE");
        let running = scene.refresh(&["--lock-timeout", "60s"]).start();
        until("a refresh that waits", || {
            let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE NOT l.granted AND l.locktype = 'relation' AND d.datname = current_database()";
            (holder.value(waiting) == "1").then_some(())
        });
        running.signal(signal);
        let ended = running.wait();
        assert!(matches!(ended.code, None | Some(130)), "{signal:?}: {ended:?}");
        let version = holder.value("SHOW server_version_num");
        if signal == Signal::KILL && version.starts_with("13") {
            // It does not notice in mid-statement that its client is gone.
            holder.run("ROLLBACK");
        }
        within(Duration::from_secs(20), "a key that nobody holds", || {
            scene.database.advisory_locks().is_empty().then_some(())
        });
        holder.run("ROLLBACK");
        assert_ne!(scene.wrong_rows(), 0, "nothing of it was committed");
        scene.assert_nothing_is_left();
        scene.refresh(&[]).run().exits(0);
        assert_eq!(scene.wrong_rows(), 0);
    }
}

#[test]
fn a_pool_of_sessions_is_as_good_as_none() {
    let scene = Scene::new(Pool::of(Pooling::Session, 4));
    scene.sell(7);
    let report = scene.refresh(&[]).run().exits(0).document();
    assert_eq!(outcomes(&report), ["SUCCESS", "SUCCESS"]);
    assert_eq!(scene.wrong_rows(), 0);
    scene.assert_nothing_is_left();
}

#[test]
fn a_pool_of_statements_is_refused_and_changes_nothing() {
    let scene = Scene::new(Pool::of(Pooling::Statement, 4));
    scene.sell(7);
    let versions = "SELECT string_agg(xmin::text, ',' ORDER BY relname) FROM pg_class \
                    WHERE relkind = 'm'";
    let before = scene.database.session().value(versions);
    let refused = scene.refresh(&[]).run().exits(3);
    assert!(!refused.document()["failure"].is_null());
    assert_eq!(scene.database.session().value(versions), before);
    assert!(scene.database.advisory_locks().is_empty());
}
