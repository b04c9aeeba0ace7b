-- Purpose: tables, plain views and functions that the owner of the materialized views may
--   read and call in every degree, in a schema that nobody else may use.
-- Names in braces are roles.
CREATE SCHEMA base AUTHORIZATION {table_owner};
CREATE SCHEMA opened;
GRANT USAGE ON SCHEMA opened TO PUBLIC;
CREATE SCHEMA owners;
GRANT USAGE ON SCHEMA owners TO {owner}, {superuser}, {all_reader};
CREATE SCHEMA closed;

CREATE TABLE base.readable (a int, b int, c text);
INSERT INTO base.readable VALUES (1, 10, 'one'), (2, 20, 'two');
CREATE TABLE base.hidden AS TABLE base.readable;
CREATE TABLE base.by_column AS TABLE base.readable;
CREATE TABLE base.every_column AS TABLE base.readable;
CREATE TABLE base.for_everybody AS TABLE base.readable;
CREATE TABLE base.for_group AS TABLE base.readable;
CREATE TABLE base.given_up AS TABLE base.readable;
CREATE TABLE base."Odd ""Name""" AS SELECT a, b AS "Order", c FROM base.readable;
CREATE TABLE base.parted (a int, b int, c text) PARTITION BY LIST (a);
CREATE TABLE base.part PARTITION OF base.parted DEFAULT;
INSERT INTO base.parted TABLE base.readable;

GRANT SELECT ON base.readable, base.parted TO {owner};
GRANT SELECT (a, b) ON base.by_column TO {owner};
GRANT SELECT (a, b, c) ON base.every_column TO {owner};
GRANT SELECT ON base.for_everybody TO PUBLIC;
GRANT SELECT ON base.for_group TO {owners_group};
ALTER TABLE base.given_up OWNER TO {owner};
REVOKE ALL ON base.given_up FROM {owner};

-- Plain views: the one who owns them reads for everybody.
CREATE VIEW base.over_hidden AS SELECT a, b FROM base.hidden;
CREATE VIEW base.over_readable AS SELECT a, b FROM base.readable;
CREATE VIEW base.kept_back AS SELECT a, b FROM base.hidden;
CREATE VIEW base.outer_view AS SELECT a, b FROM base.over_hidden;
CREATE VIEW base.outer_without AS SELECT a, b FROM base.kept_back;
ALTER VIEW base.over_hidden OWNER TO {view_owner};
ALTER VIEW base.over_readable OWNER TO {view_owner};
ALTER VIEW base.kept_back OWNER TO {view_owner};
ALTER VIEW base.outer_view OWNER TO {outer_owner};
ALTER VIEW base.outer_without OWNER TO {outer_owner};
GRANT SELECT ON base.hidden TO {view_owner};
GRANT SELECT ON base.over_hidden TO {owner}, {outer_owner};
GRANT SELECT ON base.over_readable, base.outer_view, base.outer_without TO {owner};

-- Functions: who refreshes calls them, wherever they are named.
CREATE FUNCTION base.guarded(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION base.allowed(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION base.definer(int) RETURNS int LANGUAGE plpgsql STABLE SECURITY DEFINER
  AS 'BEGIN RETURN $1; END';
CREATE FUNCTION base.fixed(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION base.same(text, text) RETURNS bool LANGUAGE plpgsql IMMUTABLE
  AS 'BEGIN RETURN $1 = $2; END';
CREATE OPERATOR base.=== (leftarg = text, rightarg = text, function = base.same);
CREATE AGGREGATE base.total (int) (sfunc = int4pl, stype = int, initcond = '0');
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA base FROM PUBLIC;
GRANT EXECUTE ON FUNCTION base.allowed(int), base.definer(int) TO {owner};
GRANT EXECUTE ON FUNCTION base.guarded(int) TO {view_owner};

CREATE VIEW base.calling AS SELECT a, base.guarded(b) AS b FROM base.hidden;
CREATE VIEW base.calling_allowed AS SELECT a, base.allowed(b) AS b FROM base.hidden;
ALTER VIEW base.calling OWNER TO {view_owner};
ALTER VIEW base.calling_allowed OWNER TO {view_owner};
GRANT SELECT ON base.calling, base.calling_allowed TO {owner};

CREATE MATERIALIZED VIEW base.upstream AS SELECT a, b FROM base.hidden;
CREATE MATERIALIZED VIEW base.upstream_hidden AS SELECT a, b FROM base.hidden;
GRANT SELECT ON base.upstream TO {owner};
