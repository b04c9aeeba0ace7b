-- The five materialized views. Each holds all tenants, so that one refresh serves them all, and each has a unique
-- index on plain columns without WHERE: what REFRESH ... CONCURRENTLY needs. Their queries call no functions of our
-- own and read no settings: nothing in them can depend on who refreshes.

-- What the queries read, and nothing more: the payload of an event stays out of reach.
GRANT SELECT (id) ON public.tenants TO matview_owner;
GRANT SELECT ON public.channel_taxonomy TO matview_owner;
GRANT SELECT (tenant_id, event_id, channel_code, event_type) ON public.attribution_events TO matview_owner;
GRANT SELECT ON public.attribution_allocations, public.revenue_ledger, public.reconciliation_runs TO matview_owner;

-- CONCURRENTLY gathers the differences in a temporary table of the owner's. PUBLIC may usually make one; where that
-- was revoked, the owner still may.
DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO matview_owner', current_database());
END
$$;

CREATE MATERIALIZED VIEW public.mv_allocation_summary AS
SELECT a.tenant_id,
       e.channel_code,
       a.model,
       count(*) AS touches,
       count(DISTINCT a.order_ref) AS orders,
       sum(a.allocated_cents)::bigint AS allocated_cents
  FROM public.attribution_allocations AS a
  JOIN public.attribution_events AS e ON e.tenant_id = a.tenant_id AND e.event_id = a.event_id
 GROUP BY a.tenant_id, e.channel_code, a.model;
CREATE UNIQUE INDEX mv_allocation_summary_key
    ON public.mv_allocation_summary (tenant_id, channel_code, model);
COMMENT ON MATERIALIZED VIEW public.mv_allocation_summary IS 'Revenue credited to each channel, by attribution model.';

CREATE MATERIALIZED VIEW public.mv_channel_performance AS
SELECT e.tenant_id,
       e.channel_code,
       c.name AS channel_name,
       c.media_type,
       e.impressions,
       e.clicks,
       e.conversions,
       coalesce(s.last_touch_cents, 0::bigint) AS last_touch_cents,
       coalesce(s.linear_cents, 0::bigint) AS linear_cents
  FROM (SELECT tenant_id,
               channel_code,
               count(*) FILTER (WHERE event_type = 'impression') AS impressions,
               count(*) FILTER (WHERE event_type = 'click') AS clicks,
               count(*) FILTER (WHERE event_type = 'conversion') AS conversions
          FROM public.attribution_events
         GROUP BY tenant_id, channel_code) AS e
  JOIN public.channel_taxonomy AS c ON c.code = e.channel_code
  LEFT JOIN (SELECT tenant_id,
                    channel_code,
                    (sum(allocated_cents) FILTER (WHERE model = 'last_touch'))::bigint AS last_touch_cents,
                    (sum(allocated_cents) FILTER (WHERE model = 'linear'))::bigint AS linear_cents
               FROM public.mv_allocation_summary
              GROUP BY tenant_id, channel_code) AS s
         ON s.tenant_id = e.tenant_id AND s.channel_code = e.channel_code;
CREATE UNIQUE INDEX mv_channel_performance_key
    ON public.mv_channel_performance (tenant_id, channel_code);
COMMENT ON MATERIALIZED VIEW public.mv_channel_performance IS 'Events and credited revenue of each channel.';

CREATE MATERIALIZED VIEW public.mv_daily_revenue_summary AS
SELECT tenant_id,
       booked_on AS revenue_day,
       count(*) AS entries,
       (coalesce(sum(amount_cents) FILTER (WHERE entry_kind = 'sale'), 0::numeric))::bigint AS sales_cents,
       (coalesce(sum(amount_cents) FILTER (WHERE entry_kind = 'refund'), 0::numeric))::bigint AS refund_cents,
       sum(amount_cents)::bigint AS net_cents
  FROM public.revenue_ledger
 GROUP BY tenant_id, booked_on;
CREATE UNIQUE INDEX mv_daily_revenue_summary_key
    ON public.mv_daily_revenue_summary (tenant_id, revenue_day);
COMMENT ON MATERIALIZED VIEW public.mv_daily_revenue_summary IS 'Sales, refunds and net revenue by day.';

-- "Now" is each tenant's newest day: without a clock in the query, no tenant drops out merely because time passes.
CREATE MATERIALIZED VIEW public.mv_realtime_revenue AS
SELECT l.tenant_id,
       l.booked_on AS revenue_day,
       count(*) AS entries,
       sum(l.amount_cents)::bigint AS net_cents,
       max(l.occurred_at) AS last_entry_at
  FROM public.tenants AS t
 CROSS JOIN LATERAL (SELECT max(r.booked_on) AS revenue_day
                       FROM public.revenue_ledger AS r
                      WHERE r.tenant_id = t.id) AS newest
  JOIN public.revenue_ledger AS l ON l.tenant_id = t.id AND l.booked_on = newest.revenue_day
 GROUP BY l.tenant_id, l.booked_on;
CREATE UNIQUE INDEX mv_realtime_revenue_key
    ON public.mv_realtime_revenue (tenant_id);
COMMENT ON MATERIALIZED VIEW public.mv_realtime_revenue IS 'The running total of each tenant''s newest day.';

-- FULL JOIN: a day that was reported but never booked is the difference most worth knowing.
CREATE MATERIALIZED VIEW public.mv_reconciliation_status AS
SELECT coalesce(d.tenant_id, r.tenant_id) AS tenant_id,
       coalesce(d.revenue_day, r.revenue_day) AS revenue_day,
       coalesce(d.net_cents, 0::bigint) AS booked_cents,
       r.reported_cents,
       r.ran_at,
       CASE
           WHEN r.tenant_id IS NULL THEN 'not_run'
           WHEN r.reported_cents = coalesce(d.net_cents, 0::bigint) THEN 'matched'
           ELSE 'differs'
       END AS status
  FROM public.mv_daily_revenue_summary AS d
  FULL JOIN (SELECT DISTINCT ON (tenant_id, revenue_day) tenant_id, revenue_day, reported_cents, ran_at
               FROM public.reconciliation_runs
              ORDER BY tenant_id, revenue_day, ran_at DESC, run_id) AS r
         ON r.tenant_id = d.tenant_id AND r.revenue_day = d.revenue_day;
CREATE UNIQUE INDEX mv_reconciliation_status_key
    ON public.mv_reconciliation_status (tenant_id, revenue_day);
COMMENT ON MATERIALIZED VIEW public.mv_reconciliation_status IS 'Whether books and payment provider agree, by day.';

-- Handed over when complete: a superuser may do that without the owner ever having CREATE on the schema.
ALTER MATERIALIZED VIEW public.mv_allocation_summary OWNER TO matview_owner;
ALTER MATERIALIZED VIEW public.mv_channel_performance OWNER TO matview_owner;
ALTER MATERIALIZED VIEW public.mv_daily_revenue_summary OWNER TO matview_owner;
ALTER MATERIALIZED VIEW public.mv_realtime_revenue OWNER TO matview_owner;
ALTER MATERIALIZED VIEW public.mv_reconciliation_status OWNER TO matview_owner;
