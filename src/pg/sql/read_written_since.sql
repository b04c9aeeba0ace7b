-- Purpose: the materialized views whose definition may be printed differently from what an
--   earlier snapshot would have shown. pg_get_viewdef looks past the transaction's snapshot:
--   after a rename by another session it already gives the new name. Run in a later
--   transaction, this gives every view of which anything was written that the earlier
--   snapshot does not see.
-- Parameter: $1 the earlier snapshot (text of a pg_snapshot).
-- Columns: oid.
-- Versions: 13 to 18. Takes no lock. The age of a row's xmin is a cheap first look that
--   leaves few rows; these are then held against the snapshot itself, for which xmin is
--   widened to 64 bits by the counter of now.
WITH since AS MATERIALIZED (
    SELECT s.snapshot,
           age((pg_snapshot_xmin(s.snapshot)::text::numeric % 4294967296)::text::xid) AS age,
           pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS now
      FROM (SELECT ($1::text)::pg_snapshot AS snapshot) s
),
young AS MATERIALIZED (
    SELECT c.oid, c.xmin FROM pg_class c, since s
     WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND age(c.xmin) <= s.age
    UNION ALL
    SELECT a.attrelid, a.xmin FROM pg_attribute a, since s
     WHERE a.attnum > 0 AND age(a.xmin) <= s.age
    UNION ALL
    SELECT r.ev_class, r.xmin FROM pg_rewrite r, since s WHERE age(r.xmin) <= s.age
    UNION ALL
    -- What is not a relation may be named anywhere: it concerns every view.
    SELECT NULL, n.xmin FROM pg_namespace n, since s WHERE age(n.xmin) <= s.age
    UNION ALL
    SELECT NULL, p.xmin FROM pg_proc p, since s WHERE age(p.xmin) <= s.age
    UNION ALL
    SELECT NULL, o.xmin FROM pg_operator o, since s WHERE age(o.xmin) <= s.age
    UNION ALL
    SELECT NULL, l.xmin FROM pg_collation l, since s WHERE age(l.xmin) <= s.age
    UNION ALL
    SELECT NULL, t.xmin FROM pg_type t, since s
     WHERE t.typrelid = 0 AND t.typcategory <> 'A' AND age(t.xmin) <= s.age
),
wide AS MATERIALIZED (
    SELECT y.oid, s.snapshot,
           ((s.now >> 32) - (y.xmin::text::int8 > s.now % 4294967296)::int4) * 4294967296
               + y.xmin::text::int8 AS xid
      FROM young y, since s
),
moved AS MATERIALIZED (
    SELECT DISTINCT w.oid FROM wide w
     WHERE NOT pg_visible_in_snapshot(w.xid::text::xid8, w.snapshot)
)
SELECT c.oid::int8 AS oid
  FROM pg_class c
 WHERE c.relkind = 'm'
   AND (EXISTS (SELECT FROM moved m WHERE m.oid IS NULL)
        OR c.oid IN (SELECT m.oid FROM moved m WHERE m.oid IS NOT NULL)
        OR EXISTS (SELECT
                     FROM pg_rewrite r
                     JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                                     AND d.refclassid = 'pg_class'::regclass
                     JOIN moved m ON m.oid = d.refobjid
                    WHERE r.ev_class = c.oid));
