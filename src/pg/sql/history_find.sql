-- Purpose: whether the history is installed, and what this role may do with it; answered
--   from the catalog alone, so that a missing right is told and not run into.
-- Columns: may_use_schema, has_versions, has_refreshes (the two tables are there),
--   may_read, may_insert, may_delete, is_recovering (a standby). No row: no such schema.
-- Versions: 13 to 18.
SELECT has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,
       v.oid IS NOT NULL AS has_versions,
       r.oid IS NOT NULL AS has_refreshes,
       coalesce(has_table_privilege(v.oid, 'SELECT')
                AND has_table_privilege(r.oid, 'SELECT'), false) AS may_read,
       coalesce(has_table_privilege(r.oid, 'INSERT'), false) AS may_insert,
       coalesce(has_table_privilege(r.oid, 'DELETE'), false) AS may_delete,
       pg_is_in_recovery() AS is_recovering
  FROM pg_namespace n
  LEFT JOIN pg_class v ON v.relnamespace = n.oid AND v.relname = 'versions' AND v.relkind = 'r'
  LEFT JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = 'refreshes' AND r.relkind = 'r'
 WHERE n.nspname = 'driftgate';
