//! Writes that are really tried: every statement, in every guise, in a transaction that is
//! taken back. What counts is whether the rows of the table are others afterwards.

use std::collections::BTreeSet;

use super::scenes::Scene;
use super::{Stage, sidesteps};
use crate::support::session::Session;

/// What a role can do before it writes, without a thought for triggers.
const GUISES: &[&str] = &[
    "",
    "SET ROLE {group}",
    "SET ROLE {owner}",
    "SET ROLE {other}",
    "SET ROLE postgres",
    "SET ROLE pg_write_all_data",
    "SET ROLE pg_database_owner",
    "GRANT ALL ON {target} TO {app}",
    "GRANT ALL ON {target} TO CURRENT_USER",
    "SET ROLE {owner}; GRANT ALL ON {target} TO {owner}",
    "GRANT USAGE ON SCHEMA {s} TO {app}",
    "GRANT USAGE ON SCHEMA {s} TO {app}; GRANT ALL ON {target} TO {app}",
    "GRANT {owner} TO {app}; SET ROLE {owner}",
    "GRANT {group} TO {app}; SET ROLE {group}",
    "SET ROLE {group}; GRANT {owner} TO {app}; RESET ROLE; SET ROLE {owner}",
];

/// What a role can do about a trigger.
pub(super) const SIDESTEPS: &[&str] = &[
    "ALTER TABLE {target} DISABLE TRIGGER ALL",
    "ALTER TABLE {target} DISABLE TRIGGER USER",
    "DROP TRIGGER keep ON {target}",
    "DROP FUNCTION {s}.refuse() CASCADE",
    "SET LOCAL session_replication_role = replica",
    "SET ROLE {group}; SET LOCAL session_replication_role = replica; RESET ROLE",
    "SET LOCAL app.allowed = 'on'",
];

/// Statements that use one privilege.
const STATEMENTS: &[(&str, &str, i32)] = &[
    ("INSERT", "INSERT INTO {target} VALUES (9, 'z')", 0),
    ("INSERT", "INSERT INTO {target} VALUES (-9, 'z')", 0),
    ("INSERT", "INSERT INTO {target} (id) VALUES (9)", 0),
    ("INSERT", "INSERT INTO {target} (v) VALUES ('z')", 0),
    (
        "INSERT",
        "MERGE INTO {target} USING (SELECT 1) q ON false WHEN NOT MATCHED THEN INSERT VALUES (9, 'z')",
        15,
    ),
    ("UPDATE", "UPDATE {target} SET id = 9, v = 'z'", 0),
    ("UPDATE", "UPDATE {target} SET id = 9", 0),
    ("UPDATE", "UPDATE {target} SET v = 'z'", 0),
    (
        "UPDATE",
        "MERGE INTO {target} USING (SELECT 1) q ON true WHEN MATCHED THEN UPDATE SET v = 'z'",
        15,
    ),
    ("DELETE", "DELETE FROM {target}", 0),
    ("DELETE", "MERGE INTO {target} USING (SELECT 1) q ON true WHEN MATCHED THEN DELETE", 15),
    ("TRUNCATE", "TRUNCATE {target}", 0),
];

/// The privileges with which a write worked.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Without anything done about triggers.
    pub(super) plainly: BTreeSet<&'static str>,
    /// With everything that could be done.
    pub(super) at_all: BTreeSet<&'static str>,
}

/// Tries every write.
pub(super) fn writes(session: &mut Session, stage: &Stage, scene: &Scene, major: i32) -> Tried {
    let target = format!("{}.{}", stage.schema, scene.target);
    let mut trier = Trier { before: rows(session, stage), session, stage, target };
    let mut tried = Tried::default();
    for guise in GUISES {
        if !trier.can(guise) {
            continue;
        }
        for (privilege, statement, since) in STATEMENTS {
            if *since > major {
                continue;
            }
            if !tried.plainly.contains(privilege) && trier.changes(guise, statement) {
                tried.plainly.insert(*privilege);
            }
            for sidestep in sidesteps(scene) {
                let prelude = format!("{guise}; {sidestep}");
                if !tried.at_all.contains(privilege) && trier.changes(&prelude, statement) {
                    tried.at_all.insert(*privilege);
                }
            }
        }
    }
    if !tried.plainly.contains("INSERT") && trier.copies() {
        tried.plainly.insert("INSERT");
    }
    tried.at_all.extend(&tried.plainly);
    tried
}

struct Trier<'a> {
    session: &'a mut Session,
    stage: &'a Stage,
    target: String,
    before: String,
}

impl Trier<'_> {
    fn begin(&mut self, prelude: &str) -> Result<(), (String, String)> {
        let sql = format!(
            "BEGIN; SET LOCAL client_min_messages = error;
             SET LOCAL SESSION AUTHORIZATION {{app}}; {prelude}"
        );
        self.session.try_run(&self.stage.spell(&sql.replace("{target}", &self.target)))
    }

    /// Tells whether the role can do this.
    fn can(&mut self, prelude: &str) -> bool {
        let can = self.begin(prelude).is_ok();
        self.session.run("ROLLBACK");
        can
    }

    /// Tells whether a statement after a prelude leaves other rows behind.
    fn changes(&mut self, prelude: &str, statement: &str) -> bool {
        let ran = self.begin(&format!("{prelude}; {statement}; RESET SESSION AUTHORIZATION"));
        let changes = ran.is_ok() && rows(self.session, self.stage) != self.before;
        self.session.run("ROLLBACK");
        changes
    }

    /// Tells whether rows can be copied in; rewrite rules do not see that.
    fn copies(&mut self) -> bool {
        self.begin("").expect("a transaction begins");
        let copy = format!("COPY {} (id) FROM STDIN", self.target);
        let copied = self.session.with(async |connection| {
            let mut copy = connection.copy_in_raw(&copy).await?;
            copy.send("9\n".as_bytes()).await?;
            copy.finish().await
        });
        let copies = copied.is_ok() && {
            self.session.run("RESET SESSION AUTHORIZATION");
            rows(self.session, self.stage) != self.before
        };
        self.session.run("ROLLBACK");
        copies
    }
}

/// Returns the rows of the table, whatever it is written through.
fn rows(session: &mut Session, stage: &Stage) -> String {
    session.value(&format!(
        "SELECT coalesce(string_agg(t::text, ';' ORDER BY t::text), 'none') FROM {}.t",
        stage.schema
    ))
}
