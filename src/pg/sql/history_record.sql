-- Purpose: adds one refresh to the history, inside the transaction of the refresh where it
--   was done. The server itself says what the relation is now, who did it, and when.
-- Parameters: $1 id, $2 run_id, $3 correlation_id, $4 schema, $5 name, $6 oid of the view,
--   $7 tenant, $8 outcome, $9 mode, $10 started_at, $11 as_of, $12 duration_ms,
--   $13 rows_before, $14 rows_after, $15 tenants_before, $16 tenants_after,
--   $17 lock_scheme, $18 lock_key, $19 lock_name, $20 sqlstate, $21 message, $22 hint,
--   $23 tool_version, $24 waited_ms.
-- Versions: 13 to 18. The relation is looked up by its name: after a refresh it is locked,
--   so that the name cannot mean another one.
INSERT INTO driftgate.refreshes
       (id, run_id, correlation_id, view_schema, view_name, view_oid, view_xmin, tenant,
        outcome, mode, started_at, as_of, finished_at, duration_ms, waited_ms,
        rows_before, rows_after, tenants_before, tenants_after,
        lock_scheme, lock_key, lock_name, sqlstate, message, hint,
        role_name, server_version, tool_version)
SELECT $1, $2, $3, $4, $5, coalesce(v.oid, $6), CASE WHEN $8 = 'SUCCESS' THEN v.xmin END, $7,
       $8, $9, $10, $11, pg_catalog.clock_timestamp(), $12, $24,
       $13, $14, $15, $16,
       $17, $18, $19, $20, $21, $22,
       current_user, pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1), $23
  FROM (SELECT 1) one
  LEFT JOIN (SELECT c.oid, c.xmin
               FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind = 'm' AND n.nspname = $4 AND c.relname = $5) v ON true
