-- Purpose: what the server says of itself and of this session; the first statement of
--   every read-only transaction, so the snapshot of the transaction is taken here.
-- Side effect: from 14 on, a dead client's query is noticed within a second.
-- Columns: database, role, version, version_num, in_recovery, read_only, read_at (server
--   clock), pg_snapshot (compared later to see whether anything was written meanwhile), pid, database_oid and
--   server_started (together they tell one database from another).
-- Versions: 13 to 18.
SELECT current_database()::text AS database,
       current_user::text AS role,
       current_setting('server_version') AS version,
       current_setting('server_version_num')::int4 AS version_num,
       pg_is_in_recovery() AS in_recovery,
       current_setting('default_transaction_read_only')::bool AS read_only,
       now() AS read_at,
       pg_current_snapshot()::text AS pg_snapshot,
       pg_backend_pid() AS pid,
       (SELECT d.oid::int8 FROM pg_database d WHERE d.datname = current_database()) AS database_oid,
       pg_postmaster_start_time() AS server_started,
       CASE WHEN current_setting('server_version_num')::int4 >= 140000
            THEN set_config('client_connection_check_interval', '1s', true)
       END AS connection_check;
