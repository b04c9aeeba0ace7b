-- Purpose: whether and how another database can be made beside this one, and what runs that were
--   killed have left; one row.
-- Columns: may_create, superuser, role, now, encoding, collate, ctype, provider (null before 15),
--   locale (of a provider other than libc), search_path and time_zone (as read_migrator.sql says).
SELECT r.rolcreatedb OR r.rolsuper AS may_create,
       r.rolname::text AS role,
       clock_timestamp() AS now,
       pg_encoding_to_char(d.encoding)::text AS encoding,
       d.datcollate::text AS collate,
       d.datctype::text AS ctype,
       CASE to_jsonb(d) ->> 'datlocprovider'
            WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale,
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
           current_setting('log_timezone')) AS time_zone
  FROM pg_database d, pg_roles r
 WHERE d.datname = current_database() AND r.rolname = current_user
