-- Purpose: which view or materialized view reads which, one step at a time; the way
--   through plain views is walked by the program, which a cycle cannot trap.
-- Columns: from_oid, to_oid, to_plain_view.
-- Versions: 13 to 18. Takes no lock. Rules on tables may be among the readers; no way
--   from a view leads to them. Relations that only a function's body names are not
--   in pg_depend and are not found.
SELECT DISTINCT r.ev_class::int8 AS from_oid,
       d.refobjid::int8 AS to_oid,
       t.relkind = 'v' AS to_plain_view
  FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
  JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('v', 'm')
 WHERE r.ev_class <> d.refobjid
   AND t.relnamespace <> 'pg_catalog'::regnamespace
   AND t.relnamespace <> 'information_schema'::regnamespace;
