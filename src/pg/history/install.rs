//! Installs the history, or brings an older version up to date, in one transaction that
//! also grants; an advisory lock of that transaction keeps a second one from meddling.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::state;
use crate::failure::{Failure, FailureKind};
use crate::history::{Granted, Installed};
use crate::ident::RoleName;
use crate::pg::session::{Endpoint, SearchPath, Session};
use crate::pg::{server_error, statement};

/// What makes each version out of the one before it, from version 1.
pub const VERSIONS: &[&str] =
    &[include_str!("../sql/history_version_1.sql"), include_str!("../sql/history_version_2.sql")];

/// The first eight bytes, big-endian, of SHA-256 of `driftgate:history:install`.
const LOCK: i64 = 1_603_638_845_472_611_269;

const MAKE_SCHEMA: &str = "CREATE SCHEMA driftgate; \
     COMMENT ON SCHEMA driftgate IS \
     'Kept by driftgate: the history of refreshes of materialized views.'";

/// A role that is to read and add to the history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grantee {
    /// The role.
    pub role: RoleName,
    /// Whether it must exist; else it is noted as missing.
    pub must_exist: bool,
}

/// Installs the newest version, and grants.
///
/// # Errors
///
/// As [`install_versions`].
pub async fn install(endpoint: &Endpoint, grantees: &[Grantee]) -> Result<Installed, Failure> {
    install_versions(endpoint, VERSIONS, grantees).await
}

/// Installs the last of some versions, and grants; nothing is written where nothing is
/// missing.
///
/// # Errors
///
/// [`FailureKind::Permission`] without the right to CREATE or to grant,
/// [`FailureKind::Refused`] when a newer version is there or a role does not exist,
/// [`FailureKind::LockHeld`] when another installation takes longer than the wait for
/// locks, and when the server cannot be reached or takes no changes. Nothing is left half
/// done.
pub async fn install_versions(
    endpoint: &Endpoint,
    versions: &[&'static str],
    grantees: &[Grantee],
) -> Result<Installed, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let transaction = session.begin_read_only(SearchPath::Empty).await?;
    let server = transaction.server().clone();
    transaction.finish().await?;
    session.prepare_for_writing().await?;
    let _at_work = session.note_backend().await?;
    let limits = session.limits();
    let begun = session.run(statement::history::begin_install(&limits, LOCK)).await;
    begun.map_err(|error| is_busy(&session, &error))?;
    let mut installing = Installing { session, role: server.role.clone() };
    let (before, version) = installing.bring_up_to(versions).await?;
    let (granted, missing) = installing.grant(grantees).await?;
    installing.run("COMMIT", "install the history").await?;
    installing.session.close().await;
    Ok(Installed { before, version, granted, missing, server })
}

/// Tells a wait that ran out from other reasons.
fn is_busy(session: &Session, error: &sqlx::Error) -> Failure {
    let mut failure = session.failure(error, "install the history");
    if failure.sqlstate.as_deref() == Some("55P03") {
        failure.kind = FailureKind::LockHeld;
    }
    failure
}

/// The transaction that installs; it is rolled back with its session unless it is committed.
struct Installing {
    session: Session,
    role: RoleName,
}

impl Installing {
    /// Installs what is missing; returns the version before, and the one now.
    async fn bring_up_to(
        &mut self,
        versions: &[&'static str],
    ) -> Result<(Option<i32>, i32), Failure> {
        let newest = state::newest(versions);
        let found = self.look().await?;
        let before = found.version;
        if before.is_some_and(|before| before > newest) {
            let failure = state::misfit(before.unwrap_or_default(), newest).map(|misfit| {
                Failure::new(FailureKind::Refused, misfit.reason)
                    .hint(misfit.hint)
                    .hint("nothing was changed")
            });
            return Err(failure.unwrap_or_else(|| Failure::internal("a newer version fits")));
        }
        if before.is_none() {
            self.may_create(&found)?;
            if !found.has_schema {
                self.run(MAKE_SCHEMA, "make the schema driftgate").await?;
            }
        }
        for (number, sql) in (1..).zip(versions) {
            if number > before.unwrap_or_default() {
                let doing = format!("install version {number} of the history");
                self.run(*sql, &doing).await?;
                let noting = note_version(self.session.connection(), number).await;
                noting.map_err(|error| self.session.failure(&error, &doing))?;
            }
        }
        Ok((before, newest))
    }

    fn may_create(&self, found: &Found) -> Result<(), Failure> {
        let role = &self.role;
        let (place, statement) = match (found.has_schema, found.may_create) {
            (_, true) => return Ok(()),
            (false, _) => {
                let database = &found.database;
                (
                    format!("a schema in the database {database}"),
                    format!("GRANT CREATE ON DATABASE {database} TO {role}"),
                )
            }
            (true, _) => (
                "tables in the schema driftgate, which is there".to_owned(),
                format!("GRANT USAGE, CREATE ON SCHEMA driftgate TO {role}"),
            ),
        };
        Err(Failure::new(FailureKind::Permission, format!("{role} may not make {place}"))
            .hint("name the role that migrates with --migration-database-url")
            .hint(format!("or let the owner run: {statement}")))
    }

    /// Looks at what is there, now that nobody else installs.
    async fn look(&mut self) -> Result<Found, Failure> {
        let doing = "look for the history";
        let asking = sqlx::raw_sql(include_str!("../sql/history_place.sql"));
        let row = asking.fetch_one(self.session.connection()).await;
        let row = row.map_err(|error| self.session.failure(&error, doing))?;
        let found = Found::of(&row).map_err(|error| self.session.failure(&error, doing))?;
        if !row.try_get("has_versions").unwrap_or(false) {
            return Ok(found);
        }
        let asking = sqlx::raw_sql("SELECT max(version)::int4 AS version FROM driftgate.versions");
        let version = asking
            .fetch_one(self.session.connection())
            .await
            .and_then(|row| row.try_get::<Option<i32>, _>("version"))
            .map_err(|error| self.session.failure(&error, "read the version of the history"))?;
        Ok(Found { version: Some(version.unwrap_or_default()), ..found })
    }

    /// Grants to those that lack a right; returns who has them now, and who does not exist.
    async fn grant(
        &mut self,
        grantees: &[Grantee],
    ) -> Result<(Vec<Granted>, Vec<RoleName>), Failure> {
        let before = self.have_all(grantees).await?;
        let (mut granted, mut missing) = (Vec::new(), Vec::new());
        for Grantee { role, must_exist } in grantees {
            match before.get(role) {
                None if *must_exist => {
                    let message = format!("the server has no role {role}");
                    return Err(Failure::new(FailureKind::Refused, message)
                        .hint("CREATE ROLE makes it; nothing was changed"));
                }
                None => missing.push(role.clone()),
                Some(true) => granted.push(Granted { role: role.clone(), is_new: false }),
                Some(false) => {
                    let doing = format!("let {role} read and add to the history");
                    self.run(statement::history::grant(role), &doing).await?;
                    granted.push(Granted { role: role.clone(), is_new: true });
                }
            }
        }
        // Who may not grant is sometimes told by no more than a warning.
        let after = self.have_all(grantees).await?;
        match granted.iter().find(|one| after.get(&one.role) != Some(&true)) {
            None => Ok((granted, missing)),
            Some(refused) => Err(Failure::new(
                FailureKind::Permission,
                format!("{} may not grant on the history to {}", self.role, refused.role),
            )
            .hint("install as the owner of the schema driftgate; nothing was changed")),
        }
    }

    /// Returns whether each role may read and add to the history; those alone that exist.
    async fn have_all(
        &mut self,
        grantees: &[Grantee],
    ) -> Result<BTreeMap<RoleName, bool>, Failure> {
        let names: Vec<_> = grantees.iter().map(|grantee| grantee.role.as_str()).collect();
        let rows = sqlx::query(include_str!("../sql/history_grantees.sql"))
            .persistent(false)
            .bind(json!(names).to_string())
            .fetch_all(self.session.connection())
            .await;
        rows.and_then(|rows| rows.iter().map(rights_of).collect())
            .map_err(|error| self.session.failure(&error, "look at the rights on the history"))
    }

    async fn run(
        &mut self,
        message: impl sqlx::SqlSafeStr + Send + 'static,
        doing: &str,
    ) -> Result<(), Failure> {
        let ran = self.session.run(message).await;
        ran.map_err(|error| {
            let failure = self.session.failure(&error, doing);
            match server_error::sqlstate(&error).as_deref() {
                Some("42P07") => failure.hint(
                    "the schema driftgate holds a relation of that \
                                               name that is not ours; move it elsewhere",
                ),
                Some("42501") => failure.hint("install as the owner of the schema driftgate"),
                _ => failure,
            }
            .hint("nothing was changed")
        })
    }
}

fn rights_of(row: &PgRow) -> Result<(RoleName, bool), sqlx::Error> {
    let role = RoleName::from_catalog(row.try_get::<String, _>("role")?);
    Ok((role, row.try_get("has_all")?))
}

async fn note_version(connection: &mut PgConnection, version: i32) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO driftgate.versions (version, tool_version) VALUES ($1, $2)")
        .persistent(false)
        .bind(version)
        .bind(env!("CARGO_PKG_VERSION"))
        .execute(connection)
        .await?;
    Ok(())
}

/// What is there before anything is made.
struct Found {
    version: Option<i32>,
    has_schema: bool,
    may_create: bool,
    database: String,
}

impl Found {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            version: None,
            has_schema: row.try_get("has_schema")?,
            may_create: row.try_get("may_create")?,
            database: row.try_get("database")?,
        })
    }
}
