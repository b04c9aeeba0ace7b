//! Protection against the truth: each way in is set up on a server and every write is really
//! tried, in every guise that a role can take on; then the ways are closed and tried again.

use std::collections::BTreeSet;
use std::time::Duration;

use driftgate::ident::{QualifiedName, RoleName};
use driftgate::pg::read_rights::{Scope, read_rights};
use driftgate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use driftgate::protection::{self, Level, Protection, UnfilteredRead, WayIn};
use driftgate::rights::{Oid, Rights};
use driftgate::target::{Source, Target, ThisMachine};

use crate::support::TestDatabase;
use crate::support::session::Session;

mod reads;
mod scenes;
mod tenants;
mod tries;

use scenes::Scene;
use tries::{SIDESTEPS, Tried};

/// The roles of a scene, by the names that its texts know them by.
const ROLES: [&str; 4] = ["app", "owner", "group", "other"];

/// A schema with a table, and roles without any right but to use the schema.
pub(crate) struct Stage {
    schema: String,
    words: Vec<(String, String)>,
}

impl Stage {
    fn new(database: &mut TestDatabase, session: &mut Session, name: &str) -> Self {
        let schema = format!("s_{name}");
        let mut words = vec![
            ("{s}".to_owned(), schema.clone()),
            ("{database}".to_owned(), database.name().to_owned()),
        ];
        for role in ROLES {
            words.push((format!("{{{role}}}"), database.role(role)));
        }
        let stage = Self { schema, words };
        session.run(&stage.spell(include_str!("protection/stage.sql")));
        stage
    }

    /// Puts the names on the server in place of those in a text.
    fn spell(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, is)| text.replace(word, is))
    }

    /// Puts the names of a text in place of those on the server.
    fn told(&self, ways: &[WayIn]) -> Vec<String> {
        let told = |way: &WayIn| {
            let told = |text: String, (word, is): &(String, String)| {
                text.replace(is, word.trim_matches(['{', '}']))
            };
            self.words.iter().fold(way.to_string(), told)
        };
        ways.iter().map(told).collect()
    }

    fn name(&self, relation: &str) -> QualifiedName {
        QualifiedName::from_catalog(self.schema.as_str(), relation)
    }

    fn role(&self, name: &str) -> RoleName {
        RoleName::from_catalog(self.spell(&format!("{{{name}}}")))
    }

    fn app(&self, rights: &Rights) -> Oid {
        rights.role_named(&self.role("app")).expect("the role was made")
    }
}

/// Reads the rights of a database as a superuser.
fn read(database: &TestDatabase, tables: &[QualifiedName]) -> Rights {
    let url = database.url();
    let endpoint = Endpoint {
        resolved: Target::resolve(Some((&url, Source::Throwaway)), &ThisMachine)
            .expect("the URL of a test is sound"),
        limits: Limits {
            connect: Duration::from_secs(30),
            lock: LockTimeout(Duration::from_secs(30)),
            statement: StatementTimeout(Duration::from_secs(60)),
        },
        application_name: "driftgate test".to_owned(),
        backends: Backends::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reading = read_rights(&endpoint, Scope::Everything(tables));
    runtime.expect("a runtime can be made").block_on(reading).expect("the catalog can be read").0
}

fn major(session: &mut Session) -> i32 {
    session.value("SHOW server_version_num").parse::<i32>().expect("a number") / 10_000
}

fn judge(stage: &Stage, scene: &Scene, rights: &Rights) -> Protection {
    let table = rights.relation_named(&stage.name(scene.target)).expect("it was read");
    protection::writing(rights, stage.app(rights), table)
}

/// Asserts what was judged against what was expected, and both against what was tried.
fn assert_true(stage: &Stage, scene: &Scene, judged: &Protection, tried: &Tried) {
    let scene_name = scene.name;
    let words: Vec<&str> = judged.privileges.iter().map(|one| one.word()).collect();
    let told = format!("{scene_name}: {judged:?}\n{tried:?}");
    assert_eq!(judged.level.word(), scene.level, "{told}");
    assert_eq!(words.join(" "), scene.privileges, "{told}");
    assert_eq!(stage.told(&judged.via).join(" "), scene.via, "{told}");
    assert_eq!(stage.told(&judged.latent).join(" "), scene.latent, "{told}");
    let hints: Vec<&str> = scene.sidestep.to_vec();
    assert_eq!(judged.sidestep.len(), hints.len(), "{told}");
    for (sidestep, hint) in judged.sidestep.iter().zip(hints) {
        assert!(sidestep.contains(hint), "no {hint}: {told}");
    }

    let has: BTreeSet<&str> = words.into_iter().collect();
    let refused: BTreeSet<&str> = judged.refused.iter().map(|one| one.word()).collect();
    let open: BTreeSet<&str> = has.difference(&refused).copied().collect();
    // What was called closed is closed, whatever the role tries.
    assert!(tried.at_all.is_subset(&has), "more than was told, {told}");
    assert!(scene.never_works || open.is_subset(&tried.plainly), "less than was told, {told}");
    if judged.level == Level::Trigger {
        let holds = judged.sidestep.is_empty();
        assert_eq!(tried.at_all.is_empty(), holds, "the trigger, {told}");
    }
}

#[test]
fn every_write_that_works_is_told_and_every_way_in_can_be_closed() {
    let mut database = TestDatabase::empty();
    let mut session = database.session();
    let major = major(&mut session);
    let scenes: Vec<Scene> = scenes::on(major);
    let stages: Vec<Stage> = scenes
        .iter()
        .map(|scene| {
            let stage = Stage::new(&mut database, &mut session, scene.name);
            session.run(&stage.spell(&scene.setup(major)));
            stage
        })
        .collect();
    let tables: Vec<QualifiedName> =
        stages.iter().zip(&scenes).map(|(stage, scene)| stage.name(scene.target)).collect();

    let rights = read(&database, &tables);
    let mut judged = Vec::new();
    for (stage, scene) in stages.iter().zip(&scenes) {
        let one = judge(stage, scene, &rights);
        let tried = tries::writes(&mut session, stage, scene, major);
        assert_true(stage, scene, &one, &tried);
        judged.push(one);
    }
    for (one, scene) in judged.iter().zip(&scenes) {
        for statement in &one.revoke {
            let ran = session.try_run(statement);
            assert_eq!(ran, Ok(()), "{}: {statement} of {:?}", scene.name, one.revoke);
        }
    }
    let rights = read(&database, &tables);
    for ((stage, scene), before) in stages.iter().zip(&scenes).zip(&judged) {
        let after = judge(stage, scene, &rights);
        if before.level == Level::Void {
            assert_eq!(after.level, Level::Void, "{}", scene.name);
            continue;
        }
        let told = format!("{}: {:?} then {after:?}", scene.name, before.revoke);
        assert_eq!((after.level, after.via.as_slice()), (Level::Denied, &[][..]), "{told}");
        let tried = tries::writes(&mut session, stage, scene, major);
        assert!(tried.at_all.is_empty(), "{told}\n{tried:?}");
    }
    for stage in &stages {
        session.run(&stage.spell(scenes::clean_up(major)));
    }
}

#[test]
fn what_the_owner_of_the_database_has_is_told_and_closed() {
    let mut database = TestDatabase::empty();
    let mut session = database.session();
    let major = major(&mut session);
    if major < 14 {
        // There is no pg_database_owner.
        return;
    }
    for scene in scenes::of_the_database_owner() {
        let stage = Stage::new(&mut database, &mut session, scene.name);
        session.run(&stage.spell(&scene.setup(major)));
        let table = stage.name(scene.target);
        let one = judge(&stage, &scene, &read(&database, std::slice::from_ref(&table)));
        let tried = tries::writes(&mut session, &stage, &scene, major);
        assert_true(&stage, &scene, &one, &tried);
        for statement in &one.revoke {
            session.run(statement);
        }
        let after = judge(&stage, &scene, &read(&database, &[table]));
        assert_eq!(after.level, Level::Denied, "{:?} then {after:?}", one.revoke);
        assert!(tries::writes(&mut session, &stage, &scene, major).at_all.is_empty());
    }
    session.run(&format!("ALTER DATABASE {} OWNER TO postgres", database.name()));
}

#[test]
fn a_view_that_passes_writes_on_is_named() {
    let mut database = TestDatabase::empty();
    let mut session = database.session();
    let stage = Stage::new(&mut database, &mut session, "through");
    session.run(&stage.spell(
        "CREATE SCHEMA open; GRANT USAGE ON SCHEMA open TO {app};
         CREATE VIEW open.v AS SELECT * FROM {s}.t;
         CREATE VIEW open.w AS SELECT * FROM open.v;
         CREATE VIEW open.closed AS SELECT * FROM {s}.t;
         ALTER VIEW open.v OWNER TO {owner};
         ALTER VIEW open.w OWNER TO {owner};
         ALTER VIEW open.closed OWNER TO {other};
         GRANT INSERT ON open.w, open.closed TO {app};
         REVOKE USAGE ON SCHEMA {s} FROM {app}",
    ));
    let table = stage.name("t");
    let rights = read(&database, std::slice::from_ref(&table));
    let oid = rights.relation_named(&table).expect("it was read");
    let judged = protection::writing(&rights, stage.app(&rights), oid);
    assert_eq!(judged.level, Level::Denied);
    assert_eq!(judged.through, [QualifiedName::from_catalog("open", "w")]);
    for (view, works) in [("open.w", true), ("open.closed", false)] {
        let insert = format!("INSERT INTO {view} VALUES (9, 'through')");
        let sql = format!("BEGIN; SET LOCAL SESSION AUTHORIZATION {{app}}; {insert}");
        assert_eq!(session.try_run(&stage.spell(&sql)).is_ok(), works, "{view}");
        session.run("ROLLBACK");
    }
}

/// The sidesteps are only worth trying where there is a trigger.
fn sidesteps(scene: &Scene) -> &'static [&'static str] {
    let has_trigger = ["TRIGGER", "{guard}"].iter().any(|word| scene.before.contains(word));
    if has_trigger { SIDESTEPS } else { &[] }
}
