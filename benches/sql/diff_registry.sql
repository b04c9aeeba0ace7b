-- Purpose: the baseline of `driftgate diff-registry`: what it compares with the registry, from
--   one query.
-- Columns: name, owner, populated, indexes (name, columns, unique, usable_for_concurrent),
--   depends_on (the nearest materialized views, through plain views at any depth).
-- Settings: jit must be off, because it costs the query more than it gains.
-- Versions: 13 to 18.
WITH RECURSIVE matview AS MATERIALIZED (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, o.rolname AS owner,
           c.relispopulated AS populated
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_roles o ON o.oid = c.relowner
     WHERE c.relkind = 'm'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
),
edge AS MATERIALIZED (
    SELECT DISTINCT r.ev_class AS src, d.refobjid AS dst, t.relkind AS dst_kind
      FROM pg_rewrite r
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                      AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
      JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('v', 'm')
     WHERE r.ev_class <> d.refobjid
),
reach (matview, at, kind) AS (
    SELECT e.src, e.dst, e.dst_kind FROM matview m JOIN edge e ON e.src = m.oid
    UNION
    SELECT r.matview, e.dst, e.dst_kind FROM reach r JOIN edge e ON e.src = r.at WHERE r.kind = 'v'
),
upstream AS MATERIALIZED (
    SELECT reach.matview AS oid, array_agg(read.name ORDER BY read.name) AS names
      FROM reach
      JOIN matview read ON read.oid = reach.at
     WHERE reach.kind = 'm'
     GROUP BY reach.matview
),
index AS (
    SELECT i.indrelid, x.relname AS name,
           ARRAY(SELECT (SELECT a.attname FROM pg_attribute a
                          WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[n])
                   FROM generate_series(0, i.indnkeyatts - 1) n) AS columns,
           i.indisunique AS is_unique,
           i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indislive
           AND i.indpred IS NULL AND i.indexprs IS NULL AND 0 <> ALL (i.indkey::int2[]) AS usable
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'm'
      JOIN pg_class x ON x.oid = i.indexrelid
),
indexes AS MATERIALIZED (
    SELECT indrelid AS oid,
           json_agg(json_build_object('name', name, 'columns', columns, 'unique', is_unique,
                                      'usable_for_concurrent', usable)
                    ORDER BY name) AS list
      FROM index
     GROUP BY indrelid
)
SELECT m.name,
       m.owner,
       m.populated,
       i.list AS indexes,
       u.names AS depends_on
  FROM matview m
  LEFT JOIN indexes i ON i.oid = m.oid
  LEFT JOIN upstream u ON u.oid = m.oid
 ORDER BY m.name;
