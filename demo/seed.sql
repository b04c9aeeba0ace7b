-- Rows for the reference project: the same rows every time, for as many tenants as the setting demo.tenants says
-- (4 if it says nothing). Running it again adds what is missing, so more tenants can follow.
-- Run it as the superuser who migrated: row-level security does not bind that role.
--
-- 30 days up to 31 October 2026. Each day of a tenant has four events, the last one a conversion, and the order that
-- came of it. Two things are planted for the scheduled tasks: an e-mail address where none belongs, and events long
-- past their tenant's retention.

INSERT INTO public.tenants (id, slug, name, currency, retention, created_at)
SELECT format('%s-0000-4000-8000-000000000001', lpad(n::text, 8, '0'))::uuid,
       lower(replace(b.name, ' ', '-')) || CASE WHEN n > 8 THEN '-' || n ELSE '' END,
       b.name || CASE WHEN n > 8 THEN ' ' || n ELSE '' END,
       (ARRAY['EUR', 'USD', 'GBP'])[n % 3 + 1],
       interval '5 years',  -- keeps the fixed dates below inside the retention
       timestamptz '2026-09-01 08:00:00+00'
  FROM generate_series(1, coalesce(nullif(current_setting('demo.tenants', true), ''), '4')::int) AS n
 CROSS JOIN LATERAL (SELECT (ARRAY['Alder Coffee', 'Birch Books', 'Cedar Cycles', 'Dogwood Gardens',
                                   'Elm Optics', 'Fir Furniture', 'Gorse Gifts', 'Hazel Health'])[(n - 1) % 8 + 1]
                    ) AS b (name)
    ON CONFLICT DO NOTHING;

-- Four touches a day, on channels that differ by tenant and day.
INSERT INTO public.attribution_events
       (tenant_id, event_id, channel_code, event_type, occurred_at, landing_page, payload)
SELECT t.id,
       format('%s-0000-4000-8001-%s', left(t.id::text, 8), lpad((day * 10 + touch)::text, 12, '0'))::uuid,
       (ARRAY['paid_search', 'email', 'organic_search', 'paid_social',
              'direct', 'display', 'referral', 'affiliate'])[(t.n + day + touch * touch) % 8 + 1],
       (ARRAY['impression', 'click', 'click', 'conversion'])[touch],
       timestamptz '2026-10-01 09:00:00+00' + day * interval '1 day' + touch * interval '40 minutes',
       '/offers/' || (t.n + day) % 12,
       jsonb_build_object('campaign', 'autumn-' || (t.n + day) % 5,
                          'device', (ARRAY['phone', 'desktop'])[(t.n + touch) % 2 + 1])
  FROM (SELECT id, left(id::text, 8)::int AS n FROM public.tenants) AS t
 CROSS JOIN generate_series(1, 30) AS day
 CROSS JOIN generate_series(1, 4) AS touch
    ON CONFLICT DO NOTHING;

-- An order a day; every seventh is refunded in the evening.
INSERT INTO public.revenue_ledger (tenant_id, entry_id, order_ref, entry_kind, amount_cents, booked_on, occurred_at)
SELECT t.id,
       format('%s-0000-4000-8002-%s', left(t.id::text, 8), lpad((day * 10 + k.n)::text, 12, '0'))::uuid,
       'order-' || day,
       k.entry_kind,
       k.sign * (4000 + (t.n * 372 + day * 1312) % 9000),
       date '2026-10-01' + day,
       timestamptz '2026-10-01 11:45:00+00' + day * interval '1 day' + k.n * interval '4 hours'
  FROM (SELECT id, left(id::text, 8)::int AS n FROM public.tenants) AS t
 CROSS JOIN generate_series(1, 30) AS day
  JOIN (VALUES (0, 'sale', 1), (1, 'refund', -1)) AS k (n, entry_kind, sign) ON k.n = 0 OR (t.n + day) % 7 = 0
    ON CONFLICT DO NOTHING;

-- Each order under two models: all of it to the last touch, or the same quarter to each of the four.
INSERT INTO public.attribution_allocations (tenant_id, event_id, model, order_ref, share, allocated_cents)
SELECT t.id,
       format('%s-0000-4000-8001-%s', left(t.id::text, 8), lpad((day * 10 + touch)::text, 12, '0'))::uuid,
       m.model,
       'order-' || day,
       m.share,
       m.share * (4000 + (t.n * 372 + day * 1312) % 9000)
  FROM (SELECT id, left(id::text, 8)::int AS n FROM public.tenants) AS t
 CROSS JOIN generate_series(1, 30) AS day
 CROSS JOIN generate_series(1, 4) AS touch
  JOIN (VALUES ('last_touch', 1.0), ('linear', 0.25)) AS m (model, share) ON m.model = 'linear' OR touch = 4
    ON CONFLICT DO NOTHING;

-- The payment provider agrees on most days, is a little off on every eleventh, and has not reported the newest.
INSERT INTO public.reconciliation_runs (tenant_id, run_id, revenue_day, reported_cents, ran_at)
SELECT l.tenant_id,
       format('%s-0000-4000-8003-%s', left(l.tenant_id::text, 8), to_char(l.booked_on, '"0000"YYYYMMDD'))::uuid,
       l.booked_on,
       sum(l.amount_cents) - CASE WHEN (left(l.tenant_id::text, 8)::int + l.booked_on - date '2026-10-01') % 11 = 0
                                  THEN 125 ELSE 0 END,
       (l.booked_on + 1)::timestamp AT TIME ZONE 'UTC' + interval '3 hours'
  FROM public.revenue_ledger AS l
 WHERE l.booked_on < date '2026-10-31'
 GROUP BY l.tenant_id, l.booked_on
    ON CONFLICT DO NOTHING;

-- Planted: what scan_pii_contamination() should find, and what enforce_retention() should delete.
INSERT INTO public.attribution_events
       (tenant_id, event_id, channel_code, event_type, occurred_at, landing_page, payload)
VALUES ('00000001-0000-4000-8000-000000000001', '00000001-0000-4000-8004-000000000001', 'email', 'click',
        '2026-10-30 10:00:00+00', '/contact', '{"campaign": "autumn-1", "note": "reply to jane.doe@example.com"}')
    ON CONFLICT DO NOTHING;

INSERT INTO public.attribution_events (tenant_id, event_id, channel_code, event_type, occurred_at, landing_page)
SELECT '00000001-0000-4000-8000-000000000001',
       format('00000001-0000-4000-8005-%s', lpad(month::text, 12, '0'))::uuid,
       'display',
       'impression',
       timestamptz '2015-01-15 12:00:00+00' + month * interval '1 month',
       '/archive'
  FROM generate_series(0, 11) AS month
    ON CONFLICT DO NOTHING;

ANALYZE public.tenants, public.attribution_events, public.attribution_allocations, public.revenue_ledger,
        public.reconciliation_runs;

-- Upstream first: channel performance reads the allocations, reconciliation the daily revenue.
REFRESH MATERIALIZED VIEW public.mv_allocation_summary;
REFRESH MATERIALIZED VIEW public.mv_channel_performance;
REFRESH MATERIALIZED VIEW public.mv_daily_revenue_summary;
REFRESH MATERIALIZED VIEW public.mv_realtime_revenue;
REFRESH MATERIALIZED VIEW public.mv_reconciliation_status;
