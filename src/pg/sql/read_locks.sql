-- Purpose: who holds and who waits for which lock, for `lock-status`; then the sessions.
--   Neither takes a lock on what it tells of. Locks come first: a session that has been idle
--   since before this message was idle when they were read, and a session that began later
--   holds none of them.
-- Columns of the first: kind (key: an advisory lock; view: one on a materialized view; wait:
--   another lock that somebody waits for), pid (null: a prepared transaction), mode, granted,
--   classid, objid, objsubid, schema and relation, locktype, blocked_by (asked for those who
--   wait alone: it stops the lock manager), waits_since (14 and later), virtualtransaction (of
--   prepared transactions).
-- Columns of the second: kind (session), pid, user, application_name, backend_start (null:
--   this role may not see more than the above), client_addr, state, state_change, xact_start,
--   query.
-- Left out: other databases (pg_locks lists them all, and keys are per database), predicate
--   locks, which block nobody, and this session.
-- Versions: 13 to 18.
SELECT CASE WHEN l.locktype = 'advisory' THEN 'key'
            WHEN l.locktype = 'relation' AND c.relkind = 'm' THEN 'view'
            ELSE 'wait' END AS kind,
       l.pid, l.mode, l.granted,
       l.classid::int8, l.objid::int8, l.objsubid,
       n.nspname::text, c.relname::text, l.locktype,
       CASE WHEN NOT l.granted THEN pg_blocking_pids(l.pid) END AS blocked_by,
       CASE WHEN NOT l.granted THEN (to_jsonb(l) ->> 'waitstart')::timestamptz END AS waits_since,
       CASE WHEN l.pid IS NULL THEN l.virtualtransaction END AS virtualtransaction
  FROM pg_locks l
  LEFT JOIN pg_class c ON c.oid = l.relation
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE (l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        -- Waiting for another transaction to end, which belongs to no database.
        OR (l.database IS NULL AND NOT l.granted))
   AND (l.locktype = 'advisory' OR (l.locktype = 'relation' AND c.relkind = 'm')
        OR NOT l.granted)
   AND l.mode <> 'SIReadLock'
   AND l.pid IS DISTINCT FROM pg_backend_pid();
SELECT 'session' AS kind,
       s.pid, pg_get_userbyid(s.usesysid)::text, s.application_name, s.backend_start,
       host(s.client_addr), s.state, s.state_change, s.xact_start, s.query
  FROM pg_stat_get_activity(NULL) s
 WHERE s.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
   AND s.pid <> pg_backend_pid();
