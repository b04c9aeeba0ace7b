//! Whole registries, and what they mean.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveDate;

use super::*;
use crate::failure::FailureKind;

mod mistakes;
mod properties;

/// The example of the contract, completed so that everything it names is declared.
const EXAMPLE: &str = r#"version = 1

[database]
schemas = ["public"]
ignore  = ["public.tmp_*"]

[migrations]
kind = "sql"
path = "migrations"
before = "bootstrap.sql"

[tenancy]
setting  = "app.current_tenant_id"
settings = { "app.execution_context" = "worker" }
tenants  = "SELECT id, slug FROM public.tenants ORDER BY id"

[locks]
scheme = "int32"

[roles.refresh_worker]
refresh        = ["*"]
read           = ["*"]
must_not_write = ["public.attribution_events", "public.revenue_ledger"]

[roles.app_user]
tenant_facing  = true
read           = []
must_not_write = ["public.attribution_events"]

[roles.reporter]
refresh = ["tenant_{slug}.mv_revenue", "public.mv_channel_performance"]

[schedules]
realtime = { every = "60s" }
hourly   = { cron = "0 * * * *", timezone = "UTC", jitter = "20s" }
nightly  = { cron = "30 3 * * *", timezone = "Europe/Berlin" }

[[matview]]
name          = "public.mv_channel_performance"
owner         = "matview_owner"
refresh       = "concurrently"
tenant_column = "tenant_id"
unique_key    = ["tenant_id", "channel_code"]
schedule      = "hourly"
max_staleness = "1h"
depends_on    = []
tenants_may_vanish = false
definition    = "views/mv_channel_performance.sql"
lock_name     = "mv_channel_performance"

[[matview]]
name   = "tenant_{slug}.mv_revenue"
tenant_column = "tenant_id"

[[matview]]
name = 'rpt."Weird Name"'
owner = '"Weird Owner"'
refresh = "plain"
unique_key = ['"Weird Col"', "Day"]
depends_on = ["public.mv_channel_performance"]
tenants_may_vanish = true
analyze = true

[[task]]
name = "pii-audit-scanner"
sql  = "SELECT public.scan_pii_contamination()"
schedule = "nightly"

[[exception]]
check = "view-unregistered"
subject = "public.mv_old"
reason = "dropped with the release of 5 December"
until = 2026-12-05
fingerprint = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"

[[exception]]
check = "view-missing"
subject = "public.mv_new"
reason = "comes with the next release"
until = "2026-12-31"

[gates]
required = ["EG-1", "EG-2", "EG-3", "EG-4", "EG-5", "EG-6", "EG-7", "EG-8"]
"#;

const DAY: Duration = Duration::from_secs(86_400);

fn parse(text: &str, directory: &Path) -> Result<Registry, Vec<Mistake>> {
    Registry::parse(text, "registry.toml", directory, &[])
}

/// Reads a registry that names no files.
fn valid(text: &str) -> Registry {
    parse(text, Path::new("/nowhere")).expect("a valid registry")
}

fn name(text: &str) -> QualifiedName {
    text.parse().expect("a qualified name")
}

fn identifier(text: &str) -> Identifier {
    Identifier::new(text).expect("an identifier")
}

/// Returns the line of the example, counted from 1, that begins with a text.
fn line_of(beginning: &str) -> usize {
    let found = EXAMPLE.lines().position(|line| line.starts_with(beginning));
    found.expect("a line of the example") + 1
}

/// Makes a project folder with the files that the example names.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("views")).expect("a folder");
    fs::write(folder.path().join("views/mv_channel_performance.sql"), "SELECT 1").expect("a file");
    fs::write(folder.path().join("registry.toml"), EXAMPLE).expect("a file");
    folder
}

#[test]
fn the_example_is_read_as_it_is_meant() {
    let folder = project();
    let registry = Registry::load(&folder.path().join("registry.toml"), &[]).expect("valid");
    let directory = registry.source.directory.clone();
    assert_eq!(registry.database.schemas, Schemas::Listed(BTreeSet::from([identifier("public")])));
    assert_eq!(
        registry.migrations,
        Some(MigrationsRules {
            kind: MigrationsKind::Sql,
            path: directory.join("migrations"),
            before: Some(directory.join("bootstrap.sql")),
            line: line_of("[migrations]"),
        })
    );
    assert_eq!(
        registry.tenancy,
        Some(Tenancy {
            setting: Some("app.current_tenant_id".to_owned()),
            settings: BTreeMap::from([("app.execution_context".to_owned(), "worker".to_owned())]),
            tenants: Some("SELECT id, slug FROM public.tenants ORDER BY id".to_owned()),
            line: line_of("[tenancy]"),
        })
    );
    assert_eq!(registry.lock_scheme, LockScheme::Int32);
    assert_eq!(registry.required_gates.as_deref(), Some(&GateId::ALL[..]));
    assert_eq!(registry.tasks.len(), 1);
    assert_eq!(registry.tasks[0].schedule, "nightly");
    assert_eq!(registry.tasks[0].line, line_of("[[task]]"));
}

#[test]
fn the_examples_views_are_read_as_they_are_meant() {
    let folder = project();
    let registry = parse(EXAMPLE, folder.path()).expect("valid");
    let [shared, per_tenant, weird] = registry.matviews.as_slice() else {
        panic!("{:?}", registry.matviews);
    };
    assert_eq!(
        *shared,
        RegistryEntry {
            name: EntryName::Fixed(name("public.mv_channel_performance")),
            line: line_of("[[matview]]"),
            owner: Some(RoleName::from_catalog("matview_owner")),
            refresh: RefreshMode::Concurrently,
            tenant_column: Some(identifier("tenant_id")),
            unique_key: Some(vec![identifier("tenant_id"), identifier("channel_code")]),
            schedule: Some("hourly".to_owned()),
            max_staleness: Some(Duration::from_secs(3600)),
            depends_on: vec![],
            tenants_may_vanish: false,
            definition: Some(folder.path().join("views/mv_channel_performance.sql")),
            lock_name: Some("mv_channel_performance".to_owned()),
            analyze: false,
            tenant: None,
            template: None,
        }
    );
    let EntryName::PerTenant(template) = &per_tenant.name else { panic!("{per_tenant:?}") };
    let template_line = line_of("name   = \"tenant_{slug}") - 1;
    assert_eq!(
        (template.to_string().as_str(), per_tenant.line),
        ("tenant_{slug}.mv_revenue", template_line)
    );
    assert_eq!(per_tenant.refresh, RefreshMode::Concurrently);
    assert_eq!(weird.name, EntryName::Fixed(QualifiedName::from_catalog("rpt", "Weird Name")));
    assert_eq!(weird.owner, Some(RoleName::from_catalog("Weird Owner")));
    assert_eq!(weird.refresh, RefreshMode::Plain);
    assert_eq!(weird.unique_key, Some(vec![identifier("Weird Col"), identifier("day")]));
    assert_eq!(weird.depends_on, [name("public.mv_channel_performance")]);
    assert!(weird.tenants_may_vanish && weird.analyze);
}

#[test]
fn the_examples_roles_schedules_and_exceptions_are_read_as_they_are_meant() {
    let folder = project();
    let registry = parse(EXAMPLE, folder.path()).expect("valid");
    let app_user = &registry.roles[&RoleName::from_catalog("app_user")];
    assert_eq!(
        *app_user,
        RoleRules {
            refresh: None,
            read: Some(Selection::Listed(BTreeSet::new())),
            must_not_write: vec![name("public.attribution_events")],
            tenant_facing: true,
            line: line_of("[roles.app_user]"),
        }
    );
    let worker = &registry.roles[&RoleName::from_catalog("refresh_worker")];
    assert_eq!(worker.refresh, Some(Selection::All));
    let reporter = &registry.roles[&RoleName::from_catalog("reporter")];
    let listed = reporter.refresh.as_ref().expect("declared");
    let selected: Vec<_> =
        registry.matviews.iter().map(|entry| listed.contains(&entry.name)).collect();
    assert_eq!(selected, [true, true, false]);
    assert_eq!(registry.schedules["realtime"].rhythm, Rhythm::Every(Duration::from_secs(60)));
    assert_eq!(registry.schedules["hourly"].jitter, Duration::from_secs(20));
    assert_eq!(
        registry.schedules["nightly"],
        ScheduleRules {
            rhythm: Rhythm::Cron {
                expression: "30 3 * * *".to_owned(),
                timezone: chrono_tz::Europe::Berlin,
            },
            jitter: Duration::ZERO,
            line: line_of("nightly"),
        }
    );
    let [old, new] = registry.exceptions.as_slice() else { panic!("{:?}", registry.exceptions) };
    assert_eq!(old.until, NaiveDate::from_ymd_opt(2026, 12, 5).expect("a day"));
    assert_eq!(new.until, NaiveDate::from_ymd_opt(2026, 12, 31).expect("a day"));
    let fingerprint = format!("sha256:{}", "0123456789abcdef".repeat(4));
    assert_eq!(old.fingerprint, Some(fingerprint));
    assert_eq!(old.line, line_of("[[exception]]"));
    assert_eq!(new.line, line_of("check = \"view-missing\"") - 1);
}

#[test]
fn the_reference_projects_registry_has_no_mistakes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(REGISTRY_FILE);
    let registry = Registry::load(&path, &[]).expect("valid");
    assert_eq!(registry.matviews.len(), 5);
    assert!(registry.matviews.iter().all(|entry| entry.schedule.is_some()));
}

#[test]
fn only_the_version_is_required() {
    let registry = valid("version = 1\n");
    assert_eq!(registry.database, DatabaseRules::default());
    assert_eq!(registry.database.schemas, Schemas::All);
    assert_eq!(registry.lock_scheme, LockScheme::Int64);
    assert_eq!(registry.required_gates, None);
    assert_eq!((registry.migrations, registry.tenancy), (None, None));
    assert!(registry.matviews.is_empty() && registry.roles.is_empty());
    let marked = "\u{feff}# a comment\r\nversion = 1\r\n[[matview]]\r\nname = \"public.mv_x\"\r\n";
    assert_eq!(valid(marked).matviews[0].line, 3);
}

#[test]
fn migrations_have_a_path_for_each_kind() {
    for (keys, kind, path) in [
        ("", MigrationsKind::Sql, "/nowhere/migrations"),
        ("kind = 'alembic'", MigrationsKind::Alembic, "/nowhere/alembic.ini"),
        ("kind = 'alembic'\npath = '../x.ini'", MigrationsKind::Alembic, "/nowhere/../x.ini"),
        (
            "kind = 'command'\ncommand = ['bin/rails', 'db:migrate', '']",
            MigrationsKind::Command {
                program: "bin/rails".to_owned(),
                args: vec!["db:migrate".to_owned(), String::new()],
            },
            "/nowhere",
        ),
    ] {
        let registry = valid(&format!("version = 1\n[migrations]\n{keys}\n"));
        let migrations = registry.migrations.expect("declared");
        assert_eq!((migrations.kind, migrations.path), (kind, PathBuf::from(path)), "{keys}");
    }
}

#[test]
fn every_way_to_write_all_is_understood() {
    for schemas in ["'*'", "['*']"] {
        let registry = valid(&format!("version = 1\n[database]\nschemas = {schemas}\n"));
        assert_eq!(registry.database.schemas, Schemas::All);
        assert!(registry.in_scope(&identifier("rpt")));
        assert!(!registry.in_scope(&identifier("pg_catalog")));
    }
    let registry = valid("version = 1\n[database]\nschemas = ['public']\nignore = ['*.tmp_*']\n");
    assert!(!registry.in_scope(&identifier("rpt")));
    let pattern = registry.is_ignored(&name("public.tmp_1")).map(IgnorePattern::as_str);
    assert_eq!(pattern, Some("*.tmp_*"));
    assert_eq!(registry.is_ignored(&name("public.mv")), None);
}

#[test]
fn views_may_be_written_as_one_array_and_schedules_as_tables() {
    let registry = valid(
        "version = 1\nmatview = [\n  { name = 'public.b', schedule = 's' },\n  \
         { name = 'public.a' },\n]\n[schedules.s]\nevery = '1day'\n",
    );
    let lines: Vec<_> = registry.matviews.iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [3, 4]);
    assert_eq!(registry.schedules["s"].rhythm, Rhythm::Every(DAY));
}

#[test]
fn an_entry_is_found_by_its_name_among_ten_thousand() {
    let mut text = "version = 1\n[tenancy]\ntenants = 'SELECT 1'\n".to_owned();
    for number in (0..10_000).rev() {
        text.push_str(&format!("[[matview]]\nname = 'public.mv_{number}'\nanalyze = true\n\n"));
    }
    text.push_str("[[matview]]\nname = 't_{slug}.mv_1'\n[gates]\n");
    let registry = valid(&text);
    assert_eq!(registry.matviews.len(), 10_001);
    for number in [0, 1, 17, 5_000, 9_999] {
        let wanted = name(&format!("public.mv_{number}"));
        let entry = registry.entry(&wanted).expect("registered");
        assert_eq!(entry.name.fixed(), Some(&wanted));
        assert_eq!(entry.line, 4 + (9_999 - number) * 4);
    }
    assert_eq!(registry.entry(&name("public.mv_10000")), None);
    assert_eq!(registry.entry(&name("t_x.mv_1")), None);
}

#[test]
fn a_file_is_refused_with_all_its_mistakes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("registry.toml");
    let load = |text: &str| {
        fs::write(&path, text).expect("a file");
        Registry::load(&path, &["view-missing"]).expect_err("mistakes")
    };
    let failure = load("version = 2\nversoin = 1\n[[matview]]\n");
    assert_eq!(failure.kind, FailureKind::Registry);
    let canonical = path.canonicalize().expect("it exists").display().to_string();
    assert_eq!(failure.message, format!("{canonical} has 3 mistakes"));
    assert!(failure.mistakes.iter().all(|mistake| mistake.file == canonical));
    let lines: Vec<_> = failure.mistakes.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [Some(1), Some(2), Some(3)]);
    assert!(load("\n\n").message.ends_with("has 1 mistake"));
}
