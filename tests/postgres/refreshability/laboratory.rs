//! A database in which every kind of role can try every kind of view.

use std::collections::BTreeMap;
use std::time::Duration;

use driftgate::ident::{QualifiedName, RoleName};
use driftgate::pg::prove_refresh::{Proof, Proving};
use driftgate::pg::read_rights::{Scope, read_rights};
use driftgate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use driftgate::registry::RefreshMode;
use driftgate::rights::Rights;
use driftgate::target::{Source, Target, ThisMachine};
use tokio::runtime::{Builder, Runtime};

use super::callers::{CALLERS, Caller, OTHERS};
use super::shapes::Shape;
use crate::support::TestDatabase;
use crate::support::database::maintenance;
use crate::support::session::Session;

/// The schemas: open to everybody, to the owners of the views alone, and to nobody.
pub(super) const SCHEMAS: [&str; 3] = ["opened", "owners", "closed"];

/// The limits of every session.
pub(super) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(30),
    lock: LockTimeout(Duration::from_secs(30)),
    statement: StatementTimeout(Duration::from_secs(60)),
};

/// A database with the views, the roles of a test, and a session as the superuser.
pub(super) struct Laboratory {
    pub(super) database: TestDatabase,
    pub(super) major: i32,
    pub(super) roles: BTreeMap<&'static str, String>,
    pub(super) session: Session,
    pub(super) runtime: Runtime,
}

impl Laboratory {
    pub(super) fn new(shapes: &[Shape]) -> Self {
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
        made.run(include_str!("base.sql"));
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

    pub(super) fn callers(&self) -> Vec<Caller> {
        CALLERS.into_iter().filter(|caller| caller.since <= self.major).collect()
    }

    /// Runs SQL with the names of the tests in braces.
    pub(super) fn run(&mut self, sql: &str) {
        let sql = self.real(sql);
        self.session.run(&sql);
    }

    /// Puts the names on the server in place of the names of the tests.
    pub(super) fn real(&self, sql: &str) -> String {
        self.roles
            .iter()
            .fold(sql.replace("{database}", self.database.name()), |sql, (name, real)| {
                sql.replace(&format!("{{{name}}}"), real)
            })
    }

    /// Puts the names of the tests in place of the names on the server.
    pub(super) fn told(&self, text: &str) -> String {
        self.roles.iter().fold(text.replace(self.database.name(), "app"), |text, (name, real)| {
            text.replace(real.as_str(), name)
        })
    }

    pub(super) fn role(&self, name: &str) -> RoleName {
        RoleName::from_catalog(self.roles[name].as_str())
    }

    pub(super) fn endpoint(&self, url: &str) -> Endpoint {
        Endpoint {
            resolved: Target::resolve(Some((url, Source::Throwaway)), &ThisMachine)
                .expect("the URL of a test is sound"),
            limits: LIMITS,
            application_name: "driftgate test".to_owned(),
            backends: Backends::default(),
        }
    }

    pub(super) fn rights(&self) -> Rights {
        let read = self
            .runtime
            .block_on(read_rights(&self.endpoint(&self.database.url()), Scope::Everything(&[])));
        read.expect("the catalog can be read").0
    }

    pub(super) fn proving(&self, url: &str) -> Proving {
        let connected = self.runtime.block_on(Proving::connect(&self.endpoint(url)));
        connected.expect("the test server lets the test in")
    }

    pub(super) fn prove(
        &self,
        with: &mut Proving,
        role: &RoleName,
        view: &str,
        mode: RefreshMode,
    ) -> Proof {
        let tried = self.runtime.block_on(with.prove(role, &name(view), mode, &LIMITS));
        tried.expect("the session lives")
    }

    /// Refreshes after some statements of a superuser, and takes everything back; `Err` is
    /// the SQLSTATE.
    pub(super) fn try_after(
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

pub(super) fn name(view: &str) -> QualifiedName {
    view.parse().expect("the names of the tests are sound")
}

pub(super) fn refresh(view: &str, mode: RefreshMode) -> String {
    let how = if mode == RefreshMode::Concurrently { "CONCURRENTLY " } else { "" };
    format!("REFRESH MATERIALIZED VIEW {how}{view}")
}
