-- Purpose: which server process works for this session, to tell whether a pooler in between
--   gives it to other sessions as well.
-- Columns: pid, started (null where the role may not see it), now (server clock), marker
--   (what the connection was opened with; null where that did not get through).
-- Versions: 13 to 18.
SELECT a.pid,
       a.backend_start AS started,
       clock_timestamp() AS now,
       current_setting('driftgate.probe', true) AS marker
  FROM pg_stat_get_activity(pg_backend_pid()) a;
