//! Who can refresh what, as predicted from the catalog, against what the server does when
//! every kind of role really tries, on views whose owners lack every kind of right; and the
//! statements that are said to help, run, and tried again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use driftgate::ident::{QualifiedName, RoleName};
use driftgate::pg::prove_refresh::{Proof, Proving};
use driftgate::pg::read_rights::{Scope, read_rights};
use driftgate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use driftgate::refreshability::{Refreshability, Via, judge};
use driftgate::registry::RefreshMode;
use driftgate::rights::Rights;
use driftgate::target::{Source, Target, ThisMachine};
use tokio::runtime::{Builder, Runtime};

use crate::support::TestDatabase;
use crate::support::database::maintenance;
use crate::support::session::Session;

mod callers;
mod shapes;

use callers::{CALLERS, Caller, OTHERS};
use shapes::{CALLS, GIVEN_UP, Shape, TABLES, USUAL, VIEWS, WITHOUT_TEMPORARY};

/// The schemas: open to everybody, to the owners of the views alone, and to nobody.
const SCHEMAS: [&str; 3] = ["opened", "owners", "closed"];

const DENIED: &str = "42501";

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(30),
    lock: LockTimeout(Duration::from_secs(30)),
    statement: StatementTimeout(Duration::from_secs(60)),
};

/// A database with the views, the roles of a test, and a session as the superuser.
struct Laboratory {
    database: TestDatabase,
    major: i32,
    roles: BTreeMap<&'static str, String>,
    session: Session,
    runtime: Runtime,
}

impl Laboratory {
    fn new(shapes: &[Shape]) -> Self {
        let mut database = TestDatabase::empty();
        let names = CALLERS.iter().map(|caller| caller.name).chain(OTHERS);
        let roles = names.map(|name| (name, database.role(name))).collect();
        let session = database.session();
        let major = maintenance().value("SHOW server_version_num").parse::<i32>();
        let runtime = Builder::new_current_thread().enable_all().build();
        let mut made = Self {
            major: major.expect("a number") / 10_000,
            runtime: runtime.expect("a runtime can be made"),
            database,
            roles,
            session,
        };
        made.run(include_str!("refreshability/base.sql"));
        let (mut views, major) = (Vec::new(), made.major);
        for shape in shapes.iter().filter(|shape| shape.since <= major) {
            made.run(shape.setup);
            let made_here = SCHEMAS.map(|schema| made.make_view(shape, schema));
            for view in &made_here {
                made.run(&shape.then.replace("{view}", view));
            }
            views.extend(made_here);
        }
        for caller in made.callers() {
            made.run(&caller.setup.replace("{views}", &views.join(", ")));
        }
        made
    }

    fn make_view(&mut self, shape: &Shape, schema: &str) -> String {
        let view = format!("{schema}.{}", shape.name);
        let Shape { query, owner, .. } = shape;
        self.run(&format!(
            "CREATE MATERIALIZED VIEW {view} AS {query};
             CREATE UNIQUE INDEX ON {view} (a);
             ALTER MATERIALIZED VIEW {view} OWNER TO {{{owner}}}"
        ));
        view
    }

    fn callers(&self) -> Vec<Caller> {
        CALLERS.into_iter().filter(|caller| caller.since <= self.major).collect()
    }

    /// Runs SQL with the names of the tests in braces.
    fn run(&mut self, sql: &str) {
        let sql = self.real(sql);
        self.session.run(&sql);
    }

    /// Puts the names on the server in place of the names of the tests.
    fn real(&self, sql: &str) -> String {
        self.roles
            .iter()
            .fold(sql.replace("{database}", self.database.name()), |sql, (name, real)| {
                sql.replace(&format!("{{{name}}}"), real)
            })
    }

    /// Puts the names of the tests in place of the names on the server.
    fn told(&self, text: &str) -> String {
        self.roles.iter().fold(text.replace(self.database.name(), "app"), |text, (name, real)| {
            text.replace(real.as_str(), name)
        })
    }

    fn role(&self, name: &str) -> RoleName {
        RoleName::from_catalog(self.roles[name].as_str())
    }

    fn endpoint(&self) -> Endpoint {
        let url = self.database.url();
        Endpoint {
            resolved: Target::resolve(Some((&url, Source::Throwaway)), &ThisMachine)
                .expect("the URL of a test is sound"),
            limits: LIMITS,
            application_name: "driftgate test".to_owned(),
            backends: Backends::default(),
        }
    }

    fn rights(&self) -> Rights {
        let read = self.runtime.block_on(read_rights(&self.endpoint(), Scope::Everything(&[])));
        read.expect("the catalog can be read").0
    }

    fn proving(&self) -> Proving {
        let connected = self.runtime.block_on(Proving::connect(&self.endpoint()));
        connected.expect("the test server lets the test in")
    }

    fn prove(&self, proving: &mut Proving, caller: &Caller, view: &str, how: RefreshMode) -> Proof {
        let (role, view) = (self.role(caller.name), name(view));
        let tried = self.runtime.block_on(proving.prove(&role, &view, how, &LIMITS));
        tried.expect("the session lives")
    }

    /// Refreshes after some statements of a superuser, and takes everything back; `Err` is
    /// the SQLSTATE.
    fn try_after(
        &mut self,
        statements: &[&str],
        become_whom: &str,
        view: &str,
        mode: RefreshMode,
    ) -> Result<(), String> {
        self.session.run("BEGIN");
        for statement in statements {
            self.session.run(statement);
        }
        self.session.run(become_whom);
        let tried = self.session.try_run(&refresh(view, mode));
        self.session.run("ROLLBACK");
        tried.map_err(|(code, _)| code)
    }
}

fn name(view: &str) -> QualifiedName {
    view.parse().expect("the names of the tests are sound")
}

fn refresh(view: &str, mode: RefreshMode) -> String {
    let how = if mode == RefreshMode::Concurrently { "CONCURRENTLY " } else { "" };
    format!("REFRESH MATERIALIZED VIEW {how}{view}")
}

/// One role that tries one view.
#[derive(Clone, Copy)]
struct Trial<'t> {
    caller: &'t Caller,
    shape: &'t Shape,
    schema: &'t str,
    mode: RefreshMode,
}

impl Trial<'_> {
    fn view(&self) -> String {
        format!("{}.{}", self.schema, self.shape.name)
    }

    fn describe(&self) -> String {
        format!("{:<12} {:<45} {}", self.mode.as_str(), self.view(), self.caller.name)
    }

    /// What must let the caller ask.
    fn expected_via(&self, major: i32) -> Via {
        let Caller { name, via, .. } = *self.caller;
        let owner_has_lost_it = self.shape.name == GIVEN_UP.name && major >= 17;
        match via {
            Via::Maintain | Via::Superuser if name != self.shape.owner => via,
            Via::Superuser => Via::Superuser,
            Via::Owner | Via::Member if self.shape.owner != "owner" || owner_has_lost_it => {
                Via::None_
            }
            Via::None_ if self.shape.owner == "superuser" && name == "under_superuser" => {
                Via::Member
            }
            via => via,
        }
    }

    /// Whether the rights behind the view allow the refresh, whoever asks.
    fn expected_chain(&self) -> Option<bool> {
        let may_name_it = self.schema != "closed" || self.shape.owner != "owner";
        if self.mode == RefreshMode::Concurrently && !may_name_it {
            return Some(false);
        }
        self.shape.allowed(self.mode)
    }
}

/// Tries all of it and writes down what came out.
struct Table {
    laboratory: Laboratory,
    rights: Rights,
    proving: Proving,
    lines: String,
}

impl Table {
    fn new(laboratory: Laboratory) -> Self {
        let (rights, proving) = (laboratory.rights(), laboratory.proving());
        Self { laboratory, rights, proving, lines: String::new() }
    }

    fn try_all(&mut self, shapes: &[Shape], schemas: &[&str]) {
        let (callers, major) = (self.laboratory.callers(), self.laboratory.major);
        for shape in shapes.iter().filter(|shape| shape.since <= major) {
            for schema in schemas {
                for mode in [RefreshMode::Concurrently, RefreshMode::Plain] {
                    for caller in &callers {
                        self.try_one(Trial { caller, shape, schema, mode });
                    }
                }
            }
        }
    }

    fn try_one(&mut self, trial: Trial<'_>) {
        let judged = self.judge(trial);
        let proof =
            self.laboratory.prove(&mut self.proving, trial.caller, &trial.view(), trial.mode);
        self.note(trial, &judged, &proof);
        let about = format!("{}: {proof:?}, {judged:#?}", trial.describe());
        assert_eq!(judged.via, trial.expected_via(self.laboratory.major), "{about}");
        match judged.can_refresh {
            Some(true) => assert_eq!(proof, Proof::Refreshed, "{about}"),
            Some(false) => assert_eq!(proof, Proof::Denied, "{about}"),
            None => assert_eq!(trial.expected_chain(), None, "{about}"),
        }
        if trial.caller.via == Via::Superuser {
            assert_eq!(judged.can_refresh, trial.expected_chain(), "{about}");
        }
        self.try_other_role(trial, &judged, &about);
        self.try_remedies(trial, &judged, &about);
    }

    fn judge(&self, trial: Trial<'_>) -> Refreshability {
        let role = self.rights.role_named(&self.laboratory.role(trial.caller.name));
        let view = self.rights.relation_named(&name(&trial.view()));
        let (role, view) = (role.expect("the role was read"), view.expect("the view was read"));
        judge(&self.rights, role, view, trial.mode)
    }

    /// What `SET ROLE` opens really opens, and where it is said to open nothing it does not.
    fn try_other_role(&mut self, trial: Trial<'_>, judged: &Refreshability, about: &str) {
        let expected = trial.caller.becomes.map(|name| self.laboratory.role(name));
        let is_usual = trial.shape.name == USUAL.name && trial.schema == "opened";
        if is_usual && trial.expected_chain() == Some(true) {
            assert_eq!(judged.after_set_role, expected, "{about}");
        }
        let Some(to) = judged.after_set_role.clone().or(expected) else { return };
        let caller = &self.laboratory.roles[trial.caller.name];
        let become_whom = format!("SET LOCAL SESSION AUTHORIZATION {caller}; SET LOCAL ROLE {to}");
        let tried = self.laboratory.try_after(&[], &become_whom, &trial.view(), trial.mode);
        if judged.after_set_role.is_some() {
            let unsure = judged.unsure.is_some() || trial.expected_chain().is_none();
            assert!(unsure || tried == Ok(()), "{tried:?} as {to}: {about}");
        } else if judged.can_refresh == Some(false) {
            assert_eq!(tried, Err(DENIED.to_owned()), "as {to}: {about}");
        }
    }

    /// The statements make it work, and each of them is needed.
    fn try_remedies(&mut self, trial: Trial<'_>, judged: &Refreshability, about: &str) {
        let statements: Option<Vec<&str>> =
            judged.blockers.iter().map(|blocker| blocker.statement.as_deref()).collect();
        let Some(statements) = statements else {
            let is_hopeless = trial.caller.is_above || trial.shape.owner == "superuser";
            assert!(is_hopeless && self.laboratory.major < 17, "no remedy: {about}");
            return;
        };
        let become_whom = format!("SET LOCAL ROLE {}", self.laboratory.roles[trial.caller.name]);
        let mut tried = |statements: &[&str]| {
            self.laboratory.try_after(statements, &become_whom, &trial.view(), trial.mode)
        };
        assert_eq!(tried(&statements), Ok(()), "with all remedies: {about}");
        if judged.unsure.is_some() {
            return;
        }
        for left_out in 0..statements.len() {
            let mut fewer = statements.clone();
            let one = fewer.remove(left_out);
            assert_eq!(tried(&fewer), Err(DENIED.to_owned()), "without {one}: {about}");
        }
    }

    fn note(&mut self, trial: Trial<'_>, judged: &Refreshability, proof: &Proof) {
        let can = match judged.can_refresh {
            Some(true) => "yes",
            Some(false) => "no",
            None => "untold",
        };
        let after = judged.after_set_role.as_ref().map(|role| format!(" as {role}"));
        let remedies: Vec<&str> = judged
            .blockers
            .iter()
            .map(|blocker| blocker.statement.as_deref().unwrap_or("(none)"))
            .collect();
        let line = format!(
            "{:<80} {can:<6} {:<10} {:<9}{} {}",
            trial.describe(),
            format!("{proof:?}"),
            judged.via.as_str(),
            after.unwrap_or_default(),
            remedies.join("; ")
        );
        writeln!(self.lines, "{}", self.laboratory.told(line.trim_end()))
            .expect("writing to a string cannot fail");
    }

    /// Keeps the table beside the build's other products, for a person to read.
    fn keep(&self, name: &str) {
        let file = format!("refreshability-{}-{name}.txt", self.laboratory.major);
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        std::fs::write(path, &self.lines).expect("the build's folder can be written");
    }
}

#[test]
fn every_kind_of_role_can_refresh_what_it_is_said_to() {
    let shapes = [USUAL, GIVEN_UP];
    let mut table = Table::new(Laboratory::new(&shapes));
    table.try_all(&shapes, &SCHEMAS);
    table.keep("callers");
}

/// Tries views that every role may name, and views that only some may.
fn try_shapes(shapes: &[Shape], name: &str) {
    let mut table = Table::new(Laboratory::new(shapes));
    table.try_all(shapes, &["opened", "closed"]);
    table.keep(name);
}

#[test]
fn rights_on_tables_and_columns_are_seen_from_every_kind_of_role() {
    try_shapes(TABLES, "tables");
}

#[test]
fn rights_behind_views_are_seen_from_every_kind_of_role() {
    try_shapes(VIEWS, "views");
}

#[test]
fn rights_on_functions_are_seen_from_every_kind_of_role() {
    try_shapes(CALLS, "functions");
}

#[test]
fn a_concurrent_refresh_needs_temporary_tables_of_the_owner() {
    let mut laboratory = Laboratory::new(WITHOUT_TEMPORARY);
    laboratory.run("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC");
    let mut table = Table::new(laboratory);
    table.try_all(WITHOUT_TEMPORARY, &SCHEMAS);
    table.keep("temporary");
}

#[test]
fn who_logs_in_can_refresh_what_was_tried_for_it() {
    let laboratory = Laboratory::new(&[USUAL]);
    let rights = laboratory.rights();
    for caller in laboratory.callers() {
        let mut own = Session::connect(&laboratory.database.url_as(&laboratory.roles[caller.name]));
        for schema in SCHEMAS {
            let view = format!("{schema}.{}", USUAL.name);
            let role = rights.role_named(&laboratory.role(caller.name)).expect("it was read");
            let relation = rights.relation_named(&name(&view)).expect("it was read");
            let judged = judge(&rights, role, relation, RefreshMode::Plain);
            let tried = own.try_run(&refresh(&view, RefreshMode::Plain)).map_err(|(code, _)| code);
            let expected =
                if judged.can_refresh == Some(true) { Ok(()) } else { Err(DENIED.into()) };
            assert_eq!(tried, expected, "{view}: {judged:#?}");
        }
    }
}
