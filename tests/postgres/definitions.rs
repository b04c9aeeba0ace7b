//! Definitions as the server stores them, compared on real servers: no form of a query and
//! no way of writing it is false drift, and no change is missed.

use std::collections::BTreeMap;
use std::time::Duration;

use driftgate::definitions::{Compared, Declared};
use driftgate::failure::Failure;
use driftgate::ident::QualifiedName;
use driftgate::pg::compare_definitions::compare_declared;
use driftgate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use driftgate::target::{Source, Target, ThisMachine};
use tokio::runtime::Builder;

use crate::support::TestDatabase;
use crate::support::session::Session;

mod changes;
mod commands;
mod forms;
mod limits;
mod made_up;
mod names;
mod refusals;
mod two_databases;

use forms::FORMS;

/// Returns where a test looks; the wait for any lock is short.
fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        resolved: Target::resolve(Some((url, Source::Throwaway)), &ThisMachine)
            .expect("the URL of a test is sound"),
        limits: Limits {
            connect: Duration::from_secs(30),
            lock: LockTimeout(Duration::from_secs(1)),
            statement: StatementTimeout(Duration::from_secs(30)),
        },
        application_name: "driftgate test".to_owned(),
        backends: Backends::default(),
    }
}

fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build();
    let done = runtime.expect("a runtime can be made").block_on(work);
    done.expect("the server can be asked")
}

/// Makes what these tests read.
fn database() -> TestDatabase {
    let database = TestDatabase::empty();
    database.session().run(include_str!("definitions/base.sql"));
    database
}

fn name(text: &str) -> QualifiedName {
    text.parse().expect("a qualified name")
}

fn declare(view: &str, text: &str) -> Declared {
    Declared { view: name(view), file: format!("{view}.sql"), text: Ok(text.into()) }
}

/// Compares views with what is declared for them, as a role.
fn compare(url: &str, declared: &[Declared]) -> BTreeMap<QualifiedName, Compared> {
    wait_for(compare_declared(&endpoint(url), declared))
}

/// Compares one view with what is declared for it.
fn compare_one(url: &str, view: &str, text: &str) -> Compared {
    let mut compared = compare(url, &[declare(view, text)]);
    compared.remove(&name(view)).expect("the view is there")
}

/// Returns the forms that a server takes.
fn forms(session: &mut Session) -> Vec<&'static str> {
    let major = session.value("SHOW server_version_num").parse::<i32>().expect("a number") / 10_000;
    FORMS.iter().filter(|(since, _)| *since <= major).map(|(_, text)| *text).collect()
}

/// Asserts that every view is what is declared for it.
#[track_caller]
fn assert_same(compared: &BTreeMap<QualifiedName, Compared>, declared: &[Declared]) {
    assert_eq!(compared.len(), declared.len());
    for one in declared {
        let compared = &compared[&one.view];
        assert_eq!(compared, &Compared::Same, "{} {:?}", one.view, one.text);
    }
}

/// Makes a view of each form, and returns what is declared for it.
fn make_forms(session: &mut Session) -> Vec<Declared> {
    let mut declared = Vec::new();
    session.run("SET search_path = public");
    for (at, text) in forms(session).into_iter().enumerate() {
        let view = format!("public.mv_{at}");
        session.run(&format!("CREATE MATERIALIZED VIEW {view} AS {text} WITH NO DATA"));
        declared.push(declare(&view, text));
    }
    declared
}

/// Asserts that a view differs, and returns the diff.
#[track_caller]
fn assert_differs(compared: &Compared, what: &str) -> String {
    let Compared::Differs(difference) = compared else { panic!("{what}: {compared:?}") };
    difference.diff.clone().unwrap_or_default()
}

/// Asserts that it cannot be told, and returns why.
#[track_caller]
fn assert_undecided(compared: &Compared) -> &str {
    let Compared::Undecided(reason) = compared else { panic!("{compared:?}") };
    reason
}

/// Returns what the server prints of a view, as a dump does.
fn print_of(session: &mut Session, view: &str) -> String {
    session.run("SET search_path = ''");
    session.value(&format!("SELECT pg_get_viewdef('{view}'::regclass)"))
}

#[test]
fn every_form_is_the_same_as_itself() {
    let database = database();
    let declared = make_forms(&mut database.session());
    assert_same(&compare(&database.url(), &declared), &declared);
}

#[test]
fn every_form_is_the_same_after_dumps_and_restorations() {
    let database = database();
    let mut session = database.session();
    // Each form: as it was written, restored from a dump, and restored from a dump of that.
    let mut forms = Vec::new();
    for one in make_forms(&mut session) {
        let view = one.view.to_string();
        let mut generations = vec![(view.clone(), one.text.expect("a text").to_string())];
        for restored in [format!("{view}_once"), format!("{view}_twice")] {
            let (before, _) = generations.last().expect("the first");
            let print = print_of(&mut session, before).trim_end_matches(';').to_owned();
            session.run(&format!("CREATE MATERIALIZED VIEW {restored} AS {print} WITH NO DATA"));
            generations.push((restored, print));
        }
        forms.push(generations);
    }
    // Whichever of the texts stands in the file, it is the definition of each of the views.
    for shift in 0..3 {
        let declared: Vec<Declared> = forms
            .iter()
            .flat_map(|form| {
                let text = move |at: usize| &form[(at + shift) % 3].1;
                form.iter().enumerate().map(move |(at, (live, _))| declare(live, text(at)))
            })
            .collect();
        assert_same(&compare(&database.url(), &declared), &declared);
    }
}

#[test]
fn comments_white_space_and_line_ends_do_not_matter() {
    let database = database();
    let mut session = database.session();
    let mut declared = make_forms(&mut session);
    for (at, one) in declared.iter_mut().enumerate() {
        let text = one.text.clone().expect("a text");
        // Within quotes a space is more than white space.
        let text = match text.contains(['\'', '"', '$']) {
            true => text.to_string(),
            false => text.replace(' ', " /* 'a' /* b; */ */\r\n\t-- \"it's\"\n "),
        };
        one.text = Ok(match at % 3 {
            0 => format!("-- what it is for\r\n\r\n{text};\r\n").into(),
            1 => format!("/* SELECT 1; */\n{text}\n;\n-- the end; no second statement").into(),
            _ => format!("\n\n  {text} ;;\t").into(),
        });
    }
    assert_same(&compare(&database.url(), &declared), &declared);
}

#[test]
fn line_ends_within_a_literal_may_be_those_of_windows() {
    let database = database();
    database.session().run(
        "CREATE MATERIALIZED VIEW public.unix AS SELECT E'a\\nb' AS t;
         CREATE MATERIALIZED VIEW public.windows AS SELECT E'a\\r\\nb' AS t",
    );
    let declared = [
        declare("public.unix", "SELECT\r\n'a\r\nb' AS t\r\n"),
        declare("public.windows", "SELECT\r\n'a\r\nb' AS t\r\n"),
    ];
    assert_same(&compare(&database.url(), &declared), &declared);
    let other = compare_one(&database.url(), "public.windows", "SELECT 'a\nb' AS t");
    assert_differs(&other, "the file has the line ends of Unix");
}

/// Functions as an old server printed them, and in the syntax of SQL.
const CALLS: &[(&str, &str)] = &[
    ("btrim(note)", "trim(note)"),
    ("btrim(note, 'x')", "trim(BOTH 'x' FROM note)"),
    ("ltrim(note, 'x')", "trim(LEADING 'x' FROM note)"),
    ("rtrim(note)", "trim(TRAILING FROM note)"),
    ("\"substring\"(note, 2, 3)", "substring(note FROM 2 FOR 3)"),
    ("\"substring\"(note, 'a.b')", "substring(note FROM 'a.b')"),
    ("\"position\"(note, status::text)", "position(status::text IN note)"),
    ("\"overlay\"(note, 'x', 2)", "overlay(note PLACING 'x' FROM 2)"),
    ("timezone('UTC', placed_at)", "placed_at AT TIME ZONE 'UTC'"),
    (
        "timezone('CET', timezone('UTC', made_at))",
        "(made_at AT TIME ZONE 'UTC') AT TIME ZONE 'CET'",
    ),
    (
        "\"overlaps\"(placed_at, placed_at, placed_at, now())",
        "(placed_at, placed_at) OVERLAPS (placed_at, now())",
    ),
    ("pg_collation_for(note)", "COLLATION FOR (note)"),
    (
        "btrim(\"substring\"(note, 2))::varchar(5)",
        "CAST(trim(substring(note FROM 2)) AS varchar(5))",
    ),
];

#[test]
fn what_an_upgraded_database_kept_as_a_call_is_the_same_in_the_syntax_of_sql() {
    let database = database();
    let mut session = database.session();
    let (mut declared, mut others) = (Vec::new(), Vec::new());
    for (at, (call, syntax)) in CALLS.iter().enumerate() {
        for (side, live, file) in [("a", call, syntax), ("b", syntax, call)] {
            let view = format!("public.mv_{at}_{side}");
            let text = |expression: &str| format!("SELECT {expression} AS x FROM orders");
            session.run(&format!("CREATE MATERIALIZED VIEW {view} AS {}", text(live)));
            declared.push(declare(&view, &text(file)));
            let (_, other) = CALLS[(at + 1) % CALLS.len()];
            others.push(declare(&view, &text(other)));
        }
    }
    assert_same(&compare(&database.url(), &declared), &declared);
    for (view, compared) in compare(&database.url(), &others) {
        assert_differs(&compared, &view.to_string());
    }
}
