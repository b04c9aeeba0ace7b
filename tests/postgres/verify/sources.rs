//! Where the new database comes from, and why not: each place, and what is left of it.

use super::{TABLE, scratch_databases, verify, views};
use crate::support::database::maintenance;
use crate::support::{Project, TestDatabase, driftgate};

/// Everything in a database that a reader of the catalog would see, with rights and owners.
fn contents(database: &TestDatabase) -> Vec<String> {
    database.session().column(&format!(
        "SELECT concat_ws(' ', 'class', relname, relkind) FROM pg_class WHERE oid >= 16384
         UNION ALL SELECT concat_ws(' ', 'proc', proname) FROM pg_proc WHERE oid >= 16384
         UNION ALL SELECT concat_ws(' ', 'type', typname) FROM pg_type WHERE oid >= 16384
         UNION ALL SELECT concat_ws(' ', 'extension', extname) FROM pg_extension
         UNION ALL SELECT concat_ws(' ', 'default', oid, defaclacl) FROM pg_default_acl
         UNION ALL SELECT concat_ws(' ', 'event', evtname) FROM pg_event_trigger
         UNION ALL SELECT concat_ws(' ', 'large', oid) FROM pg_largeobject_metadata
         UNION ALL SELECT concat_ws(' ', 'schema', nspname, pg_get_userbyid(nspowner),
                (SELECT string_agg(concat_ws(' ', grantee, privilege_type, is_grantable), ','
                                   ORDER BY grantee, privilege_type)
                   FROM aclexplode(coalesce(nspacl, acldefault('n', nspowner)))),
                obj_description(oid, 'pg_namespace'))
           FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
         UNION ALL SELECT concat_ws(' ', 'database',
                (SELECT string_agg(concat_ws(' ', grantee, privilege_type), ','
                                   ORDER BY grantee, privilege_type)
                   FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))),
                shobj_description(oid, 'pg_database'),
                (SELECT string_agg(setconfig::text, ',') FROM pg_db_role_setting
                  WHERE setdatabase = d.oid))
           FROM pg_database d WHERE datname = '{}'
          ORDER BY 1",
        database.name()
    ))
}

/// A migration that changes all that an empty database has, and makes one of everything.
const EVERYTHING: &str = r#"
CREATE SCHEMA "Odd Schema";
CREATE TABLE public.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
CREATE TABLE "Odd Schema".parts (id int) PARTITION BY RANGE (id);
CREATE TABLE "Odd Schema".part PARTITION OF "Odd Schema".parts FOR VALUES FROM (0) TO (9);
CREATE TYPE public.mood AS ENUM ('good', 'bad');
CREATE TYPE public.pair AS (a int, b int);
CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);
CREATE SEQUENCE public.seq;
CREATE FUNCTION public.f(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE public.p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE public.agg(int) (sfunc = int4pl, stype = int);
CREATE OPERATOR public.### (leftarg = int, rightarg = int, function = int4pl);
CREATE COLLATION public.my_c FROM "C";
CREATE VIEW public.v AS SELECT id FROM public.t;
CREATE MATERIALIZED VIEW public.mv AS SELECT public.f(id) AS id FROM public.v;
CREATE STATISTICS public.st ON id, note FROM public.t;
CREATE TEXT SEARCH CONFIGURATION public.english (COPY = pg_catalog.english);
CREATE EXTENSION pg_trgm;
CREATE FUNCTION public.ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.ev();
CREATE PUBLICATION pub FOR TABLE public.t;
SELECT lo_create(0);
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO pg_monitor WITH GRANT OPTION;
COMMENT ON SCHEMA public IS 'mine';
ALTER SCHEMA public OWNER TO pg_monitor;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE TEMPORARY TABLE tmp (id int);
DO $$ BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO pg_monitor', current_database());
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('ALTER DATABASE %I SET work_mem = %L', current_database(), '5MB');
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET work_mem = %L', current_database(), '6MB');
    EXECUTE format('COMMENT ON DATABASE %I IS %L', current_database(), 'mine');
END $$;
"#;

#[test]
fn an_empty_database_that_may_be_used_is_left_as_it_was_found() {
    let project = Project::with_migrations(&[("0001_everything.sql", EVERYTHING)]);
    let (target, empty) = (TestDatabase::empty(), TestDatabase::empty());
    empty.session().run(&format!(
        "CREATE SCHEMA kept; CREATE EXTENSION btree_gist SCHEMA kept;
         ALTER DATABASE {name} SET search_path = \"$user\", public, kept;
         GRANT CREATE ON SCHEMA public TO pg_read_all_stats",
        name = empty.name()
    ));
    let before = contents(&empty);
    for (further, exit) in [("SELECT 1;", 0), ("SELECT 1 / 0;", 1)] {
        project.write("migrations/0002_further.sql", further);
        let report = verify(&project, &target, &["--fresh", &empty.url()]).json();
        let report = report.exits(exit).document();
        assert_eq!(report["data"]["verify"]["source"], "url");
        assert_eq!(views(&report), ["public.mv 0001 - -"]);
        assert_eq!(contents(&empty), before, "exit {exit}");
    }
}

#[test]
fn a_database_that_is_not_empty_is_refused_and_left_alone() {
    let project = Project::with_migrations(&[TABLE]);
    let target = TestDatabase::empty();
    for made in [
        "CREATE TABLE kept (id int)",
        "CREATE FUNCTION kept() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE kept AS ENUM ('x')",
    ] {
        let full = TestDatabase::empty();
        full.session().run(made);
        let before = contents(&full);
        let run = verify(&project, &target, &["--fresh", &full.url()]).run().exits(3);
        run.says("is not empty").says("kept").says("nothing was changed");
        assert_eq!(contents(&full), before, "{made}");
    }
}

#[test]
fn a_database_is_used_by_one_run_at_a_time() {
    let project = Project::with_migrations(&[("0001_slow.sql", "SELECT pg_sleep(0.5);")]);
    let (target, empty) = (TestDatabase::empty(), TestDatabase::empty());
    let first = verify(&project, &target, &["--fresh", &empty.url()]).start();
    let second = verify(&project, &target, &["--fresh", &empty.url()]).start();
    let mut codes = [first.wait().code, second.wait().code];
    codes.sort_unstable();
    // Whoever came second found somebody at work, or was late enough to find nobody.
    assert!([[Some(0), Some(4)], [Some(0), Some(0)]].contains(&codes), "{codes:?}");
}

#[test]
fn a_role_that_may_not_create_databases_is_told_so() {
    let project = Project::with_migrations(&[TABLE]);
    let mut database = TestDatabase::empty();
    let role = database.role("migrator");
    let run = |fresh: &str| {
        driftgate(["migrate", "verify", "--fresh", fresh])
            .project(&project)
            .database(&database.url_as(&role))
    };
    run("server").run().exits(3).says("may not create a database").says("CREATEDB");
    maintenance().run(&format!("ALTER ROLE {role} CREATEDB"));
    let report = run("server").json().exits(0).document();
    assert_eq!(report["data"]["verify"]["role"], role.as_str());
}

#[test]
fn auto_takes_the_server_where_no_programs_are_found_and_says_why_nothing_is_left() {
    let project = Project::with_migrations(&[TABLE]);
    let mut database = TestDatabase::empty();
    let role = database.role("migrator");
    let run = |role: &str| {
        driftgate(["migrate", "verify"])
            .project(&project)
            .database(&database.url_as(role))
            .env("DRIFTGATE_FRESH", "")
            .env("DRIFTGATE_PG_BIN", "/nowhere/at/all")
    };
    let report = run("postgres").json().exits(0).document();
    assert_eq!(report["data"]["verify"]["source"], "server");
    run(&role)
        .run()
        .exits(3)
        .says("a new database cannot be had")
        .says("--fresh local: ")
        .says("/nowhere/at/all")
        .says("--fresh server: ")
        .says("may not create a database");
}

#[test]
fn what_is_typed_is_understood_or_refused_before_anything_is_contacted() {
    let project = Project::with_migrations(&[TABLE]);
    let run = |arguments: &[&str]| {
        driftgate(["migrate", "verify"])
            .args(arguments)
            .project(&project)
            .database("postgresql://postgres@/db?host=/nowhere/at/all")
    };
    run(&["--fresh", "none"]).run().exits(2).says("needs a new database");
    run(&["--fresh", "somewhere"]).run().exits(2).says("write auto, local, server, none");
    run(&["--fresh", "mysql://u:secret_word@h/d"]).run().exits(2);
    run(&["--fresh", "server"]).run().exits(3);
    run(&[]).env("DRIFTGATE_FRESH", "somewhere").run().exits(2).says("DRIFTGATE_FRESH");
    for format in ["human", "json"] {
        let url = "postgresql://u:secret_word@/d?host=/nowhere/at/all";
        let run = run(&["--fresh", url, "--format", format]).run().exits(3);
        assert!(!format!("{}{}", run.stdout, run.stderr).contains("secret_word"), "{run:?}");
    }
    let nothing = Project::new("version = 1\n");
    let verify = driftgate(["migrate", "verify"]).project(&nothing).env("DRIFTGATE_FRESH", "local");
    verify.run().exits(2).says("[migrations]");
}

#[test]
fn a_scratch_database_is_like_the_target_where_that_changes_what_is_built() {
    let project = Project::with_migrations(&[
        ("0001_unqualified.sql", "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x;"),
        (
            "0002_like.sql",
            "DO $$ BEGIN ASSERT (SELECT datcollate FROM pg_database
                WHERE datname = current_database()) = 'C'; END $$;",
        ),
    ]);
    project.write("before.sql", "CREATE SCHEMA rpt; CREATE SCHEMA \"My, Schema\";");
    let registry = project.file("registry.toml");
    project.write("registry.toml", &format!("{registry}before = \"before.sql\"\n"));
    let database = TestDatabase::empty();
    database.session().run(&format!(
        "ALTER DATABASE {} SET search_path = \"My, Schema\", rpt, public",
        database.name()
    ));
    let report = verify(&project, &database, &["--fresh", "server"]).json().exits(0).document();
    assert_eq!(views(&report), ["\"My, Schema\".mv 0001 - -"]);
}

#[test]
fn a_standby_or_read_only_role_has_no_room_for_a_scratch_database() {
    let project = Project::with_migrations(&[TABLE]);
    let mut database = TestDatabase::empty();
    let role = database.role("migrator");
    maintenance().run(&format!(
        "ALTER ROLE {role} CREATEDB; ALTER ROLE {role} SET default_transaction_read_only = on"
    ));
    let before = scratch_databases();
    driftgate(["migrate", "verify", "--fresh", "server"])
        .project(&project)
        .database(&database.url_as(&role))
        .run()
        .exits(3)
        .says("read only");
    let now = scratch_databases();
    assert!(now.iter().all(|name| before.contains(name) || !name.contains(&role)), "{now:?}");
}
