-- Purpose: what comparing definitions needs to know once: the role's rights, and the time
--   zones that a migration's session may have had.
-- Columns: may_make (TEMP on the database), closed (schemas without USAGE for the role;
--   JSON), zones (time zones that are set for the database, that initdb found on the
--   machine, which is also that of the log, and that are set for a role; JSON, in that order).
-- Exclusions: the temporary schemas of other sessions, which no view names.
-- Versions: 13 to 18. The session's own TimeZone tells nothing: the driver sets it.
SELECT has_database_privilege(current_database(), 'TEMP') AS may_make,
       (SELECT coalesce(json_agg(n.nspname ORDER BY n.nspname), '[]')
          FROM pg_namespace n
         WHERE NOT has_schema_privilege(n.oid, 'USAGE')
           AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast%') AS closed,
       (SELECT coalesce(json_agg(z.zone ORDER BY z.rank, z.zone), '[]')
          FROM (SELECT a.zone, min(a.rank) AS rank
                  FROM (SELECT current_setting('log_timezone') AS zone, 2 AS rank
                        UNION ALL
                        SELECT substr(s.setting, 10), CASE WHEN r.setrole = 0 THEN 1 ELSE 3 END
                          FROM pg_db_role_setting r CROSS JOIN unnest(r.setconfig) AS s(setting)
                         WHERE r.setdatabase IN
                               (0, (SELECT d.oid FROM pg_database d
                                     WHERE d.datname = current_database()))
                           AND lower(s.setting) LIKE 'timezone=%') a
                 GROUP BY a.zone) z) AS zones
