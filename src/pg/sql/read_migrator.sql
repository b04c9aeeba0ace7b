-- Purpose: what the current role may do, as a server of our own has to know it; one row.
-- Parameters: $1 names of roles, as a JSON array.
-- Columns: role, superuser, create_role, create_database, bypass_row_security, search_path (as
--   this session has it by itself), time_zone (that of a session whose client does not say one; the
--   driver says UTC, so it is looked for where it is set, and else initdb has found it together
--   with the log's), member_of (of the roles named, those that are there and that
--   it is a member of, each with whether it may make others members).
SELECT r.rolname::text AS role,
       r.rolsuper AS superuser,
       r.rolcreaterole AS create_role,
       r.rolcreatedb AS create_database,
       r.rolbypassrls AS bypass_row_security,
       current_setting('search_path') AS search_path,
       coalesce(
           (SELECT o.option_value
              FROM pg_db_role_setting s
              JOIN pg_database d ON d.datname = current_database(),
                   pg_options_to_table(s.setconfig) o
             WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, r.oid)
               AND lower(o.option_name) = 'timezone'
             ORDER BY s.setrole = 0, s.setdatabase = 0
             LIMIT 1),
           current_setting('log_timezone')) AS time_zone,
       (SELECT coalesce(json_agg(json_build_array(
                   g.rolname, pg_has_role(r.oid, g.oid, 'MEMBER WITH ADMIN OPTION'))
                   ORDER BY g.rolname), '[]')
          FROM pg_roles g
         WHERE g.rolname IN (SELECT json_array_elements_text($1::json))
           AND g.oid <> r.oid
           AND pg_has_role(r.oid, g.oid, 'MEMBER')) AS member_of
  FROM pg_roles r
 WHERE r.rolname = current_user
