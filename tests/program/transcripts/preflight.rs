//! `preflight`, as a reader sees it.

use snapbox::str;

use super::{DRIFT, assert_transcript, assert_transcript_of};
use crate::support::history::refresh_all;
use crate::support::{Project, TestDatabase};

#[test]
fn that_passes() {
    let (database, project) = (TestDatabase::reference(), Project::reference());
    refresh_all(&database.url(), &project);
    assert_transcript_of(
        (&database, &project),
        &["preflight"],
        0,
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

EG-1 pass      the database is at the one head of its migrations: 8 checks,
               nothing found
EG-3 pass      the live views are those of the registry, as declared: 9 checks,
               nothing found
EG-4 pass      each role can refresh, read and write what it must, and no more:
               8 checks, nothing found
EG-5 pass      every schedule is loaded and really dispatches: 7 checks, nothing
               found
EG-6 pass      refreshes of one view exclude each other: 3 checks, nothing found
EG-7 pass      no refresh and no read crosses tenants: 5 checks, nothing found
EG-8 pass      every view is as fresh as declared: 2 checks, nothing found

pass: 0 errors, 0 warnings (exit 0)

"#]],
    );
}

#[test]
fn that_fails() {
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

EG-1 pass      the database is at the one head of its migrations: 8 checks,
               nothing found
EG-3 fail      4 errors; wanted: the live views are those of the registry, as
               declared
EG-4 undecided public.mv_reconciliation_status is not in the database; wanted:
               each role can refresh, read and write what it must, and no more
EG-5 undecided the history of refreshes is not installed: `driftgate history
               install` makes it; wanted: every schedule is loaded and really
               dispatches
               not judged: hourly, nightly, realtime
EG-6 pass      refreshes of one view exclude each other: 3 checks, nothing found
EG-7 undecided public.mv_reconciliation_status is not in the database; wanted:
               no refresh and no read crosses tenants
EG-8 undecided the history of refreshes is not installed: `driftgate history
               install` makes it; wanted: every view is as fresh as declared

fail: 4 errors, 0 warnings, 7 not judged (exit 1)

"#]],
    );
}
