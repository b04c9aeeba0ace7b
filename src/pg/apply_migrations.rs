//! Applies migrations one after the other, each in a transaction with its row of the
//! ledger, while a lock on a connection of its own keeps every other runner away, sqlx's
//! tool included. The lock belongs to a transaction: it cannot outlive it.

use std::time::{Duration, Instant};

use sqlx::migrate::Migrate;
use sqlx::{PgConnection, Row};

use super::ledger::{self, TABLE};
use super::session::{Endpoint, Session};
use super::{server_error, statement};
use crate::failure::{Failure, FailureKind};
use crate::ident::QualifiedName;
use crate::migrations::{MigrationFile, sql};

/// The lock that keeps other runners away; it ends with this value.
#[derive(Debug)]
pub struct MigrationLock {
    #[expect(dead_code, reason = "its open transaction holds the lock")]
    session: Session,
}

/// A session that may apply migrations.
#[derive(Debug)]
pub struct Migrating {
    session: Session,
    ledger: QualifiedName,
    #[expect(dead_code, reason = "held for as long as migrations are applied")]
    lock: MigrationLock,
}

impl MigrationLock {
    /// Waits for the lock, as long as the limits allow.
    ///
    /// # Errors
    ///
    /// [`FailureKind::LockHeld`] with who holds it, when the wait ran out; nothing was done.
    pub async fn take(endpoint: &Endpoint) -> Result<Self, Failure> {
        let mut session = Session::connect(endpoint).await?;
        let database = session.prepare_for_writing().await?;
        let key = sql::lock_key(&database);
        let taking = session.run(statement::take_migration_lock(key, &endpoint.limits)).await;
        match taking {
            Ok(()) => Ok(Self { session }),
            Err(error) if server_error::sqlstate(&error).as_deref() == Some("55P03") => {
                let holder = holder(endpoint, key).await.unwrap_or_else(|_| "somebody".to_owned());
                Err(Failure::new(FailureKind::LockHeld, "another run is migrating this database")
                    .cause(format!(
                        "{holder} held the lock for longer than {}",
                        crate::wording::duration(endpoint.limits.lock.0)
                    ))
                    .hint("wait for it and run this again, or wait longer with --lock-timeout")
                    .hint("nothing was changed"))
            }
            Err(error) => Err(session.failure(&error, "take the lock on migrating")),
        }
    }

    /// Opens the session that applies, and makes the ledger where there is none.
    ///
    /// # Errors
    ///
    /// When the server refuses; what was there is unchanged.
    pub async fn begin(self, endpoint: &Endpoint) -> Result<Migrating, Failure> {
        let mut session = Session::connect(endpoint).await?;
        session.prepare_for_writing().await?;
        let ensured = session.connection().ensure_migrations_table(TABLE).await;
        if let Err(error) = ensured {
            let sqlx::migrate::MigrateError::Execute(error) = error else {
                return Err(Failure::internal("could not make the ledger of migrations")
                    .cause(error.to_string()));
            };
            return Err(session.failure(&error, "make the ledger of migrations"));
        }
        let ledger = ledger::place(&mut session).await?;
        Ok(Migrating { session, ledger, lock: self })
    }
}

impl Migrating {
    /// Applies one migration and returns how long it took.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Refused`] when the migration fails: it is rolled back whole, unless
    /// its file runs outside a transaction or ends the transaction itself, which is said.
    pub async fn apply(&mut self, file: &MigrationFile) -> Result<Duration, Failure> {
        let started = Instant::now();
        let _at_work = self.session.note_backend().await?;
        let ran = self.run(file).await;
        ran.map_err(|error| self.failed(file, &error))?;
        let recorded =
            record(self.session.connection(), &self.ledger, file, started.elapsed()).await;
        recorded.map_err(|error| self.failed(file, &error))?;
        let committed = self.session.run("COMMIT").await;
        committed.map_err(|error| self.failed(file, &error))?;
        Ok(started.elapsed())
    }

    /// Runs a file, and leaves a transaction open for its row of the ledger.
    async fn run(&mut self, file: &MigrationFile) -> Result<(), sqlx::Error> {
        let begin = statement::begin_migration(&self.session.limits());
        // A file may leave settings or a role behind; the next one starts as a new session
        // would, so that it does the same whether it is deployed alone or with others.
        self.session.run("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL").await?;
        if file.no_transaction {
            self.session.run(statement::vouch_for_migration(&file.sql)).await?;
            return self.session.run(begin).await;
        }
        self.session.run(begin).await?;
        let before = transaction_id(self.session.connection()).await?;
        self.session.run(statement::vouch_for_migration(&file.sql)).await?;
        let after = transaction_id(self.session.connection()).await?;
        if before == after {
            return Ok(());
        }
        Err(sqlx::Error::Protocol(
            "the file ends its transaction itself, with COMMIT or ROLLBACK: what it did before \
             that is not undone, and it is not in the ledger; take that statement out"
                .to_owned(),
        ))
    }

    fn failed(&self, file: &MigrationFile, error: &sqlx::Error) -> Failure {
        let mut failure = self.session.failure(error, &format!("apply {}", file.file));
        if failure.sqlstate.is_some() {
            failure.kind = FailureKind::Refused;
        }
        if let sqlx::Error::Protocol(reason) = error {
            failure = Failure::new(FailureKind::Refused, format!("could not apply {}", file.file))
                .cause(reason.clone());
        }
        if let Some(position) = server_error::position(error) {
            let line = sql::line_of(&file.sql, position);
            failure = failure.cause(format!("at {}:{line}", file.file));
        }
        if !file.no_transaction {
            return failure.hint("it was rolled back; what was applied before it stays");
        }
        failure.hint(
            "it runs outside a transaction: see what it left, such as an index that is not \
             valid; one statement a file is the rule there",
        )
    }
}

async fn record(
    connection: &mut PgConnection,
    ledger: &QualifiedName,
    file: &MigrationFile,
    elapsed: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(statement::record_migration(ledger))
        .persistent(false)
        .bind(file.version)
        .bind(&file.description)
        .bind(&file.checksum)
        .bind(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

async fn transaction_id(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::raw_sql("SELECT pg_current_xact_id()::text AS id")
        .fetch_one(connection)
        .await?
        .try_get("id")
}

/// Returns who holds an advisory lock, in words.
async fn holder(endpoint: &Endpoint, key: i64) -> Result<String, sqlx::Error> {
    let mut session = Session::connect(endpoint).await.map_err(|_| sqlx::Error::PoolClosed)?;
    let row =
        sqlx::raw_sql(statement::lock_holder(key)).fetch_optional(session.connection()).await?;
    let Some(row) = row else { return Ok("a run that has ended by now".to_owned()) };
    let (pid, role): (i32, String) = (row.try_get("pid")?, row.try_get("role")?);
    let application: String = row.try_get("application")?;
    Ok(match application.as_str() {
        "" => format!("process {pid} of {role}"),
        application => format!("process {pid} of {role} ({application})"),
    })
}
