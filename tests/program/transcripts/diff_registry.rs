//! `diff-registry`, as a reader sees it.

use snapbox::str;

use super::{DRIFT, assert_transcript};

#[test]
fn in_sync() {
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
fn with_drift() {
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
fn with_the_sql_behind_a_finding() {
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
