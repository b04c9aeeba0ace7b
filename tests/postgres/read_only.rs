//! The commands that look do not write: the server counts transactions that change
//! something, and counts none.

use crate::support::history::refresh_all;
use crate::support::poll::until;
use crate::support::session::Session;
use crate::support::{Project, TestDatabase, driftgate, server};

const LOOKING: [&[&str]; 9] = [
    &["inventory"],
    &["inventory", "-vv"],
    &["lock-status", "-v"],
    &["diff-registry"],
    &["preflight"],
    &["migrate", "status"],
    &["migrate", "history"],
    &["history", "list", "-v"],
    &["history", "prune", "--older-than", "0", "--dry-run"],
];

/// Returns the database's own counts and objects: what any committed change moves.
///
/// Transaction ids belong to the whole server, where other tests write; an object of the
/// catalog, its version (xmin) and the rows of the tables belong to this database.
fn state(database: &TestDatabase) -> Vec<String> {
    let mut session = database.session();
    let mut state = Vec::new();
    for catalog in [
        "pg_class",
        "pg_attribute",
        "pg_index",
        "pg_rewrite",
        "pg_depend",
        "pg_proc",
        "pg_type",
        "pg_namespace",
        "pg_description",
        "pg_policy",
        "pg_constraint",
    ] {
        // Statistics of tables are written by the server's own workers, in place.
        state.push(session.value(&format!(
            "SELECT '{catalog} ' || md5(string_agg(xmin::text || ctid::text, ',' ORDER BY ctid))
               FROM {catalog}"
        )));
    }
    let tables = session.column(
        "SELECT format('%I.%I', n.nspname, c.relname)
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'm') AND n.nspname IN ('public', 'driftgate') ORDER BY 1",
    );
    for table in tables {
        state.push(session.value(&format!(
            "SELECT '{table} ' || count(*) || ' ' ||
                    coalesce(md5(string_agg(xmin::text || ctid::text, ',' ORDER BY ctid)), '')
               FROM {table}"
        )));
    }
    state
}

#[test]
fn looking_as_a_superuser_leaves_every_row_and_object_as_it_was() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    refresh_all(&database.url(), &project);
    let before = state(&database);
    for arguments in LOOKING {
        driftgate(arguments).project(&project).database(&database.url()).run().exits(0);
    }
    assert_eq!(state(&database), before);
}

#[test]
fn looking_takes_no_transaction_id_of_an_own_server() {
    let (server, project) = (server::own(), Project::reference());
    let mut session = Session::connect(&server.url);
    // The server's own workers take ids too.
    session.run("ALTER SYSTEM SET autovacuum = off");
    session.run("SELECT pg_reload_conf()");
    until("a server that does nothing by itself", || {
        let workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum%'";
        (session.value("SHOW autovacuum") == "off" && session.value(workers) == "0").then_some(())
    });
    driftgate(["migrate", "up"]).project(&project).database(&server.url).run().exits(0);
    session.run(&project.file("demo/seed.sql"));
    refresh_all(&server.url, &project);
    let next_id = "SELECT pg_snapshot_xmax(pg_current_snapshot())";
    let before = session.value(next_id);
    for arguments in LOOKING {
        driftgate(arguments).project(&project).database(&server.url).run().exits(0);
    }
    assert_eq!(session.value(next_id), before);
}

#[test]
fn looking_works_where_every_transaction_is_read_only() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    refresh_all(&database.url(), &project);
    database
        .session()
        .run(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    for arguments in LOOKING {
        driftgate(arguments).project(&project).database(&database.url()).run().exits(0);
    }
}

#[test]
fn looking_makes_no_ledger_where_there_is_none() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[("0001_one.sql", "CREATE TABLE one (id int)")]);
    for command in [&["preflight"][..], &["migrate", "status"]] {
        driftgate(command).project(&project).database(&database.url()).run().exits(1);
    }
    let made = "SELECT count(*) FROM pg_class WHERE relname = '_sqlx_migrations'";
    assert_eq!(database.session().value(made), "0");
}
