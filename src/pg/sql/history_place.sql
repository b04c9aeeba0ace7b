-- Purpose: whether the history can be made here, and whether it is there already.
-- Columns: database (as SQL spells it), has_schema, may_create (where there is no schema: a
--   schema in this database; else tables in it), has_versions.
-- Versions: 13 to 18.
SELECT quote_ident(current_database()) AS database,
       n.oid IS NOT NULL AS has_schema,
       CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
            ELSE has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE')
       END AS may_create,
       v.oid IS NOT NULL AS has_versions
  FROM (SELECT 1) one
  LEFT JOIN pg_namespace n ON n.nspname = 'driftgate'
  LEFT JOIN pg_class v ON v.relnamespace = n.oid AND v.relname = 'versions' AND v.relkind = 'r';
