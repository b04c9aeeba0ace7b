//! Views of one tenant each: a schema per tenant and a name per tenant, known to every
//! command that looks, for odd names, for thousands, and where the tenants cannot be read.

use serde_json::{Value, json};

use crate::support::driftgate::{findings, verdict};
use crate::support::round_trips::Counting;
use crate::support::{Project, Run, TestDatabase, driftgate};

const TEMPLATES: &str = r#"version = 1
[database]
schemas = ["public"]
[tenancy]
setting = "app.tenant"
tenants = "SELECT id, slug FROM public.tenants ORDER BY id"
[[matview]]
name = "tenant_{slug}.mv_revenue"
tenant_column = "tenant_id"
unique_key = ["tenant_id"]
[[matview]]
name = "public.mv_{slug}"
refresh = "plain"
"#;

/// Slugs that a name must survive.
const ODD: [&str; 9] =
    ["plain", "UPPER", "a b", "a.b", "ünï", "it's", "say \"hi\"", "{slug}", "NULL"];

/// Makes a function that gives a tenant its schema and its views, and the list of tenants.
fn database_of(slugs: &[&str]) -> TestDatabase {
    let database = TestDatabase::empty();
    let rows: Vec<String> = slugs
        .iter()
        .enumerate()
        .map(|(at, slug)| format!("({}, '{}')", at + 1, slug.replace('\'', "''")))
        .collect();
    database.session().run(&format!(
        "CREATE TABLE public.tenants (id int PRIMARY KEY, slug text);
         INSERT INTO public.tenants VALUES {};
         CREATE FUNCTION public.move_in(id int, slug text) RETURNS void LANGUAGE plpgsql AS $$
         BEGIN
           EXECUTE format('CREATE SCHEMA %I', 'tenant_' || slug);
           EXECUTE format('CREATE MATERIALIZED VIEW %I.mv_revenue AS SELECT %s AS tenant_id',
                          'tenant_' || slug, id);
           EXECUTE format('CREATE UNIQUE INDEX ON %I.mv_revenue (tenant_id)',
                          'tenant_' || slug);
           EXECUTE format('CREATE MATERIALIZED VIEW public.%I AS SELECT %s AS tenant_id',
                          'mv_' || slug, id);
         END $$;
         SELECT public.move_in(id, slug) FROM public.tenants",
        rows.join(", ")
    ));
    database
}

fn run(command: &str, project: &Project, database: &TestDatabase) -> Run {
    driftgate([command]).project(project).database(&database.url()).json()
}

/// Returns name and tenant of each row, by name.
fn tenants_in(rows: &Value, name: &str) -> Vec<(String, Value)> {
    let rows = rows.as_array().expect("rows").iter();
    rows.map(|row| (row[name].as_str().expect("a name").to_owned(), row["tenant"].clone()))
        .collect()
}

#[test]
fn views_of_one_tenant_are_in_sync_whatever_the_slug() {
    let (database, project) = (database_of(&ODD), Project::new(TEMPLATES));
    let report = run("diff-registry", &project, &database).exits(0).document();
    let rows = tenants_in(&report["data"]["views"], "name");
    assert_eq!(rows.len(), 2 * ODD.len());
    let tenant_of = |rows: &[(String, Value)], name: &str| {
        rows.iter().find(|row| row.0 == name).map(|row| row.1.clone())
    };
    for (name, tenant) in [
        ("tenant_plain.mv_revenue", "1"),
        ("\"tenant_UPPER\".mv_revenue", "2"),
        ("\"tenant_a b\".mv_revenue", "3"),
        ("\"tenant_a.b\".mv_revenue", "4"),
        ("public.\"mv_it's\"", "6"),
        ("public.\"mv_say \"\"hi\"\"\"", "7"),
        ("\"tenant_{slug}\".mv_revenue", "8"),
        ("public.\"mv_NULL\"", "9"),
    ] {
        assert_eq!(tenant_of(&rows, name), Some(json!(tenant)), "{name}");
    }
    let report = run("inventory", &project, &database).exits(0).document();
    let matviews = &report["data"]["matviews"];
    assert_eq!(tenant_of(&tenants_in(matviews, "name"), "public.\"mv_a b\""), Some(json!("3")));
    assert!(matviews.as_array().expect("rows").iter().all(|row| row["registered"] == true));
}

#[test]
fn rights_are_judged_for_each_tenants_view() {
    let (mut database, project) = (database_of(&["acme", "beta"]), Project::new(TEMPLATES));
    let worker = database.role("worker");
    database.session().run(&format!(
        "ALTER MATERIALIZED VIEW tenant_acme.mv_revenue OWNER TO {worker};
         GRANT USAGE, CREATE ON SCHEMA tenant_acme TO {worker}"
    ));
    project.register(&format!("[roles.{worker}]\nrefresh = [\"tenant_{{slug}}.mv_revenue\"]"));
    let report = run("check-grants", &project, &database).exits(1).document();
    assert_eq!(findings(&report), ["refresh-denied tenant_beta.mv_revenue"]);
    let rows = &report["data"]["refreshability"];
    let required: Vec<_> = rows
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["required"] == true)
        .map(|row| (row["view"].as_str(), row["tenant"].as_str(), row["can_refresh"].as_bool()))
        .collect();
    assert_eq!(
        required,
        [
            (Some("tenant_acme.mv_revenue"), Some("1"), Some(true)),
            (Some("tenant_beta.mv_revenue"), Some("2"), Some(false)),
        ]
    );
    assert_eq!(tenants_in(&report["data"]["tenant_safety"], "view").len(), 4);
    // By its own name the list means one tenant's view.
    project.change("registry.toml", "\"tenant_{slug}.mv_revenue\"]", "\"tenant_acme.mv_revenue\"]");
    run("check-grants", &project, &database).exits(0);
    project.change("registry.toml", "\"tenant_acme.mv_revenue\"]", "\"tenant_gone.mv_revenue\"]");
    let report = run("check-grants", &project, &database).exits(3).document();
    let reason = report["gates"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("lists tenant_gone.mv_revenue, which no tenant gives"), "{reason}");
}

#[test]
fn a_tenant_without_its_view_and_a_view_without_its_tenant_are_found() {
    let (database, project) = (database_of(&["acme", "beta", "gone"]), Project::new(TEMPLATES));
    let mut session = database.session();
    session.run(
        "DROP MATERIALIZED VIEW tenant_beta.mv_revenue;
         DELETE FROM public.tenants WHERE slug = 'gone'",
    );
    let run = run("diff-registry", &project, &database).exits(1);
    let report = run.document();
    assert_eq!(
        findings(&report),
        [
            "view-unregistered public.mv_gone",
            "view-missing tenant_beta.mv_revenue",
            "view-unregistered tenant_gone.mv_revenue",
        ]
    );
    crate::diff_registry::assert_evidence(&report, &mut session);
    let messages: Vec<_> = report["findings"].as_array().expect("findings").iter().collect();
    assert_eq!(
        messages[1]["message"],
        "tenant_beta.mv_revenue is registered for tenant 2 by tenant_{slug}.mv_revenue, but the \
         database does not have it"
    );
    assert_eq!(
        messages[2]["message"],
        "tenant_gone.mv_revenue is in the database, but no tenant gives that name by \
         tenant_{slug}.mv_revenue"
    );
    assert_eq!(messages[2]["location"]["line"], 7);
    let report = self::run("preflight", &project, &database).exits(1).document();
    assert_eq!((verdict(&report, "EG-3"), verdict(&report, "EG-7")), ("fail", "pass"));
    let report = self::run("inventory", &project, &database).exits(0).document();
    let rows = report["data"]["matviews"].as_array().expect("rows");
    let gone = rows.iter().find(|row| row["name"] == "public.mv_gone").expect("it is listed");
    assert_eq!((&gone["registered"], &gone["tenant"]), (&json!(false), &json!(null)));
}

/// Puts another tenants query into the registry.
fn ask(project: &Project, query: &str) {
    let text = project.file("registry.toml");
    let lines = text.lines().map(|line| match line.starts_with("tenants = ") {
        true => format!("tenants = '''{query}'''"),
        false => line.to_owned(),
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    project.write("registry.toml", &format!("{text}\n"));
}

#[test]
fn tenants_that_cannot_be_read_leave_the_gates_undecided_and_the_rest_judged() {
    let (database, project) = (database_of(&["acme", "beta"]), Project::new(TEMPLATES));
    project.register("[[matview]]\nname = \"public.mv_shared\"\nrefresh = \"plain\"");
    let mut session = database.session();
    session.run("CREATE MATERIALIZED VIEW public.mv_shared AS SELECT 'secret'::text AS t");
    for (query, told) in [
        ("SELECT id, slug FROM public.tenants WHERE false", "gives no tenant"),
        ("SELECT id, slug FROM public.nobody", "42P01"),
        ("SELECT t::int FROM public.mv_shared", "22P02"),
        ("SELECT NULL::int AS id, slug FROM public.tenants", "row 1 of the tenants query"),
        ("SELECT '' AS id, slug FROM public.tenants", "row 1 of the tenants query"),
        ("SELECT 7 AS id, slug FROM public.tenants", "gives the tenant 7 twice"),
        ("SELECT id, slug, id AS slug FROM public.tenants", "two columns the name `slug`"),
        ("SELECT", "row 1 of the tenants query"),
        ("DELETE FROM public.tenants RETURNING id, slug", "42601"),
        ("SELECT 1) AS x; DELETE FROM public.tenants; SELECT (1", "42601"),
    ] {
        ask(&project, query);
        for command in ["diff-registry", "check-grants", "preflight", "inventory"] {
            let run = run(command, &project, &database).exits(3);
            assert!(run.stderr.contains(told), "{command} {query}: {}", run.stderr);
            assert!(!format!("{}{}", run.stdout, run.stderr).contains("secret"), "{query}");
            let report = run.document();
            if command == "inventory" {
                let rows = report["data"]["matviews"].as_array().expect("rows");
                let registered: Vec<_> = rows.iter().map(|row| &row["registered"]).collect();
                assert_eq!(registered.iter().filter(|one| one.is_null()).count(), 4, "{query}");
                assert!(registered.contains(&&json!(true)));
            } else if command == "diff-registry" {
                assert_eq!((verdict(&report, "EG-3"), findings(&report).len()), ("undecided", 0));
                let first = &report["gates"][0]["unjudged"];
                assert_eq!(first.as_array().expect("reasons").len(), 5, "{first:#}");
            } else {
                assert_eq!(verdict(&report, "EG-7"), "undecided");
            }
        }
    }
    session.run("DROP MATERIALIZED VIEW public.mv_shared");
    let report = run("diff-registry", &project, &database).exits(1).document();
    assert_eq!(findings(&report), ["view-missing public.mv_shared"]);
    assert_eq!(session.value("SELECT count(*) FROM public.tenants"), "2");
}

#[test]
fn a_list_that_may_not_be_whole_is_no_list() {
    let (mut database, project) = (database_of(&["acme", "beta"]), Project::new(TEMPLATES));
    let reader = database.role("reader");
    let url = database.url_as(&reader);
    let mut session = database.session();
    let looking =
        |exit| driftgate(["diff-registry"]).project(&project).database(&url).json().exits(exit);
    assert!(looking(3).stderr.contains("42501"));
    session.run(&format!(
        "GRANT SELECT ON public.tenants TO {reader};
         ALTER TABLE public.tenants ENABLE ROW LEVEL SECURITY;
         CREATE POLICY acme ON public.tenants TO {reader} USING (slug = 'acme');
         CREATE FUNCTION public.all_tenants() RETURNS SETOF public.tenants
         SECURITY DEFINER LANGUAGE sql AS 'SELECT * FROM public.tenants ORDER BY id'"
    ));
    let run = looking(3);
    assert!(run.stderr.contains("SECURITY DEFINER"), "{}", run.stderr);
    assert_eq!(verdict(&run.document(), "EG-3"), "undecided");
    ask(&project, "SELECT * FROM public.all_tenants();");
    assert_eq!(verdict(&looking(0).document(), "EG-3"), "pass");
}

#[test]
fn tenants_are_asked_for_only_where_a_template_needs_them() {
    let database = database_of(&["acme"]);
    let project = Project::new(
        "version = 1\n[tenancy]\ntenants = \"SELECT nonsense\"\n[database]\nschemas = [\"x\"]\n\
         [[matview]]\nname = \"tenant_acme.mv_revenue\"\n",
    );
    run("diff-registry", &project, &database).exits(0);
    run("inventory", &project, &database).exits(0);
}

#[test]
fn values_of_any_type_make_names_as_the_server_writes_them() {
    let (database, project) =
        (database_of(&["2", "1.50", "true", "2026-01-31"]), { Project::new(TEMPLATES) });
    // A column that is named like the alias of the query, and one that is null.
    ask(
        &project,
        "SELECT md5(v.n::text)::uuid AS id, v.slug, v.n AS listed, NULL AS nothing FROM (
           SELECT 1 AS n, to_jsonb(2) AS slug
           UNION ALL SELECT 2, to_jsonb(1.50)
           UNION ALL SELECT 3, to_jsonb(true)
           UNION ALL SELECT 4, to_jsonb(date '2026-01-31')) AS v -- a comment at its end",
    );
    let report = run("diff-registry", &project, &database).exits(0).document();
    let rows = tenants_in(&report["data"]["views"], "name");
    let of = |name: &str| rows.iter().find(|row| row.0 == name).map(|row| row.1.clone());
    let id = database.session().value("SELECT md5('2')::uuid");
    assert_eq!(of("public.\"mv_1.50\""), Some(json!(id)));
    assert_eq!(of("public.mv_true").map(|tenant| tenant.is_string()), Some(true));
}

#[test]
fn tenants_that_give_one_name_or_none_leave_the_gate_undecided() {
    let (database, project) = (database_of(&["acme", "beta"]), Project::new(TEMPLATES));
    database
        .session()
        .run("INSERT INTO public.tenants VALUES (3, 'acme'), (4, NULL), (5, repeat('x', 61))");
    let report = run("diff-registry", &project, &database).exits(3).document();
    let gate = &report["gates"][0];
    let reasons: Vec<_> = gate["unjudged"].as_array().expect("reasons").iter().collect();
    let told: Vec<_> = reasons.iter().filter_map(|one| one["reason"].as_str()).collect();
    assert_eq!(
        told,
        [
            "tenant 4: the tenants query gives no value for `{slug}` of \
             tenant_{slug}.mv_revenue (line 7)",
            "tenant 5: tenant_{slug}.mv_revenue comes to a name that is longer than 63 bytes \
             (line 7)",
            "tenant 3: tenant_acme.mv_revenue is named already, by line 7 for tenant 1 (line 7)",
            "tenant 4: the tenants query gives no value for `{slug}` of public.mv_{slug} \
             (line 11)",
            "tenant 5: public.mv_{slug} comes to a name that is longer than 63 bytes (line 11)",
            "tenant 3: public.mv_acme is named already, by line 11 for tenant 1 (line 11)",
        ]
    );
}

#[test]
fn a_refresh_of_one_tenants_view_may_be_filtered() {
    let (mut database, project) = (database_of(&["acme"]), Project::new(TEMPLATES));
    let owner = database.role("owner");
    database.session().run(&format!(
        "CREATE TABLE public.events (tenant_id int, tenant text);
         ALTER TABLE public.events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON public.events USING (tenant = current_setting('app.tenant', true));
         GRANT SELECT ON public.events TO {owner};
         DROP MATERIALIZED VIEW tenant_acme.mv_revenue;
         CREATE MATERIALIZED VIEW tenant_acme.mv_revenue AS SELECT tenant_id FROM public.events;
         CREATE UNIQUE INDEX ON tenant_acme.mv_revenue (tenant_id);
         ALTER MATERIALIZED VIEW tenant_acme.mv_revenue OWNER TO {owner};
         GRANT SELECT ON tenant_acme.mv_revenue TO {owner};
         GRANT USAGE ON SCHEMA tenant_acme TO {owner}"
    ));
    project.register(&format!("[roles.{owner}]\ntenant_facing = true"));
    let report = run("check-grants", &project, &database).exits(0).document();
    assert_eq!(verdict(&report, "EG-7"), "pass", "{report:#}");
    let safety = &report["data"]["tenant_safety"];
    assert!(safety.as_array().expect("rows").iter().any(|row| row["verdict"] == "rls"));

    let shared = "version = 1\n[[matview]]\nname = \"tenant_acme.mv_revenue\"\n\
                  tenant_column = \"tenant_id\"\n";
    let report = run("check-grants", &Project::new(shared), &database).exits(1).document();
    assert!(findings(&report).contains(&"tenant-rows-lost tenant_acme.mv_revenue".to_owned()));
}

/// The views of many tenants, five each, on few lines, in as many round trips as for few.
#[test]
fn a_thousand_tenants_cost_no_more_round_trips_than_ten() {
    let names = ["mv_a", "mv_b", "mv_c", "mv_d", "mv_e"];
    let entry =
        |name| format!("[[matview]]\nname = \"tenant_{{slug}}.{name}\"\nrefresh = \"plain\"\n");
    let project = Project::new(&format!(
        "version = 1\n[tenancy]\nsetting = \"app.tenant\"\n\
         tenants = \"SELECT id, slug FROM public.tenants\"\n{}",
        names.map(entry).concat()
    ));
    let database = TestDatabase::empty();
    let mut session = database.session();
    session.run("CREATE TABLE public.tenants (id int PRIMARY KEY, slug text)");
    // Each in a transaction of its own: all locks of one would not fit the lock table.
    let mut move_in = |tenants: std::ops::RangeInclusive<u32>| {
        for tenant in tenants {
            let views = names.map(|name| {
                format!(
                    "CREATE MATERIALIZED VIEW tenant_t{tenant}.{name} AS SELECT {tenant} AS id;"
                )
            });
            session.run(&format!(
                "INSERT INTO public.tenants VALUES ({tenant}, 't{tenant}');
                 CREATE SCHEMA tenant_t{tenant}; {}",
                views.concat()
            ));
        }
    };
    let round_trips = |command: &str| {
        let counting = Counting::new();
        let url = counting.url(&database);
        let run = driftgate([command]).project(&project).database(&url).run().exits(0);
        (counting.count(), run.stdout)
    };
    move_in(1..=10);
    let few = ["diff-registry", "inventory"].map(|command| round_trips(command).0);
    move_in(11..=1_000);
    let (diffing, text) = round_trips("diff-registry");
    assert!(text.contains("tenant_{slug}.mv_a: 1000 tenants, in sync"), "{text}");
    assert!(text.lines().count() < 20, "{text}");
    let (listing, text) = round_trips("inventory");
    assert!(text.contains("tenant_{slug}.mv_a (1000 views)"), "{text}");
    assert!(text.lines().count() < 20, "{text}");
    // What others do on the server meanwhile lets a snapshot be verified again; from 200
    // views on a second connection reads half.
    const SLACK: usize = 25;
    for (few, many) in few.into_iter().zip([diffing, listing]) {
        assert!(few > 2 && many <= few + SLACK, "{few} for ten, {many} for a thousand");
    }
}
