-- Purpose: the baseline of `driftgate inventory`: its rows, from one query.
-- Columns: name, owner, populated, size_bytes, rows_estimate, indexes (name, columns, unique,
--   valid, usable_for_concurrent), concurrent_ready, depends_on, dependents, sha256 of the
--   definition, server_major, comment.
-- Not here: status, because the query waits where the program says busy; tenant_safety, which
--   no query tells; registered, because the database does not know the registry.
-- Settings: search_path must be empty for the digests to agree; jit must be off, because it
--   costs the query more than it gains.
-- Versions: 13 to 18. It keeps a lock on every table that a view reads until its end, and
--   before 16 on every view too: for more than some 12,000 of them the server needs more than
--   the usual max_locks_per_transaction.
WITH RECURSIVE matview AS MATERIALIZED (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, o.rolname AS owner,
           c.relispopulated AS populated, c.reltuples, c.relpages
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
reads AS MATERIALIZED (
    SELECT reader.oid AS reader, reader.name AS reader_name, read.oid AS read, read.name AS read_name
      FROM reach
      JOIN matview reader ON reader.oid = reach.matview
      JOIN matview read ON read.oid = reach.at
     WHERE reach.kind = 'm'
),
upstream AS MATERIALIZED (
    SELECT reader AS oid, array_agg(read_name ORDER BY read_name) AS names FROM reads GROUP BY reader
),
downstream AS MATERIALIZED (
    SELECT read AS oid, array_agg(reader_name ORDER BY reader_name) AS names FROM reads GROUP BY read
),
index AS (
    SELECT i.indrelid, x.relname AS name,
           ARRAY(SELECT (SELECT a.attname FROM pg_attribute a
                          WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[n])
                   FROM generate_series(0, i.indnkeyatts - 1) n) AS columns,
           i.indisunique AS is_unique,
           i.indisvalid AS valid,
           i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indislive
           AND i.indpred IS NULL AND i.indexprs IS NULL AND 0 <> ALL (i.indkey::int2[]) AS usable
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'm'
      JOIN pg_class x ON x.oid = i.indexrelid
),
indexes AS MATERIALIZED (
    SELECT indrelid AS oid, bool_or(usable) AS usable,
           json_agg(json_build_object('name', name, 'columns', columns, 'unique', is_unique,
                                      'valid', valid, 'usable_for_concurrent', usable)
                    ORDER BY name) AS list
      FROM index
     GROUP BY indrelid
)
SELECT m.name,
       m.owner,
       m.populated,
       pg_total_relation_size(m.oid) AS size_bytes,
       CASE WHEN m.reltuples < 0 OR (m.reltuples = 0 AND m.relpages = 0)
            THEN NULL ELSE m.reltuples END AS rows_estimate,
       i.list AS indexes,
       m.populated AND coalesce(i.usable, false) AS concurrent_ready,
       u.names AS depends_on,
       d.names AS dependents,
       encode(sha256(convert_to(pg_get_viewdef(m.oid), 'UTF8')), 'hex') AS sha256,
       current_setting('server_version_num')::int / 10000 AS server_major,
       t.description AS comment
  FROM matview m
  LEFT JOIN indexes i ON i.oid = m.oid
  LEFT JOIN upstream u ON u.oid = m.oid
  LEFT JOIN downstream d ON d.oid = m.oid
  LEFT JOIN pg_description t
         ON t.objoid = m.oid AND t.classoid = 'pg_class'::regclass AND t.objsubid = 0
 ORDER BY m.name;
