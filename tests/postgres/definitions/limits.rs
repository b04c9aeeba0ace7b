//! What comparing costs others: it waits no longer than it may, keeps nobody waiting, and
//! leaves nothing.

use std::time::{Duration, Instant};

use super::{assert_undecided, compare, compare_one, database, declare, make_forms};
use crate::support::round_trips::Counting;

#[test]
fn a_view_behind_a_refresh_or_a_migration_is_undecided_and_the_others_are_compared() {
    let database = database();
    database.session().run(
        "CREATE MATERIALIZED VIEW public.refreshed AS SELECT id FROM public.nodes;
         CREATE MATERIALIZED VIEW public.above AS SELECT id FROM public.refreshed;
         CREATE MATERIALIZED VIEW public.altered AS SELECT sku FROM public.lines;
         CREATE MATERIALIZED VIEW public.free AS SELECT id FROM public.orders",
    );
    let (mut refreshing, mut migrating) = (database.session(), database.session());
    refreshing.run("BEGIN; REFRESH MATERIALIZED VIEW public.refreshed");
    migrating.run("BEGIN; LOCK TABLE public.lines IN ACCESS EXCLUSIVE MODE");
    let declared = [
        declare("public.refreshed", "SELECT id FROM nodes"),
        declare("public.above", "SELECT id FROM refreshed"),
        declare("public.altered", "SELECT sku FROM lines"),
        declare("public.free", "SELECT id FROM orders"),
    ];
    let started = Instant::now();
    let compared = compare(&database.url(), &declared);
    // The limit of these tests on waiting is a second; all else takes little.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    for one in &declared[..3] {
        let reason = assert_undecided(&compared[&one.view]);
        assert!(reason.starts_with("another session holds a lock on public."), "{reason}");
    }
    assert_eq!(compared[&declared[3].view].word(), "same");
    migrating.run("ROLLBACK");
    refreshing.run("ROLLBACK");
    let compared = compare(&database.url(), &declared);
    assert!(compared.values().all(|compared| compared.word() == "same"), "{compared:?}");
}

#[test]
fn a_lock_that_goes_in_time_is_waited_for() {
    let database = database();
    database.session().run("CREATE MATERIALIZED VIEW public.mv AS SELECT id FROM public.nodes");
    let mut holding = database.session();
    holding.run("BEGIN; LOCK TABLE public.nodes IN ACCESS EXCLUSIVE MODE");
    let holder = holding.run_aside("SELECT pg_sleep(0.4); ROLLBACK");
    assert_eq!(compare_one(&database.url(), "public.mv", "SELECT id FROM nodes").word(), "same");
    let (_session, ended) = holder.join().expect("the holder ends");
    assert_eq!(ended, Ok(()));
}

#[test]
fn nothing_is_left_and_no_lock_is_kept() {
    let database = database();
    let mut session = database.session();
    let mut declared = make_forms(&mut session);
    declared.push(declare("public.mv_0", "SELECT 1 AS other"));
    let catalog = "SELECT string_agg(format('%s %s', c, n), ', ' ORDER BY c) FROM (
          SELECT 'class' AS c, count(*) AS n FROM pg_class
          UNION ALL SELECT 'rewrite', count(*) FROM pg_rewrite
          UNION ALL SELECT 'type', count(*) FROM pg_type
          UNION ALL SELECT 'namespace', count(*) FROM pg_namespace
          UNION ALL SELECT 'depend', count(*) FROM pg_depend) x";
    let before = session.value(catalog);
    compare(&database.url(), &declared);
    assert_eq!(session.value(catalog), before);
    let left = database.sessions_of_the_program();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn without_a_definition_nothing_is_contacted_and_each_costs_a_few_round_trips() {
    let database = database();
    let mut session = database.session();
    let declared = make_forms(&mut session);
    let counting = Counting::new();
    let url = counting.url(&database);
    assert!(compare(&url, &[]).is_empty());
    assert_eq!(counting.count(), 0);
    let cost = |many| {
        let before = counting.count();
        compare(&url, &declared[..many]);
        counting.count() - before
    };
    // What comes in two pieces may be counted twice.
    let (one, many) = (cost(1), cost(41));
    assert!((many - one) / 40 <= 7, "{one} round trips for one view, {many} for 41");
}
