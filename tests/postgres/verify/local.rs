//! `--fresh local`: a server of our own, with the roles of the registry and the role that
//! migrates in truth, gone afterwards.

use std::path::PathBuf;

use rustix::process::Signal;

use super::views;
use crate::support::database::maintenance;
use crate::support::driftgate::Driftgate;
use crate::support::poll::until;
use crate::support::{Project, TestDatabase, driftgate};

/// A command line that starts servers of the major under test.
fn local(project: &Project, url: &str) -> Driftgate {
    let run = driftgate(["migrate", "verify", "--fresh", "local"]).project(project).database(url);
    match std::env::var_os("DRIFTGATE_PG_BIN") {
        Some(folder) => run.env("DRIFTGATE_PG_BIN", folder),
        None => run,
    }
}

/// Returns the private folder of the server that a report tells of.
fn folder(report: &serde_json::Value) -> PathBuf {
    let url = report["target"]["url"].as_str().expect("a URL");
    PathBuf::from(url.rsplit("host=").next().expect("a socket"))
}

#[test]
fn own_server_the_reference_project_builds_where_no_role_is_but_those_of_the_registry() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    let report = local(&project, &database.url()).json().exits(0).document();
    assert_eq!(report["data"]["verify"]["source"], "local");
    assert_eq!(report["data"]["verify"]["views"].as_array().expect("views").len(), 5);
    assert_eq!(report["target"]["database"], database.name());
    assert!(!folder(&report).exists(), "{:?}", folder(&report));
}

#[test]
fn own_server_migrations_run_as_the_role_that_migrates_with_its_rights_and_path() {
    let mut database = TestDatabase::empty();
    let (migrator, owner) = (database.role("migrator"), database.role("views_owner"));
    maintenance().run(&format!(
        "GRANT {owner} TO {migrator}; ALTER ROLE {migrator} CREATEROLE;
         ALTER ROLE {migrator} SET search_path = rpt, public"
    ));
    let project = Project::with_migrations(&[
        (
            "0001_as_whom.sql",
            &format!(
                "DO $$ BEGIN
                     ASSERT current_user = '{migrator}';
                     ASSERT NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
                     ASSERT (SELECT NOT rolcanlogin FROM pg_roles WHERE rolname = '{owner}');
                     ASSERT current_database() = '{}';
                 END $$;
                 CREATE SCHEMA rpt;",
                database.name()
            ),
        ),
        ("0002_view.sql", "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x;"),
        ("0003_role.sql", "CREATE ROLE made_by_the_migrations;"),
        (
            "0004_given.sql",
            &format!(
                "GRANT CREATE ON SCHEMA rpt TO {owner}; \
            ALTER MATERIALIZED VIEW mv OWNER TO {owner};"
            ),
        ),
    ]);
    project.register(&format!("[roles.{owner}]\nread = []"));
    let url = database.url_as(&migrator);
    let report = local(&project, &url).json().exits(0).document();
    assert_eq!(report["data"]["verify"]["role"], migrator.as_str());
    assert_eq!(views(&report), ["rpt.mv 0002 0004 -"]);

    // What only a superuser may do fails here as it will there.
    project.write("migrations/0005_no.sql", "CREATE ROLE boss SUPERUSER;");
    let run = local(&project, &url).json().exits(1);
    assert_eq!(run.document()["data"]["verify"]["failed"]["sqlstate"], "42501");
    assert!(!folder(&run.document()).exists());
}

#[test]
fn own_server_roles_that_the_migrations_make_themselves_are_not_made_before() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ("0001_role.sql", "CREATE ROLE plainly_made LOGIN;"),
        ("0002_grant.sql", "GRANT USAGE ON SCHEMA public TO plainly_made, of_the_platform;"),
    ]);
    project.register("[roles.plainly_made]\nread = []\n[roles.of_the_platform]\nread = []");
    local(&project, &database.url()).json().exits(0);
}

#[test]
fn own_server_a_target_that_cannot_be_asked_is_no_reason_not_to_verify() {
    let project = Project::with_migrations(&[(
        "0001_view.sql",
        "CREATE SCHEMA IF NOT EXISTS rpt; CREATE MATERIALIZED VIEW rpt.mv AS SELECT 1 AS x;
         ALTER MATERIALIZED VIEW rpt.mv OWNER TO keeper;",
    )]);
    project.register("[roles.keeper]\nread = []");
    let url = "postgresql://app@/My%20App?host=/nowhere/at/all";
    let report = local(&project, url).json().exits(1).document();
    // It is a member of the role, and that role may not create in the schema.
    assert_eq!(report["data"]["verify"]["failed"]["sqlstate"], "42501");
    assert_eq!(report["target"]["database"], "My App");
    let notes = report["notes"].to_string();
    assert!(notes.contains("what app may do in truth is not known"), "{notes}");
    let grant = "CREATE SCHEMA rpt; GRANT CREATE ON SCHEMA rpt TO keeper;";
    project.write("migrations/0000_grant.sql", grant);
    local(&project, url).json().exits(0);
}

#[test]
fn own_server_is_gone_when_the_run_is_asked_to_stop() {
    let project = Project::with_migrations(&[("0001_slow.sql", "SELECT pg_sleep(600);")]);
    let database = TestDatabase::empty();
    let place = tempfile::Builder::new().prefix("dgv-").tempdir_in("/tmp").expect("a folder");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    std::fs::set_permissions(place.path(), open).expect("it is ours");
    let is_empty = || std::fs::read_dir(place.path()).expect("readable").next().is_none();
    let run = local(&project, &database.url()).env("TMPDIR", place.path()).start();
    until("a server at work", || {
        let folder = std::fs::read_dir(place.path()).expect("readable").next()?.ok()?.path();
        folder.join(".s.PGSQL.5432").exists().then_some(())
    });
    run.signal(Signal::INT);
    run.wait().exits(130);
    assert!(is_empty());
}
