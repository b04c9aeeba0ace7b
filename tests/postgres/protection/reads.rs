//! Who can read, against reads that are really tried.

use super::{Stage, major, protection, read};
use crate::support::TestDatabase;
use crate::support::session::Session;

/// Statements, the ways in that are to be told (none where it is closed), and the first
/// major version that has them.
const SCENES: &[(&str, &str, &str, i32)] = &[
    ("nothing", "GRANT INSERT, UPDATE ON {s}.m TO {app}", "", 13),
    ("owner", "ALTER MATERIALIZED VIEW {s}.m OWNER TO {app}", "owner", 13),
    (
        "owner_without_acl",
        "ALTER MATERIALIZED VIEW {s}.m OWNER TO {app}; REVOKE ALL ON {s}.m FROM {app}",
        "owner",
        13,
    ),
    ("granted", "GRANT SELECT ON {s}.m TO {app}", "grant", 13),
    ("one_column", "GRANT SELECT (v) ON {s}.m TO {app}", "column:v", 13),
    ("everybody", "GRANT SELECT ON {s}.m TO PUBLIC", "PUBLIC", 13),
    ("everybody_one_column", "GRANT SELECT (v) ON {s}.m TO PUBLIC", "PUBLIC", 13),
    ("member", "GRANT SELECT ON {s}.m TO {group}; GRANT {group} TO {app}", "member:group", 13),
    ("member_of_owner", "GRANT {owner} TO {app}", "member:owner", 13),
    (
        "set_role",
        "{noinherit} GRANT SELECT ON {s}.m TO {group}; GRANT {group} TO {app}{without inherit}",
        "set-role:group",
        13,
    ),
    ("no_usage", "REVOKE USAGE ON SCHEMA {s} FROM {app}; GRANT SELECT ON {s}.m TO {app}", "", 13),
    (
        "read_all",
        "REVOKE USAGE ON SCHEMA {s} FROM {app}; GRANT pg_read_all_data TO {app}",
        "predefined:pg_read_all_data",
        14,
    ),
    ("write_all", "GRANT pg_write_all_data TO {app}", "", 14),
    (
        "member_of_superuser",
        "ALTER ROLE {group} SUPERUSER; GRANT {group} TO {app}",
        "set-role:group",
        13,
    ),
];

const GUISES: &[&str] = &[
    "",
    "SET ROLE {group}",
    "SET ROLE {owner}",
    "GRANT SELECT ON {s}.m TO {app}",
    "GRANT USAGE ON SCHEMA {s} TO {app}",
];

fn can_read(session: &mut Session, stage: &Stage) -> bool {
    let mut can = |guise: &str, what: &str| {
        let sql = format!(
            "BEGIN; SET LOCAL SESSION AUTHORIZATION {{app}}; {guise}; SELECT {what} FROM {{s}}.m"
        );
        let can = session.try_run(&stage.spell(&sql)).is_ok();
        session.run("ROLLBACK");
        can
    };
    GUISES.iter().any(|guise| ["id", "v", "1"].iter().any(|what| can(guise, what)))
}

#[test]
fn every_read_that_works_is_told() {
    let mut database = TestDatabase::empty();
    let mut session = database.session();
    let major = major(&mut session);
    let (no_inherit, membership) = match major {
        ..16 => ("ALTER ROLE {app} NOINHERIT;", ""),
        _ => ("", " WITH INHERIT FALSE"),
    };
    let mut stages = Vec::new();
    for (name, before, via, _) in SCENES.iter().filter(|(_, _, _, since)| *since <= major) {
        let stage = Stage::new(&mut database, &mut session, name);
        let before =
            before.replace("{noinherit}", no_inherit).replace("{without inherit}", membership);
        session.run(&stage.spell(&format!(
            "CREATE MATERIALIZED VIEW {{s}}.m AS SELECT * FROM {{s}}.t;
             ALTER MATERIALIZED VIEW {{s}}.m OWNER TO {{owner}}; {before}"
        )));
        stages.push((stage, via));
    }
    let rights = read(&database, &[]);
    for (stage, via) in &stages {
        let view = rights.relation_named(&stage.name("m")).expect("it was read");
        let told = protection::reading(&rights, stage.app(&rights), view);
        let schema = &stage.schema;
        assert_eq!(told.is_some(), can_read(&mut session, stage), "{schema}: {told:?}");
        assert_eq!(stage.told(&told.unwrap_or_default()).join(" "), **via, "{schema}");
        let readers = protection::roles_that_can_read(&rights, view);
        assert_eq!(readers.contains(&stage.role("app")), !via.is_empty(), "{schema}: {readers:?}");
        assert!(readers.iter().all(|role| !role.as_str().starts_with("pg_")), "{readers:?}");
        assert!(!readers.iter().any(|role| role.as_str() == "postgres"), "{readers:?}");
    }
}
