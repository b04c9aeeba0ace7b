//! Rows that come from elsewhere: from another server, which is this one reached as a role
//! that policies bind, or from a query that is only text.

use super::{Shape, clear, opaque};

pub(super) const SHAPES: &[Shape] = &[
    opaque("foreign_table", "SELECT * FROM f").with(
        "CREATE FOREIGN TABLE f (tenant_id text) SERVER loopback
           OPTIONS (schema_name 'base', table_name 'secured')",
    ),
    opaque("foreign_table_in_a_view", "SELECT * FROM v").with(
        "CREATE FOREIGN TABLE f (tenant_id text) SERVER loopback
           OPTIONS (schema_name 'base', table_name 'secured');
         CREATE VIEW v AS SELECT * FROM f",
    ),
    opaque("foreign_partition", "SELECT * FROM t").with(
        "CREATE TABLE t (tenant_id text) PARTITION BY LIST (tenant_id);
         CREATE TABLE half PARTITION OF t DEFAULT PARTITION BY LIST (tenant_id);
         CREATE FOREIGN TABLE p PARTITION OF half DEFAULT SERVER loopback
           OPTIONS (schema_name 'base', table_name 'secured')",
    ),
    opaque("foreign_child", "SELECT * FROM t").with(
        "CREATE TABLE t (tenant_id text);
         CREATE FOREIGN TABLE p () INHERITS (t) SERVER loopback
           OPTIONS (schema_name 'base', table_name 'secured')",
    ),
    opaque(
        "dblink",
        "SELECT * FROM public.dblink('host={socket} dbname={database} user={other}',
           'SELECT tenant_id FROM base.secured') d (tenant_id text)",
    )
    .owned_by("root"),
    // Built-ins that run a query given as text, or read a table by its name.
    opaque(
        "ts_stat",
        "SELECT upper(word) AS tenant_id FROM ts_stat($$
           SELECT to_tsvector('simple', tenant_id) FROM base.plain
            WHERE tenant_id = current_setting('app.tenant', true) $$)",
    ),
    opaque(
        "query_to_xml",
        "SELECT unnest(xpath('//tenant_id/text()', query_to_xml($$
           SELECT tenant_id FROM base.plain
            WHERE tenant_id = current_setting('app.tenant', true) $$, false, false, '')))::text
           AS tenant_id",
    ),
    opaque(
        "table_to_xml",
        "SELECT unnest(xpath('//tenant_id/text()',
           table_to_xml(lower('base.Secured')::regclass, false, false, '')))::text AS tenant_id",
    ),
    opaque(
        "schema_to_xml",
        "SELECT unnest(xpath('//secured/tenant_id/text()', schema_to_xml('base', false, false, '')
           ))::text AS tenant_id",
    ),
    // Types that call functions.
    opaque(
        "domain_by_its_name",
        "SELECT * FROM base.plain
           WHERE pg_input_is_valid(tenant_id, '{schema}.d')",
    )
    .since(16)
    .with(
        "CREATE FUNCTION f(text) RETURNS boolean LANGUAGE sql STABLE
           AS $$ SELECT $1 = coalesce(current_setting('app.tenant', true), '') $$;
         CREATE DOMAIN d AS text CHECK (f(VALUE))",
    ),
    clear("domain", "SELECT tenant_id::d FROM base.plain").with(
        "CREATE FUNCTION f(text) RETURNS boolean LANGUAGE sql STABLE
           AS $$ SELECT $1 = coalesce(current_setting('app.tenant', true), '') $$;
         CREATE DOMAIN d AS text CHECK (f(VALUE))",
    ),
    clear(
        "domain_whose_errors_are_null",
        "SELECT
           JSON_VALUE(to_jsonb(tenant_id), '$' RETURNING d NULL ON ERROR) AS tenant_id
           FROM base.plain",
    )
    .since(17)
    .with(
        "CREATE FUNCTION f(text) RETURNS boolean LANGUAGE sql STABLE
           AS $$ SELECT $1 = coalesce(current_setting('app.tenant', true), '') $$;
         CREATE DOMAIN d AS text CHECK (f(VALUE))",
    )
    .unseen("the check of a domain otherwise only ends a refresh; here a refusal becomes NULL"),
    clear(
        "elements_with_an_order_of_their_own",
        "SELECT * FROM base.plain
           WHERE ARRAY[ROW(tenant_id)::c] = ARRAY[ROW('A')::c]",
    )
    .with(
        "CREATE TYPE c AS (tenant_id text);
         CREATE FUNCTION f(c, c) RETURNS boolean LANGUAGE sql STABLE
           AS $$ SELECT ($1).tenant_id = coalesce(current_setting('app.tenant', true), '') $$;
         CREATE FUNCTION compare(c, c) RETURNS int LANGUAGE sql STABLE AS 'SELECT 0';
         CREATE OPERATOR = (LEFTARG = c, RIGHTARG = c, FUNCTION = f);
         CREATE OPERATOR CLASS o DEFAULT FOR TYPE c USING btree AS
           OPERATOR 3 =, FUNCTION 1 compare(c, c)",
    )
    .unseen("a built-in looks up the operator class of the elements when it runs"),
];
