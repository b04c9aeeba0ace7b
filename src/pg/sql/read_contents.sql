-- Purpose: everything in a database that migrations may add or change, so that it can be seen
--   whether it is empty, and left as it was found.
-- Columns: rank (in which order to undo), what (object, extension, schema, owner, grant, setting,
--   comment), name (for a reader), key (what is the same before and after; of all but objects the
--   statement that makes it so), undo (the statement that makes it not so; null: only another one
--   in its place does).
-- Exclusions: members of extensions, which come and go with them; parts of other objects; schemas
--   of temporary objects. Objects of the system are below 16384.
-- Versions: 13 to 18.
WITH object (classid, objid) AS (
    SELECT 'pg_namespace'::regclass, n.oid FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\_%'
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
       AND NOT pg_is_other_temp_schema(c.relnamespace) AND c.relpersistence <> 't'
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
     WHERE coalesce(c.relkind, 'c') = 'c'
    UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc
    UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
    UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
    UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am
    UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
    UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation
    UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion
    UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language
    UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform
    UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
    UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext
    UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser
    UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template
),
whole AS (
    SELECT o.classid, o.objid, i.type, i.identity
      FROM object o, pg_identify_object(o.classid, o.objid, 0) i
     WHERE o.objid >= 16384
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = o.classid AND d.objid = o.objid
                          AND d.objsubid = 0 AND d.deptype IN ('e', 'i', 'P'))
),
here AS (
    SELECT d.oid, d.datname, d.datdba, d.datacl FROM pg_database d WHERE d.datname = current_database()
),
granted (kind, identity, acl) AS (
    SELECT 'DATABASE', quote_ident(h.datname), coalesce(h.datacl, acldefault('d', h.datdba)) FROM here h
    UNION ALL
    SELECT 'SCHEMA', quote_ident(n.nspname), coalesce(n.nspacl, acldefault('n', n.nspowner))
      FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\_%'
),
exploded AS (
    SELECT g.kind, g.identity, x.privilege_type, x.is_grantable,
           CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS grantee
      FROM granted g, aclexplode(g.acl) x
),
by_default AS (
    SELECT a.oid, a.defaclrole, n.nspname,
           CASE a.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END AS things,
           a.defaclacl AS acl,
           -- Without a schema the entry stands in place of what the server does by itself.
           CASE WHEN a.defaclnamespace = 0
                THEN acldefault(CASE a.defaclobjtype WHEN 'S' THEN 's' ELSE a.defaclobjtype END, a.defaclrole)
                END AS base
      FROM pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace
)
SELECT CASE w.type WHEN 'event trigger' THEN 0 WHEN 'publication' THEN 1 WHEN 'schema' THEN 2
            WHEN 'extension' THEN 4 ELSE 3 END AS rank,
       CASE w.type WHEN 'schema' THEN 'schema' WHEN 'extension' THEN 'extension' ELSE 'object' END AS what,
       w.type || ' ' || w.identity AS name,
       w.classid::oid || ' ' || w.objid AS key,
       format('DROP %s %s CASCADE',
              CASE w.type WHEN 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER'
                   WHEN 'statistics object' THEN 'STATISTICS' WHEN 'composite type' THEN 'TYPE'
                   ELSE upper(w.type) END,
              w.identity) AS undo
  FROM whole w
UNION ALL
SELECT 3, 'object', 'large object ' || l.oid, 'large object ' || l.oid, format('SELECT lo_unlink(%s)', l.oid)
  FROM pg_largeobject_metadata l
UNION ALL
SELECT 5, 'grant', format('default privileges of %s', pg_get_userbyid(b.defaclrole)),
       format('%s %s %s', b.oid, b.things, b.acl),
       (SELECT string_agg(format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s %s %s ON %s %s %s',
                                 pg_get_userbyid(b.defaclrole),
                                 CASE WHEN b.nspname IS NULL THEN '' ELSE format(' IN SCHEMA %I', b.nspname) END,
                                 d.verb, d.privilege_type, b.things, d.word,
                                 CASE d.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(d.grantee)) END),
                          '; ')
          FROM (SELECT 'REVOKE' AS verb, 'FROM' AS word, grantee, privilege_type
                  FROM (SELECT grantee, privilege_type FROM aclexplode(b.acl)
                        EXCEPT SELECT grantee, privilege_type FROM aclexplode(b.base)) more
                UNION ALL
                SELECT 'GRANT', 'TO', grantee, privilege_type
                  FROM (SELECT grantee, privilege_type FROM aclexplode(b.base)
                        EXCEPT SELECT grantee, privilege_type FROM aclexplode(b.acl)) fewer) d)
  FROM by_default b
UNION ALL
SELECT 6, 'owner', format('the owner of schema %I', n.nspname),
       format('ALTER SCHEMA %I OWNER TO %I', n.nspname, pg_get_userbyid(n.nspowner)), NULL
  FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 6, 'owner', 'the owner of the database',
       format('ALTER DATABASE %I OWNER TO %I', h.datname, pg_get_userbyid(h.datdba)), NULL
  FROM here h
UNION ALL
SELECT 7, 'grant', format('%s on %s %s for %s', e.privilege_type, lower(e.kind), e.identity, e.grantee),
       format('GRANT %s ON %s %s TO %s%s', e.privilege_type, e.kind, e.identity, e.grantee,
              CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END),
       format('REVOKE %s%s ON %s %s FROM %s', CASE WHEN e.is_grantable THEN 'GRANT OPTION FOR ' ELSE '' END,
              e.privilege_type, e.kind, e.identity, e.grantee)
  FROM exploded e
UNION ALL
SELECT 7, 'setting', format('setting %s of the database', o.option_name),
       format('SELECT set_config(%L, %L, true); ALTER %s SET %I FROM CURRENT', o.option_name, o.option_value,
              CASE s.setrole WHEN 0 THEN format('DATABASE %I', h.datname)
                   ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), h.datname) END,
              o.option_name),
       format('ALTER %s RESET %I',
              CASE s.setrole WHEN 0 THEN format('DATABASE %I', h.datname)
                   ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), h.datname) END,
              o.option_name)
  FROM here h JOIN pg_db_role_setting s ON s.setdatabase = h.oid, pg_options_to_table(s.setconfig) o
UNION ALL
SELECT 7, 'comment', format('the comment on schema %I', n.nspname),
       format('COMMENT ON SCHEMA %I IS %L', n.nspname, d.description),
       format('COMMENT ON SCHEMA %I IS NULL', n.nspname)
  FROM pg_namespace n
  JOIN pg_description d ON d.classoid = 'pg_namespace'::regclass AND d.objoid = n.oid AND d.objsubid = 0
 WHERE n.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 7, 'comment', 'the comment on the database',
       format('COMMENT ON DATABASE %I IS %L', h.datname, shobj_description(h.oid, 'pg_database')),
       format('COMMENT ON DATABASE %I IS NULL', h.datname)
  FROM here h WHERE shobj_description(h.oid, 'pg_database') IS NOT NULL
 ORDER BY 1, 3
