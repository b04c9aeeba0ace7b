-- Purpose: what is on record of each class's ticks: the newest, and how many of a day.
-- Columns: class; last_tick, last_claimed_at; last_outcome (null: not ended);
--   ticks, missed (of the last day).
-- Versions: 13 to 18. The classes are found by the index, one after the other: a class may
--   have a row for each second.
WITH RECURSIVE classes (class) AS (
    (SELECT class FROM driftgate.ticks ORDER BY class LIMIT 1)
    UNION ALL
    SELECT (SELECT t.class FROM driftgate.ticks t WHERE t.class > c.class
             ORDER BY t.class LIMIT 1)
      FROM classes c WHERE c.class IS NOT NULL)
SELECT c.class::text AS class, l.tick AS last_tick, l.claimed_at AS last_claimed_at,
       l.outcome AS last_outcome, d.ticks, d.missed
  FROM classes c
 CROSS JOIN LATERAL (SELECT t.tick, t.claimed_at, t.outcome FROM driftgate.ticks t
                      WHERE t.class = c.class ORDER BY t.tick DESC LIMIT 1) l
 CROSS JOIN LATERAL (SELECT count(*)::int8 AS ticks, coalesce(sum(t.missed), 0)::int8 AS missed
                       FROM driftgate.ticks t
                      WHERE t.class = c.class
                        AND t.tick > clock_timestamp() - interval '1 day') d
 WHERE c.class IS NOT NULL;
