-- Purpose: whether pg_cron is installed in this database, and may be read by this role.
-- Columns: may_read, has_details (the table of runs is there and may be read). No row: it is
--   not installed here.
-- Versions: 13 to 18; pg_cron 1.3 and later, which name jobs.
SELECT coalesce(has_schema_privilege(n.oid, 'USAGE')
                AND has_table_privilege(j.oid, 'SELECT'), false) AS may_read,
       coalesce(has_schema_privilege(n.oid, 'USAGE')
                AND has_table_privilege(d.oid, 'SELECT'), false) AS has_details
  FROM pg_extension e
  JOIN pg_namespace n ON n.nspname = 'cron'
  LEFT JOIN pg_class j ON j.relnamespace = n.oid AND j.relname = 'job' AND j.relkind = 'r'
  LEFT JOIN pg_class d ON d.relnamespace = n.oid AND d.relname = 'job_run_details'
                      AND d.relkind = 'r'
 WHERE e.extname = 'pg_cron';
