-- Purpose: the indexes of all materialized views, without taking a lock:
--   pg_get_indexdef would wait behind a plain refresh.
-- Columns: matview (oid), name, columns (key columns in order, null for an expression; JSON,
--   because the driver takes a column named "NULL" in an array for none),
--   is_unique, valid, usable (REFRESH ... CONCURRENTLY can work with it).
-- Versions: 13 to 18. The column names are taken from the view: an index keeps the old
--   name when a column is renamed.
SELECT i.indrelid::int8 AS matview,
       x.relname::text AS name,
       to_json(ARRAY(SELECT (SELECT a.attname::text
                       FROM pg_attribute a
                      WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n])
               FROM generate_series(0, i.indnkeyatts - 1) AS k(n)
              ORDER BY k.n)) AS columns,
       i.indisunique AS is_unique,
       i.indisvalid AS valid,
       (i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indislive
        AND i.indpred IS NULL AND i.indexprs IS NULL
        AND 0 <> ALL (i.indkey::int2[])) AS usable
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'm'
  JOIN pg_class x ON x.oid = i.indexrelid;
