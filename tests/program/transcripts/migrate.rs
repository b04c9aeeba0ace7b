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

EG-1 pass      the database is at the one head of its migrations: 5 checks,
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
