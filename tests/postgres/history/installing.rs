//! `history install`.

use serde_json::json;

use crate::support::poll::until;
use crate::support::{Project, TestDatabase, driftgate};

/// The lock that keeps two installations apart: the first eight bytes of SHA-256 of
/// `driftgate:history:install`.
const LOCK: &str = "1603638845472611269";

#[test]
fn the_second_run_changes_nothing_and_says_so() {
    let database = TestDatabase::empty();
    let install = || driftgate(["history", "install"]).database(&database.url()).run().exits(0);
    install().shows("installed, version 2");
    let mut session = database.session();
    let tables = "SELECT c.oid, c.xmin, c.relacl FROM pg_class c
                   WHERE c.relnamespace = 'driftgate'::regnamespace ORDER BY 1";
    let before = session.rows(tables);
    install().shows("already installed, version 2").shows("nothing was granted");
    assert_eq!(session.rows(tables), before);
    assert_eq!(session.value("SELECT count(*) FROM driftgate.versions"), "2");
}

#[test]
fn everything_in_it_is_explained_and_lies_in_its_own_schema() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    let elsewhere = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let before = session.value(elsewhere);
    driftgate(["history", "install"]).database(&database.url()).run().exits(0);
    let silent = session.column(
        "SELECT c.relname || coalesce('.' || a.attname, '')
           FROM pg_class c
           LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
          WHERE c.relnamespace = 'driftgate'::regnamespace AND c.relkind = 'r'
            AND (col_description(c.oid, a.attnum) IS NULL
                 OR obj_description(c.oid, 'pg_class') IS NULL)",
    );
    assert_eq!(silent, Vec::<String>::new());
    assert_eq!(session.value(elsewhere), before);
}

#[test]
fn workers_may_read_and_add_and_nothing_else() {
    let mut database = TestDatabase::empty();
    let (worker, analyst) = (database.role("worker"), database.role("analyst"));
    let plain = analyst;
    let analyst = format!("{plain} isn't");
    let mut session = database.session();
    session.run(&format!("ALTER ROLE {plain} RENAME TO \"{analyst}\""));
    let idle = database.role("idle");
    let project = Project::new(&format!(
        "version = 1\n[roles.{worker}]\nrefresh = [\"*\"]\n[roles.{idle}]\nrefresh = []\n\
         [roles.nobody_yet]\nrefresh = [\"*\"]\n[[matview]]\nname = \"public.mv_a\""
    ));
    let install = || {
        driftgate(["history", "install", "--grant-to"])
            .arg(format!("\"{analyst}\""))
            .project(&project)
            .database(&database.url())
            .json()
            .exits(0)
            .document()
    };
    let granted = |is_new: bool| {
        let mut rows = [
            (analyst.as_str(), json!({ "role": format!("\"{analyst}\""), "is_new": is_new })),
            (worker.as_str(), json!({ "role": worker, "is_new": is_new })),
        ];
        rows.sort_by_key(|(role, _)| *role);
        rows.map(|(_, row)| row)
    };
    let report = install();
    assert_eq!(report["data"]["installed"]["granted"], json!(granted(true)));
    assert_eq!(report["data"]["installed"]["missing_roles"], json!(["nobody_yet"]));
    assert_eq!(install()["data"]["installed"]["granted"], json!(granted(false)));
    for role in [&worker, &analyst] {
        let rights = session.rows(&format!(
            "SELECT table_name, string_agg(privilege_type, ' ' ORDER BY 1)
               FROM information_schema.role_table_grants
              WHERE grantee = '{}' AND table_schema = 'driftgate' GROUP BY 1 ORDER BY 1",
            role.replace('\'', "''")
        ));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            rights,
            [
                [text("refreshes"), text("INSERT SELECT")],
                [text("task_runs"), text("INSERT SELECT")],
                [text("ticks"), text("INSERT SELECT")],
                [text("versions"), text("SELECT")],
            ]
        );
    }
    let of_idle = format!("SELECT has_schema_privilege('{idle}', 'driftgate', 'USAGE')");
    assert_eq!(session.value(&of_idle), "f");
    let human = driftgate(["history", "install"]).project(&project).database(&database.url());
    human.run().exits(0).shows("the server has no role nobody_yet");
    session.run(&format!("ALTER ROLE \"{analyst}\" RENAME TO {plain}"));
}

#[test]
fn a_role_that_was_named_and_is_not_there_leaves_everything_as_it_was() {
    let database = TestDatabase::empty();
    for name in ["nobody_at_all", "public"] {
        driftgate(["history", "install", "--grant-to", name])
            .database(&database.url())
            .run()
            .exits(1)
            .says(&format!("the server has no role {name}"))
            .says("nothing was changed");
    }
    assert_eq!(schemas(&database), "0");
}

#[test]
fn without_the_right_to_create_it_says_who_must_do_what() {
    let mut database = TestDatabase::empty();
    let role = database.role("plain");
    let name = database.name().to_owned();
    let as_role = |url: &str| driftgate(["history", "install"]).database(url).run();
    let url = database.url_as(&role);
    as_role(&url)
        .exits(3)
        .says(&format!("{role} may not make a schema"))
        .says(&format!("GRANT CREATE ON DATABASE {name} TO {role}"));
    assert_eq!(schemas(&database), "0");

    database.session().run("CREATE SCHEMA driftgate");
    as_role(&url).exits(3).says(&format!("GRANT USAGE, CREATE ON SCHEMA driftgate TO {role}"));
    database.session().run(&format!("GRANT USAGE, CREATE ON SCHEMA driftgate TO {role}"));
    as_role(&url).exits(0).shows("installed, version 2");
}

#[test]
fn it_is_made_by_the_role_that_migrates() {
    let mut database = TestDatabase::empty();
    let (migrator, worker) = (database.role("migrator"), database.role("worker"));
    let name = database.name().to_owned();
    database.session().run(&format!("GRANT CREATE ON DATABASE {name} TO {migrator}"));
    driftgate(["history", "install", "--grant-to", &worker])
        .database(&database.url_as(&worker))
        .env("MIGRATION_DATABASE_URL", database.url_as(&migrator))
        .run()
        .exits(0);
    let owner = "SELECT pg_get_userbyid(relowner) FROM pg_class
                  WHERE oid = 'driftgate.refreshes'::regclass";
    assert_eq!(database.session().value(owner), migrator);
    // Who has all rights already needs nobody who may grant; who may not grant says so.
    let as_worker = |more: &[&str]| {
        let url = database.url_as(&worker);
        driftgate(["history", "install"]).args(more).database(&url).run()
    };
    as_worker(&["--grant-to", &worker]).exits(0).shows("already installed");
    let other = migrator.as_str();
    as_worker(&["--grant-to", other]).exits(0);
    database.session().run(&format!("REVOKE INSERT ON driftgate.refreshes FROM {worker}"));
    as_worker(&["--grant-to", &worker]).exits(3).says("nothing was changed");
}

#[test]
fn two_at_once_make_one() {
    let database = TestDatabase::empty();
    let mut gate = database.session();
    gate.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"));
    let both = [(); 2].map(|()| {
        driftgate(["history", "install", "--lock-timeout", "60s"]).database(&database.url()).start()
    });
    until("both wait for the lock", || {
        let waiting = database.session().value(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        );
        (waiting == "2").then_some(())
    });
    gate.run("COMMIT");
    let mut said = both.map(|running| running.wait().exits(0).stdout);
    said.sort();
    assert!(said[0].contains("already installed, version 2"), "{said:?}");
    assert!(said[1].contains("\ninstalled, version 2"), "{said:?}");
    assert_eq!(database.session().value("SELECT count(*) FROM driftgate.versions"), "2");
    assert_eq!(database.advisory_locks(), Vec::<String>::new());
}

#[test]
fn a_wait_that_runs_out_is_told_from_a_failure() {
    let database = TestDatabase::empty();
    let mut gate = database.session();
    gate.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"));
    driftgate(["history", "install", "--lock-timeout", "100ms"])
        .database(&database.url())
        .run()
        .exits(4)
        .says("could not install the history");
    assert_eq!(schemas(&database), "0");
}

#[test]
fn a_relation_of_somebody_else_is_not_touched() {
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run("CREATE SCHEMA driftgate; CREATE TABLE driftgate.refreshes (mine int)");
    driftgate(["history", "install"])
        .database(&database.url())
        .run()
        .exits(3)
        .says("that is not ours");
    assert_eq!(session.value("SELECT count(*) FROM driftgate.refreshes"), "0");
    driftgate(["history", "list"]).database(&database.url()).run().exits(3).says("not installed");
}

#[test]
fn a_database_that_takes_no_changes_is_left_alone() {
    let database = TestDatabase::empty();
    let name = database.name();
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    database.session().run(&read_only);
    driftgate(["history", "install"]).database(&database.url()).run().exits(3).says("is read only");
}

/// Counts our schemas.
fn schemas(database: &TestDatabase) -> String {
    let count = "SELECT count(*) FROM pg_namespace WHERE nspname = 'driftgate'";
    database.session().value(count)
}
