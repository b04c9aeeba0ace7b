//! Who can refresh what, as predicted from the catalog, against what the server does when
//! every kind of role really tries, on views whose owners lack every kind of right; and the
//! statements that are said to help, run, and tried again.

use std::fmt::Write as _;
use std::time::Duration;

use driftgate::ident::RoleName;
use driftgate::pg::prove_refresh::{Proof, Proving};
use driftgate::pg::session::{Limits, LockTimeout, StatementTimeout};
use driftgate::refreshability::{Refreshability, Via, judge};
use driftgate::registry::RefreshMode;
use driftgate::rights::Rights;

use crate::support::session::Session;

mod callers;
mod laboratory;
mod shapes;

use callers::Caller;
use laboratory::{LIMITS, Laboratory, SCHEMAS, name, refresh};
use shapes::{CALLS, GIVEN_UP, Shape, TABLES, USUAL, VIEWS, WITHOUT_TEMPORARY};

const DENIED: &str = "42501";

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
        let (rights, proving) =
            (laboratory.rights(), laboratory.proving(&laboratory.database.url()));
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
        let role = self.laboratory.role(trial.caller.name);
        let proof = self.laboratory.prove(&mut self.proving, &role, &trial.view(), trial.mode);
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

#[test]
fn a_trial_says_what_it_met_and_leaves_nothing() {
    let mut laboratory = Laboratory::new(&[USUAL]);
    laboratory.run(
        "CREATE MATERIALIZED VIEW opened.slow AS SELECT pg_sleep(60)::text AS a WITH NO DATA;
         ALTER MATERIALIZED VIEW opened.slow OWNER TO {owner};
         CREATE MATERIALIZED VIEW opened.locked AS SELECT a FROM base.readable",
    );
    let refreshed = "SELECT xmin, relfilenode FROM pg_class WHERE relname = 'usual'";
    let before = laboratory.session.rows(refreshed);
    let owner = laboratory.role("owner");
    let mut locking = laboratory.database.session();
    locking.run("BEGIN; LOCK TABLE base.readable; SELECT FROM opened.locked");
    let mut proving = laboratory.proving(&laboratory.database.url());
    let failed = |sqlstate: &str| Proof::Failed { sqlstate: sqlstate.to_owned() };
    let hurried = |lock, statement| Limits {
        lock: LockTimeout(Duration::from_millis(lock)),
        statement: StatementTimeout(Duration::from_millis(statement)),
        ..LIMITS
    };
    let nobody_yet = RoleName::from_catalog("no such role");
    let superuser = RoleName::from_catalog("postgres");
    let (patient, no_wait, no_time) =
        (hurried(30_000, 60_000), hurried(20, 60_000), hurried(30_000, 20));
    for (role, view, mode, limits, expected) in [
        (&owner, "opened.usual", RefreshMode::Plain, no_wait, Proof::Busy),
        (&superuser, "opened.locked", RefreshMode::Plain, no_wait, Proof::Busy),
        (&owner, "opened.slow", RefreshMode::Plain, no_time, Proof::TimedOut),
        (&owner, "opened.slow", RefreshMode::Concurrently, patient, failed("0A000")),
        (&owner, "opened.gone", RefreshMode::Plain, patient, failed("42P01")),
        (&nobody_yet, "opened.usual", RefreshMode::Plain, patient, failed("22023")),
    ] {
        let tried = laboratory.runtime.block_on(proving.prove(role, &name(view), mode, &limits));
        assert_eq!(tried.expect("the session lives"), expected, "{view}");
    }
    locking.run("ROLLBACK");
    let mode = RefreshMode::Plain;
    let again = laboratory.prove(&mut proving, &owner, "opened.usual", mode);
    assert_eq!(again, Proof::Refreshed);
    let mut own = laboratory.proving(&laboratory.database.url_as(&laboratory.roles["nobody"]));
    let become_other = laboratory.prove(&mut own, &owner, "opened.usual", mode);
    assert_eq!(become_other, Proof::CannotBecome);
    let nobody = laboratory.role("nobody");
    assert_eq!(laboratory.prove(&mut own, &nobody, "opened.usual", mode), Proof::Denied);
    assert_eq!(laboratory.session.rows(refreshed), before);
}
