-- Purpose: where sqlx's ledger of applied migrations is, without reading it. The tool
--   finds the table by the role's search path, so this is asked under that path.
-- Columns: schema, path_position (1 is the first schema of the search path; null: the
--   table is outside it, or the role may not use its schema), may_use_schema, may_read.
-- Versions: 13 to 18.
SELECT n.nspname::text AS schema,
       array_position(current_schemas(false), n.nspname) AS path_position,
       has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,
       has_table_privilege(c.oid, 'SELECT') AS may_read
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = '_sqlx_migrations'
   AND c.relkind IN ('r', 'p', 'v')
 ORDER BY path_position NULLS LAST, n.nspname;
