-- The tenant's windows on the materialized views. A materialized view cannot have row-level security, so app_user
-- never reads one: it reads these, which show the current tenant's rows. security_barrier keeps a function in the
-- reader's own WHERE from seeing the other rows first. They read with their owner's rights, not the reader's.

CREATE VIEW public.allocation_summary WITH (security_barrier = true) AS
SELECT tenant_id, channel_code, model, touches, orders, allocated_cents
  FROM public.mv_allocation_summary
 WHERE tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid;
COMMENT ON VIEW public.allocation_summary IS 'mv_allocation_summary, the current tenant''s rows.';

CREATE VIEW public.channel_performance WITH (security_barrier = true) AS
SELECT tenant_id, channel_code, channel_name, media_type, impressions, clicks, conversions,
       last_touch_cents, linear_cents
  FROM public.mv_channel_performance
 WHERE tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid;
COMMENT ON VIEW public.channel_performance IS 'mv_channel_performance, the current tenant''s rows.';

CREATE VIEW public.daily_revenue_summary WITH (security_barrier = true) AS
SELECT tenant_id, revenue_day, entries, sales_cents, refund_cents, net_cents
  FROM public.mv_daily_revenue_summary
 WHERE tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid;
COMMENT ON VIEW public.daily_revenue_summary IS 'mv_daily_revenue_summary, the current tenant''s rows.';

CREATE VIEW public.realtime_revenue WITH (security_barrier = true) AS
SELECT tenant_id, revenue_day, entries, net_cents, last_entry_at
  FROM public.mv_realtime_revenue
 WHERE tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid;
COMMENT ON VIEW public.realtime_revenue IS 'mv_realtime_revenue, the current tenant''s row.';

CREATE VIEW public.reconciliation_status WITH (security_barrier = true) AS
SELECT tenant_id, revenue_day, booked_cents, reported_cents, ran_at, status
  FROM public.mv_reconciliation_status
 WHERE tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid;
COMMENT ON VIEW public.reconciliation_status IS 'mv_reconciliation_status, the current tenant''s rows.';

ALTER VIEW public.allocation_summary OWNER TO matview_owner;
ALTER VIEW public.channel_performance OWNER TO matview_owner;
ALTER VIEW public.daily_revenue_summary OWNER TO matview_owner;
ALTER VIEW public.realtime_revenue OWNER TO matview_owner;
ALTER VIEW public.reconciliation_status OWNER TO matview_owner;

GRANT SELECT
   ON public.allocation_summary, public.channel_performance, public.daily_revenue_summary,
      public.realtime_revenue, public.reconciliation_status
   TO app_user;
