//! What a role or a database has set for its sessions does not change what a refresh gives,
//! and what a refresh sets for itself ends with it.

use super::scene::{MV_ENTRY, SALES, Scene, outcome, outcomes};

/// Settings of a session that a query's result, or its success, could depend on.
const ODD: &str = "
    ALTER DATABASE {db} SET TimeZone = 'Asia/Kathmandu';
    ALTER DATABASE {db} SET DateStyle = 'SQL, DMY';
    ALTER DATABASE {db} SET IntervalStyle = 'sql_standard';
    ALTER DATABASE {db} SET extra_float_digits = -5;
    ALTER DATABASE {db} SET bytea_output = 'escape';
    ALTER DATABASE {db} SET search_path = 'elsewhere';
    ALTER DATABASE {db} SET row_security = off;
    ALTER DATABASE {db} SET default_transaction_isolation = 'serializable';
    ALTER DATABASE {db} SET statement_timeout = '300ms';
    ALTER DATABASE {db} SET lock_timeout = '10ms';
    ALTER DATABASE {db} SET idle_in_transaction_session_timeout = '50ms';
    ALTER DATABASE {db} SET standard_conforming_strings = off;
    ALTER DATABASE {db} SET backslash_quote = off;
    ALTER DATABASE {db} SET client_min_messages = 'debug5';
    ALTER DATABASE {db} SET quote_all_identifiers = on;
    ALTER DATABASE {db} SET enable_hashjoin = off;
    ALTER DATABASE {db} SET app.tenant = 'a';";

#[test]
fn a_view_holds_the_same_rows_whatever_the_role_has_set() {
    let scene = Scene::new(
        "CREATE SCHEMA elsewhere;
         CREATE TABLE elsewhere.moments (at text);
         CREATE TABLE public.moments (at timestamptz, took interval, x float8, b bytea, d date);
         INSERT INTO public.moments VALUES
           ('2026-03-04 23:30:00+00', '26 hours 3 minutes', 0.1::float8 + 0.2, '\\x615c', '2026-03-04');
         CREATE MATERIALIZED VIEW public.mv AS
           SELECT 1 AS id, at::date AS day, at::text AS at, took::text AS took, x::text AS x,
                  b::text AS b, d::text AS d, pg_sleep(0.5)::text AS s
             FROM public.moments;
         CREATE UNIQUE INDEX ON public.mv (id);",
        "[[matview]]\nname = 'public.mv'",
    );
    assert_eq!(outcome(&scene.refreshes(["--all"], 0)), "SUCCESS");
    let before = scene.rows("public.mv");
    scene.run(&ODD.replace("{db}", scene.database.name()));
    assert_eq!(outcome(&scene.refreshes(["--all", "--count"], 0)), "SUCCESS");
    // Looked at by a session with other settings, its columns of text are what they were.
    let settle = "SET search_path = 'public'; SET statement_timeout = 0;
                  SET DateStyle = 'ISO, MDY'; SET quote_all_identifiers = off";
    let mut session = scene.session();
    session.run(settle);
    let look = "SELECT count(*) || ' ' || md5(string_agg(v::text, '' ORDER BY v::text))
                  FROM public.mv AS v";
    assert_eq!(session.value(look), before);
    assert_eq!(session.value("SELECT day FROM public.mv"), "2026-03-04");
}

#[test]
fn settings_of_tenancy_are_those_of_the_transaction_alone() {
    let scene = Scene::new(
        &format!(
            "{SALES}
             CREATE TABLE public.told (view text, tenant text, context text, pid int);
             CREATE MATERIALIZED VIEW public.mv AS SELECT tenant_id, day FROM public.sales;
             CREATE UNIQUE INDEX ON public.mv (tenant_id, day);
             CREATE SCHEMA t_a;
             CREATE MATERIALIZED VIEW t_a.mv AS
               SELECT tenant_id, day FROM public.sales WHERE tenant_id = 'a';
             CREATE UNIQUE INDEX ON t_a.mv (tenant_id, day);
             CREATE FUNCTION public.tell() RETURNS event_trigger LANGUAGE plpgsql AS $$
               BEGIN
                 INSERT INTO public.told VALUES (
                   (SELECT object_identity FROM pg_event_trigger_ddl_commands() LIMIT 1),
                   current_setting('app.tenant', true),
                   current_setting('app.context', true), pg_backend_pid());
               END $$;
             CREATE EVENT TRIGGER tell ON ddl_command_end
               WHEN TAG IN ('REFRESH MATERIALIZED VIEW') EXECUTE FUNCTION public.tell()"
        ),
        "[database]\nschemas = ['*']
         [tenancy]
         setting = 'app.tenant'
         settings = { 'app.context' = \"worker's \\\\ own\" }
         tenants = \"SELECT 'a' AS id\"
         [[matview]]\nname = 't_{id}.mv'\ntenant_column = 'tenant_id'
         [[matview]]\nname = 'public.mv'\ntenant_column = 'tenant_id'",
    );
    // Both on one connection, the tenant's in between.
    let report = scene.refreshes(["--all"], 0);
    assert_eq!(outcomes(&report).len(), 2, "{report:#}");
    assert_eq!(
        scene.session().column(
            "SELECT concat_ws('|', view, coalesce(tenant, ''), context) FROM public.told ORDER BY 1"
        ),
        ["public.mv||worker's \\ own", "t_a.mv|a|worker's \\ own"]
    );
    assert_eq!(scene.value("SELECT count(DISTINCT pid) FROM public.told"), "1");
    scene.assert_nothing_is_left();
}

#[test]
fn a_refresh_takes_no_other_setting_of_the_session_with_it() {
    // Two refreshes on one connection: the second starts from the role's own settings.
    let scene = Scene::of_sales();
    scene.run(
        "CREATE MATERIALIZED VIEW public.zone AS
           SELECT 1 AS id, current_setting('TimeZone') AS zone;
         CREATE UNIQUE INDEX ON public.zone (id)",
    );
    scene.project.register("[[matview]]\nname = 'public.zone'");
    let report = scene.refreshes(["--all"], 1);
    // It reads a setting, so it is refused; the other one is not.
    assert_eq!(outcomes(&report), ["public.mv SUCCESS", "public.zone REFUSED_UNSAFE"]);
}

#[test]
fn names_that_need_quoting_are_refreshed() {
    let names = [
        "\"Mixed Case\"",
        "\"select\"",
        "\"semi;colon\"",
        "\"it's\"",
        "\"quo\"\"te\"",
        "\"dot.ted\"",
        "\"uml\u{e4}ut \u{1f418}\"",
        "\"back\\slash\"",
        "\"--\"",
    ];
    let mut sql = format!("{SALES} CREATE SCHEMA \"Odd Ones\";");
    let mut entries =
        format!("[database]\nschemas = ['*']\n{}", MV_ENTRY.replace("public.mv", "public.plain"));
    sql += "CREATE MATERIALIZED VIEW public.plain AS SELECT tenant_id, day FROM public.sales;
            CREATE UNIQUE INDEX ON public.plain (tenant_id, day);";
    for name in names {
        sql += &format!(
            "CREATE MATERIALIZED VIEW \"Odd Ones\".{name} AS
               SELECT tenant_id AS \"Tenant; Id\", day FROM public.sales;
             CREATE UNIQUE INDEX ON \"Odd Ones\".{name} (\"Tenant; Id\", day);"
        );
        entries += &format!(
            "\n[[matview]]\nname = '''\"Odd Ones\".{name}'''\ntenant_column = '\"Tenant; Id\"'"
        );
    }
    let scene = Scene::new(&sql, &entries).with_history();
    let report = scene.refreshes(["--all", "--count", "--jobs", "4", "--analyze"], 0);
    let outcomes = outcomes(&report);
    assert_eq!(outcomes.len(), names.len() + 1);
    for name in names {
        assert!(outcomes.contains(&format!("\"Odd Ones\".{name} SUCCESS")), "{name}: {outcomes:?}");
        let one = format!("\"Odd Ones\".{name}");
        let report = scene.refresh([one.as_str(), "--if-older-than", "1h"]).json().exits(0);
        assert_eq!(outcome(&report.document()), "SKIPPED_FRESH", "{name}");
    }
}
