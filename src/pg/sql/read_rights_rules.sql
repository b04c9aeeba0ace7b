-- Purpose: what the query of each view and materialized view outside the system schemas
--   reads and calls, from the stored tree and from pg_depend; printing it would wait behind
--   a refresh.
-- Columns: view, named (oids as text: the relations in its FROM; pg_depend alone also has
--   those that a constant of type regclass or a function's row type refers to),
--   reads_setting, reads_user, uses_whole_rows, runs_text (the built-in functions in it that
--   run a query, read a table or look up a type given as text); reader, read (oid), columns
--   (those that are used); caller, called (oid of a function); index_of (a materialized
--   view), called (by one of its indexes).
-- Versions: 13 to 18. In all of them SQLValueFunction 9 is CURRENT_ROLE, 10 CURRENT_USER,
--   11 USER, 12 SESSION_USER and 14 CURRENT_SCHEMA. A refresh runs as the owner, but
--   session_user stays the caller's: it is counted as a setting, too. The views of the system that show each role
--   something else are asking who it is. Built-in functions and relations are not in
--   pg_depend, hence the tree; in it names have their blanks escaped and constants are
--   bytes, so no text in a query looks like a node.
-- Speed: OFFSET 0 has each tree decompressed once; splitting is faster than a regex.
WITH telling AS MATERIALIZED (
    SELECT p.oid::text AS oid,
           p.proname IN ('current_setting', 'set_config', 'pg_show_all_settings',
                         'current_schema', 'current_schemas', 'session_user', 'system_user')
               AS setting,
           p.proname IN ('session_user', 'system_user', 'current_user', 'getpgusername',
                         'row_security_active', 'pg_backend_pid', 'pg_stat_get_activity',
                         'inet_client_addr', 'inet_client_port', 'pg_has_role')
           OR p.proname LIKE 'has\_%\_privilege' AS asks_who,
           p.proname LIKE '%\_to\_xml%'
           OR p.proname IN ('ts_stat', 'ts_rewrite', 'pg_input_is_valid', 'pg_input_error_info')
               AS runs_text
      FROM pg_proc p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND (p.proname IN ('current_setting', 'set_config', 'pg_show_all_settings',
                          'current_schema', 'current_schemas', 'session_user', 'system_user',
                          'current_user', 'getpgusername', 'row_security_active',
                          'pg_backend_pid', 'pg_stat_get_activity', 'inet_client_addr',
                          'inet_client_port', 'ts_stat', 'pg_input_is_valid',
                          'pg_input_error_info')
            OR p.proname LIKE '%\_to\_xml%'
            -- The form that takes a query; the other takes its three parts.
            OR p.proname = 'ts_rewrite' AND p.pronargs = 2
            -- The forms that ask for the current user; the others name one.
            OR (p.proname LIKE 'has\_%\_privilege' OR p.proname = 'pg_has_role')
               AND p.pronargs = CASE p.proname WHEN 'has_column_privilege' THEN 3 ELSE 2 END)
),
asking AS MATERIALIZED (
    SELECT c.oid::text AS oid
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'v'
       AND (n.nspname = 'information_schema'
            OR n.nspname = 'pg_catalog'
               AND c.relname IN ('pg_sequences', 'pg_stats', 'pg_stats_ext',
                                 'pg_stats_ext_exprs', 'pg_user_mappings'))
)
SELECT t.view::int8 AS view,
       l.named,
       f.setting OR s.asks_session
       OR 'pg_catalog.pg_settings'::regclass::oid::text = ANY (l.named) AS reads_setting,
       f.asks_who OR s.asks_who
       OR EXISTS (SELECT FROM asking a WHERE a.oid = ANY (l.named)) AS reads_user,
       strpos(t.tree, ':varattno 0 ') > 0 AS uses_whole_rows,
       f.runs_text
  FROM (SELECT r.ev_class AS view, r.ev_action::text || '' AS tree
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1'
         WHERE c.relkind IN ('v', 'm')
           AND c.relpersistence <> 't'
           AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        OFFSET 0) t
 CROSS JOIN LATERAL (SELECT coalesce(array_agg(DISTINCT split_part(p.part, ' ', 1)), '{}') AS named
                       FROM unnest(string_to_array(t.tree, ':relid ')) WITH ORDINALITY
                            p (part, n)
                      WHERE p.n > 1) l
 CROSS JOIN LATERAL (SELECT coalesce(bool_or(w.setting), false) AS setting,
                            coalesce(bool_or(w.asks_who), false) AS asks_who,
                            coalesce(array_agg(DISTINCT w.oid::int8) FILTER (WHERE w.runs_text),
                                     '{}') AS runs_text
                       FROM unnest(string_to_array(t.tree, ':funcid ')) p (part)
                       JOIN telling w ON w.oid = split_part(p.part, ' ', 1)) f
 CROSS JOIN LATERAL (SELECT coalesce(bool_or(split_part(p.part, ' ', 1) IN ('12', '14')),
                                     false) AS asks_session,
                            coalesce(bool_or(split_part(p.part, ' ', 1)
                                             IN ('9', '10', '11', '12')), false) AS asks_who
                       FROM unnest(string_to_array(t.tree, '{SQLVALUEFUNCTION :op ')) p (part)) s;

SELECT r.ev_class::int8 AS reader, d.refobjid::int8 AS read,
       array_agg(d.refobjsubid::int2) FILTER (WHERE d.refobjsubid <> 0) AS columns
  FROM pg_depend d
  JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_type = '1'
 WHERE d.classid = 'pg_rewrite'::regclass
   AND d.refclassid = 'pg_class'::regclass
   AND d.deptype = 'n'
   AND d.refobjid <> r.ev_class
 GROUP BY r.ev_class, d.refobjid;

SELECT DISTINCT r.ev_class::int8 AS caller, coalesce(o.oprcode::oid, d.refobjid)::int8 AS called
  FROM pg_depend d
  JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_type = '1'
  LEFT JOIN pg_operator o
         ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
 WHERE d.classid = 'pg_rewrite'::regclass
   AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass);

SELECT DISTINCT i.indrelid::int8 AS index_of, coalesce(o.oprcode::oid, d.refobjid)::int8 AS called
  FROM pg_depend d
  JOIN pg_index i ON i.indexrelid = d.objid
  JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'm'
  LEFT JOIN pg_operator o
         ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
 WHERE d.classid = 'pg_class'::regclass
   AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass);
