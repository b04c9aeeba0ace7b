//! `inventory`, as a reader sees it.

use snapbox::str;

use super::assert_transcript;

#[test]
fn as_a_list() {
    assert_transcript(
        &["inventory"],
        0,
        "",
        str![[r#"
[URL] as postgres (PostgreSQL [VERSION]), registry registry.toml

VIEW                             OWNER          ROWS   SIZE  REFRESH     TENANTS
public.mv_allocation_summary     matview_owner   ~64  ## kB  concurrent  clear
public.mv_channel_performance    matview_owner   ~32  ## kB  concurrent  clear
public.mv_daily_revenue_summary  matview_owner  ~120  ## kB  concurrent  clear
public.mv_realtime_revenue       matview_owner    ~4  ## kB  concurrent  clear
public.mv_reconciliation_status  matview_owner  ~120  ## kB  concurrent  clear

5 materialized views, ### kB, all registered

"#]],
    );
}

#[test]
fn in_detail() {
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
  tenants     clear
  size        ## kB (##### bytes)
  rows        ~64 by estimate
  reads       nothing
  read by     public.mv_channel_performance
  index       mv_allocation_summary_key (tenant_id, channel_code, model):
              unique, usable for concurrent
  comment     Revenue credited to each channel, by attribution model.
  definition  as printed by (PostgreSQL [MAJOR])
    sha256:[DIGEST]

public.mv_channel_performance
  owner       matview_owner
  refresh     concurrent
  registered  yes
  tenants     clear
  size        ## kB (##### bytes)
  rows        ~32 by estimate
  reads       public.mv_allocation_summary
  read by     nothing
  index       mv_channel_performance_key (tenant_id, channel_code): unique,
              usable for concurrent
  comment     Events and credited revenue of each channel.
  definition  as printed by (PostgreSQL [MAJOR])
    sha256:[DIGEST]

public.mv_daily_revenue_summary
  owner       matview_owner
  refresh     concurrent
  registered  yes
  tenants     clear
  size        ## kB (##### bytes)
  rows        ~120 by estimate
  reads       nothing
  read by     public.mv_reconciliation_status
  index       mv_daily_revenue_summary_key (tenant_id, revenue_day): unique,
              usable for concurrent
  comment     Sales, refunds and net revenue by day.
  definition  as printed by (PostgreSQL [MAJOR])
    sha256:[DIGEST]

public.mv_realtime_revenue
  owner       matview_owner
  refresh     concurrent
  registered  yes
  tenants     clear
  size        ## kB (##### bytes)
  rows        ~4 by estimate
  reads       nothing
  read by     nothing
  index       mv_realtime_revenue_key (tenant_id): unique, usable for concurrent
  comment     The running total of each tenant's newest day.
  definition  as printed by (PostgreSQL [MAJOR])
    sha256:[DIGEST]

public.mv_reconciliation_status
  owner       matview_owner
  refresh     concurrent
  registered  yes
  tenants     clear
  size        ## kB (##### bytes)
  rows        ~120 by estimate
  reads       public.mv_daily_revenue_summary
  read by     nothing
  index       mv_reconciliation_status_key (tenant_id, revenue_day): unique,
              usable for concurrent
  comment     Whether books and payment provider agree, by day.
  definition  as printed by (PostgreSQL [MAJOR])
    sha256:[DIGEST]

history of refreshes: it is not installed: `driftgate history install` makes it
5 materialized views, ### kB, all registered

"#]],
    );
}
