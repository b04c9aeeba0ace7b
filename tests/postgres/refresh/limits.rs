//! Limits of time and room, and servers that take no changes: the outcome says which, the
//! view is as before, and nothing is left behind.

use super::scene::{SALES, Scene, message, notes, only, outcome};

/// What the view was before, for comparing afterwards.
fn look(scene: &Scene) -> (String, String) {
    (scene.rows("public.mv"), scene.xmin("public.mv"))
}

#[test]
fn a_lock_on_what_it_reads_is_waited_for_until_the_limit() {
    let scene = Scene::of_sales().with_history();
    let before = look(&scene);
    let mut locking = scene.session();
    locking.run("BEGIN; LOCK TABLE public.sales IN ACCESS EXCLUSIVE MODE");
    let run = scene.command(["refresh", "--all", "--lock-timeout", "200ms"]).json().exits(4);
    let report = run.document();
    assert_eq!(outcome(&report), "LOCK_TIMEOUT");
    assert_eq!(only(&report)["error"]["sqlstate"], "55P03");
    locking.run("ROLLBACK");
    assert_eq!(look(&scene), before);
    assert_eq!(scene.on_record(), ["mv LOCK_TIMEOUT 55P03"]);
    scene.assert_nothing_is_left();
}

#[test]
fn another_refresh_outside_the_scheme_is_waited_for_until_the_limit() {
    // A cron job of the old kind: no key, only the lock of the relation.
    let scene = Scene::of_sales();
    let mut cron = scene.session();
    cron.run("BEGIN; REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv");
    let report = scene.command(["refresh", "--all", "--lock-timeout", "200ms"]).json();
    assert_eq!(outcome(&report.exits(4).document()), "LOCK_TIMEOUT");
    cron.run("COMMIT");
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
}

#[test]
fn a_statement_that_takes_too_long_is_ended_and_said_to_be() {
    let scene = Scene::with_gate().with_history();
    let before = look(&scene);
    let gate = scene.close_gate();
    let report = scene.refreshes(["--all", "--statement-timeout", "300ms"], 1);
    assert_eq!(outcome(&report), "TIMED_OUT");
    assert_eq!(only(&report)["error"]["sqlstate"], "57014");
    let hint = only(&report)["error"]["hint"].as_str().expect("a hint");
    assert!(hint.contains("--statement-timeout"), "{hint}");
    drop(gate);
    assert_eq!(look(&scene), before);
    assert_eq!(scene.on_record(), ["mv TIMED_OUT 57014"]);
    scene.assert_nothing_is_left();
}

#[test]
fn a_limit_on_the_whole_transaction_is_told_as_one() {
    let scene = Scene::with_gate().with_history();
    let version: u32 = scene.value("SHOW server_version_num").parse().expect("a number");
    if version < 170_000 {
        // The setting came with 17: before it the name is refused.
        assert!(scene.session().try_run("SET transaction_timeout = 1").is_err());
        return;
    }
    let before = look(&scene);
    scene.run(&format!(
        "ALTER DATABASE {} SET transaction_timeout = '700ms'",
        scene.database.name()
    ));
    let gate = scene.close_gate();
    let report = scene.refreshes(["--all"], 1);
    assert_eq!(outcome(&report), "TIMED_OUT");
    assert_eq!(only(&report)["error"]["sqlstate"], "25P04");
    drop(gate);
    assert_eq!(look(&scene), before);
    assert_eq!(scene.on_record(), ["mv TIMED_OUT 25P04"]);
    scene.assert_nothing_is_left();
}

#[test]
fn room_that_ran_out_leaves_the_view_as_it_was() {
    let scene = Scene::new(
        &format!(
            "{SALES}
             CREATE MATERIALIZED VIEW public.mv AS
               SELECT tenant_id, day, n, md5(n::text) AS text
                 FROM public.sales, generate_series(1, 100) n ORDER BY 4;
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day, n);"
        ),
        "[[matview]]\nname = 'public.mv'",
    )
    .with_history();
    let before = look(&scene);
    // A thousand times as many rows, sorted on disk, of which there is next to nothing.
    scene.run("INSERT INTO public.sales SELECT 'd', n, n FROM generate_series(1, 1000) n");
    scene.run(&format!(
        "ALTER DATABASE {name} SET work_mem = '64kB';
         ALTER DATABASE {name} SET max_parallel_workers_per_gather = 0;
         ALTER DATABASE {name} SET temp_file_limit = '128kB'",
        name = scene.database.name()
    ));
    let report = scene.refreshes(["--all"], 1);
    assert_eq!(outcome(&report), "FAILED");
    assert_eq!(only(&report)["error"]["sqlstate"], "53400", "{report:#}");
    scene.run(&format!("ALTER DATABASE {} RESET ALL", scene.database.name()));
    assert_eq!(look(&scene), before);
    assert_eq!(scene.on_record(), ["mv FAILED 53400"]);
    scene.assert_nothing_is_left();
}

#[test]
fn a_role_set_to_read_only_is_told_before_anything_is_sent() {
    let mut scene = Scene::of_sales();
    let reader = scene.database.role("reader");
    scene.run(&format!(
        "ALTER ROLE {reader} SET default_transaction_read_only = on;
         ALTER MATERIALIZED VIEW public.mv OWNER TO {reader}"
    ));
    let before = look(&scene);
    let url = scene.database.url_as(&reader);
    for arguments in [&["--all"][..], &["--all", "--coalesce"], &["public.mv", "--dry-run"]] {
        let run = scene.refresh([]).args(arguments).database(&url).json().exits(3);
        let report = run.document();
        assert_eq!((&report["verdict"], &report["exit_code"]), (&"undecided".into(), &3.into()));
        assert!(run.stderr.contains("read only"), "{}", run.stderr);
    }
    assert_eq!(look(&scene), before);
    scene.assert_nothing_is_left();
}

#[test]
fn a_history_that_is_gone_when_its_row_is_due_does_not_undo_the_refresh() {
    for (fault, code) in [
        ("DROP SCHEMA driftgate CASCADE", "42P01"),
        ("ALTER TABLE driftgate.refreshes ADD CHECK (mode = 'none') NOT VALID", "23514"),
    ] {
        let scene = Scene::with_gate().with_history();
        scene.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
        let (gate, running) = scene.start_at_gate(["--all"]);
        scene.run(fault);
        drop(gate);
        let report = running.wait().exits(0).document();
        assert_eq!(outcome(&report), "SUCCESS");
        let notes = notes(&report);
        assert!(notes.contains(&format!("not on record: the server said {code}")), "{notes}");
        assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
        scene.assert_nothing_is_left();
    }
}

#[test]
fn a_right_to_the_history_that_is_taken_away_meanwhile_does_not_undo_the_refresh() {
    let mut scene = Scene::with_gate();
    let worker = scene.database.role("worker");
    scene.run(&format!(
        "GRANT CREATE, USAGE ON SCHEMA public TO {worker}; GRANT SELECT ON public.sales TO {worker};
         ALTER MATERIALIZED VIEW public.mv OWNER TO {worker}"
    ));
    scene.command(["history", "install", "--grant-to", &worker]).run().exits(0);
    scene.run("INSERT INTO public.sales VALUES ('d', 1, 1)");
    let gate = scene.close_gate();
    let command = scene.refresh(["--all", "--format", "json"]);
    let running = command.database(&scene.database.url_as(&worker)).start();
    scene.until_at_gate(1);
    scene.run(&format!("REVOKE INSERT ON driftgate.refreshes FROM {worker}"));
    drop(gate);
    let report = running.wait().exits(0).document();
    assert_eq!(outcome(&report), "SUCCESS");
    let notes = notes(&report);
    assert!(notes.contains("not on record: the server said 42501"), "{notes}");
    assert_eq!(scene.value("SELECT count(*) FROM public.mv"), "10");
    assert_eq!(scene.on_record(), Vec::<String>::new());
    scene.assert_nothing_is_left();
}

#[test]
fn a_duplicate_key_names_the_key_and_no_row() {
    let scene = Scene::of_sales().with_history();
    let before = look(&scene);
    scene.run(
        "ALTER TABLE public.sales DROP CONSTRAINT sales_pkey;
         INSERT INTO public.sales VALUES ('a', 1, 4711)",
    );
    let report = scene.refreshes(["--all"], 1);
    assert_eq!(outcome(&report), "FAILED");
    assert_eq!(only(&report)["error"]["sqlstate"], "23505");
    assert!(message(&report).contains("mv_tenant_id_day_idx"), "{report:#}");
    assert_eq!(look(&scene), before);
    assert_eq!(scene.on_record(), ["mv FAILED 23505"]);
}
