-- Two tasks that go over all tenants' events. refresh_worker has no such right of its own: it may call two functions
-- that run as maintenance_owner, and each does one thing. Their search_path is pinned, so that nobody's objects can
-- step in for ours. row_security = off makes the loss of BYPASSRLS an error: with it on, a scan that was shown no
-- rows would report that it found nothing.

CREATE TABLE public.pii_findings (
    tenant_id   uuid        NOT NULL,
    event_id    uuid        NOT NULL,
    column_name text        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('email', 'phone')),
    found_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, event_id, column_name, kind),
    FOREIGN KEY (tenant_id, event_id) REFERENCES public.attribution_events (tenant_id, event_id) ON DELETE CASCADE
);
COMMENT ON TABLE public.pii_findings IS 'Events that seem to hold personal data: where, never what.';

ALTER TABLE public.pii_findings ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pii_findings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.pii_findings
    USING (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);

CREATE FUNCTION public.scan_pii_contamination() RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
AS $$
    WITH patterns (kind, pattern) AS (
        VALUES ('email', '[a-z0-9._%+-]+(@|%40)[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}'),
               ('phone', '(^|[^a-z0-9])((\+|%2B)[0-9][0-9 ().-]{6,16}[0-9]'
                         '|\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-][0-9]{4})($|[^a-z0-9])')
    ), found AS (
        INSERT INTO public.pii_findings (tenant_id, event_id, column_name, kind)
        SELECT e.tenant_id, e.event_id, c.column_name, p.kind
          FROM public.attribution_events AS e
         CROSS JOIN LATERAL (VALUES ('landing_page', e.landing_page),
                                    ('payload', e.payload::text)) AS c (column_name, content)
          JOIN patterns AS p ON c.content ~* p.pattern
            ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT count(*) FROM found
$$;
COMMENT ON FUNCTION public.scan_pii_contamination() IS
    'Records events that seem to hold e-mail addresses or phone numbers; returns how many findings are new.';

-- The ledger is not touched: books are kept by other rules than events.
CREATE FUNCTION public.enforce_retention(max_events integer DEFAULT 10000) RETURNS bigint
    LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
AS $$
    WITH expired AS (
        SELECT t.id AS tenant_id, old.event_id
          FROM public.tenants AS t
         CROSS JOIN LATERAL (SELECT e.event_id
                               FROM public.attribution_events AS e
                              WHERE e.tenant_id = t.id AND e.occurred_at < now() - t.retention
                              ORDER BY e.occurred_at
                              LIMIT max_events) AS old
         LIMIT max_events
    ), deleted AS (
        DELETE FROM public.attribution_events AS e
         USING expired AS x
         WHERE e.tenant_id = x.tenant_id AND e.event_id = x.event_id
        RETURNING 1
    )
    SELECT count(*) FROM deleted
$$;
COMMENT ON FUNCTION public.enforce_retention(integer) IS
    'Deletes events older than their tenant''s retention, at most max_events of them; returns how many.';

ALTER FUNCTION public.scan_pii_contamination() OWNER TO maintenance_owner;
ALTER FUNCTION public.enforce_retention(integer) OWNER TO maintenance_owner;

GRANT SELECT (id, retention) ON public.tenants TO maintenance_owner;
GRANT SELECT (tenant_id, event_id, occurred_at, landing_page, payload), DELETE
   ON public.attribution_events TO maintenance_owner;
GRANT INSERT ON public.pii_findings TO maintenance_owner;

REVOKE EXECUTE ON FUNCTION public.scan_pii_contamination(), public.enforce_retention(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.scan_pii_contamination(), public.enforce_retention(integer) TO refresh_worker;
