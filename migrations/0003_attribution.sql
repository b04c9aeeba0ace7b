-- What visitors did, and which share of an order each touch is credited with.
--
-- Every key leads with tenant_id, foreign keys included: no row can refer to another tenant's row. The policies
-- turn an empty setting into NULL, because that is what the setting is after a transaction that had set it:
-- no tenant then sees nothing, instead of an error from the cast. FORCE binds the owner of the table as well.

CREATE TABLE public.attribution_events (
    tenant_id    uuid        NOT NULL REFERENCES public.tenants (id),
    event_id     uuid        NOT NULL DEFAULT gen_random_uuid(),
    channel_code text        NOT NULL REFERENCES public.channel_taxonomy (code),
    event_type   text        NOT NULL CHECK (event_type IN ('impression', 'click', 'conversion')),
    occurred_at  timestamptz NOT NULL,
    landing_page text        NOT NULL DEFAULT '',
    payload      jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
    PRIMARY KEY (tenant_id, event_id)
);
COMMENT ON TABLE public.attribution_events IS 'Touches and conversions as they came in.';
CREATE INDEX attribution_events_occurred_at ON public.attribution_events (tenant_id, occurred_at);

ALTER TABLE public.attribution_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.attribution_events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.attribution_events
    USING (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);

CREATE TABLE public.attribution_allocations (
    tenant_id       uuid         NOT NULL REFERENCES public.tenants (id),
    event_id        uuid         NOT NULL,
    model           text         NOT NULL CHECK (model IN ('first_touch', 'last_touch', 'linear')),
    order_ref       text         NOT NULL,
    share           numeric(6,5) NOT NULL CHECK (share > 0 AND share <= 1),
    allocated_cents bigint       NOT NULL CHECK (allocated_cents >= 0),
    PRIMARY KEY (tenant_id, event_id, model, order_ref),
    -- An allocation is worth nothing without its event, and goes with it when the event's retention ends.
    FOREIGN KEY (tenant_id, event_id) REFERENCES public.attribution_events (tenant_id, event_id) ON DELETE CASCADE
);
COMMENT ON TABLE public.attribution_allocations IS 'The share of an order that a model credits to an event.';

ALTER TABLE public.attribution_allocations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.attribution_allocations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.attribution_allocations
    USING (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);

GRANT INSERT ON public.attribution_events TO ingest_worker;
GRANT SELECT ON public.attribution_events TO app_user;
GRANT SELECT, INSERT ON public.attribution_allocations TO app_user;
