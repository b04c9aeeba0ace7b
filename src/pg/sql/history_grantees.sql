-- Purpose: which of some roles exist, and which of them may read and add to the history,
--   by whatever way.
-- Parameter: $1 the names, as a JSON array.
-- Columns: role, has_all. A role that does not exist has no row.
-- Versions: 13 to 18.
SELECT a.rolname::text AS role,
       coalesce(has_schema_privilege(a.oid, n.oid, 'USAGE')
                AND has_table_privilege(a.oid, v.oid, 'SELECT')
                AND has_table_privilege(a.oid, r.oid, 'SELECT')
                AND has_table_privilege(a.oid, r.oid, 'INSERT')
                AND has_table_privilege(a.oid, t.oid, 'SELECT')
                AND has_table_privilege(a.oid, t.oid, 'INSERT')
                AND has_column_privilege(a.oid, t.oid, 'outcome', 'UPDATE')
                AND has_table_privilege(a.oid, k.oid, 'SELECT')
                AND has_table_privilege(a.oid, k.oid, 'INSERT'), false) AS has_all
  FROM pg_roles a
  LEFT JOIN pg_namespace n ON n.nspname = 'driftgate'
  LEFT JOIN pg_class v ON v.relnamespace = n.oid AND v.relname = 'versions' AND v.relkind = 'r'
  LEFT JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = 'refreshes' AND r.relkind = 'r'
  LEFT JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = 'ticks' AND t.relkind = 'r'
  LEFT JOIN pg_class k ON k.relnamespace = n.oid AND k.relname = 'task_runs' AND k.relkind = 'r'
 WHERE a.rolname IN (SELECT jsonb_array_elements_text($1::jsonb))
