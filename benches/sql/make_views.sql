-- Purpose: a database with :views materialized views, as a reporting schema grows them: two
--   tables, a join and an aggregate each, with a unique index. Every tenth view reads another
--   one, every twentieth through a plain view, every fortieth through two. Every fifth has a
--   comment.
-- Run by: benches/inventory, in an empty database. Each view is a transaction of its own,
--   because all of them together overflow the server's lock table.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
\o /dev/null
SET client_min_messages = warning;

CREATE TABLE customers (
    tenant_id int NOT NULL,
    customer_id int NOT NULL,
    region text NOT NULL,
    PRIMARY KEY (tenant_id, customer_id)
);
CREATE TABLE orders (
    tenant_id int NOT NULL,
    order_id int NOT NULL,
    customer_id int NOT NULL,
    channel int NOT NULL,
    placed_on date NOT NULL,
    amount_cents bigint NOT NULL,
    PRIMARY KEY (tenant_id, order_id)
);
INSERT INTO customers
SELECT n % 3, n, 'region ' || n % 4 FROM generate_series(1, 30) n;
INSERT INTO orders
SELECT n % 3, n, 1 + (n - 1) % 30, n % 10, date '2026-01-01' + n % 90, n * 7 % 9973
  FROM generate_series(1, 300) n;
ANALYZE;

SELECT CASE WHEN n % 10 <> 0 THEN format(
           'CREATE MATERIALIZED VIEW mv_%1$s AS
            SELECT c.tenant_id, c.region, date_trunc(''month'', o.placed_on::timestamp) AS month,
                   count(*) AS orders, sum(o.amount_cents) AS revenue_cents
              FROM orders o
              JOIN customers c ON c.tenant_id = o.tenant_id AND c.customer_id = o.customer_id
             WHERE o.channel = %2$s
             GROUP BY c.tenant_id, c.region, date_trunc(''month'', o.placed_on::timestamp)',
           number, n % 10)
       ELSE format(
           'CREATE MATERIALIZED VIEW mv_%1$s AS
            SELECT s.tenant_id, c.region, s.month, sum(s.orders) AS orders,
                   max(s.revenue_cents) AS revenue_cents
              FROM %2$s s
              JOIN customers c ON c.tenant_id = s.tenant_id
             GROUP BY s.tenant_id, c.region, s.month',
           number, CASE WHEN n % 40 = 0 THEN 'outer_' || before
                        WHEN n % 20 = 0 THEN 'inner_' || before
                        ELSE 'mv_' || before END)
       END,
       format('CREATE UNIQUE INDEX mv_%1$s_key ON mv_%1$s (tenant_id, region, month)', number),
       CASE WHEN n % 5 = 0 THEN
           format('COMMENT ON MATERIALIZED VIEW mv_%1$s IS ''revenue by month and region, %1$s''',
                  number)
       END,
       -- The next view reads this one through a plain view.
       CASE WHEN n % 20 = 19 THEN
           format('CREATE VIEW inner_%1$s AS SELECT * FROM mv_%1$s WHERE orders > 0', number)
       END,
       CASE WHEN n % 40 = 39 THEN
           format('CREATE VIEW outer_%1$s AS SELECT * FROM inner_%1$s WHERE tenant_id > 0', number)
       END
  FROM generate_series(1, :views) n,
       LATERAL (SELECT lpad(n::text, 5, '0') AS number, lpad((n - 1)::text, 5, '0') AS before) names
 ORDER BY n
\gexec

-- Statistics, also of the catalog, as a server that has been running for a while has them.
VACUUM ANALYZE;
