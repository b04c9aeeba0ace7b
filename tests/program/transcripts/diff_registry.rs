//! `diff-registry`, as a reader sees it.

use snapbox::{assert_data_eq, str};

use super::{DRIFT, assert_is_for_a_reader, assert_transcript, redacted};
use crate::support::{Project, TestDatabase, driftgate};

#[test]
fn in_sync() {
    assert_transcript(
        &["diff-registry"],
        0,
        "",
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

5 views: 5 in registry and database, 0 in one of them

EG-3 pass      the live views are those of the registry, as declared: 9 checks,
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

#[test]
fn of_many_tenants() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    project.register(
        "[[matview]]\nname = \"tenant_{slug}.mv_revenue\"\nrefresh = \"plain\"\n\
         [[matview]]\nname = \"tenant_{slug}.mv_orders\"\nrefresh = \"plain\"",
    );
    project.change(
        "registry.toml",
        "SELECT id, slug FROM public.tenants ORDER BY id",
        "SELECT 't' || n AS slug FROM generate_series(1, 40) AS n",
    );
    database.session().run(
        "DO $$ BEGIN FOR n IN 1..41 LOOP
           EXECUTE format('CREATE SCHEMA tenant_t%s', n);
           EXECUTE format('CREATE MATERIALIZED VIEW tenant_t%s.mv_orders AS SELECT 1', n);
           IF n > 5 THEN
             EXECUTE format('CREATE MATERIALIZED VIEW tenant_t%s.mv_revenue AS SELECT 1', n);
           END IF;
         END LOOP; END $$;
         DROP MATERIALIZED VIEW tenant_t41.mv_revenue;
         CREATE MATERIALIZED VIEW tenant_t3.mv_revenue AS SELECT 1;
         CREATE MATERIALIZED VIEW tenant_t4.mv_revenue AS SELECT 1;
         CREATE MATERIALIZED VIEW tenant_t5.mv_revenue AS SELECT 1",
    );
    let run =
        driftgate(["diff-registry"]).project(&project).database(&database.url()).run().exits(1);
    assert_data_eq!(
        redacted(&run, &database),
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

VIEW                  REGISTRY  MIGRATIONS  LIVE  PRESENCE
tenant_t1.mv_revenue  x         not looked  -     view-missing
tenant_t2.mv_revenue  x         not looked  -     view-missing
tenant_t41.mv_orders  -         not looked  x     view-unregistered

86 views: 83 in registry and database, 3 in one of them
tenant_{slug}.mv_orders: 40 tenants, in sync
tenant_{slug}.mv_revenue: 38 of 40 tenants in sync

error [view-missing] tenant_t1.mv_revenue
  tenant_t1.mv_revenue is registered for tenant t1 by tenant_{slug}.mv_revenue,
  but the database does not have it
  at registry.toml:97
  remedy: make it as for the other tenants, or take the tenant out of what the
    tenants query lists

error [view-missing] tenant_t2.mv_revenue
  tenant_t2.mv_revenue is registered for tenant t2 by tenant_{slug}.mv_revenue,
  but the database does not have it
  at registry.toml:97
  remedy: make it as for the other tenants, or take the tenant out of what the
    tenants query lists

error [view-unregistered] tenant_t41.mv_orders
  tenant_t41.mv_orders is in the database, but no tenant gives that name by
  tenant_{slug}.mv_orders
  at registry.toml:100
  remedy: drop it if its tenant is gone, or find out why the tenants query does
    not list the tenant

EG-3 fail      3 errors; wanted: the live views are those of the registry, as
               declared

fail: 3 errors, 0 warnings (exit 1)

"#]]
    );
    assert_is_for_a_reader(&run.stdout);
}
