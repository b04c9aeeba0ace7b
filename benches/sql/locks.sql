-- What `lock-status` is compared with: the advisory locks of this database, with their holders.
SELECT l.pid, l.classid, l.objid, l.objsubid, l.mode, l.granted,
       a.application_name, a.usename, a.client_addr, a.state,
       floor(extract(epoch FROM now() - a.xact_start)) AS held_seconds, a.query
  FROM pg_locks l
  JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory'
   AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
