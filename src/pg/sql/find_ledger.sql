-- Purpose: where a ledger of applied migrations is, without reading it. The tools find
--   their table by the role's search path, so this is asked under that path.
-- Columns: name, schema, path_position (1 is the first schema of the search path; null: the
--   table is outside it, or the role may not use its schema), may_use_schema, may_read,
--   columns (sorted; tools of several makers call their table the same).
-- Parameter: the names of the tables, a line each.
-- Versions: 13 to 18.
SELECT c.relname::text AS name,
       n.nspname::text AS schema,
       array_position(current_schemas(false), n.nspname) AS path_position,
       has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,
       has_table_privilege(c.oid, 'SELECT') AS may_read,
       ARRAY(SELECT a.attname::text
               FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY 1) AS columns
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname::text = ANY (string_to_array($1, chr(10)))
   AND c.relkind IN ('r', 'p', 'v')
 ORDER BY path_position NULLS LAST, n.nspname, c.relname;
