-- Purpose: what runs that were killed may have left on a server: databases by the pattern of
--   their name, and roles by their comment; whether it is so is judged by whoever reads this.
-- Columns: kind (database, role), name, comment, connected (sessions in the database).
SELECT 'database' AS kind, d.datname::text AS name,
       shobj_description(d.oid, 'pg_database') AS comment,
       (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid)::int8 AS connected
  FROM pg_database d
 WHERE d.datname LIKE 'driftgate\_fresh\_%'
UNION ALL
SELECT 'role', r.rolname::text, c.description, 0::int8
  FROM pg_shdescription c
  JOIN pg_roles r ON r.oid = c.objoid
 WHERE c.classoid = 'pg_authid'::regclass
   AND c.description LIKE 'driftgate: %'
 ORDER BY 1, 2
