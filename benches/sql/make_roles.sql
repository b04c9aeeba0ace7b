-- Purpose: 20 roles for the views of make_views.sql: ten own the views, and all of them read
--   some, by grants of their own, through groups, through PUBLIC and by columns.
-- Run by: benches/rights. Roles belong to the whole server, which must be private.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
\o /dev/null
SELECT format('CREATE ROLE role_%s LOGIN', n),
       CASE WHEN n > 10 THEN format('GRANT role_%s TO role_%s', n - 10, n) END,
       CASE WHEN n > 15 THEN format('GRANT role_%s TO role_%s', n - 5, n) END,
       CASE WHEN n <= 10 THEN format('GRANT SELECT ON orders, customers TO role_%s', n) END,
       format('GRANT UPDATE (region) ON customers TO role_%s', n)
  FROM generate_series(1, 20) n ORDER BY n
\gexec
SELECT format('ALTER MATERIALIZED VIEW %s OWNER TO role_%s', c.oid::regclass, 1 + c.n % 10),
       format('GRANT SELECT ON %s TO role_%s', c.oid::regclass, 1 + c.n % 20),
       CASE WHEN c.n % 7 = 0 THEN format('GRANT SELECT ON %s TO PUBLIC', c.oid::regclass) END
  FROM (SELECT oid, row_number() OVER (ORDER BY relname) AS n FROM pg_class
         WHERE relkind = 'm') c
\gexec
VACUUM ANALYZE;
