//! The rights that are computed from the catalog, against what the server itself says of
//! the same roles and objects, and against objects whose answers are known.

use std::time::Duration;

use driftgate::ident::QualifiedName;
use driftgate::pg::read_rights::{Scope, read_rights};
use driftgate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use driftgate::rights::{Oid, Relation, Rights};
use driftgate::snapshot::ServerFacts;
use driftgate::target::{Source, Target, ThisMachine};
use tokio::runtime::Builder;

use crate::support::TestDatabase;
use crate::support::session::Session;

mod facts;
mod oracle;
mod world;

use world::World;

/// How many databases are made up; about each the server is asked some two thousand
/// questions.
const WORLDS: u64 = 12;

/// Reads the rights at a URL; the wait for any lock is short.
fn read(url: &str, tables: &[&str]) -> (Rights, ServerFacts) {
    let endpoint = Endpoint {
        resolved: Target::resolve(Some((url, Source::Throwaway)), &ThisMachine)
            .expect("the URL of a test is sound"),
        limits: Limits {
            connect: Duration::from_secs(30),
            lock: LockTimeout(Duration::from_millis(100)),
            statement: StatementTimeout(Duration::from_secs(30)),
        },
        application_name: "driftgate test".to_owned(),
        backends: Backends::default(),
    };
    let tables: Vec<QualifiedName> =
        tables.iter().map(|name| name.parse().expect("a qualified name")).collect();
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime
        .expect("a runtime can be made")
        .block_on(read_rights(&endpoint, Scope::Everything(&tables)))
        .expect("the catalog can be read")
}

fn relation<'a>(rights: &'a Rights, name: &str) -> (Oid, &'a Relation) {
    let found = rights.relation_named(&name.parse().expect("a qualified name"));
    let oid = found.unwrap_or_else(|| panic!("no {name} among the relations"));
    (oid, &rights.relations[&oid])
}

fn major(session: &mut Session) -> i32 {
    session.value("SHOW server_version_num").parse::<i32>().expect("a number") / 10_000
}

/// Leaves only the roles of a test and of the server: those of other tests come and go.
fn of_one_test(mut rights: Rights, roles: &[String]) -> Rights {
    rights.roles.retain(|_, role| {
        let name = role.name.as_str();
        name == "postgres" || name.starts_with("pg_") || roles.iter().any(|role| role == name)
    });
    let kept = rights.roles.clone();
    let is_kept = |role: &Oid| kept.contains_key(role);
    rights.memberships.retain(|one| is_kept(&one.group) && is_kept(&one.member));
    rights.may_set_replication_role.retain(is_kept);
    rights.indexed()
}

#[test]
fn the_rights_are_those_that_the_server_gives() {
    for seed in 0..WORLDS {
        let world = World::new(seed);
        let (rights, _) = read(&world.database.url(), &world.tables());
        let wrong = oracle::differences(&world, &rights);
        assert!(wrong.is_empty(), "world {seed}:\n{}\n{}", wrong.join("\n"), world.script());
    }
}

#[test]
fn a_role_that_may_only_connect_reads_what_the_superuser_reads() {
    let mut world = World::new(WORLDS);
    let nobody = world.database.role("nobody");
    world.roles.push(nobody.clone());
    world.database.close_to_the_public();
    let name = world.database.name();
    world.database.session().run(&format!("GRANT CONNECT ON DATABASE {name} TO {nobody}"));
    let (all, _) = read(&world.database.url(), &world.tables());
    let (mine, server) = read(&world.database.url_as(&nobody), &world.tables());
    assert_eq!(server.role.as_str(), nobody);
    assert_eq!(of_one_test(mine, &world.roles), of_one_test(all, &world.roles));
}

#[test]
fn reading_does_not_wait_for_a_refresh() {
    let database = TestDatabase::empty();
    database.session().run(
        "CREATE TABLE t (a int); CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
         CREATE MATERIALIZED VIEW upon AS SELECT a FROM m",
    );
    let before = read(&database.url(), &[]).0;
    let mut refreshing = database.session();
    refreshing.run("BEGIN; REFRESH MATERIALIZED VIEW m; LOCK TABLE t");
    let during = read(&database.url(), &["public.t"]).0;
    refreshing.run("COMMIT");
    assert_eq!(during.relations, before.relations);
    assert_eq!(during.rules, before.rules);
}

#[test]
fn names_may_hold_anything() {
    let mut database = TestDatabase::empty();
    let role = database.role("odd");
    let odd = format!("o'd\"d ü,{{}}\\ {role}");
    let odd: String = odd.chars().take(63).collect();
    let quoted = format!("\"{}\"", odd.replace('"', "\"\""));
    let mut session = database.session();
    session.run(&format!(
        "ALTER ROLE {role} RENAME TO {quoted};
         CREATE SCHEMA \"s'\"\"; é\"; CREATE TABLE \"s'\"\"; é\".\"t \"\".\" (\"a,\"\"{{}}\\ 'é\" int, \"NULL\" int);
         CREATE VIEW \"s'\"\"; é\".\":relid 1259 :funcid 2077 \" AS SELECT \"NULL\" AS \":varattno 0 \",
                ':funcid 2077 ' AS text FROM \"s'\"\"; é\".\"t \"\".\";
         CREATE FUNCTION \"s'\"\"; é\".\"f,\"(\"s'\"\"; é\".\"t \"\".\") RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE VIEW calling AS SELECT \"s'\"\"; é\".\"f,\"(t) FROM \"s'\"\"; é\".\"t \"\".\" t;
         CREATE POLICY \"p'\" ON \"s'\"\"; é\".\"t \"\".\" TO {quoted} USING (true);
         ALTER TABLE \"s'\"\"; é\".\"t \"\".\" ENABLE ROW LEVEL SECURITY;
         GRANT SELECT (\"NULL\") ON \"s'\"\"; é\".\"t \"\".\" TO {quoted}",
    ));
    let table = "\"s'\"\"; é\".\"t \"\".\"";
    let (rights, _) = read(&database.url(), &[table, "nowhere.\"'; DROP\"", table]);
    session.run(&format!("DROP OWNED BY {quoted}; ALTER ROLE {quoted} RENAME TO {role}"));

    let (oid, found) = relation(&rights, table);
    let columns: Vec<&str> = found.columns.values().map(|name| name.as_str()).collect();
    assert_eq!(columns, ["a,\"{}\\ 'é", "NULL"]);
    let grantee = found.column_grants[&2][0].grantee;
    assert_eq!(rights.role_name(grantee).as_str(), odd);
    assert_eq!(found.policies[0].roles, [grantee]);
    let (view, _) = relation(&rights, "\"s'\"\"; é\".\":relid 1259 :funcid 2077 \"");
    let rule = &rights.rules[&view];
    assert_eq!(rule.reads, [(oid, [2].into())].into());
    assert!(!rule.reads_setting && !rule.uses_whole_rows, "{rule:?}");
    let function = rights.functions.values().next().expect("a view calls it");
    assert_eq!(function.signature, "\"s'\"\"; é\".\"f,\"(\"s'\"\"; é\".\"t \"\".\")");
}
