-- Purpose: the indexes of all materialized views, without taking a lock:
--   pg_get_indexdef would wait behind a plain refresh.
-- Columns: matview (oid), name, columns (key columns in order, null for an expression),
--   is_unique, valid, usable (REFRESH ... CONCURRENTLY can work with it).
-- Versions: 13 to 18. The column names are taken from the view: an index keeps the old
--   name when a column is renamed.
SELECT i.indrelid::int8 AS matview,
       x.relname::text AS name,
       ARRAY(SELECT a.attname::text
               FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
               LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
              WHERE k.n <= i.indnkeyatts
              ORDER BY k.n) AS columns,
       i.indisunique AS is_unique,
       i.indisvalid AS valid,
       (i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indislive
        AND i.indpred IS NULL AND i.indexprs IS NULL
        AND 0 <> ALL (i.indkey::int2[])) AS usable
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'm'
  JOIN pg_class x ON x.oid = i.indexrelid;
