-- Purpose: the baseline of reading the rights: what one role may do, asked of the server with
--   its own functions, for every materialized view and what it reads.
-- Parameter: :role, a name.
-- Columns: relation, schema usage, membership in the owner, six privileges, any column, and
--   whether each column is readable that some view uses.
-- Versions: 13 to 18.
WITH used AS (
    SELECT c.oid, NULL::int2 AS number FROM pg_class c WHERE c.relkind IN ('m', 'v')
       AND c.relnamespace = 'public'::regnamespace
    UNION
    SELECT d.refobjid, d.refobjsubid::int2
      FROM pg_depend d
      JOIN pg_rewrite r ON r.oid = d.objid
      JOIN pg_class c ON c.oid = r.ev_class AND c.relnamespace = 'public'::regnamespace
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.deptype = 'n' AND d.refobjsubid > 0
)
SELECT c.oid, u.number,
       has_schema_privilege(:'role', c.relnamespace, 'USAGE'),
       pg_has_role(:'role', c.relowner, 'USAGE'),
       has_table_privilege(:'role', c.oid, 'SELECT'),
       has_table_privilege(:'role', c.oid, 'INSERT'),
       has_table_privilege(:'role', c.oid, 'UPDATE'),
       has_table_privilege(:'role', c.oid, 'DELETE'),
       has_table_privilege(:'role', c.oid, 'TRUNCATE'),
       has_any_column_privilege(:'role', c.oid, 'SELECT'),
       has_column_privilege(:'role', c.oid, u.number, 'SELECT')
  FROM used u
  JOIN pg_class c ON c.oid = u.oid;
