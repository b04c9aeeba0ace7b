-- Purpose: every materialized view outside the system schemas, without taking a lock.
-- Columns: oid, schema, name, owner, populated, rows_estimate (null: never analyzed),
--   comment, busy (another session holds or awaits AccessExclusiveLock on the view, on
--   its index or TOAST, or on a relation that its query names: reading the size or the
--   definition would wait behind it).
-- Exclusions: temporary schemas of other sessions cannot hold materialized views.
-- Versions: 13 to 18; before 14 reltuples is 0 where a view was never analyzed.
WITH locked AS MATERIALIZED (
    SELECT DISTINCT l.relation AS oid
      FROM pg_locks l
     WHERE l.locktype = 'relation'
       AND l.mode = 'AccessExclusiveLock'
       AND l.pid <> pg_backend_pid()
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
),
busy AS MATERIALIZED (
    SELECT l.oid FROM locked l
    UNION
    SELECT i.indrelid FROM locked l JOIN pg_index i ON i.indexrelid = l.oid
    UNION
    SELECT c.oid FROM locked l JOIN pg_class c ON c.reltoastrelid = l.oid
    UNION
    SELECT r.ev_class
      FROM locked l
      JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = l.oid
                      AND d.classid = 'pg_rewrite'::regclass
      JOIN pg_rewrite r ON r.oid = d.objid
)
SELECT c.oid::int8 AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       o.rolname::text AS owner,
       c.relispopulated AS populated,
       CASE WHEN c.reltuples < 0 OR (c.reltuples = 0 AND c.relpages = 0)
            THEN NULL ELSE c.reltuples::float8 END AS rows_estimate,
       d.description AS comment,
       b.oid IS NOT NULL AS busy
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_roles o ON o.oid = c.relowner
  LEFT JOIN pg_description d
         ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
  LEFT JOIN busy b ON b.oid = c.oid
 WHERE c.relkind = 'm'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg\_toast%';
