-- Purpose: who holds and who waits for which lock, for `lock-status`. Takes no lock on what it
--   tells of. Names of relations and sessions are asked for when there are some: most often
--   there are none, and to plan those queries takes longer than to read this one.
-- Columns: locktype, pid (null: a prepared transaction), mode, granted, classid, objid,
--   objsubid, relation (of every advisory lock, every lock on a materialized view, and every
--   lock that somebody waits for); blocked_by (asked for those who wait alone: it stops the
--   lock manager), waits_since (14 and later), virtualtransaction (of prepared transactions).
-- Left out: other databases (all are listed, and keys are per database), predicate locks,
--   which block nobody, and this session.
-- pg_lock_status() is all there is behind the view pg_locks; asked by itself it is planned in
--   half the time.
-- Versions: 13 to 18.
SELECT l.locktype, l.pid, l.mode, l.granted,
       l.classid::int8, l.objid::int8, l.objsubid, l.relation::int8,
       CASE WHEN NOT l.granted THEN pg_blocking_pids(l.pid) END AS blocked_by,
       CASE WHEN NOT l.granted THEN (to_jsonb(l) ->> 'waitstart')::timestamptz END AS waits_since,
       CASE WHEN l.pid IS NULL THEN l.virtualtransaction END AS virtualtransaction
  FROM pg_lock_status() AS l
 WHERE (l.database = (SELECT s.datid FROM pg_stat_get_activity(pg_backend_pid()) AS s)
        -- Waiting for another transaction to end, which belongs to no database.
        OR (l.database IS NULL AND NOT l.granted))
   AND l.pid IS DISTINCT FROM pg_backend_pid()
   AND (l.locktype = 'advisory'
        OR NOT l.granted
        -- The system's own relations come first; the list is made once it is needed.
        OR (l.relation >= 16384
            AND l.relation IN (SELECT c.oid FROM pg_class AS c WHERE c.relkind = 'm')))
   AND l.mode <> 'SIReadLock';
