-- Purpose: more rows for the reference project, of the kind of its seed: :days days before the
--   seed's own for every tenant, so that a refresh takes long enough to be timed.
-- Run by: benches/refresh, after demo/seed.sql.
\set ON_ERROR_STOP on
\set QUIET on
-- The keys are known to be there: asking for each would take longer than all the rest.
SET session_replication_role = replica;

INSERT INTO public.attribution_events
       (tenant_id, event_id, channel_code, event_type, occurred_at, landing_page, payload)
SELECT t.id,
       format('%s-0000-4000-8101-%s', left(t.id::text, 8), lpad((day * 10 + touch)::text, 12, '0'))::uuid,
       (ARRAY['paid_search', 'email', 'organic_search', 'paid_social',
              'direct', 'display', 'referral', 'affiliate'])[(t.n + day + touch * touch) % 8 + 1],
       (ARRAY['impression', 'click', 'click', 'conversion'])[touch],
       timestamptz '2026-10-01 09:00:00+00' - day * interval '1 day' + touch * interval '40 minutes',
       '/offers/' || (t.n + day) % 12,
       '{}'
  FROM (SELECT id, left(id::text, 8)::int AS n FROM public.tenants) AS t
 CROSS JOIN generate_series(1, :days) AS day
 CROSS JOIN generate_series(1, 4) AS touch;

INSERT INTO public.revenue_ledger (tenant_id, entry_id, order_ref, entry_kind, amount_cents, booked_on, occurred_at)
SELECT t.id,
       format('%s-0000-4000-8102-%s', left(t.id::text, 8), lpad(day::text, 12, '0'))::uuid,
       'earlier-' || day, 'sale', 4000 + (t.n * 372 + day * 1312) % 9000,
       date '2026-10-01' - day,
       timestamptz '2026-10-01 11:45:00+00' - day * interval '1 day'
  FROM (SELECT id, left(id::text, 8)::int AS n FROM public.tenants) AS t
 CROSS JOIN generate_series(1, :days) AS day;

INSERT INTO public.attribution_allocations (tenant_id, event_id, model, order_ref, share, allocated_cents)
SELECT t.id,
       format('%s-0000-4000-8101-%s', left(t.id::text, 8), lpad((day * 10 + touch)::text, 12, '0'))::uuid,
       m.model, 'earlier-' || day, m.share,
       m.share * (4000 + (t.n * 372 + day * 1312) % 9000)
  FROM (SELECT id, left(id::text, 8)::int AS n FROM public.tenants) AS t
 CROSS JOIN generate_series(1, :days) AS day
 CROSS JOIN generate_series(1, 4) AS touch
  JOIN (VALUES ('last_touch', 1.0), ('linear', 0.25)) AS m (model, share) ON m.model = 'linear' OR touch = 4;

INSERT INTO public.reconciliation_runs (tenant_id, run_id, revenue_day, reported_cents, ran_at)
SELECT l.tenant_id, gen_random_uuid(), l.booked_on, sum(l.amount_cents),
       (l.booked_on + 1)::timestamp AT TIME ZONE 'UTC' + interval '3 hours'
  FROM public.revenue_ledger AS l
 WHERE l.booked_on <= date '2026-10-01'
 GROUP BY l.tenant_id, l.booked_on;

RESET session_replication_role;
VACUUM ANALYZE;
