-- Purpose: one object for each thing that reading the rights has to tell apart.
CREATE SCHEMA app;
CREATE TABLE app.t (a int, b int, c text);
CREATE TABLE app.other (a int, b int);
CREATE SEQUENCE app.numbers;

-- What a query reads.
CREATE VIEW app.some_columns AS SELECT a FROM app.t WHERE c <> '';
CREATE VIEW app.no_column AS SELECT count(*) AS n FROM app.t;
CREATE VIEW app.whole_row AS SELECT t AS whole FROM app.t;
CREATE VIEW app.only_a_name AS SELECT 'app.t'::regclass AS name, nextval('app.numbers') AS n;
CREATE VIEW app.a_sequence AS SELECT last_value FROM app.numbers;
CREATE VIEW app.nothing AS SELECT 1 AS one;
CREATE FUNCTION app.rows_of_t() RETURNS SETOF app.t LANGUAGE sql AS 'SELECT * FROM app.t';
CREATE VIEW app.through_a_function AS SELECT b FROM app.rows_of_t();
CREATE MATERIALIZED VIEW app.upstream AS SELECT a FROM app.some_columns;
CREATE MATERIALIZED VIEW app.downstream AS
    SELECT u.a, o.b FROM app.upstream u JOIN app.other o USING (a);

-- What depends on the session.
CREATE VIEW app.setting AS SELECT a FROM app.t WHERE c = current_setting('app.tenant', true);
CREATE VIEW app.setting_strict AS SELECT current_setting('app.tenant') AS x;
CREATE VIEW app.setting_set AS SELECT set_config('app.tenant', 'x', true) AS x;
CREATE VIEW app.settings AS SELECT setting FROM pg_settings;
CREATE VIEW app.settings_shown AS SELECT name FROM pg_show_all_settings();
CREATE VIEW app.session_user AS SELECT session_user AS x;
CREATE VIEW app.current_user AS SELECT current_user AS x;
CREATE VIEW app.current_role AS SELECT current_role AS x;
CREATE VIEW app.user AS SELECT user AS x;
CREATE VIEW app.current_date AS SELECT current_date AS x, current_catalog AS y, now() AS z;
CREATE VIEW app.has_role AS SELECT pg_has_role('postgres', 'USAGE') AS x;
CREATE VIEW app.has_role_of AS SELECT pg_has_role('postgres', 'postgres', 'USAGE') AS x;
CREATE VIEW app.has_column AS SELECT has_column_privilege('app.t', 'a', 'SELECT') AS x;
CREATE VIEW app.has_column_of AS
    SELECT has_column_privilege('postgres', 'app.t', 'a', 'SELECT') AS x;
CREATE VIEW app.information AS SELECT table_name::text FROM information_schema.tables;
CREATE VIEW app.statistics AS SELECT tablename FROM pg_stats;
CREATE VIEW app.only_text AS SELECT ' :funcid 2077 {SQLVALUEFUNCTION :op 12 '::text AS x;

-- Functions.
CREATE FUNCTION app.of_setting() RETURNS text LANGUAGE sql
    AS $$ SELECT current_setting('app.tenant', true) $$;
CREATE FUNCTION app.of_session() RETURNS text LANGUAGE plpgsql
    AS $$ BEGIN RETURN session_user; END $$;
CREATE FUNCTION app.opening() RETURNS int LANGUAGE sql SET row_security = on AS 'SELECT 1';
CREATE FUNCTION app.with_path() RETURNS int LANGUAGE sql SET search_path = app
    AS 'SELECT count(*)::int FROM other';
CREATE FUNCTION app.by_path(n int) RETURNS int LANGUAGE plpgsql
    AS $$ BEGIN RETURN (SELECT count(*) FROM other o WHERE o.a = n AND NOT EXISTS (
              SELECT FROM app.t, pg_class)) + length('of_setting()'); END $$;
CREATE FUNCTION app.definer() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION app.built_in(int) RETURNS int LANGUAGE internal IMMUTABLE AS 'int4abs';
CREATE FUNCTION app.kept_back(int) RETURNS int LANGUAGE internal IMMUTABLE AS 'int4abs';
REVOKE EXECUTE ON FUNCTION app.kept_back FROM PUBLIC;
CREATE FUNCTION app.same(a app.t, b app.t) RETURNS bool LANGUAGE sql IMMUTABLE
    AS 'SELECT true';
CREATE OPERATOR app.=== (FUNCTION = app.same, LEFTARG = app.t, RIGHTARG = app.t);
CREATE FUNCTION app.add(state int, more int) RETURNS int LANGUAGE plpgsql
    AS $$ BEGIN RETURN state + coalesce(current_setting('app.add', true)::int, 0); END $$;
CREATE AGGREGATE app.adding (int) (SFUNC = app.add, STYPE = int, INITCOND = '0');
CREATE AGGREGATE app.largest (int) (SFUNC = int4larger, STYPE = int);
CREATE FUNCTION app.indexed(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE VIEW app.calling AS
    SELECT app.of_setting(), app.of_session(), app.opening(), app.with_path(), app.by_path(a),
           app.definer(), app.built_in(a), app.kept_back(a), t OPERATOR(app.===) t AS same
      FROM app.t;
CREATE VIEW app.aggregating AS SELECT app.adding(a), app.largest(a) FROM app.t;
CREATE MATERIALIZED VIEW app.on_index AS SELECT a FROM app.t;
CREATE INDEX ON app.on_index (app.indexed(a));

-- Policies.
ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p_open ON app.t USING (true);
CREATE POLICY p_closed ON app.t AS RESTRICTIVE FOR SELECT USING (false);
CREATE POLICY p_null ON app.t FOR SELECT USING (NULL);
CREATE POLICY p_setting ON app.t USING (c = current_setting('app.tenant', true));
CREATE POLICY p_function ON app.t FOR SELECT TO postgres USING (c = app.of_setting());
CREATE POLICY p_column ON app.t USING (a = 1);
CREATE POLICY p_insert ON app.t FOR INSERT WITH CHECK (true);
CREATE POLICY p_update ON app.t FOR UPDATE USING (true);
CREATE POLICY p_check ON app.t WITH CHECK (true);
CREATE POLICY p_off ON app.other USING (true);

-- Triggers.
CREATE FUNCTION app.refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE FUNCTION app.tell() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE NOTICE 'yes'; RETURN NEW; END $$;
CREATE FUNCTION app.drop_row() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION app.refuse_by_setting() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN IF current_setting('app.on', true) = '1' THEN RAISE 'no'; END IF; RETURN NEW; END $$;
CREATE TRIGGER t_refuse BEFORE INSERT OR DELETE ON app.t EXECUTE FUNCTION app.refuse();
CREATE TRIGGER t_tell BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.tell();
CREATE TRIGGER t_drop BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.drop_row();
CREATE TRIGGER t_drop_none BEFORE TRUNCATE ON app.t EXECUTE FUNCTION app.drop_row();
CREATE TRIGGER t_setting BEFORE INSERT ON app.t FOR EACH ROW
    EXECUTE FUNCTION app.refuse_by_setting();
CREATE TRIGGER t_when BEFORE INSERT ON app.t FOR EACH ROW
    WHEN (NEW.c = current_setting('app.x', true)) EXECUTE FUNCTION app.refuse();
CREATE TRIGGER t_when_function BEFORE INSERT ON app.t FOR EACH ROW
    WHEN (NEW.c = app.of_setting()) EXECUTE FUNCTION app.refuse();
CREATE TRIGGER t_columns BEFORE UPDATE OF a ON app.t FOR EACH ROW EXECUTE FUNCTION app.refuse();
CREATE TRIGGER t_always BEFORE UPDATE ON app.t EXECUTE FUNCTION app.refuse();
CREATE TRIGGER t_replica BEFORE UPDATE ON app.t EXECUTE FUNCTION app.refuse();
CREATE TRIGGER t_disabled BEFORE UPDATE ON app.t EXECUTE FUNCTION app.refuse();
CREATE TRIGGER t_after AFTER UPDATE ON app.t EXECUTE FUNCTION app.refuse();
CREATE TRIGGER t_same BEFORE UPDATE ON app.t FOR EACH ROW
    EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE app.t ENABLE ALWAYS TRIGGER t_always, ENABLE REPLICA TRIGGER t_replica,
                  DISABLE TRIGGER t_disabled;
CREATE TRIGGER v_instead INSTEAD OF INSERT ON app.some_columns FOR EACH ROW
    EXECUTE FUNCTION app.refuse();
CREATE TABLE app.parent (a int) PARTITION BY LIST (a);
CREATE TABLE app.part PARTITION OF app.parent FOR VALUES IN (1);
CREATE TRIGGER of_parent BEFORE INSERT ON app.parent FOR EACH ROW EXECUTE FUNCTION app.refuse();
