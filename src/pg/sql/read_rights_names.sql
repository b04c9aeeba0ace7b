-- Purpose: which of some names are those of a relation, function or type that is only found
--   by the search path: outside pg_catalog, and not in it too.
-- Parameter: $1 a JSON array of names.
-- Columns: name.
-- Versions: 13 to 18.
SELECT w.name
  FROM json_array_elements_text($1::text::json) w (name)
 WHERE (SELECT bool_and(p.pronamespace <> 'pg_catalog'::regnamespace)
          FROM pg_proc p WHERE p.proname = w.name)
    OR (SELECT bool_and(c.relnamespace <> 'pg_catalog'::regnamespace)
          FROM pg_class c WHERE c.relname = w.name)
    OR (SELECT bool_and(t.typnamespace <> 'pg_catalog'::regnamespace)
          FROM pg_type t WHERE t.typname = w.name);
