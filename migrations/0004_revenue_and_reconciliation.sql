-- What was earned, and whether the payment provider says the same. Amounts are in cents of the tenant's currency.

CREATE TABLE public.revenue_ledger (
    tenant_id    uuid        NOT NULL REFERENCES public.tenants (id),
    entry_id     uuid        NOT NULL DEFAULT gen_random_uuid(),
    order_ref    text        NOT NULL,
    entry_kind   text        NOT NULL CHECK (entry_kind IN ('sale', 'refund')),
    amount_cents bigint      NOT NULL,
    -- The day of the books, as booked: taken from occurred_at it would depend on the reader's time zone.
    booked_on    date        NOT NULL,
    occurred_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, entry_id),
    CHECK (CASE entry_kind WHEN 'sale' THEN amount_cents > 0 ELSE amount_cents < 0 END)
);
COMMENT ON TABLE public.revenue_ledger IS 'Sales and refunds, never changed once booked.';
CREATE INDEX revenue_ledger_booked_on ON public.revenue_ledger (tenant_id, booked_on);

ALTER TABLE public.revenue_ledger ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.revenue_ledger FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.revenue_ledger
    USING (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);

CREATE TABLE public.reconciliation_runs (
    tenant_id      uuid        NOT NULL REFERENCES public.tenants (id),
    run_id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    revenue_day    date        NOT NULL,
    reported_cents bigint      NOT NULL,
    ran_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, run_id)
);
COMMENT ON TABLE public.reconciliation_runs IS 'What the payment provider reported for a day; the newest counts.';
CREATE INDEX reconciliation_runs_revenue_day ON public.reconciliation_runs (tenant_id, revenue_day, ran_at);

ALTER TABLE public.reconciliation_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.reconciliation_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.reconciliation_runs
    USING (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);

GRANT INSERT ON public.revenue_ledger TO ingest_worker;
GRANT SELECT ON public.revenue_ledger TO app_user;
GRANT SELECT, INSERT ON public.reconciliation_runs TO app_user;
