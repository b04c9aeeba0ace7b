//! Transcripts: what a reader sees, at 80 columns and in a pipe.

use snapbox::{IntoData, assert_data_eq, str};

use crate::support::{Project, Run, TestDatabase, driftgate};

/// Returns the output with what differs from run to run taken out.
///
/// The first paragraph names the database, whose length decides where its lines break.
fn redacted(run: &Run, database: &TestDatabase) -> String {
    let (header, rest) = match run.stdout.split_once("\n\n") {
        Some((header, rest)) if header.starts_with("postgresql://") => (header, rest),
        _ => ("", run.stdout.as_str()),
    };
    let header = header.split_whitespace().collect::<Vec<_>>().join(" ");
    let header = header.replace(&database.url(), "[URL]");
    let version = database.session().value("SHOW server_version");
    let version = version.split_whitespace().next().unwrap_or_default();
    let header = header.replace(&format!("PostgreSQL {version}"), "PostgreSQL [VERSION]");
    let major = format!("(PostgreSQL {})", version.split('.').next().unwrap_or_default());
    let rest = without_digests(rest).replace(&major, "(PostgreSQL [MAJOR])");
    if header.is_empty() { rest } else { format!("{header}\n\n{rest}") }
}

/// Returns a text with every digest of a definition taken out: majors print differently.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut redacted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        redacted.push_str("sha256:[DIGEST]");
        redacted.push_str(part.trim_start_matches(|one: char| one.is_ascii_hexdigit()));
    }
    redacted
}

/// Asserts what is true of every text: it fits, and holds no escape codes.
#[track_caller]
fn assert_is_for_a_reader(text: &str) {
    assert!(!text.contains('\u{1b}'), "{text:?}");
    for line in text.lines() {
        let is_to_copy = ["CREATE ", "ALTER ", "REFRESH ", "SELECT ", "$ ", "postgresql://"]
            .iter()
            .any(|start| line.trim_start().starts_with(start));
        assert!(line.chars().count() <= 80 || is_to_copy, "{line}");
        assert_eq!(line.trim_end(), line, "spaces at the end");
    }
}

#[track_caller]
fn assert_transcript(arguments: &[&str], exit: i32, plant: &str, expected: impl IntoData) {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    database.session().run(plant);
    let run = driftgate(arguments).project(&project).database(&database.url()).run().exits(exit);
    assert_eq!(run.stderr, "");
    assert_data_eq!(redacted(&run, &database), expected);
    assert_is_for_a_reader(&run.stdout);
}

const DRIFT: &str = "DROP INDEX public.mv_realtime_revenue_key;
    CREATE MATERIALIZED VIEW public.mv_by_hand AS SELECT 1 AS a;
    DROP MATERIALIZED VIEW public.mv_reconciliation_status CASCADE";

#[test]
fn inventory() {
    assert_transcript(
        &["inventory"],
        0,
        "",
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

VIEW                             OWNER          ROWS   SIZE  REFRESH
public.mv_allocation_summary     matview_owner   ~64  40 kB  concurrent
public.mv_channel_performance    matview_owner   ~32  40 kB  concurrent
public.mv_daily_revenue_summary  matview_owner  ~120  40 kB  concurrent
public.mv_realtime_revenue       matview_owner    ~4  32 kB  concurrent
public.mv_reconciliation_status  matview_owner  ~120  48 kB  concurrent

5 materialized views, 200 kB, all registered

"#]],
    );
}

#[test]
fn inventory_in_detail() {
    assert_transcript(
        &["inventory", "-v"],
        0,
        "",
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

public.mv_allocation_summary
  owner       matview_owner
  refresh     concurrent
  registered  yes
  size        40 kB (40960 bytes)
  rows        ~64 by estimate
  reads       nothing
  read by     public.mv_channel_performance
  index       mv_allocation_summary_key (tenant_id, channel_code, model):
              unique, usable for concurrent
  definition  sha256:[DIGEST]
              (PostgreSQL [MAJOR])
  comment     Revenue credited to each channel, by attribution model.

public.mv_channel_performance
  owner       matview_owner
  refresh     concurrent
  registered  yes
  size        40 kB (40960 bytes)
  rows        ~32 by estimate
  reads       public.mv_allocation_summary
  read by     nothing
  index       mv_channel_performance_key (tenant_id, channel_code): unique,
              usable for concurrent
  definition  sha256:[DIGEST]
              (PostgreSQL [MAJOR])
  comment     Events and credited revenue of each channel.

public.mv_daily_revenue_summary
  owner       matview_owner
  refresh     concurrent
  registered  yes
  size        40 kB (40960 bytes)
  rows        ~120 by estimate
  reads       nothing
  read by     public.mv_reconciliation_status
  index       mv_daily_revenue_summary_key (tenant_id, revenue_day): unique,
              usable for concurrent
  definition  sha256:[DIGEST]
              (PostgreSQL [MAJOR])
  comment     Sales, refunds and net revenue by day.

public.mv_realtime_revenue
  owner       matview_owner
  refresh     concurrent
  registered  yes
  size        32 kB (32768 bytes)
  rows        ~4 by estimate
  reads       nothing
  read by     nothing
  index       mv_realtime_revenue_key (tenant_id): unique, usable for concurrent
  definition  sha256:[DIGEST]
              (PostgreSQL [MAJOR])
  comment     The running total of each tenant's newest day.

public.mv_reconciliation_status
  owner       matview_owner
  refresh     concurrent
  registered  yes
  size        48 kB (49152 bytes)
  rows        ~120 by estimate
  reads       public.mv_daily_revenue_summary
  read by     nothing
  index       mv_reconciliation_status_key (tenant_id, revenue_day): unique,
              usable for concurrent
  definition  sha256:[DIGEST]
              (PostgreSQL [MAJOR])
  comment     Whether books and payment provider agree, by day.

5 materialized views, 200 kB, all registered

"#]],
    );
}

#[test]
fn diff_registry_in_sync() {
    assert_transcript(
        &["diff-registry"],
        0,
        "",
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

5 views: 5 in registry and database, 0 in one of them

EG-3 pass      the live views are those of the registry, as declared: 8 checks,
               nothing found

pass: 0 errors, 0 warnings (exit 0)

"#]],
    );
}

#[test]
fn diff_registry_with_drift() {
    assert_transcript(
        &["diff-registry"],
        1,
        DRIFT,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

VIEW                             REGISTRY  MIGRATIONS  LIVE  PRESENCE
public.mv_by_hand                -         not looked  x     view-unregistered
public.mv_reconciliation_status  x         not looked  -     view-missing

6 views: 4 in registry and database, 2 in one of them

error [view-unregistered] public.mv_by_hand
  public.mv_by_hand is in the database, but not registered
  remedy: register it in registry.toml, ignore it there under [database] ignore,
    or drop it; whether a migration creates it was not looked for

error [concurrent-unfit] public.mv_realtime_revenue
  public.mv_realtime_revenue cannot be refreshed concurrently: it has no valid
  unique index on columns alone, without a WHERE
  at registry.toml:70
  remedy: create the declared key
    CREATE UNIQUE INDEX CONCURRENTLY ON public.mv_realtime_revenue (tenant_id);

error [unique-key-drift] public.mv_realtime_revenue
  no valid unique index of public.mv_realtime_revenue is on (tenant_id)
  at registry.toml:70
  remedy: create the key, or correct the registry
    CREATE UNIQUE INDEX CONCURRENTLY ON public.mv_realtime_revenue (tenant_id);

error [view-missing] public.mv_reconciliation_status
  public.mv_reconciliation_status is registered, but the database does not have
  it
  at registry.toml:78
  remedy: deploy the migration that creates it, or find out who dropped it;
    whether the migrations create it was not looked for
    $ driftgate migrate status

EG-3 fail      4 errors; wanted: the live views are those of the registry, as
               declared

fail: 4 errors, 0 warnings (exit 1)

"#]],
    );
}

#[test]
fn diff_registry_with_the_sql_behind_a_finding() {
    let plant = "REFRESH MATERIALIZED VIEW public.mv_realtime_revenue WITH NO DATA";
    assert_transcript(
        &["diff-registry", "-v"],
        1,
        plant,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

5 views: 5 in registry and database, 0 in one of them

error [view-unpopulated] public.mv_realtime_revenue
  public.mv_realtime_revenue is not populated: every read of it fails
  at registry.toml:70
  remedy: fill it; the first fill is a plain refresh, and nobody can be reading
    it
    REFRESH MATERIALIZED VIEW public.mv_realtime_revenue;
  see for yourself:
    SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner) AS owner, c.relispopulated FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND n.nspname = 'public' AND c.relname = 'mv_realtime_revenue';

EG-3 fail      1 error; wanted: the live views are those of the registry, as
               declared

fail: 1 error, 0 warnings (exit 1)

"#]],
    );
}

#[test]
fn preflight_that_passes() {
    assert_transcript(
        &["preflight"],
        0,
        "",
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

EG-1 pass      the database is at the one head of its migrations: 5 checks,
               nothing found
EG-3 pass      the live views are those of the registry, as declared: 8 checks,
               nothing found

pass: 0 errors, 0 warnings (exit 0)

"#]],
    );
}

#[test]
fn preflight_that_fails() {
    assert_transcript(
        &["preflight"],
        1,
        DRIFT,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

error [view-unregistered] public.mv_by_hand
  public.mv_by_hand is in the database, but not registered
  remedy: register it in registry.toml, ignore it there under [database] ignore,
    or drop it; whether a migration creates it was not looked for

error [concurrent-unfit] public.mv_realtime_revenue
  public.mv_realtime_revenue cannot be refreshed concurrently: it has no valid
  unique index on columns alone, without a WHERE
  at registry.toml:70
  remedy: create the declared key
    CREATE UNIQUE INDEX CONCURRENTLY ON public.mv_realtime_revenue (tenant_id);

error [unique-key-drift] public.mv_realtime_revenue
  no valid unique index of public.mv_realtime_revenue is on (tenant_id)
  at registry.toml:70
  remedy: create the key, or correct the registry
    CREATE UNIQUE INDEX CONCURRENTLY ON public.mv_realtime_revenue (tenant_id);

error [view-missing] public.mv_reconciliation_status
  public.mv_reconciliation_status is registered, but the database does not have
  it
  at registry.toml:78
  remedy: deploy the migration that creates it, or find out who dropped it;
    whether the migrations create it was not looked for
    $ driftgate migrate status

EG-1 pass      the database is at the one head of its migrations: 5 checks,
               nothing found
EG-3 fail      4 errors; wanted: the live views are those of the registry, as
               declared

fail: 4 errors, 0 warnings (exit 1)

"#]],
    );
}

#[test]
fn migrate_status_at_the_head() {
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
fn migrate_status_with_something_pending_and_something_changed() {
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
fn migrate_history() {
    let plant = "DELETE FROM _sqlx_migrations WHERE version = 7;
         UPDATE _sqlx_migrations SET installed_on = '2026-11-23 10:00:00+00'";
    assert_transcript(
        &["migrate", "history"],
        0,
        plant,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

MIGRATION
  APPLIED                   STATE
migrations/0001_roles.sql
  2026-11-23T10:00:00.000Z  applied
migrations/0002_tenants_and_channels.sql
  2026-11-23T10:00:00.000Z  applied
migrations/0003_attribution.sql
  2026-11-23T10:00:00.000Z  applied
migrations/0004_revenue_and_reconciliation.sql
  2026-11-23T10:00:00.000Z  applied
migrations/0005_materialized_views.sql
  2026-11-23T10:00:00.000Z  applied
migrations/0006_tenant_facing_views.sql
  2026-11-23T10:00:00.000Z  applied
migrations/0007_scheduled_tasks.sql
  -                         pending

"#]],
    );
}

#[test]
fn migrate_heads() {
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
fn migrate_up_and_a_second_time() {
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
fn migrate_up_that_fails() {
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
