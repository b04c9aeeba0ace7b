-- Purpose: what is on record of each materialized view: its last successful refresh, how
--   long the last few took, and what went wrong after it.
-- Parameter: $1 how many successes the typical duration is taken from, at most.
-- Columns: schema, name; as_of, duration_ms, typical_ms (null: no success on record),
--   touched_since (null: the record is of another relation of this name); failed_at,
--   failed_outcome, failed_sqlstate (null: nothing went wrong since).
-- Versions: 13 to 18. Goes by two indexes, view by view: a few rows of each, however many
--   there are; compared as text, because names would find the index and not its order. A
--   view that is gone is not among them.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       s.as_of, s.duration_ms, s.typical_ms,
       CASE WHEN s.view_oid = c.oid THEN s.view_xmin <> c.xmin END AS touched_since,
       f.finished_at AS failed_at, f.outcome AS failed_outcome, f.sqlstate AS failed_sqlstate
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL
       (SELECT (array_agg(t.as_of ORDER BY t.finished_at DESC))[1] AS as_of,
               (array_agg(t.duration_ms ORDER BY t.finished_at DESC))[1] AS duration_ms,
               (array_agg(t.view_oid ORDER BY t.finished_at DESC))[1] AS view_oid,
               (array_agg(t.view_xmin ORDER BY t.finished_at DESC))[1] AS view_xmin,
               max(t.finished_at) AS finished_at,
               round(percentile_cont(0.5) WITHIN GROUP (ORDER BY t.duration_ms))::int8
                   AS typical_ms
          FROM (SELECT r.as_of, r.duration_ms, r.view_oid, r.view_xmin, r.finished_at
                  FROM driftgate.refreshes r
                 WHERE r.view_schema = n.nspname::text AND r.view_name = c.relname::text
                   AND r.outcome = 'SUCCESS'
                 ORDER BY r.finished_at DESC
                 LIMIT $1::int8) t) s ON true
  LEFT JOIN LATERAL
       (SELECT r.finished_at, r.outcome, r.sqlstate
          FROM driftgate.refreshes r
         WHERE r.view_schema = n.nspname::text AND r.view_name = c.relname::text
           AND r.outcome <> 'SUCCESS'
           AND r.outcome IN ('LOCK_TIMEOUT', 'TIMED_OUT', 'REFUSED_UNSAFE', 'REFUSED_UNFIT',
                             'ROLLED_BACK', 'CANCELLED', 'FAILED')
           AND r.finished_at > coalesce(s.finished_at, '-infinity')
         ORDER BY r.finished_at DESC
         LIMIT 1) f ON true
 WHERE c.relkind = 'm' AND (s.finished_at IS NOT NULL OR f.finished_at IS NOT NULL)
