-- Purpose: our jobs of pg_cron for this database, each with its newest run.
-- Columns: name, schedule, command, active; last_start, last_status (null: no run on record).
-- Versions: pg_cron 1.3 and later. Policies show a role its own jobs alone.
SELECT j.jobname::text AS name, j.schedule::text AS schedule, j.command::text AS command,
       j.active, d.start_time AS last_start, d.status::text AS last_status
  FROM cron.job j
  LEFT JOIN LATERAL (SELECT r.start_time, r.status FROM cron.job_run_details r
                      WHERE r.jobid = j.jobid ORDER BY r.runid DESC LIMIT 1) d ON true
 WHERE starts_with(j.jobname::text, 'driftgate:')
   AND j.database::text = current_database()::text
 ORDER BY j.jobname;
