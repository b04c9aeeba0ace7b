-- Purpose: the functions that the queries of views, indexes, policies and triggers call,
--   directly or through an operator, with what decides how they behave.
-- Columns: function, implementation (the same, or each support function of an aggregate:
--   those run, and the aggregate is what must be granted), signature, schema,
--   owner, grants as three arrays in step, security_definer, language, of_the_system,
--   immutable,
--   settings (its SET clauses), body (null for C and built-in ones), has_text_body, and of a
--   BEGIN ATOMIC body from its tree: tree_reads_setting, tree_sets_setting.
-- Versions: 13 to 18; BEGIN ATOMIC bodies are 14+. Built-in functions are not in pg_depend.
--   The signature names every schema but pg_catalog, because the search path is empty.
WITH named AS MATERIALIZED (
    SELECT DISTINCT coalesce(o.oprcode::oid, d.refobjid) AS oid
      FROM pg_depend d
      LEFT JOIN pg_operator o
             ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
     WHERE d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass,
                        'pg_class'::regclass)
       AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
    UNION
    -- Built-in ones that run a query or read a table given as text; the trees name them.
    SELECT p.oid
      FROM pg_proc p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND (p.proname LIKE '%\_to\_xml%'
            OR p.proname IN ('ts_stat', 'ts_rewrite', 'pg_input_is_valid', 'pg_input_error_info'))
),
part AS MATERIALIZED (
    SELECT n.oid AS function, n.oid AS implementation
      FROM named n
      JOIN pg_proc p ON p.oid = n.oid AND p.prokind <> 'a'
    UNION
    SELECT n.oid, s.oid
      FROM named n
      JOIN pg_aggregate a ON a.aggfnoid = n.oid
     CROSS JOIN LATERAL unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
                                     a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn,
                                     a.aggmfinalfn]::oid[]) s (oid)
     WHERE s.oid <> 0
)
SELECT f.oid::int8 AS function, i.oid::int8 AS implementation,
       f.oid::regprocedure::text AS signature, n.nspname::text AS schema, f.proowner::int8 AS owner,
       a.grantees, a.privileges, a.grantors,
       i.prosecdef AS security_definer, l.lanname::text AS language,
       i.pronamespace = 'pg_catalog'::regnamespace AS of_the_system,
       i.provolatile = 'i' AS immutable, i.proconfig AS settings,
       CASE WHEN l.lanname NOT IN ('internal', 'c') THEN i.prosrc END AS body,
       l.lanname NOT IN ('internal', 'c') AND t.tree IS NULL AS has_text_body,
       coalesce(t.tree ~ ':funcid (2077|3294|2084|746|6311) |{SQLVALUEFUNCTION :op 12 ', false)
           AS tree_reads_setting,
       coalesce(strpos(t.tree, ':funcid 2078 ') > 0, false) AS tree_sets_setting
  FROM part
  JOIN pg_proc f ON f.oid = part.function
  JOIN pg_proc i ON i.oid = part.implementation
  JOIN pg_namespace n ON n.oid = f.pronamespace
  JOIN pg_language l ON l.oid = i.prolang
 CROSS JOIN LATERAL (SELECT array_agg(x.grantee::int8) AS grantees,
                            array_agg(x.privilege_type) AS privileges,
                            array_agg(x.grantor::int8) AS grantors
                       FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) x) a
 CROSS JOIN LATERAL (SELECT CASE WHEN l.lanname = 'sql' AND i.prosrc = ''
                                 THEN to_jsonb(i) ->> 'prosqlbody' END AS tree) t;
