//! A database of a test's own, with roles of its own; both are gone when it is dropped.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::driftgate::driftgate;
use super::poll::until;
use super::project::Project;
use super::server;
use super::session::Session;

/// A database of a test's own.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    name: String,
    roles: Vec<String>,
}

impl TestDatabase {
    /// Makes a database with nothing in it.
    pub(crate) fn empty() -> Self {
        Self::from_template("template0")
    }

    /// Makes a database with the reference project migrated and its rows loaded.
    pub(crate) fn reference() -> Self {
        Self::from_template(&reference_template())
    }

    fn from_template(template: &str) -> Self {
        let name = format!("t_{}", Uuid::now_v7().simple());
        let mut maintenance = maintenance();
        until("a template that nobody is connected to", || {
            let made = maintenance.try_run(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
            match made {
                Ok(()) => Some(()),
                Err((code, _)) if code == OBJECT_IN_USE => None,
                Err((code, message)) => panic!("{message} ({code})"),
            }
        });
        Self { name, roles: Vec::new() }
    }

    /// Returns the name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL as the superuser.
    pub(crate) fn url(&self) -> String {
        self.url_as("postgres")
    }

    /// Returns the URL as a role.
    pub(crate) fn url_as(&self, role: &str) -> String {
        server::url_of(&self.name, role)
    }

    /// Opens a session as the superuser.
    pub(crate) fn session(&self) -> Session {
        Session::connect(&self.url())
    }

    /// Makes a role that may log in, and returns its name, which is unique on the server.
    pub(crate) fn role(&mut self, name: &str) -> String {
        let unique = format!("{name}_{}", Uuid::now_v7().simple());
        maintenance().run(&format!("CREATE ROLE {unique} LOGIN"));
        self.roles.push(unique.clone());
        unique
    }

    /// Takes every right from PUBLIC, so that a role has what it was given and no more.
    pub(crate) fn close_to_the_public(&self) {
        let name = &self.name;
        self.session().run(&format!(
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC;
             REVOKE ALL ON SCHEMA public FROM PUBLIC;
             REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC"
        ));
    }

    /// Returns the server processes that work for the program in this database.
    pub(crate) fn sessions_of_the_program(&self) -> Vec<String> {
        maintenance().column(&format!(
            "SELECT pid FROM pg_stat_activity
              WHERE datname = '{}' AND application_name LIKE 'driftgate%'",
            self.name
        ))
    }

    /// Returns the advisory locks that are held or waited for in this database.
    pub(crate) fn advisory_locks(&self) -> Vec<String> {
        maintenance().column(&format!(
            "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
              WHERE l.locktype = 'advisory' AND d.datname = '{}'",
            self.name
        ))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let mut maintenance = maintenance();
        let mut drops = vec![format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)];
        // With the database everything is gone that could depend on a role.
        drops.extend(self.roles.iter().map(|role| format!("DROP ROLE IF EXISTS {role}")));
        for statement in drops {
            let dropped = maintenance.try_run(&statement);
            if !std::thread::panicking() {
                assert_eq!(dropped, Ok(()), "{statement}");
            }
        }
    }
}

/// Opens a session in the database where no test works.
pub(crate) fn maintenance() -> Session {
    Session::connect(&server::server().url)
}

const OBJECT_IN_USE: &str = "55006";

/// Returns the template with the reference project, and makes it where it is not there yet.
///
/// Its name tells what it was made from, so a changed file makes a new one.
fn reference_template() -> String {
    let project = Project::reference();
    let seed = project.file("demo/seed.sql");
    let name = format!("reference_{}", digest(&project, &seed));
    let mut maintenance = maintenance();
    maintenance.run("SELECT pg_advisory_lock(hashtext('driftgate: the template of the tests'))");
    let is_there = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    if maintenance.value(&is_there) == "0" {
        make_template(&mut maintenance, &name, &project, &seed);
    }
    maintenance.run("SELECT pg_advisory_unlock_all()");
    name
}

/// Makes the template under another name first: what was interrupted is never used.
fn make_template(maintenance: &mut Session, name: &str, project: &Project, seed: &str) {
    let made = format!("{name}_made");
    maintenance.run(&format!("DROP DATABASE IF EXISTS {made} WITH (FORCE)"));
    maintenance.run(&format!("CREATE DATABASE {made} TEMPLATE template0"));
    let url = server::url_of(&made, "postgres");
    driftgate(["migrate", "up"]).project(project).database(&url).run().exits(0);
    let mut session = Session::connect(&url);
    session.run(seed);
    // Tests compare what the planner knows; a worker of the server must not add to it later.
    session.run("ANALYZE");
    drop(session);
    until("a template that nobody is connected to", || {
        let renamed = maintenance.try_run(&format!("ALTER DATABASE {made} RENAME TO {name}"));
        renamed.is_ok().then_some(())
    });
}

fn digest(project: &Project, seed: &str) -> String {
    let mut hash = Sha256::new();
    for file in project.migrations() {
        hash.update(&file);
        hash.update(project.file(&format!("migrations/{file}")));
    }
    hash.update(seed);
    let mut digits = String::new();
    for byte in &hash.finalize()[..8] {
        write!(digits, "{byte:02x}").expect("writing to a string cannot fail");
    }
    digits
}
