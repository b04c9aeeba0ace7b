//! `migrate`, as a reader sees it.

use snapbox::{assert_data_eq, str};

use super::{assert_is_for_a_reader, assert_transcript, redacted};
use crate::support::{Project, TestDatabase, driftgate};

#[test]
fn status_at_the_head() {
    assert_transcript(
        &["migrate", "status"],
        0,
        "",
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

head      migrations/0007_scheduled_tasks.sql
current   7
ledger    ok
pending   0
unknown   0
changed   0

EG-1 pass      the database is at the one head of its migrations: 8 checks,
               nothing found

pass: 0 errors, 0 warnings (exit 0)

"#]],
    );
}

#[test]
fn status_with_something_pending_and_something_changed() {
    let plant = "DELETE FROM _sqlx_migrations WHERE version = 7;
         UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = 2";
    assert_transcript(
        &["migrate", "status"],
        1,
        plant,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

head      migrations/0007_scheduled_tasks.sql
current   6
ledger    ok
pending   1
unknown   0
changed   1

error [migration-changed] migrations/0002_tenants_and_channels.sql
  migrations/0002_tenants_and_channels.sql was edited after it had been applied
  at migrations/0002_tenants_and_channels.sql:1
  remedy: bring the file back as it was, line endings included, and put the
    change into a new migration

error [migration-pending] migrations/0007_scheduled_tasks.sql
  migrations/0007_scheduled_tasks.sql was not applied to this database
  at migrations/0007_scheduled_tasks.sql:1
  remedy: deploy it
    $ driftgate migrate up

EG-1 fail      2 errors; wanted: the database is at the one head of its
               migrations

fail: 2 errors, 0 warnings (exit 1)

"#]],
    );
}

#[test]
fn history() {
    let plant = "DELETE FROM _sqlx_migrations WHERE version = 7;
         UPDATE _sqlx_migrations SET installed_on = '2026-11-23 10:00:00+00'";
    assert_transcript(
        &["migrate", "history"],
        0,
        plant,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

MIGRATION                                       APPLIED               STATE
migrations/0001_roles.sql                       2026-11-23T10:00:00Z  applied
migrations/0002_tenants_and_channels.sql        2026-11-23T10:00:00Z  applied
migrations/0003_attribution.sql                 2026-11-23T10:00:00Z  applied
migrations/0004_revenue_and_reconciliation.sql  2026-11-23T10:00:00Z  applied
migrations/0005_materialized_views.sql          2026-11-23T10:00:00Z  applied
migrations/0006_tenant_facing_views.sql         2026-11-23T10:00:00Z  applied
migrations/0007_scheduled_tasks.sql             -                     pending

"#]],
    );
}

#[test]
fn heads() {
    assert_transcript(
        &["migrate", "heads"],
        0,
        "",
        str![[r#"
registry registry.toml

migrations/0007_scheduled_tasks.sql

"#]],
    );
}

#[test]
fn up_and_a_second_time() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ("0001_one.sql", "CREATE TABLE one (id int);"),
        ("0002_two.sql", "CREATE TABLE two (id int);"),
    ]);
    let up = || driftgate(["migrate", "up"]).project(&project).database(&database.url()).run();
    let first = up().exits(0);
    assert_is_for_a_reader(&first.stdout);
    let first = redacted(&first, &database);
    assert_data_eq!(
        first,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

applied migrations/0001_one.sql ([..] ms)
applied migrations/0002_two.sql ([..] ms)
2 migrations applied; the database is at the head.

"#]]
    );
    let second = redacted(&up().exits(0), &database);
    assert_data_eq!(
        second,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

Nothing to apply: the database is at the head.

"#]]
    );
}

#[test]
fn up_that_fails() {
    let database = TestDatabase::empty();
    let project = Project::with_migrations(&[
        ("0001_one.sql", "CREATE TABLE one (id int);"),
        ("0002_two.sql", "CREATE TABLE two (id int);\nINSERT INTO two SELECT nope;"),
    ]);
    let run = driftgate(["migrate", "up", "--quiet"]);
    let run = run.project(&project).database(&database.url()).run().exits(1);
    assert_is_for_a_reader(&run.stdout);
    assert_data_eq!(
        run.stderr,
        str![[r#"
error: could not apply migrations/0002_two.sql
  cause: column "nope" does not exist (42703)
  cause: at migrations/0002_two.sql:2
  hint: it was rolled back; what was applied before it stays

"#]]
    );
}

/// Makes a project with revisions of Alembic: an id and what it follows.
fn with_revisions(revisions: &[(&str, &str)]) -> Project {
    let project = Project::new("version = 1\n\n[migrations]\nkind = \"alembic\"\n");
    project.write("alembic.ini", "[alembic]\nscript_location = %(here)s/alembic\n");
    for (id, follows) in revisions {
        let text = format!(
            "\"\"\"what {id} does for the views of revenue\"\"\"\n\nrevision: str = '{id}'\n\
             down_revision = {follows}\n"
        );
        project.write(&format!("alembic/versions/{id}.py"), &text);
    }
    project
}

#[test]
fn revisions_in_two_branches() {
    let database = TestDatabase::empty();
    database.session().run(
        "CREATE TABLE alembic_version (version_num varchar(32));
         INSERT INTO alembic_version VALUES ('ae1027a6acf0')",
    );
    let project = with_revisions(&[
        ("ae1027a6acf0", "None"),
        ("bf20c1e77a3d", "'ae1027a6acf0'"),
        ("c3d41f09be52", "'ae1027a6acf0'"),
    ]);
    let run = |command: &str, code: i32| {
        let run = driftgate(["migrate", command]).project(&project).database(&database.url());
        let run = run.run().exits(code);
        assert_is_for_a_reader(&run.stdout);
        redacted(&run, &database)
    };
    assert_data_eq!(
        run("heads", 1),
        str![[r#"
registry registry.toml

bf20c1e77a3d (head)
c3d41f09be52 (head)

There is more than one head: `alembic upgrade head` does nothing.
Merge them: alembic merge -m "merge heads" bf20c1e77a3d c3d41f09be52

"#]]
    );
    assert_data_eq!(
        run("status", 1),
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml note: the ledger of Alembic keeps no checksums: whether a migration was edited after it had been applied is not known

head      bf20c1e77a3d, c3d41f09be52
current   ae1027a6acf0
ledger    ok, that of Alembic
pending   2
unknown   0
changed   ?

error [migration-heads] alembic/versions/bf20c1e77a3d.py
  the revisions have 2 heads: bf20c1e77a3d, c3d41f09be52
  at alembic/versions/bf20c1e77a3d.py:3
  remedy: merge them: alembic merge -m "merge heads" bf20c1e77a3d c3d41f09be52

error [migration-pending] alembic/versions/bf20c1e77a3d.py
  alembic/versions/bf20c1e77a3d.py was not applied to this database
  at alembic/versions/bf20c1e77a3d.py:3
  remedy: deploy it
    $ driftgate migrate up

error [migration-pending] alembic/versions/c3d41f09be52.py
  alembic/versions/c3d41f09be52.py was not applied to this database
  at alembic/versions/c3d41f09be52.py:3
  remedy: deploy it
    $ driftgate migrate up

EG-1 fail      3 errors; wanted: the database is at the one head of its
               migrations

fail: 3 errors, 0 warnings (exit 1)

"#]]
    );
    assert_data_eq!(
        run("history", 0),
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml note: the ledger of Alembic keeps no checksums: whether a migration was edited after it had been applied is not known

applied  <base> -> ae1027a6acf0 (branchpoint), what ae1027a6acf0 does for the
           views of revenue
pending  ae1027a6acf0 -> c3d41f09be52 (head), what c3d41f09be52 does for the
           views of revenue
pending  ae1027a6acf0 -> bf20c1e77a3d (head), what bf20c1e77a3d does for the
           views of revenue

There is more than one head: `alembic upgrade head` does nothing.
Merge them: alembic merge -m "merge heads" bf20c1e77a3d c3d41f09be52

"#]]
    );
}

#[test]
fn a_command_that_fails() {
    let database = TestDatabase::empty();
    let project = Project::new(
        "version = 1\n\n[migrations]\nkind = \"command\"\n\
         command = [\"/bin/sh\", \"migrate.sh\"]\n",
    );
    project.write("migrate.sh", "echo connecting\necho no such table >&2\nexit 4\n");
    let run = driftgate(["migrate", "up"]).project(&project).database(&database.url()).run();
    let run = run.exits(1);
    assert_is_for_a_reader(&run.stdout);
    assert_data_eq!(
        &run.stderr,
        str![[r#"
error: `/bin/sh migrate.sh` ended with exit code 4
  cause: connecting
  cause: no such table
  hint: what it did before it failed is for it to know: see what is there

"#]]
    );
    assert_data_eq!(
        redacted(&run, &database),
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

`/bin/sh migrate.sh` ran for [..].
What it applied is known to it alone: it has no ledger to read.

"#]]
    );
}
