//! Tenant safety against the truth: each shape of a view is refreshed in every way, and the
//! tenants that are left are compared with the class that the catalog alone gave it.
//! DRIFTGATE_TEST_TRUTHS names a folder where the table of both is written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use driftgate::ident::QualifiedName;
use driftgate::pg::read_rights::{Scope, read_rights};
use driftgate::pg::session::{Backends, Endpoint, Limits, LockTimeout, StatementTimeout};
use driftgate::target::{Source, Target, ThisMachine};
use driftgate::tenant_safety::{SafetyClass, TenantSafety, classify};

use crate::support::session::Session;
use crate::support::{TestDatabase, server};

mod shapes;

use shapes::{Note, Shape};

/// The tenants that the tables hold.
const ALL: &str = "A,B,C";

/// The roles, by the names that the shapes know them by.
const ROLES: [&str; 11] = [
    "table_owner",
    "bound",
    "exempt",
    "root",
    "member",
    "set_only",
    "exempt_member",
    "group",
    "all_reader",
    "database_owner",
    "other",
];

/// A database with the shapes, and what stands for what in their texts.
struct Fixture {
    database: TestDatabase,
    reader: String,
    words: Vec<(String, String)>,
    major: i32,
    shapes: Vec<Shape>,
}

impl Fixture {
    fn new() -> Self {
        let mut database = TestDatabase::empty();
        let mut words = vec![
            ("{database}".to_owned(), database.name().to_owned()),
            ("{socket}".to_owned(), server::socket_folder().display().to_string()),
        ];
        for name in ROLES {
            words.push((format!("{{{name}}}"), database.role(name)));
        }
        let everyone: Vec<_> = words[2..].iter().map(|(_, role)| role.clone()).collect();
        words.push(("{everyone}".to_owned(), everyone.join(", ")));
        let reader = database.role("reader");
        words.push(("{reader}".to_owned(), reader.clone()));
        let mut session = database.session();
        let version: i32 = session.value("SHOW server_version_num").parse().expect("a number");
        let major = version / 10_000;
        let fixture = Self { database, reader, words, major, shapes: shapes::on(major) };
        fixture.database.close_to_the_public();
        session.run(&fixture.spell(ROLE_SETUP));
        session.run(&fixture.spell(if major < 14 { "" } else { FROM_14 }));
        session.run(&fixture.spell(if major < 16 { SET_ONLY_BEFORE_16 } else { SET_ONLY }));
        session.run(&fixture.spell(include_str!("tenant_safety/base.sql")));
        for shape in &fixture.shapes {
            fixture.make(&mut session, shape);
        }
        fixture
    }

    fn spell(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, is)| text.replace(word, is))
    }

    fn make(&self, session: &mut Session, shape: &Shape) {
        let sql = format!(
            "CREATE SCHEMA {{schema}};
             GRANT USAGE ON SCHEMA {{schema}} TO {{everyone}};
             SET search_path = {{schema}};
             {};
             GRANT SELECT ON ALL TABLES IN SCHEMA {{schema}} TO {{everyone}};
             CREATE MATERIALIZED VIEW m AS {} WITH NO DATA;
             ALTER MATERIALIZED VIEW m OWNER TO {{{}}};
             {};
             RESET search_path",
            shape.setup, shape.query, shape.owner, shape.finish
        );
        session.run(&self.spell(&sql.replace("{schema}", &schema(shape))));
    }

    /// Returns what the catalog says to a role, by the schema of the view.
    fn classify_as(&self, role: &str, scope: Scope<'_>) -> BTreeMap<String, TenantSafety> {
        let url = self.database.url_as(role);
        let given = Some((url.as_str(), Source::Flag("--database-url")));
        let endpoint = Endpoint {
            resolved: Target::resolve(given, &ThisMachine).expect("the URL is sound"),
            limits: Limits {
                connect: Duration::from_secs(30),
                lock: LockTimeout(Duration::from_secs(30)),
                statement: StatementTimeout(Duration::from_secs(60)),
            },
            application_name: "driftgate".into(),
            backends: Backends::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let reading = read_rights(&endpoint, scope);
        let (rights, _) = runtime
            .expect("a runtime can be made")
            .block_on(reading)
            .unwrap_or_else(|failure| panic!("{failure}"));
        classify(&rights)
            .into_iter()
            .map(|(oid, safety)| {
                let QualifiedName { schema, name } = &rights.relations[&oid].name;
                (format!("{schema}.{name}"), safety)
            })
            .collect()
    }
}

const ROLE_SETUP: &str = "
    ALTER ROLE {exempt} BYPASSRLS;
    ALTER ROLE {root} SUPERUSER;
    GRANT {table_owner} TO {member};
    GRANT {exempt} TO {exempt_member};
    GRANT {group} TO {bound};
    ALTER DATABASE {database} OWNER TO {database_owner};
    GRANT CONNECT ON DATABASE {database} TO {everyone}, {reader}";

const FROM_14: &str = "GRANT pg_read_all_data TO {all_reader}";

const SET_ONLY_BEFORE_16: &str = "
    ALTER ROLE {set_only} NOINHERIT;
    GRANT {table_owner}, {group} TO {set_only}";

const SET_ONLY: &str = "GRANT {table_owner}, {group} TO {set_only} WITH INHERIT FALSE";

fn schema(shape: &Shape) -> String {
    format!("s_{}", shape.name)
}

/// How a view is refreshed.
const WAYS: [(&str, &str); 4] = [
    ("nothing set", ""),
    ("A set", "SET LOCAL app.tenant = 'A'"),
    ("B set", "SET LOCAL app.tenant = 'B'"),
    ("by the owner", "SET LOCAL SESSION AUTHORIZATION {owner}"),
];

/// The tenants that each way of refreshing leaves, or the SQLSTATE that it ends with.
#[derive(Debug, Default)]
struct Truth {
    plain: Vec<Result<String, String>>,
    guarded: Vec<Result<String, String>>,
}

impl Truth {
    fn of(fixture: &Fixture, shape: &Shape) -> Self {
        let mut truth = Self::default();
        for (_, way) in WAYS {
            let way = way.replace("{owner}", &format!("{{{}}}", shape.owner));
            truth.plain.push(refresh(fixture, shape, &way, ""));
            truth.guarded.push(refresh(fixture, shape, &way, "SET LOCAL row_security = off"));
        }
        truth
    }

    fn loses_rows(&self) -> bool {
        self.plain.iter().any(|left| left.as_ref().is_ok_and(|left| left != ALL))
    }

    fn guard_loses_rows(&self) -> bool {
        self.guarded.iter().any(|left| left.as_ref().is_ok_and(|left| left != ALL))
    }
}

/// Refreshes in a transaction that is rolled back, in a session that never set anything.
fn refresh(fixture: &Fixture, shape: &Shape, way: &str, guard: &str) -> Result<String, String> {
    let mut session = fixture.database.session();
    let schema = schema(shape);
    let mut sql = String::from("BEGIN; SET LOCAL client_min_messages = error;");
    let settings = if way.contains("AUTHORIZATION") { "" } else { way };
    write!(sql, "{settings};").expect("a string grows");
    for upstream in shape.upstream {
        write!(sql, "REFRESH MATERIALIZED VIEW {schema}.{upstream};").expect("a string grows");
    }
    let way = if settings.is_empty() { way } else { "" };
    write!(sql, "{way};{guard};REFRESH MATERIALIZED VIEW {schema}.m").expect("a string grows");
    session.try_run(&fixture.spell(&sql)).map_err(|(code, _)| code)?;
    Ok(session.value(&format!(
        "SELECT coalesce(string_agg(DISTINCT tenant_id, ',' ORDER BY tenant_id), '')
           FROM {schema}.m"
    )))
}

/// What is wrong with a class, given the truth.
fn mistakes(shape: &Shape, safety: &TenantSafety, truth: &Truth) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            mistakes.push(format!("{}: {what}: {safety:?} {truth:?}", shape.name));
        }
    };
    let loses = truth.loses_rows();
    let clear = safety.class == SafetyClass::Clear;
    let refused = safety.class >= SafetyClass::Setting;
    expect(safety.class == shape.class, "another class than expected");
    match shape.note {
        Note::None => {
            expect(!clear || !loses, "it loses rows and is clear");
            expect(!refused || loses, "it keeps its rows and is refused");
        }
        Note::TooCautious(_) => expect(refused && !loses, "it is no longer refused for nothing"),
        Note::Unseen(_) => expect(clear && loses, "what was not seen is seen"),
    }
    let stopped = |left: &Result<String, String>| *left == Err(GUARD.into());
    if clear && !matches!(shape.note, Note::Unseen(_)) {
        expect(!truth.guard_loses_rows(), "the guard lets rows be lost");
        expect(!truth.guarded.iter().any(stopped), "the guard raises a false alarm");
    }
    if safety.own_class == SafetyClass::Rls || !safety.guard_usable {
        expect(truth.guarded.iter().all(stopped), "the guard does not see a policy");
    }
    mistakes
}

/// The SQLSTATE with which the guard stops a refresh.
const GUARD: &str = "42501";

/// Returns one row of the table of truths.
fn row(shape: &Shape, safety: &TenantSafety, truth: &Truth) -> String {
    let spell = |left: &Result<String, String>| match left {
        Ok(left) if left.is_empty() => "none".to_owned(),
        Ok(left) => left.clone(),
        Err(code) => format!("error {code}"),
    };
    let cells =
        |all: &[Result<String, String>]| all.iter().map(spell).collect::<Vec<_>>().join(" | ");
    let note = match shape.note {
        Note::None if safety.class == SafetyClass::Opaque && truth.loses_rows() => {
            "for the counting to find".to_owned()
        }
        Note::None => String::new(),
        Note::TooCautious(why) => format!("too cautious: {why}"),
        Note::Unseen(why) => format!("not seen: {why}"),
    };
    format!(
        "| {} | {} | {} | {} | {note} |\n",
        shape.name,
        safety.class.word(),
        cells(&truth.plain),
        cells(&truth.guarded),
    )
}

#[test]
fn no_view_that_loses_rows_is_clear() {
    let fixture = Fixture::new();
    let classes = fixture.classify_as(&fixture.reader, Scope::TenantSafety);
    let mut table = String::from("| shape | class |");
    for guard in ["", ", guarded"] {
        WAYS.iter().for_each(|(way, _)| write!(table, " {way}{guard} |").expect("a string grows"));
    }
    table.push_str(" note |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    let mut wrong = Vec::new();
    for shape in &fixture.shapes {
        let safety = &classes[&format!("{}.m", schema(shape))];
        let truth = Truth::of(&fixture, shape);
        table.push_str(&row(shape, safety, &truth));
        wrong.extend(mistakes(shape, safety, &truth));
    }
    if let Some(folder) = std::env::var_os("DRIFTGATE_TEST_TRUTHS") {
        let file =
            std::path::Path::new(&folder).join(format!("tenant-safety-{}.md", fixture.major));
        std::fs::write(file, table).expect("the folder is there");
    }
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn everybody_who_may_connect_is_told_the_same_reasons() {
    let fixture = Fixture::new();
    let told = fixture.classify_as(&fixture.reader, Scope::TenantSafety);
    assert_eq!(told, fixture.classify_as("postgres", Scope::Everything(&[])));

    let of = |name: &str| &told[&format!("s_{name}.m")];
    let role = |name: &str| fixture.spell(&format!("{{{name}}}"));
    for (name, as_role, policies) in [
        ("direct", "bound", vec!["p"]),
        ("exempt_view_over_bound_view", "bound", vec!["p"]),
        ("view_of_bound_role_for_exempt", "bound", vec!["p"]),
        ("by_table_owner_when_forced", "table_owner", vec!["p"]),
        ("open_but_restricted", "bound", vec!["p", "r"]),
        ("policy_for_another_role", "bound", vec![]),
    ] {
        let [by] = &of(name).filtered_by[..] else { panic!("{name}: {:?}", of(name)) };
        assert_eq!(by.as_role.as_str(), role(as_role), "{name}");
        assert_eq!(by.policies.iter().map(|name| name.as_str()).collect::<Vec<_>>(), policies);
        assert_eq!(of(name).reads_setting, !policies.is_empty(), "{name}");
    }
    assert_eq!(names(&of("upstream_two_levels_up").because_of), ["s_upstream_two_levels_up.up"]);
    assert_eq!(of("upstream_two_levels_up").own_class, SafetyClass::Clear);
    assert_eq!(names(&of("open").open_policies), ["base.opened"]);
    assert_eq!(
        names(&of("foreign_table_in_a_view").foreign_tables),
        ["s_foreign_table_in_a_view.f"]
    );
    assert_eq!(of("operator").functions, ["s_operator.f(text,text)"]);
}

fn names(names: &[QualifiedName]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
