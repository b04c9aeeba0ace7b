-- Who may do what. Roles belong to the whole cluster, and several of its databases may be migrated at the same
-- moment: whatever another migration has just done counts as done. Passwords are the platform's business, and so is
-- the LOGIN of a role that the platform made before us.
--
--   matview_owner      owns the materialized views. A refresh always runs as the owner of the view: BYPASSRLS lets it
--                      see every tenant, or a refresh would quietly keep one tenant's rows and drop all others.
--   maintenance_owner  owns the functions of the scheduled tasks; BYPASSRLS for the same reason.
--   refresh_worker     refreshes, as a member of matview_owner, and runs the tasks.
--   ingest_worker      appends events and revenue, one tenant at a time.
--   app_user           serves tenants: sees the rows of the tenant named in app.current_tenant_id, and no others.

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT *
          FROM (VALUES (1, 'matview_owner', 'NOLOGIN BYPASSRLS'),
                       (2, 'maintenance_owner', 'NOLOGIN BYPASSRLS'),
                       (3, 'refresh_worker', 'LOGIN INHERIT'),
                       (4, 'ingest_worker', 'LOGIN'),
                       (5, 'app_user', 'LOGIN')) AS w (n, role_name, attributes)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = w.role_name)
         ORDER BY w.n  -- the same order everywhere: two migrations wait for each other, never in a circle
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I %s', wanted.role_name, wanted.attributes);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another migration was first
        END;
    END LOOP;
END
$$;

-- A role that was there before may lack what the views depend on. An owner that can log in is somebody's account,
-- and is not given BYPASSRLS behind their back.
DO $$
DECLARE
    lacking record;
BEGIN
    FOR lacking IN
        SELECT r.rolname, r.rolcanlogin
          FROM pg_catalog.pg_roles AS r
         WHERE r.rolname IN ('matview_owner', 'maintenance_owner')
           AND NOT r.rolbypassrls
         ORDER BY r.rolname DESC
    LOOP
        IF lacking.rolcanlogin THEN
            RAISE EXCEPTION 'role % can log in and lacks BYPASSRLS', lacking.rolname
                USING HINT = 'Make it NOLOGIN BYPASSRLS yourself if it is meant to own the views and tasks.';
        END IF;
        BEGIN
            EXECUTE format('ALTER ROLE %I BYPASSRLS', lacking.rolname);
        EXCEPTION WHEN internal_error THEN  -- "tuple concurrently updated": fine if it was updated to what we want
            IF NOT (SELECT r.rolbypassrls FROM pg_catalog.pg_roles AS r WHERE r.rolname = lacking.rolname) THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END
$$;

-- 'USAGE' asks whether the worker has the owner's rights without SET ROLE: exactly what a refresh needs.
DO $$
BEGIN
    IF NOT pg_has_role('refresh_worker', 'matview_owner', 'USAGE') THEN
        GRANT matview_owner TO refresh_worker;
    END IF;
EXCEPTION WHEN unique_violation OR internal_error THEN
    IF NOT pg_has_role('refresh_worker', 'matview_owner', 'USAGE') THEN
        RAISE;
    END IF;
END
$$;

-- PostgreSQL 15 made this the default; before it, any role could put an object into the path of all others.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO matview_owner, maintenance_owner, refresh_worker, ingest_worker, app_user;
