//! The documentation held against the program and the repository: links, pages, tables,
//! command lines, registries and screens. Each rule is a function that returns complaints;
//! the last test plants a mistake for each of them, so that none of them sleeps.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{CommandFactory as _, Parser as _};

use driftgate::checks::{CHECKS, Check, Facts};
use driftgate::cli::Cli;
use driftgate::definitions::{self, Definition, End, Sides};
use driftgate::exceptions;
use driftgate::exit::Exit;
use driftgate::failure::Mistake;
use driftgate::finding::{Finding, Severity};
use driftgate::gate::{FailOn, GateId};
use driftgate::grants::{self, Chosen, Grants, Proved};
use driftgate::history::{FailedRefresh, History, LastRefresh, Records};
use driftgate::ident::{Identifier, QualifiedName, RoleName};
use driftgate::lock_key::LockKey;
use driftgate::migrations::{
    AppliedMigration, Covers, Ledger, MigrationFile, MigrationState, Migrations, Tool,
};
use driftgate::protection::Level;
use driftgate::refreshability::Via;
use driftgate::registry::Registry;
use driftgate::render::{Appearance, Detail, Format, render};
use driftgate::report::{Data, Outcome, Report, RunFacts};
use driftgate::rights::{
    Function, Grant, Membership, Oid, PUBLIC, Policy, Privilege, Relation, RelationKind, Rights,
    Role, Rule, Schema, Trigger,
};
use driftgate::schedule::{Claims, CronJob, Dispatched, PgCron};
use driftgate::serialization::{Exclusion, LockTrial, Pooling, Serialization, Turn, collisions};
use driftgate::snapshot::{IndexState, ReadStatus, ServerFacts, Snapshot, ViewState};
use driftgate::tenant_safety::SafetyClass;

// The pages

/// A page of the documentation.
struct Page {
    /// Its path below the repository's root.
    path: String,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path))
            .unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
        Self { path: path.to_owned(), text }
    }

    fn planted(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every page: those beside the registry, and those below `docs`.
fn pages() -> Vec<Page> {
    let mut paths = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned()];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("the folder is there") {
            let path = folder.join(entry.expect("an entry").file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path.display().to_string());
            }
        }
    }
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Returns the names of the pages of a folder, without their extension.
fn names_in(folder: &str) -> BTreeSet<String> {
    let prefix = format!("{folder}/");
    let paths = pages().into_iter().map(|page| page.path);
    paths
        .filter_map(|path| Some(path.strip_prefix(&prefix)?.strip_suffix(".md")?.to_owned()))
        .collect()
}

#[track_caller]
fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

// Markdown, as far as it is needed

/// A fenced block.
struct Block<'t> {
    /// What stands behind the fence, such as `sh`.
    language: &'t str,
    /// The line of the fence, counted from 1.
    line: usize,
    text: String,
}

/// Separates a text into its fenced blocks and the lines around them, with their numbers.
fn split(text: &str) -> (Vec<Block<'_>>, Vec<(usize, &str)>) {
    let (mut blocks, mut prose): (Vec<Block<'_>>, Vec<_>) = (Vec::new(), Vec::new());
    let mut is_open = false;
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), is_open) {
            (Some(_), true) => is_open = false,
            (Some(language), false) => {
                is_open = true;
                blocks.push(Block { language, line: at + 1, text: String::new() });
            }
            (None, true) => {
                let block = blocks.last_mut().expect("one is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => prose.push((at + 1, line)),
        }
    }
    assert!(!is_open, "a fence is not closed");
    (blocks, prose)
}

/// Returns the texts between backticks of a line.
fn code_spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Returns the targets of a line's links.
fn links(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// Returns the anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let (_, prose) = split(text);
    let headings = prose.iter().filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Returns the cells of the rows of a page's tables, headings and rules left out.
fn table_rows(text: &str) -> Vec<Vec<String>> {
    let (_, prose) = split(text);
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows: Vec<_> = prose
        .iter()
        .filter(|(_, line)| line.starts_with('|'))
        .map(|(_, line)| cells(line))
        .collect();
    let is_rule = |row: &Vec<String>| row.iter().all(|cell| cell.trim_matches('-').is_empty());
    let heads: BTreeSet<usize> =
        (1..rows.len()).filter(|at| is_rule(&rows[*at])).flat_map(|at| [at - 1, at]).collect();
    let rows = rows.into_iter().enumerate().filter(|(at, _)| !heads.contains(at));
    rows.map(|(_, row)| row).collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

// Links

fn broken_links(page: &Page) -> Vec<String> {
    let (_, prose) = split(&page.text);
    let here = Path::new(&page.path).parent().expect("a file is in a folder");
    let mut complaints = Vec::new();
    for (line, target) in
        prose.iter().flat_map(|(number, line)| links(line).into_iter().map(move |to| (number, to)))
    {
        if target.contains("://") {
            continue;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = root().join(here).join(file);
        let linked =
            if file.is_empty() { Ok(page.text.clone()) } else { fs::read_to_string(&path) };
        let is_there = file.is_empty() || path.exists();
        let has_anchor = || linked.is_ok_and(|text| anchors(&text).contains(anchor));
        if !is_there || (!anchor.is_empty() && !has_anchor()) {
            complaints.push(format!("{}:{line}: {target} leads nowhere", page.path));
        }
    }
    complaints
}

#[test]
fn every_relative_link_leads_somewhere() {
    let pages = pages();
    let linked: usize = pages.iter().map(|page| page.text.matches("](").count()).sum();
    assert!(linked > 40, "{linked} links: they are no longer recognised");
    assert_none(pages.iter().flat_map(broken_links).collect());
}

#[test]
fn every_page_is_linked_from_another() {
    let pages = pages();
    let mut linked = BTreeSet::from(["README.md".to_owned()]);
    for page in &pages {
        let folder = root().join(&page.path).parent().expect("a folder").to_owned();
        for target in split(&page.text).1.iter().flat_map(|(_, line)| links(line)) {
            let file = target.split('#').next().unwrap_or_default();
            if let Ok(path) = folder.join(file).canonicalize()
                && let Ok(path) = path.strip_prefix(root().canonicalize().expect("it exists"))
                && path != Path::new(&page.path)
            {
                linked.insert(path.display().to_string());
            }
        }
    }
    let lonely = pages.into_iter().map(|page| page.path).filter(|path| !linked.contains(path));
    assert_none(lonely.map(|path| format!("no page links to {path}")).collect());
}

// Checks

/// The registry of the examples in the pages of the checks.
const EXAMPLE: &str = r#"version = 1

[database]
schemas = ["public"]

[[matview]]
name       = "public.mv_daily_revenue_summary"
owner      = "matview_owner"
unique_key = ["tenant_id", "revenue_day"]

[[matview]]
name       = "public.mv_reconciliation_status"
depends_on = ["public.mv_daily_revenue_summary"]

[[exception]]
check   = "view-unpopulated"
subject = "public.mv_reconciliation_status"
reason  = "filled by the first nightly run"
until   = 2026-12-31

[[exception]]
check   = "owner-drift"
subject = "public.mv_daily_revenue_summary"
reason  = "handed back with the next deployment"
until   = 2026-11-20
"#;

fn live(name: &str, key: &[&str]) -> ViewState {
    let index = IndexState {
        name: Identifier::from_catalog("mv_key"),
        columns: key.iter().map(|column| Some(Identifier::from_catalog(*column))).collect(),
        unique: true,
        valid: true,
        usable_for_concurrent: true,
    };
    ViewState {
        oid: 1,
        name: name.parse().expect("a name"),
        owner: RoleName::from_catalog("matview_owner"),
        populated: true,
        rows_estimate: None,
        comment: None,
        indexes: vec![index],
        depends_on: BTreeSet::new(),
        dependents: BTreeSet::new(),
        status: ReadStatus::Ok,
        size_bytes: None,
        definition_sha256: None,
    }
}

fn file(version: i64, words: &str) -> MigrationFile {
    let file = format!("migrations/{version:04}_{words}.sql");
    MigrationFile {
        checksum: vec![1],
        ..MigrationFile::of_version(version.to_string(), words.replace('_', " "), file)
    }
}

fn applied(version: i64, description: &str) -> AppliedMigration {
    AppliedMigration {
        id: version.to_string(),
        description: description.to_owned(),
        installed_on: Some(DateTime::<Utc>::UNIX_EPOCH),
        success: true,
        checksum: vec![1],
        covers: Covers::Itself,
    }
}

/// Returns revisions in which all is wrong that only Alembic's can be.
fn revisions() -> MigrationState {
    let revision = |id: &str, words: &str, parents: &[&str]| MigrationFile {
        parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        line: 14,
        parents_line: 15,
        ..MigrationFile::of_version(id, words, format!("alembic/versions/{id}_{words}.py"))
    };
    let files = vec![
        revision("1975ea83b712", "tenants", &[]),
        revision("1975ea83b712", "tenants_copy", &[]),
        revision("ae1027a6acf0", "revenue", &["27c6a30d7c24"]),
        revision("b4fd20cc3a11", "views", &["c3b1a7d20f55"]),
        revision("c3b1a7d20f55", "roles", &["b4fd20cc3a11"]),
    ];
    let project = Migrations::new(Tool::Alembic, "alembic.ini", files);
    MigrationState { project, ledger: Ledger::Missing }
}

/// Returns one finding of each check, from databases, a ledger and rights in which all of
/// it is wrong.
fn example_findings() -> BTreeMap<&'static str, Finding> {
    let mut findings = drifted_findings();
    for (slug, finding) in findings_about_rights() {
        findings.entry(slug).or_insert(finding);
    }
    for (slug, finding) in findings_about_locks() {
        findings.entry(slug).or_insert(finding);
    }
    for (slug, finding) in findings_about_schedules() {
        findings.entry(slug).or_insert(finding);
    }
    for (slug, finding) in findings_about_freshness() {
        findings.entry(slug).or_insert(finding);
    }
    let about_definitions = finding_about_a_definition();
    findings.insert(about_definitions.check, about_definitions);
    findings
}

/// Returns the finding about a view that is not what a file declares.
fn finding_about_a_definition() -> Finding {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::create_dir(folder.path().join("views")).expect("a folder can be made");
    fs::write(folder.path().join("views/mv_status.sql"), "SELECT 1")
        .expect("a file can be written");
    let text = "version = 1\n\n[[matview]]\nname       = \"public.mv_status\"\n\
                definition = \"views/mv_status.sql\"\n";
    let registry = Registry::parse(text, "registry.toml", folder.path(), &[]).expect("no mistakes");
    let definition = |text: &str| Definition {
        rounds: vec![text.to_owned()],
        end: End::Settled,
        pretty: text.to_owned(),
        columns: Vec::new(),
        server_major: 15,
    };
    let expected = definition(" SELECT id\n   FROM public.orders\n  WHERE is_open;");
    let found = definition(" SELECT id\n   FROM public.orders;");
    let sides = Sides { expected: "views/mv_status.sql", found: "public.mv_status" };
    let compared = definitions::compare(&expected, &found, sides);
    let view = live("public.mv_status", &["id"]);
    let compared = BTreeMap::from([(view.name.clone(), compared)]);
    let snapshot = snapshot_of(vec![view]);
    let facts = Facts::new(&registry, Ok(&snapshot), Err("not looked".into()));
    let facts = facts.with_definitions(Ok(&compared));
    let today = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
    let judged = driftgate::judgement::judge(&[GateId::Eg3], &facts, FailOn::Error, today);
    judged.findings.into_iter().next().expect("it differs")
}

/// Returns the findings about a view whose last refresh was long ago, and about one of which
/// none is on record.
fn findings_about_freshness() -> BTreeMap<&'static str, Finding> {
    let text = "version = 1\n\n[[matview]]\nname          = \"public.mv_revenue\"\n\
                max_staleness = \"2h30m\"\n\n[[matview]]\nname          = \"public.mv_status\"\n\
                max_staleness = \"2h30m\"\n";
    let registry = Registry::parse(text, "registry.toml", root(), &[]).expect("no mistakes");
    let read_at = DateTime::<Utc>::UNIX_EPOCH;
    let last = LastRefresh {
        as_of: read_at - Duration::from_secs(5 * 3_600),
        duration_ms: 812,
        typical_ms: 812,
        touched_since: Some(false),
    };
    let failed = FailedRefresh {
        at: read_at,
        outcome: "TIMED_OUT".to_owned(),
        sqlstate: Some("57014".to_owned()),
    };
    let revenue: QualifiedName = "public.mv_revenue".parse().expect("a name");
    let history = History::Known(Records {
        writable: Ok(()),
        read_at,
        last_success: [(revenue.clone(), last)].into(),
        failed_since: [(revenue, failed)].into(),
    });
    let views = ["public.mv_revenue", "public.mv_status"].map(|name| live(name, &["id"]));
    let snapshot = snapshot_of(views.into());
    let facts = Facts::new(&registry, Ok(&snapshot), Err("not looked".into()));
    let facts = facts.with_history(Ok(&history));
    let judged = driftgate::judgement::judge(&[GateId::Eg8], &facts, FailOn::Error, NaiveDate::MIN);
    judged.findings.into_iter().map(|finding| (finding.check, finding)).collect()
}

/// Classes of which something is wrong with each.
const EXAMPLE_OF_SCHEDULES: &str = r#"version = 1

[schedules]
realtime = { every = "60s" }
hourly   = { cron = "0 * * * *" }
nightly  = { cron = "0 3 * * *" }
spare    = { every = "10m" }

[[matview]]
name     = "public.mv_channel_performance"
schedule = "realtime"

[[matview]]
name          = "public.mv_daily_revenue_summary"
schedule      = "hourly"
max_staleness = "30m"

[[matview]]
name     = "public.mv_reconciliation_status"
schedule = "nightly"
"#;

/// Returns one finding of each check on schedules.
fn findings_about_schedules() -> BTreeMap<&'static str, Finding> {
    let registry = Registry::parse(EXAMPLE_OF_SCHEDULES, "registry.toml", root(), &[]);
    let registry = registry.expect("no mistakes");
    let read_at = DateTime::from_timestamp(1_795_428_000, 0).expect("a time");
    let ticked = |seconds| Claims {
        last_tick: read_at - Duration::from_secs(seconds),
        last_claimed_at: read_at - Duration::from_secs(seconds),
        last_outcome: Some("SUCCESS".to_owned()),
        ticks_of_a_day: 20,
        missed_of_a_day: 0,
    };
    let job = CronJob {
        name: "driftgate:hourly:public.mv_daily_revenue_summary".to_owned(),
        schedule: "30 * * * *".to_owned(),
        command: "SELECT 1".to_owned(),
        active: true,
        last_start: Some(read_at),
        last_status: Some("succeeded".to_owned()),
    };
    let dispatched = Dispatched {
        read_at,
        claims: Ok([("realtime", 900), ("hourly", 0)]
            .map(|(name, seconds)| (name.to_owned(), ticked(seconds)))
            .into()),
        cron: PgCron::Jobs(vec![job]),
    };
    let last = LastRefresh {
        as_of: read_at,
        duration_ms: 92_000,
        typical_ms: 92_000,
        touched_since: Some(false),
    };
    let view: QualifiedName = "public.mv_channel_performance".parse().expect("a name");
    let history = History::Known(Records {
        writable: Ok(()),
        read_at,
        last_success: [(view, last)].into(),
        failed_since: BTreeMap::new(),
    });
    let not_looked = || "not looked".to_owned();
    let facts = Facts::new(&registry, Err(not_looked()), Err(not_looked()))
        .with_schedule(Ok(&dispatched))
        .with_history(Ok(&history));
    let judged = driftgate::judgement::judge(&[GateId::Eg5], &facts, FailOn::Error, NaiveDate::MIN);
    judged.findings.into_iter().map(|finding| (finding.check, finding)).collect()
}

/// Makes a snapshot of views.
fn snapshot_of(views: Vec<ViewState>) -> Snapshot {
    Snapshot {
        server: ServerFacts {
            database: "app".to_owned(),
            role: RoleName::from_catalog("operator"),
            version: "15.18".to_owned(),
            version_num: 150_018,
            in_recovery: false,
            read_only: false,
            read_at: DateTime::<Utc>::UNIX_EPOCH,
            database_oid: 5,
            server_started: DateTime::<Utc>::UNIX_EPOCH,
        },
        views: views.into_iter().map(|view| (view.name.clone(), view)).collect(),
    }
}

/// Returns one finding of each check of views, migrations and exceptions.
fn drifted_findings() -> BTreeMap<&'static str, Finding> {
    let summary = "public.mv_daily_revenue_summary";
    let status = "public.mv_reconciliation_status";
    let key = ["tenant_id", "revenue_day"];
    let as_declared = || (live(summary, &key), live(status, &["tenant_id"]));
    let with = |change: &dyn Fn(&mut ViewState)| {
        let (mut first, second) = as_declared();
        change(&mut first);
        vec![first, second]
    };
    let another = |name: &str| {
        let (first, second) = as_declared();
        vec![first, second, live(name, &key)]
    };
    let itself: QualifiedName = status.parse().expect("a name");
    let databases = [
        vec![as_declared().0],
        vec![as_declared().1],
        another("public.mv_top_tenants"),
        another("staging.mv_trial"),
        with(&|view| view.populated = false),
        with(&|view| view.owner = RoleName::from_catalog("app_user")),
        with(&|view| view.indexes.clear()),
        with(&|view| {
            view.depends_on.insert(itself.clone());
        }),
    ];
    let changed = AppliedMigration { checksum: vec![2], ..applied(2, "tenants") };
    let half = AppliedMigration { success: false, ..applied(3, "attribution") };
    let files = vec![
        file(1, "roles"),
        file(2, "tenants"),
        file(3, "attribution"),
        file(4, "campaigns"),
        file(4, "vouchers"),
    ];
    let ledger = Ledger::Read(vec![applied(1, "roles"), changed, half, applied(5, "refunds")]);
    let project = Migrations::new(Tool::Sqlx, "migrations", files);
    let migrations = MigrationState { project, ledger };
    let slugs = driftgate::checks::slugs();
    let registry = Registry::parse(EXAMPLE, "registry.toml", root(), &slugs).expect("no mistakes");
    let today = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
    let mut findings = BTreeMap::new();
    for views in databases {
        let snapshot = snapshot_of(views);
        let facts = Facts::new(&registry, Ok(&snapshot), Ok(&migrations));
        let judged =
            driftgate::judgement::judge(&GateId::ALL, &facts, FailOn::Error, today).findings;
        for finding in judged {
            findings.entry(finding.check).or_insert(finding);
        }
    }
    let revisions = revisions();
    let facts = Facts::new(&registry, Err("not looked at".to_owned()), Ok(&revisions));
    for finding in driftgate::checks::run(&[GateId::Eg1], &facts).findings {
        findings.entry(finding.check).or_insert(finding);
    }
    findings
}

/// The registry of the examples in the pages of the checks on rights.
const EXAMPLE_OF_RIGHTS: &str = r#"version = 1

[database]
schemas = ["public"]

[roles.refresh_worker]
refresh = ["*"]

[roles.app_user]
tenant_facing  = true
read           = []
must_not_write = ["public.revenue_ledger"]

[roles.report_reader]
read = ["public.mv_reconciliation_status"]

[[matview]]
name          = "public.mv_daily_revenue_summary"
owner         = "matview_owner"
tenant_column = "tenant_id"

[[matview]]
name = "public.mv_reconciliation_status"
"#;

const LEDGER: &str = "public.revenue_ledger";
const DAILY: &str = "public.mv_daily_revenue_summary";
const STATUS: &str = "public.mv_reconciliation_status";

/// Rights made by hand.
#[derive(Clone)]
struct World(Rights);

impl World {
    /// Makes rights in which nothing is wrong with [`EXAMPLE_OF_RIGHTS`].
    fn as_declared() -> Self {
        let mut world = Self(Rights::default());
        world.0.version_num = 150_018;
        world.0.database_grants.push(everybody(Privilege::Temporary));
        for name in ["matview_owner", "table_owner", "refresh_worker", "app_user", "report_reader"]
        {
            let role = Role {
                name: RoleName::from_catalog(name),
                superuser: false,
                inherit: true,
                bypass_rls: name == "matview_owner",
                can_login: true,
                create_role: false,
            };
            let oid = world.next();
            world.0.roles.insert(oid, role);
        }
        let public = Schema {
            name: Identifier::from_catalog("public"),
            owner: world.role("table_owner"),
            grants: vec![everybody(Privilege::Usage)],
        };
        world.0.schemas.insert(2, public);
        let (group, member) = (world.role("matview_owner"), world.role("refresh_worker"));
        let grantor = world.role("table_owner");
        world.0.memberships.push(Membership {
            group,
            member,
            inherit: true,
            set: true,
            admin: false,
            grantor,
        });
        world.relation(LEDGER, RelationKind::Table, "table_owner", &["tenant_id", "amount_cents"]);
        world.relation(DAILY, RelationKind::Matview, "matview_owner", &["tenant_id", "net_cents"]);
        world.relation(STATUS, RelationKind::Matview, "matview_owner", &["revenue_day"]);
        world.grant(LEDGER, "matview_owner", Privilege::Select);
        let ledger = world.oid(LEDGER);
        for view in [DAILY, STATUS] {
            let rule = Rule { reads: [(ledger, [1, 2].into())].into(), ..Rule::default() };
            let view = world.oid(view);
            world.0.rules.insert(view, rule);
        }
        let table = world.relation_mut(LEDGER);
        table.row_security = true;
        table.policies.push(Policy {
            name: Identifier::from_catalog("tenant_isolation"),
            permissive: true,
            roles: vec![PUBLIC],
            always_true: false,
            reads_setting: true,
        });
        world
    }

    fn next(&self) -> Oid {
        let so_far = self.0.roles.len() + self.0.relations.len();
        100 + Oid::try_from(so_far).expect("there are few")
    }

    fn relation(&mut self, name: &str, kind: RelationKind, owner: &str, columns: &[&str]) {
        let owner = self.role(owner);
        let own = |privilege| Grant { grantee: owner, privilege, grantor: owner };
        let relation = Relation {
            name: name.parse().expect("a name"),
            schema: 2,
            kind,
            owner,
            grants: [Privilege::Select].into_iter().chain(Privilege::WRITING).map(own).collect(),
            column_grants: BTreeMap::new(),
            columns: (1..).zip(columns.iter().map(|one| Identifier::from_catalog(*one))).collect(),
            row_security: false,
            force_row_security: false,
            security_invoker: false,
            policies: Vec::new(),
            triggers: Vec::new(),
        };
        let oid = self.next();
        self.0.relations.insert(oid, relation);
    }

    fn role(&self, name: &str) -> Oid {
        let found = self.0.roles.iter().find(|(_, role)| role.name.as_str() == name);
        *found.expect("a role of the world").0
    }

    fn oid(&self, name: &str) -> Oid {
        let found = self.0.relations.iter().find(|(_, relation)| relation.name.to_string() == name);
        *found.expect("a relation of the world").0
    }

    fn relation_mut(&mut self, name: &str) -> &mut Relation {
        let oid = self.oid(name);
        self.0.relations.get_mut(&oid).expect("a relation of the world")
    }

    fn grant(&mut self, relation: &str, role: &str, privilege: Privilege) {
        let grantee = self.role(role);
        let relation = self.relation_mut(relation);
        relation.grants.push(Grant { grantee, privilege, grantor: relation.owner });
    }

    /// Gives a view to a role, with the right to read what the view reads.
    fn hand_over(&mut self, view: &str, role: &str) {
        self.grant(LEDGER, role, Privilege::Select);
        let (from, to) = (self.relation_mut(view).owner, self.role(role));
        let relation = self.relation_mut(view);
        relation.owner = to;
        for grant in relation.grants.iter_mut().filter(|grant| grant.grantee == from) {
            (grant.grantee, grant.grantor) = (to, to);
        }
    }

    fn compared(self, registry: &Registry) -> Grants {
        grants::compare(registry, &self.0.indexed(), &Chosen::default())
    }
}

fn everybody(privilege: Privilege) -> Grant {
    Grant { grantee: PUBLIC, privilege, grantor: 1 }
}

fn registry_of_rights() -> Registry {
    let slugs = driftgate::checks::slugs();
    Registry::parse(EXAMPLE_OF_RIGHTS, "registry.toml", root(), &slugs).expect("no mistakes")
}

fn judged_rights(registry: &Registry, grants: &Grants) -> Vec<Finding> {
    let not_looked = || "not looked".to_owned();
    let facts = Facts::new(registry, Err(not_looked()), Err(not_looked()))
        .with_grants(Ok(grants), Some(DateTime::<Utc>::UNIX_EPOCH));
    let gates = [GateId::Eg4, GateId::Eg7];
    driftgate::judgement::judge(&gates, &facts, FailOn::Error, NaiveDate::MIN).findings
}

/// Returns one finding of each check of rights and of tenants, each from a world in which
/// nothing else is wrong but what comes with it.
fn findings_about_rights() -> BTreeMap<&'static str, Finding> {
    let registry = registry_of_rights();
    let with = |change: &dyn Fn(&mut World)| {
        let mut world = World::as_declared();
        change(&mut world);
        world.compared(&registry)
    };
    let keep = Trigger {
        name: Identifier::from_catalog("append_only"),
        events: Privilege::WRITING.into(),
        refuses: true,
        reads_setting: false,
        conditional: false,
        always: true,
        function_owner: World::as_declared().role("table_owner"),
    };
    let rate = Function {
        signature: "app.rate(text)".to_owned(),
        schema: Identifier::from_catalog("app"),
        unqualified: vec!["rates".to_owned()],
        owner: World::as_declared().role("table_owner"),
        grants: vec![everybody(Privilege::Execute)],
        security_definer: false,
        language: "plpgsql".to_owned(),
        reads_setting: false,
        touches_row_security: false,
        sets_search_path: false,
        has_text_body: true,
    };
    let mut proved = with(&|_| {});
    let able = proved.refreshes.iter_mut().find(|one| one.judged.can_refresh == Some(true));
    able.expect("the worker can").proved = Some(Proved::Denied);
    let worlds = [
        with(&|world| {
            let gone = world.role("report_reader");
            world.0.roles.remove(&gone);
        }),
        with(&|world| {
            let owner = world.role("matview_owner");
            let ledger = world.relation_mut(LEDGER);
            ledger.grants.retain(|grant| grant.grantee != owner);
        }),
        proved,
        with(&|world| world.grant(DAILY, "app_user", Privilege::Select)),
        with(&|world| world.grant(LEDGER, "app_user", Privilege::Insert)),
        with(&|world| {
            world.grant(LEDGER, "app_user", Privilege::Insert);
            world.relation_mut(LEDGER).triggers.push(keep.clone());
        }),
        with(&|world| {
            let over = "public.open_orders";
            world.relation(over, RelationKind::View, "table_owner", &["tenant_id"]);
            let (view, ledger) = (world.oid(over), world.oid(LEDGER));
            let rule = Rule { reads: [(ledger, [1].into())].into(), ..Rule::default() };
            world.0.rules.insert(view, rule);
            world.grant(over, "app_user", Privilege::Insert);
        }),
        with(&|world| {
            let view = world.oid(DAILY);
            world.0.functions.insert(900, rate.clone());
            world.0.rules.get_mut(&view).expect("it has a query").calls.insert(900);
        }),
        with(&|world| world.hand_over(DAILY, "app_user")),
        with(&|world| world.hand_over(STATUS, "app_user")),
        with(&|world| {
            let tenant = Identifier::from_catalog("tenant");
            world.relation_mut(DAILY).columns.insert(1, tenant);
        }),
    ];
    let mut findings = BTreeMap::new();
    for grants in &worlds {
        for finding in judged_rights(&registry, grants) {
            findings.entry(finding.check).or_insert(finding);
        }
    }
    findings
}

/// The registry of the examples in the pages of the checks on locks.
const EXAMPLE_OF_LOCKS: &str = r#"version = 1

[locks]
scheme = "int32"

[[matview]]
name = "public.mv_daily_revenue_summary"

[[matview]]
name = "audit.mv_daily_revenue_summary"
"#;

/// Returns one finding of each check on locks.
fn findings_about_locks() -> BTreeMap<&'static str, Finding> {
    let slugs = driftgate::checks::slugs();
    let registry =
        Registry::parse(EXAMPLE_OF_LOCKS, "registry.toml", root(), &slugs).expect("no mistakes");
    let trial = LockTrial {
        key: LockKey::One([-1_207_439_127]),
        one_database: false,
        first_given: true,
        second_given: Some(true),
        given_after_rollback: None,
        left_behind: Some(0),
    };
    let turns = vec![
        Turn { session: 1, pid: 4711, started: None },
        Turn { session: 2, pid: 4711, started: None },
    ];
    let locks = Serialization {
        database: "app".to_owned(),
        collisions: collisions::find(&registry, Ok(&["acme".to_owned()])),
        exclusion: Ok(Exclusion { trial: Ok(trial), pooling: Pooling::Transaction { turns } }),
    };
    let not_looked = || "not looked".to_owned();
    let facts =
        Facts::new(&registry, Err(not_looked()), Err(not_looked())).with_serialization(Ok(&locks));
    let gates = [GateId::Eg6];
    let judged = driftgate::judgement::judge(&gates, &facts, FailOn::Error, NaiveDate::MIN);
    judged.findings.into_iter().map(|finding| (finding.check, finding)).collect()
}

#[test]
fn nothing_is_found_in_rights_as_declared() {
    let registry = registry_of_rights();
    assert_eq!(judged_rights(&registry, &World::as_declared().compared(&registry)), []);
}

/// Returns a finding as the program prints it.
fn printed(finding: &Finding) -> String {
    let mut outcome = Outcome::new(Data::Nothing {});
    outcome.findings = vec![finding.clone()];
    let run = RunFacts { run_id: uuid::Uuid::nil(), started_at: DateTime::<Utc>::UNIX_EPOCH };
    let report =
        Report { command: "preflight".to_owned(), run, duration: Default::default(), outcome };
    let appearance = Appearance { color: false, width: 80, detail: Detail::Normal };
    let mut out = Vec::new();
    render(&report, Format::Human, appearance, &mut out).expect("memory takes it");
    let text = String::from_utf8(out).expect("text");
    text.trim().to_owned()
}

/// The parts of a check's page, in their order.
const PARTS: [&str; 7] =
    ["Problem", "Compared", "Evidence", "Remedy", "Quiet", "Undecided", "Exception"];

/// The length of a check's page, in lines.
const SHORT: usize = 40;

fn flaws_of_a_check(page: &Page, slug: &str, finding: &Finding) -> Vec<String> {
    let mut wanted = vec![
        (format!("# `{slug}`\n"), "the slug as its title"),
        (format!("{} `{}`", finding.gate, finding.gate.slug()), "its gate"),
        (printed(finding), "the finding as it is printed"),
    ];
    if let Some(check) = CHECKS.iter().find(|check| check.slug == slug) {
        wanted.push((check.summary.to_owned(), "its summary"));
    }
    wanted.push((format!("\n{} in gate ", finding.severity.word()), "its severity"));
    let mut complaints: Vec<String> = wanted
        .iter()
        .filter(|(text, _)| !page.text.contains(text))
        .map(|(text, what)| format!("{}: {what} is not there:\n{text}", page.path))
        .collect();
    if let Some(query) = &finding.evidence.query
        && !squeezed(&page.text).contains(&squeezed(query))
    {
        complaints.push(format!("{}: the query is not there:\n{query}", page.path));
    }
    let parts = page.text.lines().filter_map(|line| line.strip_prefix("**")?.split_once(".**"));
    let parts: Vec<&str> = parts.map(|(name, _)| name).collect();
    if parts != PARTS {
        complaints.push(format!("{}: its parts are {parts:?}", page.path));
    }
    if page.text.lines().count() > SHORT {
        complaints.push(format!("{}: it is longer than {SHORT} lines", page.path));
    }
    complaints
}

#[test]
fn every_check_has_a_page_and_every_page_a_check() {
    let slugs = CHECKS.iter().map(|check| check.slug).chain(exceptions::SLUGS);
    assert_eq!(names_in("docs/checks"), slugs.map(str::to_owned).collect());
}

#[test]
fn every_page_of_a_check_shows_what_the_program_says() {
    let findings = example_findings();
    let pages = names_in("docs/checks");
    let mut complaints = Vec::new();
    for slug in &pages {
        let finding = findings.get(slug.as_str()).unwrap_or_else(|| panic!("{slug} never fires"));
        let page = Page::read(&format!("docs/checks/{slug}.md"));
        complaints.extend(flaws_of_a_check(&page, slug, finding));
    }
    assert_none(complaints);
}

// Gates and exit codes

fn flaws_of_the_gates(page: &Page) -> Vec<String> {
    let judged = |gate| CHECKS.iter().any(|check| check.gate == gate);
    let expected: Vec<Vec<String>> = GateId::ALL
        .into_iter()
        .map(|gate| {
            let word = if judged(gate) { "yes" } else { "no" };
            let cells = [gate.id(), &format!("`{}`", gate.slug()), gate.title(), word];
            cells.into_iter().map(str::to_owned).collect()
        })
        .collect();
    let rows = table_rows(&page.text);
    let missing = expected.iter().filter(|row| !rows.contains(row));
    missing.map(|row| format!("{}: the row {row:?} is not there", page.path)).collect()
}

#[test]
fn the_gates_are_those_of_the_program() {
    assert_none(flaws_of_the_gates(&Page::read("docs/gates.md")));
}

/// Complains about checks that are not listed below the heading of their gate, with their
/// severity and what they find.
fn flaws_of_the_lists(page: &Page, checks: &[Check]) -> Vec<String> {
    let text = squeezed(&page.text);
    let section = |gate: GateId| {
        let heading = format!("## The checks of {gate} ");
        let (_, behind) = text.split_once(&heading)?;
        Some(behind.split(" ## ").next().unwrap_or(behind).to_owned())
    };
    let is_listed = |check: &&Check| {
        let severity = match check.severity {
            Severity::Error => String::new(),
            other => format!(" ({})", other.word()),
        };
        let slug = check.slug;
        let line = format!("- [`{slug}`](checks/{slug}.md){severity}: {}", check.summary);
        section(check.gate).is_some_and(|section| section.contains(&line))
    };
    let missing = checks.iter().filter(|check| !is_listed(check));
    missing.map(|check| format!("{}: {} is not listed", page.path, check.slug)).collect()
}

#[test]
fn every_check_is_listed_below_its_gate() {
    assert_none(flaws_of_the_lists(&Page::read("docs/gates.md"), CHECKS));
}

// Words of the rights

/// Complains about words that no table of a page explains, in the first cell of a row.
fn words_without_a_row(page: &Page, words: &[&str]) -> Vec<String> {
    let rows = table_rows(&page.text);
    let explained: BTreeSet<&str> =
        rows.iter().filter_map(|row| row.first()).flat_map(|cell| code_spans(cell)).collect();
    let missing = words.iter().filter(|word| !explained.contains(*word));
    missing.map(|word| format!("{}: {word} is not explained", page.path)).collect()
}

#[test]
fn every_word_about_rights_is_explained() {
    let classes = [SafetyClass::Clear, SafetyClass::Opaque, SafetyClass::Setting, SafetyClass::Rls];
    let page = Page::read("docs/tenant-safety.md");
    assert_none(words_without_a_row(&page, &classes.map(SafetyClass::word)));
    let page = Page::read("docs/commands/check-grants.md");
    let levels = [Level::Denied, Level::Trigger, Level::Allowed, Level::Void];
    assert_none(words_without_a_row(&page, &levels.map(Level::word)));
    let via = [Via::Owner, Via::Member, Via::Maintain, Via::Superuser, Via::None_];
    assert_none(words_without_a_row(&page, &via.map(Via::as_str)));
}

fn flaws_of_the_exit_codes(page: &Page) -> Vec<String> {
    let codes = table_rows(&page.text);
    let codes: Vec<String> = codes.iter().filter_map(|row| row.first().cloned()).collect();
    let expected: Vec<String> = Exit::ALL.iter().map(|exit| exit.code().to_string()).collect();
    if codes == expected {
        return Vec::new();
    }
    vec![format!("{}: the codes are {codes:?}, and should be {expected:?}", page.path)]
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    assert_none(flaws_of_the_exit_codes(&Page::read("docs/exit-codes.md")));
}

#[test]
fn the_help_and_the_readme_name_every_exit_code() {
    let help = Cli::command().render_long_help().to_string();
    let readme = Page::read("README.md").text;
    for exit in Exit::ALL {
        let code = exit.code().to_string();
        let in_help = help.split_whitespace().any(|word| word == code);
        assert!(in_help, "{code} is not in the help");
        let in_readme = table_rows(&readme).iter().any(|row| row[0].split(", ").any(|c| c == code));
        assert!(in_readme, "{code} is not in README.md");
    }
}

// Commands

/// Returns a command with all its subcommands, each with its words.
fn commands(command: &clap::Command, words: &str) -> Vec<(String, clap::Command)> {
    let mut found = Vec::new();
    for below in command.get_subcommands() {
        let words = format!("{words} {}", below.get_name());
        found.extend(commands(below, &words));
        found.push((words, below.clone()));
    }
    found
}

fn flaws_of_a_command(page: &Page, command: &clap::Command) -> Vec<String> {
    let mut wanted = vec![format!("# `{}`\n", command.get_name())];
    for (words, below) in commands(command, command.get_name()) {
        wanted.push(format!("`{words}`"));
        wanted.extend(own_options(&below));
    }
    wanted.extend(own_options(command));
    wanted.extend(
        ["## Examples", "## Options", "## Exit codes", "## Rights", "## Sent to the server"]
            .map(str::to_owned),
    );
    wanted.push("## What it does not do".to_owned());
    wanted
        .into_iter()
        .filter(|text| !page.text.contains(text))
        .map(|text| format!("{}: {} is not there", page.path, text.trim()))
        .collect()
}

/// Returns the options of a command that not every command has.
fn own_options(command: &clap::Command) -> Vec<String> {
    let own = command.get_arguments().filter(|option| !option.is_global_set());
    own.filter_map(|option| Some(format!("`--{}", option.get_long()?))).collect()
}

#[test]
fn every_command_has_a_page_that_names_its_options() {
    let program = Cli::command();
    let names = program.get_subcommands().map(|command| command.get_name().to_owned());
    assert_eq!(names_in("docs/commands"), names.collect());
    let flaws = program.get_subcommands().flat_map(|command| {
        let page = Page::read(&format!("docs/commands/{}.md", command.get_name()));
        flaws_of_a_command(&page, command)
    });
    assert_none(flaws.collect());
}

/// Returns the words of a command line up to what the shell would take for itself.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut is_word = false;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                is_word = true;
            }
            (None, ';' | '|' | '>' | '<' | '&') => break,
            (None, '#') if word.is_empty() => break,
            (None, c) if c.is_whitespace() => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            (None, c) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// Returns the command lines of a page, from blocks and from backticks, with their lines.
fn command_lines(page: &Page) -> Vec<(usize, String)> {
    let (blocks, prose) = split(&page.text);
    let mut lines = Vec::new();
    for block in blocks {
        let is_script = block.language == "sh";
        for (at, line) in block.text.lines().enumerate() {
            let prompted = line.trim().strip_prefix("$ ");
            if let Some(line) = prompted.or(is_script.then_some(line.trim())) {
                lines.push((block.line + at + 1, line.to_owned()));
            }
        }
    }
    for (at, line) in prose {
        lines.extend(code_spans(line).into_iter().map(|span| (at, span.to_owned())));
    }
    lines
}

/// Returns the words of a line that runs this program with some argument.
fn typed(line: &str) -> Option<Vec<String>> {
    let words = words(line);
    let is_assignment = |word: &String| word.contains('=') && !word.starts_with('-');
    let typed: Vec<String> = words.into_iter().skip_while(is_assignment).collect();
    (typed.len() > 1 && typed[0] == "driftgate").then_some(typed)
}

fn lines_that_do_not_parse(page: &Page) -> Vec<String> {
    let mut complaints = Vec::new();
    for (at, line) in command_lines(page) {
        let Some(typed) = typed(&line) else { continue };
        if let Err(error) = Cli::try_parse_from(&typed)
            && error.use_stderr()
        {
            complaints.push(format!("{}:{at}: {line}\n{error}", page.path));
        }
    }
    complaints
}

#[test]
fn every_command_line_is_understood_by_the_program() {
    let pages = pages();
    let lines = pages.iter().flat_map(command_lines);
    let count = lines.filter(|(_, line)| typed(line).is_some()).count();
    assert!(count > 25, "{count} command lines: they are no longer recognised");
    assert_none(pages.iter().flat_map(lines_that_do_not_parse).collect());
}

#[test]
fn every_help_fits_80_columns_and_its_examples_are_understood() {
    let program = Cli::command();
    let below = commands(&program, "driftgate").into_iter().map(|(words, _)| words);
    let mut complaints = Vec::new();
    for words in below.chain(["driftgate".to_owned()]) {
        let asking = words.split(' ').chain(["--help"]);
        let help = Cli::try_parse_from(asking).expect_err("an answer").to_string();
        let wide = help.lines().filter(|line| line.chars().count() > 80);
        complaints.extend(wide.map(|line| format!("{words} --help: too wide: {line}")));
        let mut examples = String::new();
        for line in help.lines().filter(|line| line.starts_with("  driftgate ")) {
            examples.push_str(&format!("```sh\n{line}\n```\n"));
        }
        let is_top = words.split(' ').count() == 2;
        if is_top && examples.matches("```sh").count() < 2 {
            complaints.push(format!("{words} --help: fewer than two examples"));
        }
        complaints.extend(lines_that_do_not_parse(&Page::planted(&words, &examples)));
    }
    assert_none(complaints);
}

// The registry

fn registries_with_mistakes(page: &Page) -> Vec<String> {
    let slugs = driftgate::checks::slugs();
    let mut complaints = Vec::new();
    for block in split(&page.text).0.iter().filter(|block| block.language == "toml") {
        let text = match block.text.split_whitespace().next() {
            Some("version") => block.text.clone(),
            Some("[[exception]]") => format!("version = 1\n{}", block.text),
            _ => continue,
        };
        let mistakes = Registry::parse(&text, "registry.toml", root(), &slugs).err();
        complaints.extend(mistakes.into_iter().flatten().map(|mistake| {
            format!("{}:{}: {}", page.path, block.line, shown(&mistake).join("\n"))
        }));
    }
    complaints
}

/// Returns the lines in which a mistake is printed.
fn shown(mistake: &Mistake) -> Vec<String> {
    let line = mistake.line.map_or_else(String::new, |line| format!(":{line}"));
    let first = format!("  {}{line}: {}", mistake.file, mistake.message);
    let hint = mistake.hint.iter().map(|hint| format!("      hint: {hint}"));
    std::iter::once(first).chain(hint).collect()
}

#[test]
fn every_registry_loads() {
    let pages = pages();
    let count = |page: &Page| split(&page.text).0.iter().filter(|b| b.language == "toml").count();
    assert!(pages.iter().map(count).sum::<usize>() > 15, "they are no longer recognised");
    assert_none(pages.iter().flat_map(registries_with_mistakes).collect());
}

/// Returns the keys that each table of the registry knows, by the heading of its section
/// in `docs/registry.md`: the hint about an unknown key lists them.
fn known_keys() -> BTreeMap<&'static str, BTreeSet<String>> {
    const UNKNOWN: &str = "an_unknown_key = 1";
    let tables = [
        ("The file", format!("{UNKNOWN}\nversion = 1")),
        ("`[database]`", format!("version = 1\n[database]\n{UNKNOWN}")),
        ("`[migrations]`", format!("version = 1\n[migrations]\n{UNKNOWN}")),
        ("`[tenancy]`", format!("version = 1\n[tenancy]\n{UNKNOWN}")),
        ("`[locks]`", format!("version = 1\n[locks]\n{UNKNOWN}")),
        ("`[roles.NAME]`", format!("version = 1\n[roles.a]\n{UNKNOWN}")),
        ("`[schedules]`", format!("version = 1\n[schedules.a]\nevery = '1h'\n{UNKNOWN}")),
        ("`[[matview]]`", format!("version = 1\n[[matview]]\nname = 'public.a'\n{UNKNOWN}")),
        ("`[[task]]`", format!("version = 1\n[[task]]\nname = 'a'\n{UNKNOWN}")),
        ("`[gates]`", format!("version = 1\n[gates]\n{UNKNOWN}")),
        ("`[[exception]]`", format!("version = 1\n[[exception]]\n{UNKNOWN}")),
    ];
    let keys = |text: &str| -> BTreeSet<String> {
        let mistakes = Registry::parse(text, "registry.toml", root(), &[]).expect_err("a mistake");
        let hint = mistakes
            .into_iter()
            .find(|mistake| mistake.message.contains("an_unknown_key"))
            .and_then(|mistake| mistake.hint)
            .expect("the known keys");
        code_spans(&hint).into_iter().map(str::to_owned).collect()
    };
    tables.iter().map(|(heading, text)| (*heading, keys(text))).collect()
}

fn flaws_of_the_keys(page: &Page) -> Vec<String> {
    let mut complaints = Vec::new();
    for (heading, known) in known_keys() {
        let section: String = page
            .text
            .lines()
            .skip_while(|line| *line != format!("## {heading}"))
            .skip(1)
            .take_while(|line| !line.starts_with("## "))
            .map(|line| format!("{line}\n"))
            .collect();
        let rows = table_rows(&section);
        let described = rows.iter().filter_map(|row| code_spans(row.first()?).first().copied());
        let described: BTreeSet<String> = described.map(str::to_owned).collect();
        if described != known {
            complaints.push(format!(
                "{}: {heading} describes {described:?}, and the program knows {known:?}",
                page.path
            ));
        }
    }
    complaints
}

#[test]
fn every_key_of_the_registry_is_described() {
    assert_none(flaws_of_the_keys(&Page::read("docs/registry.md")));
}

#[test]
fn the_four_mistakes_are_reported_as_shown() {
    let page = Page::read("docs/registry.md");
    let (blocks, _) = split(&page.text);
    let has_marker = |block: &&Block<'_>| block.text.starts_with("# four mistakes\n");
    let block = blocks.iter().find(has_marker).expect("a registry with four mistakes");
    let mistakes = Registry::parse(&block.text, "registry.toml", root(), &[]).expect_err("four");
    assert_eq!(mistakes.len(), 4);
    let said: Vec<String> = mistakes.iter().flat_map(shown).collect();
    assert!(page.text.contains(&said.join("\n")), "{}", said.join("\n"));
}

// The repository

/// Returns the paths below `scripts/` that a text names.
fn scripts_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let names = text.split("scripts/").skip(1).filter_map(|rest| {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches('.');
        (!name.is_empty()).then(|| format!("scripts/{name}"))
    });
    names.collect()
}

fn scripts_that_cannot_be_run(page: &Page) -> Vec<String> {
    let is_executable = |path: &String| {
        let found = fs::metadata(root().join(path));
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let named = scripts_in(&page.text).into_iter().filter(|path| !is_executable(path));
    named.map(|path| format!("{}: {path} is no program", page.path)).collect()
}

#[test]
fn every_script_that_is_named_can_be_run() {
    let readme = scripts_in(&Page::read("README.md").text);
    for script in ["scripts/demo", "scripts/test"] {
        assert!(readme.contains(script), "README.md does not name {script}");
    }
    assert_none(pages().iter().flat_map(scripts_that_cannot_be_run).collect());
}

/// What belongs to one machine, or to a place that packages come from.
const NOT_FOR_READERS: [&str; 8] =
    ["/work/", "/root", "/home/", "/Users/", "crates.io", "npmjs", "pypi.org", "proxy.golang"];

fn places_of_one_machine(page: &Page) -> Vec<String> {
    let mut complaints = Vec::new();
    for (at, line) in page.text.lines().enumerate() {
        let found = NOT_FOR_READERS.iter().filter(|place| line.contains(*place));
        complaints.extend(found.map(|place| format!("{}:{}: {place}", page.path, at + 1)));
    }
    complaints
}

#[test]
fn no_page_names_a_place_of_one_machine() {
    assert_none(pages().iter().flat_map(places_of_one_machine).collect());
}

fn modules_without_a_line(page: &Page, map: &str) -> Vec<String> {
    let modules = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ").and_then(|rest| rest.split(';').next()));
    let modules: BTreeSet<String> = modules.map(str::to_owned).collect();
    let described = table_rows(&page.text);
    let described = described.iter().filter_map(|row| code_spans(row.first()?).first().copied());
    let described: BTreeSet<String> = described.map(str::to_owned).collect();
    if modules == described {
        return Vec::new();
    }
    vec![format!("{}: {described:?} is not what src/lib.rs has: {modules:?}", page.path)]
}

#[test]
fn the_map_of_modules_is_that_of_the_library() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("the library");
    assert_none(modules_without_a_line(&Page::read("docs/architecture.md"), &map));
}

// The rules themselves

#[test]
fn every_rule_complains_about_a_planted_mistake() {
    let page = |text: &str| Page::planted("docs/planted.md", text);
    for (what, complaints) in [
        ("a missing file", broken_links(&page("see [it](nowhere.md)"))),
        ("a missing anchor", broken_links(&page("# A b\n\nsee [it](#a-c)"))),
        ("a missing command", lines_that_do_not_parse(&page("run `driftgate conquer` now"))),
        ("a missing flag", lines_that_do_not_parse(&page("```text\n$ driftgate demo --x\n```"))),
        ("a script's line", lines_that_do_not_parse(&page("```sh\nA=b driftgate x | cat\n```"))),
        ("a mistake", registries_with_mistakes(&page("```toml\nversion = 1\nx = 1\n```"))),
        (
            "a check that is none",
            registries_with_mistakes(&page(
                "```toml\n[[exception]]\ncheck = 'x'\nsubject = 'y'\nreason = 'z'\nuntil = 2030-01-01\n```",
            )),
        ),
        ("a missing script", scripts_that_cannot_be_run(&page("see scripts/nothing."))),
        ("a script to be sourced", scripts_that_cannot_be_run(&page("scripts/machine.sh"))),
        ("a folder of one machine", places_of_one_machine(&page("cd /root/x"))),
        ("codes in another order", flaws_of_the_exit_codes(&page("| 1 | a |\n| 0 | b |"))),
        ("no gate", flaws_of_the_gates(&page("| EG-1 | `x` | y | yes |"))),
        (
            "a check below another gate",
            flaws_of_the_lists(&page("# x\n\n## The checks of EG-4\n"), CHECKS),
        ),
        ("an unknown word", words_without_a_row(&page("| `clear` | x |"), &["clear", "rls"])),
        ("no keys", flaws_of_the_keys(&page("## `[locks]`\n\n| `schema` | x |"))),
        ("a module too many", modules_without_a_line(&page("| `a` | x |"), "pub mod b; // x")),
        ("no page of a command", flaws_of_a_command(&page("# `x`\n"), &Cli::command())),
    ] {
        assert!(!complaints.is_empty(), "{what} is not noticed");
    }
    let (slug, finding) = example_findings().pop_first().expect("findings");
    let page = page(&format!("# `{slug}`\n"));
    assert!(flaws_of_a_check(&page, slug, &finding).len() > 3);
}

#[test]
fn what_is_right_is_not_complained_about() {
    let page = Page::planted(
        "docs/planted.md",
        "# A `b`: c\n\n[x](#a-b-c) [y](https://example.org) `scripts/test`\n\n\
         ```sh\nDATABASE_URL=x driftgate --quiet inventory | wc -l # count\n```\n",
    );
    assert_none(broken_links(&page));
    assert_none(lines_that_do_not_parse(&page));
    assert_none(scripts_that_cannot_be_run(&page));
}
