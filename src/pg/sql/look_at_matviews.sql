-- Purpose: every materialized view of a database that is being built, looked at after each
--   migration at the cost of a fraction of a millisecond.
-- Parameters: $1 a transaction id; $2 whether everything is asked for.
-- Columns: oid; and where that was written in $1 or later, or everything is asked for: schema,
--   name, and shape, one text of all that counts as a change when it differs. An index is told
--   by its identity and its state.
-- Every materialized view has its one rule, so few rows are read. A transaction leaves its id in
-- what it writes; where it drops an index or renames a column or a schema it leaves none, and
-- whoever asks must know of that otherwise. Objects of the system are below 16384.
WITH view AS MATERIALIZED (
    SELECT c.oid, c.relnamespace, c.relname, c.relowner, c.reltablespace, c.reloptions,
           $2::bool
           OR pg_catalog.age(c.xmin) <= (SELECT pg_catalog.age($1::text::xid))
           OR pg_catalog.age(r.xmin) <= (SELECT pg_catalog.age($1::text::xid))
           OR EXISTS (SELECT FROM pg_catalog.pg_index i
                       WHERE i.indrelid = c.oid
                         AND pg_catalog.age(i.xmin) <= (SELECT pg_catalog.age($1::text::xid)))
              AS is_written
      FROM pg_catalog.pg_rewrite r
      JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.relkind = 'm'
     WHERE r.ev_class >= 16384
)
SELECT v.oid::int8 AS oid, n.nspname::text AS schema,
       CASE WHEN v.is_written THEN v.relname::text END AS name,
       CASE WHEN v.is_written THEN
           concat_ws(chr(10), v.relowner, v.reltablespace, v.reloptions::text,
               (SELECT string_agg(a.attname::text, ',' ORDER BY a.attnum)
                  FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = v.oid AND a.attnum > 0),
               (SELECT string_agg(concat_ws(' ', i.indexrelid, i.indisunique, i.indisvalid), ','
                                  ORDER BY i.indexrelid)
                  FROM pg_catalog.pg_index i
                 WHERE i.indrelid = v.oid))
       END AS shape
  FROM view v
  JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
