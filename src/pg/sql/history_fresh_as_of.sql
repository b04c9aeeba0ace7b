-- Purpose: the instant whose rows a view is known to hold at least, for the question
--   whether it is still stale. Asked inside the lock that refreshes of it take.
-- Parameters: $1 schema, $2 name.
-- Columns: as_of; age_us (microseconds since then, by the server's clock). No row: no
--   successful refresh of this relation is on record, or it holds nothing now.
-- Versions: 13 to 18. Somebody else may have refreshed it later: it is then fresher.
SELECT s.as_of,
       (extract(epoch FROM pg_catalog.clock_timestamp() - s.as_of) * 1000000)::int8 AS age_us
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN LATERAL (SELECT r.as_of, r.view_oid
                  FROM driftgate.refreshes r
                 WHERE r.view_schema = $1 AND r.view_name = $2 AND r.outcome = 'SUCCESS'
                 ORDER BY r.finished_at DESC
                 LIMIT 1) s ON s.view_oid = c.oid
 WHERE c.relkind = 'm' AND c.relispopulated AND n.nspname = $1 AND c.relname = $2
