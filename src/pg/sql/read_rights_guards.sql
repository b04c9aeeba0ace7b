-- Purpose: what guards a relation beyond its grants: the policies for reading, where
--   row-level security is on, and the enabled triggers that act before a write.
-- Columns: of_policy (the relation), name, permissive, roles (0 is PUBLIC), always_true,
--   reads_setting, calls (functions in its condition); of_trigger (the relation), name,
--   events (the bits of tgtype), function, enabled (O or A), conditional, reads_setting
--   (its WHEN), calls (functions in its WHEN, and its own), function_owner.
-- Exclusions: a policy without USING (one that only checks new rows) neither opens nor
--   closes rows for a reader; internal triggers, except the copies that a partition has of
--   its parent's, which 13 and 14 mark as internal; triggers that act after the write.
-- Versions: 13 to 18. The condition is read as a tree: pg_get_expr locks.
SELECT p.polrelid::int8 AS of_policy, p.polname::text AS name, p.polpermissive AS permissive,
       p.polroles::int8[] AS roles,
       p.polqual::text ~ '^\{CONST :consttype 16 .* :constisnull false .*\[ (0 )*1 (0 )*\]\}$'
           AS always_true,
       p.polqual::text ~ ':funcid (2077|3294|2084|746|6311) |{SQLVALUEFUNCTION :op 12 '
           AS reads_setting,
       ARRAY(SELECT coalesce(o.oprcode::oid, d.refobjid)::int8
               FROM pg_depend d
               LEFT JOIN pg_operator o
                      ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
              WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)) AS calls
  FROM pg_policy p
  JOIN pg_class c ON c.oid = p.polrelid AND c.relrowsecurity
 WHERE p.polcmd IN ('r', '*')
   AND p.polqual IS NOT NULL;

SELECT t.tgrelid::int8 AS of_trigger, t.tgname::text AS name, t.tgtype AS events,
       t.tgfoid::int8 AS function, f.proowner::int8 AS function_owner,
       t.tgenabled::text AS enabled,
       t.tgqual IS NOT NULL OR cardinality(t.tgattr::int2[]) > 0 AS conditional,
       coalesce(t.tgqual::text ~ ':funcid (2077|3294|2084) ', false) AS reads_setting,
       ARRAY(SELECT coalesce(o.oprcode::oid, d.refobjid)::int8
               FROM pg_depend d
               LEFT JOIN pg_operator o
                      ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
              WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
                AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)) AS calls
  FROM pg_trigger t
  JOIN pg_proc f ON f.oid = t.tgfoid
 WHERE t.tgtype & 66 <> 0
   AND t.tgenabled IN ('O', 'A')
   AND (NOT t.tgisinternal OR t.tgparentid <> 0);
