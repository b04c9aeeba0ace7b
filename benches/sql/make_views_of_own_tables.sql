-- Purpose: a database with :views materialized views, each of a table of its own, as where
--   every tenant has a schema: to print all the definitions in one transaction takes a lock
--   on every table, and before PostgreSQL 16 on every view too.
-- Run by: benches/inventory, in an empty database.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\o /dev/null
SELECT format('CREATE TABLE orders_%s (customer_id int NOT NULL, amount_cents bigint NOT NULL)', n),
       format('CREATE MATERIALIZED VIEW mv_%s AS
               SELECT customer_id, sum(amount_cents) AS revenue_cents FROM orders_%1$s GROUP BY customer_id',
              n)
  FROM generate_series(1, :views) n
\gexec
VACUUM ANALYZE;
