//! Small makers and assertions for table tests of the pure core.

pub(crate) mod fresh;
pub(crate) mod grants;
pub(crate) mod history;
mod locks;
pub(crate) mod schedule;

use std::path::Path;

pub(crate) use locks::{found_in_locks, locks, sound_locks, unjudged_in_locks};

use chrono::{DateTime, Utc};

use crate::checks::{self, Facts};
use crate::finding::{Finding, Unjudged};
use crate::gate::GateId;
use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::migrations::{
    AppliedMigration, Covers, Ledger, MigrationFile, MigrationState, Migrations, Script, Tool,
};
use crate::registry::Registry;
use crate::snapshot::{IndexState, ReadStatus, ServerFacts, Snapshot, ViewState};
use crate::tenants::Tenant;

/// Reads a registry from its text; the text is right, or the test is wrong.
pub(crate) fn registry(text: &str) -> Registry {
    Registry::parse(text, "registry.toml", Path::new("."), &[])
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Makes the registry of one template, on line 7, filled in for tenants with these slugs; the
/// id of `acme` is `id-acme`.
pub(crate) fn registry_of_tenants(template: &str, slugs: &[&str]) -> Registry {
    let text = format!(
        "version = 1\n[database]\nschemas = ['public']\n\
         [tenancy]\nsetting = 'app.tenant'\ntenants = 'TABLE tenants'\n\
         [[matview]]\nname = '{template}'"
    );
    let tenants: Vec<Tenant> = slugs.iter().map(|slug| tenant(slug)).collect();
    let expansion = registry(&text).expand(&tenants);
    assert_eq!(expansion.mistakes, []);
    expansion.registry
}

/// Makes a tenant with a slug.
pub(crate) fn tenant(slug: &str) -> Tenant {
    let (id, slug) = (format!("id-{slug}"), slug.to_owned());
    let columns = [("id".to_owned(), id.clone()), ("slug".to_owned(), slug)].into();
    Tenant { id, columns }
}

/// Makes a populated view without indexes, owned by `owner`.
pub(crate) fn view(name: &str) -> ViewState {
    ViewState {
        oid: 1,
        name: name.parse().expect("a qualified name"),
        owner: RoleName::from_catalog("owner"),
        populated: true,
        rows_estimate: None,
        comment: None,
        indexes: Vec::new(),
        depends_on: Default::default(),
        dependents: Default::default(),
        status: ReadStatus::Ok,
        size_bytes: None,
        definition_sha256: None,
    }
}

impl ViewState {
    pub(crate) fn unpopulated(mut self) -> Self {
        self.populated = false;
        self
    }

    pub(crate) fn owned_by(mut self, owner: &str) -> Self {
        self.owner = RoleName::from_catalog(owner);
        self
    }

    pub(crate) fn unique_on(self, columns: &[&str]) -> Self {
        self.indexed(columns, true)
    }

    /// Adds a unique index that is not valid.
    pub(crate) fn unusable_on(self, columns: &[&str]) -> Self {
        self.indexed(columns, false)
    }

    fn indexed(mut self, columns: &[&str], usable: bool) -> Self {
        self.indexes.push(IndexState {
            name: Identifier::from_catalog("key"),
            columns: columns.iter().map(|name| Some(Identifier::from_catalog(*name))).collect(),
            unique: true,
            valid: usable,
            usable_for_concurrent: usable,
        });
        self
    }

    pub(crate) fn reads(mut self, other: &str) -> Self {
        self.depends_on.insert(other.parse::<QualifiedName>().expect("a qualified name"));
        self
    }

    pub(crate) fn defined_as(mut self, digest: [u8; 32]) -> Self {
        self.definition_sha256 = Some(digest);
        self
    }

    pub(crate) fn busy(mut self) -> Self {
        self.status = ReadStatus::Busy;
        self
    }
}

/// Makes a snapshot of these views.
pub(crate) fn snapshot(views: impl IntoIterator<Item = ViewState>) -> Snapshot {
    Snapshot {
        server: ServerFacts {
            database: "app".into(),
            role: RoleName::from_catalog("operator"),
            version: "15.18".into(),
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

/// Returns what one check finds.
pub(crate) fn found(slug: &str, registry: &Registry, snapshot: &Snapshot) -> Vec<Finding> {
    findings(slug, &Facts::new(registry, Ok(snapshot), Err("not looked".into())))
}

/// Asserts that one check finds nothing.
pub(crate) fn assert_quiet(slug: &str, registry: &Registry, snapshot: &Snapshot) {
    assert_eq!(found(slug, registry, snapshot), []);
}

/// Returns what one check leaves unjudged.
pub(crate) fn unjudged(slug: &str, registry: &Registry, snapshot: &Snapshot) -> Vec<Unjudged> {
    not_judged(slug, &Facts::new(registry, Ok(snapshot), Err("not looked".into())))
}

/// Makes migrations with these versions, and a ledger.
pub(crate) fn migrations(versions: &[i64], ledger: Ledger) -> MigrationState {
    let file = |version: &i64| {
        let file = format!("migrations/{version:04}_step.sql");
        MigrationFile {
            checksum: vec![1],
            script: Some(Script::default()),
            ..MigrationFile::of_version(version.to_string(), "step", file)
        }
    };
    let files = versions.iter().map(file).collect();
    MigrationState { project: Migrations::new(Tool::Sqlx, "migrations", files), ledger }
}

/// Makes the row of the ledger that fits a file of [`migrations`].
pub(crate) fn applied(version: i64) -> AppliedMigration {
    AppliedMigration {
        id: version.to_string(),
        description: "step".into(),
        installed_on: Some(DateTime::<Utc>::UNIX_EPOCH),
        success: true,
        checksum: vec![1],
        covers: Covers::Itself,
    }
}

/// Makes revisions of Alembic, each with what it follows, and a ledger.
pub(crate) fn revisions(ids: &[(&str, &[&str])], ledger: Ledger) -> MigrationState {
    let file = |(id, parents): &(&str, &[&str])| MigrationFile {
        parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        line: 8,
        parents_line: 9,
        ..MigrationFile::of_version(*id, "step", format!("versions/{id}_step.py"))
    };
    let files = ids.iter().map(file).collect();
    MigrationState { project: Migrations::new(Tool::Alembic, "alembic.ini", files), ledger }
}

/// Makes the row of Alembic's ledger for a revision.
pub(crate) fn at_revision(id: &str) -> AppliedMigration {
    let covers = Covers::Ancestors;
    AppliedMigration { id: id.to_owned(), success: true, covers, ..Default::default() }
}

/// Returns what one check finds in migrations.
pub(crate) fn found_in_migrations(slug: &str, state: &MigrationState) -> Vec<Finding> {
    let registry = registry("version = 1");
    findings(slug, &Facts::new(&registry, Err("not looked".into()), Ok(state)))
}

/// Returns what one check leaves unjudged in migrations.
pub(crate) fn unjudged_in_migrations(slug: &str, state: &MigrationState) -> Vec<Unjudged> {
    let registry = registry("version = 1");
    not_judged(slug, &Facts::new(&registry, Err("not looked".into()), Ok(state)))
}

fn findings(slug: &str, facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = checks::run(&GateId::ALL, facts).findings;
    found.retain(|finding| finding.check == slug);
    found
}

fn not_judged(slug: &str, facts: &Facts<'_>) -> Vec<Unjudged> {
    checks::run(&GateId::ALL, facts)
        .unjudged
        .into_iter()
        .map(|(_, unjudged)| unjudged)
        .filter(|unjudged| unjudged.check == Some(slug))
        .collect()
}
