-- Purpose: which of the named materialized views are there, and what the role may do about
--   temporary views; takes no lock on any view.
-- Parameters: $1 schemas and names as JSON: [["public", "mv"], …].
-- Columns: oid, schema, name, owner, options (sorted; JSON), comment; one row per view.
-- Versions: 13 to 18. Names are compared with the catalog's own, so that no right on a
--   schema is needed.
SELECT c.oid::int8 AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       o.rolname::text AS owner,
       (SELECT coalesce(json_agg(one ORDER BY one), '[]')
          FROM unnest(c.reloptions) AS one) AS options,
       d.description AS comment
  FROM json_array_elements($1::json) AS wanted
  JOIN pg_namespace n ON n.nspname = wanted->>0
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted->>1 AND c.relkind = 'm'
  JOIN pg_roles o ON o.oid = c.relowner
  LEFT JOIN pg_description d
         ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
