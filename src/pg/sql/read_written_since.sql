-- Purpose: the materialized views whose definition may have been printed differently from
--   what the snapshot saw. pg_get_viewdef looks past the transaction's snapshot: after a
--   rename by another session it already gives the new name. Run in a new transaction,
--   this gives every view of which anything was written since.
-- Parameter: $1 the oldest transaction that was running when the snapshot was taken
--   (text of an xid8).
-- Columns: oid.
-- Versions: 13 to 18. Takes no lock. age() counts backwards from now, so a row is
--   "written since" when it is not older than that transaction; rows wrongly taken for
--   new cost a second look and nothing else.
WITH since AS MATERIALIZED (
    SELECT age((($1::text)::numeric % 4294967296)::text::xid) AS age
),
moved AS MATERIALIZED (
    SELECT c.oid FROM pg_class c, since s
     WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND age(c.xmin) <= s.age
    UNION
    SELECT a.attrelid FROM pg_attribute a, since s
     WHERE a.attnum > 0 AND age(a.xmin) <= s.age
    UNION
    SELECT r.ev_class FROM pg_rewrite r, since s WHERE age(r.xmin) <= s.age
),
everything AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM pg_namespace n, since s WHERE age(n.xmin) <= s.age)
        OR EXISTS (SELECT FROM pg_proc p, since s WHERE age(p.xmin) <= s.age)
        OR EXISTS (SELECT FROM pg_operator o, since s WHERE age(o.xmin) <= s.age)
        OR EXISTS (SELECT FROM pg_collation l, since s WHERE age(l.xmin) <= s.age)
        OR EXISTS (SELECT FROM pg_type t, since s
                    WHERE t.typrelid = 0 AND t.typcategory <> 'A' AND age(t.xmin) <= s.age)
           AS moved
)
SELECT c.oid::int8 AS oid
  FROM pg_class c, everything e
 WHERE c.relkind = 'm'
   AND (e.moved
        OR c.oid IN (SELECT m.oid FROM moved m)
        OR EXISTS (SELECT
                     FROM pg_rewrite r
                     JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                                     AND d.refclassid = 'pg_class'::regclass
                     JOIN moved m ON m.oid = d.refobjid
                    WHERE r.ev_class = c.oid));
