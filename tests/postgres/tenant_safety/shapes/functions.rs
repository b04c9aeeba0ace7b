//! Functions, in all the places where a query calls them without writing their name.

use super::{Shape, clear, opaque, setting};

pub(super) const SHAPES: &[Shape] = &[
    // Functions that read a table with row-level security.
    opaque("sql_function", "SELECT * FROM f() tenant_id").with(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql STABLE
           AS 'SELECT tenant_id FROM base.secured'",
    ),
    opaque("plpgsql_function", "SELECT * FROM f() tenant_id").with(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql STABLE AS
           'BEGIN RETURN QUERY EXECUTE ''SELECT tenant_id FROM base.secured''; END'",
    ),
    opaque("atomic_function", "SELECT * FROM f() tenant_id").since(14).with(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql STABLE
           BEGIN ATOMIC SELECT tenant_id FROM base.secured; END",
    ),
    opaque("definer_bound", "SELECT * FROM f() tenant_id").owned_by("exempt").with(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
           AS 'SELECT tenant_id FROM base.secured';
         ALTER FUNCTION f() OWNER TO {bound}",
    ),
    opaque("definer_exempt", "SELECT * FROM f() tenant_id").with(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER
           AS 'BEGIN RETURN QUERY SELECT tenant_id FROM base.secured; END';
         ALTER FUNCTION f() OWNER TO {exempt}",
    ),
    opaque("returns_rows_of_the_table", "SELECT * FROM f()").with(
        "CREATE FUNCTION f() RETURNS SETOF base.secured LANGUAGE sql STABLE
           AS 'SELECT * FROM base.secured'",
    ),
    opaque("definer_exempt_returns_rows", "SELECT * FROM f()").with(
        "CREATE FUNCTION f() RETURNS SETOF base.secured LANGUAGE sql STABLE SECURITY DEFINER
           AS 'SELECT * FROM base.secured';
         ALTER FUNCTION f() OWNER TO {exempt}",
    ),
    opaque("harmless_function", "SELECT f(tenant_id) AS tenant_id FROM base.plain")
        .with("CREATE FUNCTION f(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)'"),
    // Functions that read a setting.
    setting("sql_function_of_setting", "SELECT * FROM base.plain WHERE tenant_id = f()").with(
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql STABLE
           AS $$ SELECT current_setting('app.tenant', true) $$",
    ),
    setting("plpgsql_function_of_setting", "SELECT * FROM base.plain WHERE tenant_id = f()").with(
        "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql STABLE
           AS $$ BEGIN RETURN Current_Setting('app.tenant', true); END $$",
    ),
    setting("atomic_function_of_setting", "SELECT * FROM base.plain WHERE tenant_id = f()")
        .since(14)
        .with(
            "CREATE FUNCTION f() RETURNS text LANGUAGE sql STABLE
               BEGIN ATOMIC SELECT current_setting('app.tenant', true); END",
        ),
    setting("function_in_a_view", "SELECT * FROM v").owned_by("exempt").with(
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql STABLE
           AS $$ SELECT current_setting('app.tenant', true) $$;
         CREATE VIEW v AS SELECT * FROM base.plain WHERE tenant_id = f()",
    ),
    opaque("function_that_calls_another", "SELECT * FROM base.plain WHERE tenant_id = f()")
        .with("CREATE FUNCTION f() RETURNS text LANGUAGE sql STABLE AS 'SELECT base.tenant()'"),
    opaque("default_of_an_argument", "SELECT * FROM base.plain WHERE f(tenant_id)").with(
        "CREATE FUNCTION f(t text, s text DEFAULT current_setting('app.tenant', true))
           RETURNS boolean LANGUAGE sql STABLE AS 'SELECT t = s'",
    ),
    opaque(
        "internal_by_another_name",
        "SELECT * FROM base.plain
           WHERE tenant_id = f('app.tenant', true)",
    )
    .with(
        "CREATE FUNCTION f(text, boolean) RETURNS text LANGUAGE internal STABLE STRICT
               AS 'show_config_by_name_missing_ok'",
    ),
    opaque("text_put_together", "SELECT * FROM base.plain WHERE tenant_id = f()").with(
        "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql STABLE AS $$
           DECLARE t text;
           BEGIN
             EXECUTE 'SELECT current' || '_setting(''app.tenant'', true)' INTO t;
             RETURN t;
           END $$",
    ),
    opaque("show_in_a_function", "SELECT * FROM base.plain WHERE tenant_id = f()").with(
        "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql STABLE AS $$
           DECLARE t text;
           BEGIN EXECUTE 'SHOW app.tenant' INTO t; RETURN t; END $$",
    ),
    opaque("function_with_a_setting_of_its_own", "SELECT * FROM f() tenant_id").with(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql STABLE SET app.tenant = 'A'
           AS 'SELECT tenant_id FROM base.secured'",
    ),
    // Functions that undo the guard.
    setting("function_with_row_security_on", "SELECT * FROM f() tenant_id").with(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql STABLE SET row_security = on
           AS 'SELECT tenant_id FROM base.secured'",
    ),
    setting("function_that_sets_row_security", "SELECT * FROM f() tenant_id").with(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql AS $$
           BEGIN
             PERFORM set_config('row_security', 'on', true);
             RETURN QUERY SELECT tenant_id FROM base.secured;
           END $$",
    ),
    setting("definer_with_row_security_off", "SELECT * FROM f() tenant_id")
        .with(
            "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
               SET row_security = off AS 'SELECT tenant_id FROM base.secured';
             ALTER FUNCTION f() OWNER TO {exempt}",
        )
        .too_cautious("a function that names row_security is taken to undo the guard"),
    // Functions that no call names.
    setting("operator", "SELECT * FROM base.plain WHERE tenant_id === 'x'").with(
        "CREATE FUNCTION f(text, text) RETURNS boolean LANGUAGE sql STABLE
           AS $$ SELECT $1 = current_setting('app.tenant', true) $$;
         CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = f)",
    ),
    setting("operator_in_any", "SELECT * FROM base.plain WHERE tenant_id === ANY ('{x,y}')").with(
        "CREATE FUNCTION f(text, text) RETURNS boolean LANGUAGE sql STABLE
           AS $$ SELECT $1 = current_setting('app.tenant', true) $$;
         CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = f)",
    ),
    setting("cast", "SELECT (tenant_id::c).tenant_id FROM base.plain").with(
        "CREATE TYPE c AS (tenant_id text);
         CREATE FUNCTION f(text) RETURNS c LANGUAGE sql STABLE AS $$
           SELECT ROW(CASE WHEN $1 = current_setting('app.tenant', true)
                           THEN $1 END)::{schema}.c $$;
         CREATE CAST (text AS c) WITH FUNCTION f(text)",
    ),
    setting("aggregate", "SELECT unnest(a(tenant_id)) AS tenant_id FROM base.plain").with(
        "CREATE FUNCTION f(text[], text) RETURNS text[] LANGUAGE sql STABLE AS
           $$ SELECT CASE WHEN $2 = current_setting('app.tenant', true) THEN $1 || $2
                          ELSE $1 END $$;
         CREATE AGGREGATE a (text) (SFUNC = f, STYPE = text[], INITCOND = '{}')",
    ),
    setting(
        "aggregate_over_a_window",
        "SELECT unnest(t) AS tenant_id FROM (
           SELECT a(tenant_id) OVER (ORDER BY n) AS t FROM base.plain) w",
    )
    .with(
        "CREATE FUNCTION f(text[], text) RETURNS text[] LANGUAGE sql STABLE AS
           $$ SELECT CASE WHEN $2 = current_setting('app.tenant', true) THEN $1 || $2
                          ELSE $1 END $$;
         CREATE AGGREGATE a (text) (SFUNC = f, STYPE = text[], INITCOND = '{}')",
    ),
    setting("final_function", "SELECT unnest(a(tenant_id)) AS tenant_id FROM base.plain").with(
        "CREATE FUNCTION f(text[]) RETURNS text[] LANGUAGE sql STABLE AS
           $$ SELECT array(SELECT t FROM unnest($1) t
                            WHERE t = current_setting('app.tenant', true)) $$;
         CREATE AGGREGATE a (text) (SFUNC = array_append, STYPE = text[], FINALFUNC = f)",
    ),
    clear("aggregate_of_built_ins", "SELECT unnest(a(tenant_id)) AS tenant_id FROM base.plain")
        .with("CREATE AGGREGATE a (text) (SFUNC = array_append, STYPE = text[])"),
    setting(
        "operator_of_a_composite_type",
        "SELECT * FROM base.plain
           WHERE ROW(tenant_id)::c = ROW('A')::c",
    )
    .with(
        "CREATE TYPE c AS (tenant_id text);
         CREATE FUNCTION f(c, c) RETURNS boolean LANGUAGE sql STABLE
           AS $$ SELECT ($1).tenant_id = current_setting('app.tenant', true) $$;
         CREATE OPERATOR = (LEFTARG = c, RIGHTARG = c, FUNCTION = f)",
    ),
];
