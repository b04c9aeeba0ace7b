-- Purpose: for some materialized views a digest of all that their class of tenant safety
--   rests on: relations that are read at any depth with owner and row security, their
--   queries, policies and functions, and the owners of all these with every role that they
--   are members of. Two equal digests, one before the rights were read and one under the
--   lock of a refresh, say that the class still holds; no other answer is needed then.
--   Roles that have no part in it come and go without changing it.
-- Columns: oid, digest, schema_name, name, populated, usable (it has an index that a
--   concurrent refresh can work with).
-- Parameter: the list of oids stands for :oids, because a message of several statements
--   takes none.
-- Versions: 13 to 18; inherit_option of a membership is 16+. Takes no lock on any relation.
WITH RECURSIVE root AS MATERIALIZED (
    SELECT c.oid FROM pg_class c WHERE c.relkind = 'm' AND c.oid IN (:oids)
),
reached AS (
    SELECT r.oid AS root, r.oid FROM root r
    UNION
    SELECT x.root, n.oid
      FROM reached x
     CROSS JOIN LATERAL (SELECT d.refobjid AS oid
                           FROM pg_rewrite w
                           JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass
                                           AND d.objid = w.oid
                                           AND d.refclassid = 'pg_class'::regclass
                          WHERE w.ev_class = x.oid
                          UNION ALL
                         SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = x.oid) n
),
named AS (
    SELECT x.root, coalesce(o.oprcode::oid, d.refobjid) AS oid
      FROM reached x
      JOIN pg_rewrite w ON w.ev_class = x.oid
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                      AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
      LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
    UNION
    SELECT x.root, coalesce(o.oprcode::oid, d.refobjid)
      FROM reached x
      JOIN pg_policy p ON p.polrelid = x.oid
      JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                      AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
      LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
),
called AS (
    SELECT n.root, n.oid FROM named n
    UNION
    SELECT n.root, s.oid
      FROM named n
      JOIN pg_aggregate a ON a.aggfnoid = n.oid
     CROSS JOIN LATERAL unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
                                     a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn,
                                     a.aggmfinalfn]::oid[]) s (oid)
),
-- As whom anything is read, and what they are members of.
reader AS (
    SELECT x.root, c.relowner AS oid FROM reached x JOIN pg_class c ON c.oid = x.oid
    UNION
    SELECT x.root, p.proowner FROM called x JOIN pg_proc p ON p.oid = x.oid
    UNION
    SELECT r.root, m.roleid FROM reader r JOIN pg_auth_members m ON m.member = r.oid
),
fact (root, fact) AS (
    SELECT x.root, concat_ws(' ', 'r', c.oid, c.relkind, c.relowner, c.relrowsecurity,
                             c.relforcerowsecurity, c.relpersistence, c.reloptions::text)
      FROM reached x JOIN pg_class c ON c.oid = x.oid
    UNION ALL
    SELECT x.root, concat_ws(' ', 'q', w.oid, w.xmin)
      FROM reached x JOIN pg_rewrite w ON w.ev_class = x.oid
    UNION ALL
    SELECT x.root, concat_ws(' ', 'p', p.oid, p.xmin)
      FROM reached x JOIN pg_policy p ON p.polrelid = x.oid
    UNION ALL
    SELECT x.root, concat_ws(' ', 'f', p.oid, p.xmin)
      FROM called x JOIN pg_proc p ON p.oid = x.oid
    UNION ALL
    SELECT x.root, concat_ws(' ', 'o', r.oid, r.rolsuper, r.rolbypassrls, r.rolinherit)
      FROM reader x JOIN pg_roles r ON r.oid = x.oid
    UNION ALL
    SELECT x.root, concat_ws(' ', 'm', m.roleid, m.member, to_jsonb(m) ->> 'inherit_option')
      FROM reader x JOIN pg_auth_members m ON m.member = x.oid
    UNION ALL
    -- The database's owner is a member of pg_database_owner, and of that alone no row tells.
    SELECT r.oid, concat_ws(' ', 'd', d.datdba)
      FROM root r JOIN pg_database d ON d.datname = current_database()
),
digested AS (
    SELECT f.root,
           encode(sha256(convert_to(string_agg(f.fact, ',' ORDER BY f.fact), 'UTF8')), 'hex')
               AS digest
      FROM fact f
     GROUP BY f.root
)
SELECT c.oid::int8 AS oid, d.digest, n.nspname::text AS schema_name, c.relname::text AS name,
       c.relispopulated AS populated,
       EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid
                  AND i.indisready AND i.indislive AND i.indpred IS NULL
                  AND i.indexprs IS NULL AND 0 <> ALL (i.indkey::int2[])) AS usable
  FROM digested d
  JOIN pg_class c ON c.oid = d.root
  JOIN pg_namespace n ON n.oid = c.relnamespace
