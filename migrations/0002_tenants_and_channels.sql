-- Whose data it is, and the words it is described in. Neither table has row-level security: the
-- channels are common to all, and app_user is kept off the list of tenants by having no right to it at all.

CREATE TABLE public.tenants (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    slug       text        NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    name       text        NOT NULL,
    currency   text        NOT NULL DEFAULT 'EUR' CHECK (currency ~ '^[A-Z]{3}$'),
    -- The lower bound keeps a slip of the unit from emptying a tenant.
    retention  interval    NOT NULL DEFAULT '25 months' CHECK (retention >= interval '30 days'),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.tenants IS 'One row per customer; retention says how long its events are kept.';

CREATE TABLE public.channel_taxonomy (
    code       text PRIMARY KEY CHECK (code ~ '^[a-z]+(_[a-z]+)*$'),
    name       text NOT NULL UNIQUE,
    media_type text NOT NULL CHECK (media_type IN ('paid', 'owned', 'earned'))
);
COMMENT ON TABLE public.channel_taxonomy IS 'The marketing channels, the same for every tenant.';

INSERT INTO public.channel_taxonomy (code, name, media_type)
VALUES ('paid_search', 'Paid search', 'paid'),
       ('paid_social', 'Paid social', 'paid'),
       ('display', 'Display', 'paid'),
       ('affiliate', 'Affiliate', 'paid'),
       ('email', 'E-mail', 'owned'),
       ('direct', 'Direct', 'owned'),
       ('organic_search', 'Organic search', 'earned'),
       ('referral', 'Referral', 'earned');

-- The refreshing role lists the tenants; their other columns do not concern it.
GRANT SELECT (id, slug) ON public.tenants TO refresh_worker;
GRANT SELECT ON public.channel_taxonomy TO app_user;
