-- Purpose: what belongs to a whole server, but for what belongs to the current database, so that
--   it can be seen whether a migration would change it.
-- Columns: what, name, detail (one text of everything), roles (those that the row is about, as a
--   JSON array of names).
-- Versions: 13 to 18. Everybody may read it; passwords and rights on parameters are added behind
--   it where that can be done.
-- Left out: what the server itself changes of its databases.
SELECT 'role' AS what, r.rolname::text AS name,
       (to_jsonb(r) - 'oid' - 'rolconfig')::text AS detail,
       json_build_array(r.rolname) AS roles
  FROM pg_roles r
UNION ALL
SELECT 'membership', pg_get_userbyid(m.roleid) || ' of ' || pg_get_userbyid(m.member),
       (to_jsonb(m) - 'oid')::text,
       json_build_array(pg_get_userbyid(m.roleid), pg_get_userbyid(m.member))
  FROM pg_auth_members m
UNION ALL
SELECT 'setting', CASE WHEN s.setrole = 0 THEN 'of every role' ELSE pg_get_userbyid(s.setrole)::text END,
       s.setdatabase || ' ' || s.setconfig::text,
       json_build_array(pg_get_userbyid(s.setrole))
  FROM pg_db_role_setting s
 WHERE s.setdatabase <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
UNION ALL
SELECT 'database', d.datname::text,
       (to_jsonb(d) - 'datfrozenxid' - 'datminmxid' - 'datlastsysoid' - 'dathasloginevt')::text,
       '[]'::json
  FROM pg_database d
 WHERE d.datname <> current_database()
UNION ALL
SELECT 'tablespace', t.spcname::text, to_jsonb(t)::text, '[]'::json
  FROM pg_tablespace t
UNION ALL
SELECT 'comment', c.classoid || ' ' || c.objoid, c.description,
       (SELECT json_agg(r.rolname) FROM pg_roles r WHERE r.oid = c.objoid)
  FROM pg_shdescription c
 WHERE c.objoid <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
UNION ALL
SELECT 'origin', o.roname, '', '[]'::json
  FROM pg_replication_origin o
