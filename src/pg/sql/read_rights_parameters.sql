-- Purpose: the roles that were granted to set session_replication_role, with which ordinary
--   triggers do not fire.
-- Columns: setter (oid; 0 is PUBLIC).
-- Versions: 15 to 18; before, superusers alone may set it.
SELECT x.grantee::int8 AS setter
  FROM pg_parameter_acl p
 CROSS JOIN LATERAL aclexplode(p.paracl) x
 WHERE p.parname = 'session_replication_role'
   AND x.privilege_type = 'SET';
