-- Purpose: a database with :tenants tenants that have a schema each, and in it five materialized
--   views of their own rows of one table; one of the five reads another. Ids are numbers from 1,
--   and the schema of tenant n is tenant_sn.
-- Run by: benches/refresh, in an empty database. Each view is a transaction of its own, because
--   all of them together overflow the server's lock table.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
\o /dev/null
SET client_min_messages = warning;

CREATE TABLE public.tenants (id int PRIMARY KEY, slug text NOT NULL);
INSERT INTO public.tenants SELECT n, 's' || n FROM generate_series(1, :tenants) n;
CREATE TABLE public.sales (
    tenant_id int    NOT NULL,
    sale_id   int    NOT NULL,
    day       date   NOT NULL,
    channel   int    NOT NULL,
    cents     bigint NOT NULL,
    PRIMARY KEY (tenant_id, sale_id)
);
INSERT INTO public.sales
SELECT t, n, date '2026-01-01' + n % 90, n % 8, n * 7 % 9973
  FROM generate_series(1, :tenants) t, generate_series(1, 400) n;
VACUUM ANALYZE;

SELECT format('CREATE SCHEMA tenant_s%s', n) FROM generate_series(1, :tenants) n \gexec
SELECT format(
           'CREATE MATERIALIZED VIEW tenant_s%1$s.mv_%2$s AS
            SELECT tenant_id, day, sum(cents) AS cents FROM %3$s GROUP BY tenant_id, day',
           n, v.name, CASE v.name WHEN 'b' THEN format('tenant_s%s.mv_a', n)
                                  ELSE format('public.sales WHERE tenant_id = %s', n) END)
  FROM generate_series(1, :tenants) n, (VALUES ('a'), ('b'), ('c'), ('d'), ('e')) v (name)
 ORDER BY n, v.name \gexec
SELECT format('CREATE UNIQUE INDEX ON tenant_s%s.mv_%s (tenant_id, day)', n, v.name)
  FROM generate_series(1, :tenants) n, (VALUES ('a'), ('b'), ('c'), ('d'), ('e')) v (name) \gexec
VACUUM ANALYZE;
