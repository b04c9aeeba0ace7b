-- Purpose: tables with the rows of three tenants, in every state of row-level security.
-- Names in braces are roles; {everyone} is all of them.
CREATE SCHEMA base AUTHORIZATION {table_owner};
GRANT USAGE ON SCHEMA base TO {everyone};
SET ROLE {table_owner};

CREATE TABLE base.plain (tenant_id text, n int);
INSERT INTO base.plain SELECT t, n FROM unnest('{A,B,C}'::text[]) t, generate_series(1, 3) n;

-- One policy by the setting, the usual one; forced binds the owner too.
CREATE TABLE base.secured AS TABLE base.plain;
CREATE TABLE base.forced AS TABLE base.plain;
ALTER TABLE base.forced FORCE ROW LEVEL SECURITY;
-- Everything is let through where nothing is set.
CREATE TABLE base.lenient AS TABLE base.plain;
-- Policies that open everything, for all or for some.
CREATE TABLE base.opened AS TABLE base.plain;
CREATE TABLE base.opened_to_group AS TABLE base.plain;
CREATE TABLE base.opened_to_others AS TABLE base.plain;
CREATE TABLE base.opened_then_restricted AS TABLE base.plain;
CREATE TABLE base.opened_restricted_for_others AS TABLE base.plain;
CREATE TABLE base.opened_among_others AS TABLE base.plain;
-- Policies that hide everything from readers.
CREATE TABLE base.without_policy AS TABLE base.plain;
CREATE TABLE base.for_others AS TABLE base.plain;
CREATE TABLE base.for_writers AS TABLE base.plain;
CREATE TABLE base.only_restricted AS TABLE base.plain;
CREATE TABLE base.closed AS TABLE base.plain;
CREATE TABLE base.null_policy AS TABLE base.plain;
CREATE TABLE base.opened_and_closed AS TABLE base.plain;
-- A policy that hides nothing, which only the rows can tell.
CREATE TABLE base.not_null AS TABLE base.plain;
-- A policy that asks another table, one that calls a function, one that asks for the role.
CREATE TABLE base.by_lookup AS TABLE base.plain;
CREATE TABLE base.by_function AS TABLE base.plain;
CREATE TABLE base.by_user AS TABLE base.plain;
CREATE TABLE base.tenants (tenant_id text, login text);
INSERT INTO base.tenants VALUES ('A', '{bound}');
CREATE FUNCTION base.tenant() RETURNS text LANGUAGE sql STABLE
  AS $$ SELECT current_setting('app.tenant', true) $$;

CREATE POLICY p ON base.secured USING (tenant_id = current_setting('app.tenant', true));
CREATE POLICY p ON base.forced USING (tenant_id = current_setting('app.tenant', true));
CREATE POLICY p ON base.lenient USING (coalesce(current_setting('app.tenant', true), '') = ''
                                       OR tenant_id = current_setting('app.tenant', true));
CREATE POLICY p ON base.opened USING (true);
CREATE POLICY p ON base.opened_to_group TO {group} USING (true);
CREATE POLICY p ON base.opened_to_others TO {exempt} USING (true);
CREATE POLICY p ON base.opened_then_restricted USING (true);
CREATE POLICY r ON base.opened_then_restricted AS RESTRICTIVE
  USING (tenant_id = current_setting('app.tenant', true));
CREATE POLICY p ON base.opened_restricted_for_others USING (true);
CREATE POLICY r ON base.opened_restricted_for_others AS RESTRICTIVE TO {exempt}
  USING (tenant_id = current_setting('app.tenant', true));
CREATE POLICY p ON base.opened_among_others USING (true);
CREATE POLICY q ON base.opened_among_others FOR SELECT
  USING (tenant_id = current_setting('app.tenant', true));
CREATE POLICY p ON base.for_others TO {exempt}
  USING (tenant_id = current_setting('app.tenant', true));
CREATE POLICY p ON base.for_writers FOR UPDATE USING (true);
CREATE POLICY p ON base.only_restricted AS RESTRICTIVE USING (true);
CREATE POLICY p ON base.closed USING (false);
CREATE POLICY p ON base.null_policy USING (NULL::boolean);
CREATE POLICY p ON base.opened_and_closed USING (true);
CREATE POLICY r ON base.opened_and_closed AS RESTRICTIVE USING (false);
CREATE POLICY p ON base.not_null USING (tenant_id IS NOT NULL);
CREATE POLICY p ON base.by_lookup USING (EXISTS (
  SELECT FROM base.tenants t WHERE t.tenant_id = by_lookup.tenant_id AND t.login = current_user));
CREATE POLICY p ON base.by_function USING (tenant_id = base.tenant());
CREATE POLICY p ON base.by_user USING (current_user = '{exempt}' OR tenant_id = 'A');

-- Policies that nobody has switched on.
CREATE TABLE base.switched_off AS TABLE base.plain;
CREATE POLICY p ON base.switched_off USING (tenant_id = current_setting('app.tenant', true));

-- Parents and children: only what a query names counts.
CREATE TABLE base.parent (tenant_id text, n int) PARTITION BY LIST (tenant_id);
CREATE TABLE base.parent_rest PARTITION OF base.parent DEFAULT;
INSERT INTO base.parent TABLE base.plain;
CREATE POLICY p ON base.parent USING (tenant_id = current_setting('app.tenant', true));
CREATE TABLE base.parted (tenant_id text, n int) PARTITION BY LIST (tenant_id);
CREATE TABLE base.part PARTITION OF base.parted FOR VALUES IN ('A', 'B', 'C');
INSERT INTO base.parted TABLE base.plain;
CREATE POLICY p ON base.part USING (tenant_id = current_setting('app.tenant', true));
CREATE TABLE base.ancestor (tenant_id text, n int);
CREATE TABLE base.heir () INHERITS (base.ancestor);
INSERT INTO base.heir TABLE base.plain;
CREATE POLICY p ON base.heir USING (tenant_id = current_setting('app.tenant', true));

DO $$
DECLARE
  name text;
BEGIN
  FOR name IN
    SELECT c.oid::regclass::text FROM pg_class c
     WHERE c.relnamespace = 'base'::regnamespace AND c.relkind IN ('r', 'p')
       AND c.relname NOT IN ('plain', 'tenants', 'switched_off', 'parent_rest', 'parted', 'ancestor')
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
  END LOOP;
END $$;
GRANT SELECT ON ALL TABLES IN SCHEMA base TO {everyone};
RESET ROLE;

-- This server from the outside, as a role that policies bind.
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION dblink;
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw
  OPTIONS (host '{socket}', dbname '{database}');
CREATE USER MAPPING FOR PUBLIC SERVER loopback
  OPTIONS (user '{other}', password_required 'false');
