-- Purpose: the relations that rights are asked of: every view and materialized view outside
--   the system schemas, every relation that the query of one names, and the tables that the
--   setting driftgate.tables lists (a JSON array of [schema, name], local to the
--   transaction; what does not exist is left out).
-- Columns: relation, schema (oid), schema_name, name, kind, owner, row_security, forced,
--   security_invoker, kin_of (the listed tables of which it is a partition, child or
--   parent, at any depth: who writes to it writes to their rows), column_numbers and columns
--   in step (dropped ones left out; JSON, because the driver takes a column named "NULL" in
--   an array for none), and the grants as three arrays in step; then of_relation, number and
--   grants of each column that has any (a system column's number is negative); then
--   parent_of, schema_name and name of each foreign table among a table's partitions and
--   children, at any depth.
--   Columns and grants are null where the setting driftgate.lean is on.
-- Exclusions: views of a session's own (temporary ones), which nobody else can read.
-- Versions: 13 to 18; security_invoker is 15+, and keeps the word that was written for
--   true. Built-in relations are not in pg_depend. Takes no lock.
WITH RECURSIVE view AS MATERIALIZED (
    SELECT c.oid
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('v', 'm')
       AND c.relpersistence <> 't'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
),
named AS MATERIALIZED (
    SELECT c.oid
      FROM json_array_elements(
               coalesce(nullif(current_setting('driftgate.tables', true), ''), '[]')::json) t
      JOIN pg_namespace n ON n.nspname = t ->> 0
      JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t ->> 1
),
below AS (
    SELECT n.oid AS root, n.oid FROM named n
    UNION
    SELECT b.root, i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid
),
above AS (
    SELECT n.oid AS root, n.oid FROM named n
    UNION
    SELECT a.root, i.inhparent FROM above a JOIN pg_inherits i ON i.inhrelid = a.oid
),
kin AS MATERIALIZED (
    SELECT b.root, b.oid FROM below b UNION SELECT a.root, a.oid FROM above a
),
wanted AS MATERIALIZED (
    SELECT v.oid FROM view v
    UNION
    SELECT d.refobjid
      FROM view v
      JOIN pg_rewrite r ON r.ev_class = v.oid AND r.ev_type = '1'
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                      AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
    UNION
    SELECT k.oid FROM kin k
)
SELECT c.oid::int8 AS relation, c.relnamespace::int8 AS schema,
       n.nspname::text AS schema_name, c.relname::text AS name, c.relkind::text AS kind,
       c.relowner::int8 AS owner, c.relrowsecurity AS row_security,
       c.relforcerowsecurity AS forced,
       c.relkind = 'v'
       AND EXISTS (SELECT FROM unnest(c.reloptions) o
                    WHERE o ~* '^security_invoker=(t|tr|tru|true|y|ye|yes|on|1)$')
           AS security_invoker,
       r.kin_of, k.column_numbers, k.columns, a.grantees, a.privileges, a.grantors
  FROM wanted w
  JOIN pg_class c ON c.oid = w.oid AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (SELECT oid, array_agg(root::int8) AS kin_of
               FROM kin
              WHERE oid <> root
              GROUP BY oid) r ON r.oid = c.oid
 CROSS JOIN LATERAL (SELECT array_agg(k.attnum) AS column_numbers,
                            json_agg(k.attname::text) AS columns
                       FROM pg_attribute k
                      WHERE current_setting('driftgate.lean', true) IS DISTINCT FROM 'on'
                        AND k.attrelid = c.oid AND k.attnum > 0 AND NOT k.attisdropped) k
 CROSS JOIN LATERAL (SELECT array_agg(x.grantee::int8) AS grantees,
                            array_agg(x.privilege_type) AS privileges,
                            array_agg(x.grantor::int8) AS grantors
                       FROM aclexplode(coalesce(c.relacl, acldefault(
                                CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
                                c.relowner))) x
                      WHERE current_setting('driftgate.lean', true) IS DISTINCT FROM 'on') a;

SELECT k.attrelid::int8 AS of_relation, k.attnum AS number,
       a.grantees, a.privileges, a.grantors
  FROM pg_attribute k
 CROSS JOIN LATERAL (SELECT array_agg(x.grantee::int8) AS grantees,
                            array_agg(x.privilege_type) AS privileges,
                            array_agg(x.grantor::int8) AS grantors
                       FROM aclexplode(k.attacl) x) a
 WHERE k.attacl IS NOT NULL
   AND NOT k.attisdropped;

WITH RECURSIVE above AS (
    SELECT i.inhparent AS parent, i.inhrelid AS part
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'f'
    UNION
    SELECT i.inhparent, a.part
      FROM above a
      JOIN pg_inherits i ON i.inhrelid = a.parent
)
SELECT a.parent::int8 AS parent_of, n.nspname::text AS schema_name, c.relname::text AS name
  FROM above a
  JOIN pg_class c ON c.oid = a.part
  JOIN pg_namespace n ON n.oid = c.relnamespace;
