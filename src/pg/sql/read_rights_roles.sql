-- Purpose: the roles, their memberships, the database and the schemas, with their grants.
-- Columns: database_owner, grants; role, name, superuser, inherit, bypass_rls, can_login,
--   create_role; joined (the role that is joined), member, inherit, set, admin, grantor;
--   schema, name, owner, grants.
--   Grants are three arrays in step: grantees (0 is PUBLIC), privileges, grantors.
-- Versions: 13 to 18. Before 16 a membership has no options: it counts without SET ROLE
--   where the member is INHERIT, and SET ROLE is always allowed. From 16 on a role may be
--   granted by several grantors, each with its own options; any of them suffices.
-- Needs CONNECT alone, takes no lock.
SELECT d.datdba::int8 AS database_owner, a.grantees, a.privileges, a.grantors
  FROM pg_database d
 CROSS JOIN LATERAL (SELECT array_agg(x.grantee::int8) AS grantees,
                            array_agg(x.privilege_type) AS privileges,
                            array_agg(x.grantor::int8) AS grantors
                       FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x) a
 WHERE d.datname = current_database();

SELECT r.oid::int8 AS role, r.rolname::text AS name, r.rolsuper AS superuser,
       r.rolinherit AS inherit, r.rolbypassrls AS bypass_rls, r.rolcanlogin AS can_login,
       r.rolcreaterole AS create_role
  FROM pg_roles r;

SELECT m.roleid::int8 AS joined, m.member::int8 AS member,
       coalesce((to_jsonb(m) ->> 'inherit_option')::bool, r.rolinherit) AS inherit,
       coalesce((to_jsonb(m) ->> 'set_option')::bool, true) AS set,
       m.admin_option AS admin, m.grantor::int8 AS grantor
  FROM pg_auth_members m
  JOIN pg_roles r ON r.oid = m.member;

SELECT n.oid::int8 AS schema, n.nspname::text AS name, n.nspowner::int8 AS owner,
       a.grantees, a.privileges, a.grantors
  FROM pg_namespace n
 CROSS JOIN LATERAL (SELECT array_agg(x.grantee::int8) AS grantees,
                            array_agg(x.privilege_type) AS privileges,
                            array_agg(x.grantor::int8) AS grantors
                       FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x) a
 WHERE n.nspname NOT LIKE 'pg\_toast%'
   AND n.nspname NOT LIKE 'pg\_temp\_%';
