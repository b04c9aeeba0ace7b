//! Roles belong to a whole server: what a migration does to them on one that is not ours.

use super::{on_server, verify};
use crate::support::database::maintenance;
use crate::support::{Project, TestDatabase};

fn exists(role: &str) -> bool {
    maintenance().value(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'")) == "1"
}

fn unique(name: &str) -> String {
    format!("{name}_{}", uuid::Uuid::now_v7().simple())
}

#[test]
fn a_role_that_a_migration_makes_goes_with_the_new_database() {
    let role = unique("made");
    let project = Project::with_migrations(&[
        (
            "0001_role.sql",
            &format!(
                "CREATE ROLE {role} LOGIN PASSWORD 'known'; CREATE ROLE {role}_group;
                 GRANT {role}_group TO {role}; GRANT {role}_group TO CURRENT_USER;
                 ALTER ROLE {role} SET work_mem = '5MB';
                 GRANT USAGE ON SCHEMA public TO {role};"
            ),
        ),
        ("0002_view.sql", &format!(
            "DO $$ BEGIN ASSERT NOT (SELECT rolcanlogin FROM pg_roles WHERE rolname = '{role}'); END $$;
             CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x;
             ALTER MATERIALIZED VIEW mv OWNER TO {role};"
        )),
    ]);
    let (database, empty) = (TestDatabase::empty(), TestDatabase::empty());
    let url = empty.url();
    for fresh in ["server", &url] {
        let run = verify(&project, &database, &["--fresh", fresh]).json().exits(0);
        let notes = run.document()["notes"].to_string();
        assert!(notes.contains("roles belong to the whole server"), "{notes}");
        assert!(!exists(&role) && !exists(&format!("{role}_group")), "{fresh}");
    }
    // And when a later one fails.
    project.write("migrations/0003_bad.sql", "SELEC;");
    on_server(&project, &database, &[]).exits(1);
    assert!(!exists(&role));
}

#[test]
fn a_role_that_is_there_already_leaves_it_undecided() {
    let mut database = TestDatabase::empty();
    let role = database.role("there");
    let project =
        Project::with_migrations(&[("0001_role.sql", &format!("CREATE ROLE {role} LOGIN;"))]);
    on_server(&project, &database, &[])
        .exits(3)
        .says("roles belong to the whole server")
        .says("--fresh local");
    assert!(exists(&role));
    // A guarded one does on any server.
    project.write(
        "migrations/0001_role.sql",
        &format!(
            "DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        ),
    );
    on_server(&project, &database, &[]).exits(0);
}

#[test]
fn what_was_there_before_is_not_changed() {
    let mut database = TestDatabase::empty();
    let (role, other) = (database.role("app"), database.role("other"));
    let name = database.name().to_owned();
    let state = || {
        maintenance().rows(&format!(
            "SELECT a.rolcanlogin, r.rolconfig, a.rolpassword FROM pg_authid a
               JOIN pg_roles r ON r.oid = a.oid WHERE r.rolname = '{role}'
             UNION ALL SELECT NULL, NULL, datacl::text FROM pg_database WHERE datname = '{name}'
             UNION ALL SELECT NULL, NULL, shobj_description(oid, 'pg_authid') FROM pg_roles
              WHERE rolname = '{role}'
             UNION ALL SELECT NULL, NULL, count(*)::text FROM pg_auth_members
              WHERE member = '{role}'::regrole"
        ))
    };
    let before = state();
    for (change, told) in [
        (format!("ALTER ROLE {role} NOLOGIN"), "the role app_"),
        (format!("ALTER ROLE {role} PASSWORD 'known'"), "the password app_"),
        (format!("ALTER ROLE {role} SET work_mem = '5MB'"), "the setting app_"),
        (format!("GRANT {other} TO {role}"), "the membership other_"),
        (format!("COMMENT ON ROLE {role} IS 'mine'"), "a comment on a role"),
        (format!("GRANT CREATE ON DATABASE {name} TO {role}"), "the database t_"),
        (format!("ALTER DATABASE {name} CONNECTION LIMIT 0"), "the database t_"),
        (format!("CREATE ROLE {role}_x; ALTER ROLE {role} NOLOGIN"), "the role app_"),
    ] {
        let project = Project::with_migrations(&[("0001_change.sql", &format!("{change};"))]);
        let run = on_server(&project, &database, &[]).exits(3);
        let report = run.document();
        let causes = report["failure"]["causes"].to_string();
        assert!(causes.contains(told), "{change}: {causes}");
        run.says("--fresh local");
        assert_eq!(state(), before, "{change}");
        assert!(!exists(&format!("{role}_x")));
    }
}

#[test]
fn a_password_that_only_a_superuser_could_see_is_not_changed_either() {
    let mut database = TestDatabase::empty();
    let (migrator, role) = (database.role("migrator"), database.role("app"));
    maintenance().run(&format!(
        "ALTER ROLE {migrator} CREATEDB CREATEROLE; ALTER ROLE {role} PASSWORD 'secret';
         GRANT {role} TO {migrator} WITH ADMIN OPTION"
    ));
    let password = || {
        maintenance().value(&format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'"))
    };
    let before = password();
    let change = format!("ALTER ROLE {role} PASSWORD 'known';");
    let project = Project::with_migrations(&[("0001_change.sql", &change)]);
    crate::support::driftgate(["migrate", "verify", "--fresh", "server"])
        .project(&project)
        .database(&database.url_as(&migrator))
        .run()
        .exits(3)
        .says("only a superuser sees");
    assert_eq!(password(), before);
}

#[test]
fn a_change_outside_a_transaction_is_told() {
    let role = unique("outside");
    let project = Project::with_migrations(&[(
        "0001_role.sql",
        &format!("-- no-transaction\nCREATE ROLE {role};"),
    )]);
    let run = on_server(&project, &TestDatabase::empty(), &[]).exits(0);
    let notes = run.document()["notes"].to_string();
    maintenance().run(&format!("DROP ROLE {role}"));
    assert!(notes.contains(&format!("the role {role} was made")), "{notes}");
}
