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
    /// Waits for the lock, as long as the limits allow; a limit of zero is none.
    ///
    /// # Errors
    ///
    /// [`FailureKind::LockHeld`] with who holds it, when the wait ran out; nothing was done.
    pub async fn take(endpoint: &Endpoint) -> Result<Self, Failure> {
        Self::take_key(endpoint, sql::lock_key).await
    }

    /// Waits for the lock under which other tools are run.
    ///
    /// # Errors
    ///
    /// As [`MigrationLock::take`].
    pub async fn take_for_tool(endpoint: &Endpoint) -> Result<Self, Failure> {
        Self::take_key(endpoint, sql::lock_key_of_tools).await
    }

    async fn take_key(endpoint: &Endpoint, key_of: fn(&str) -> i64) -> Result<Self, Failure> {
        const FIRST_PAUSE: Duration = Duration::from_millis(100);
        const LONGEST_PAUSE: Duration = Duration::from_millis(500);
        let started = Instant::now();
        let mut session = Session::connect(endpoint).await?;
        let database = session.prepare_for_writing().await?;
        let key = key_of(&database);
        let patience = endpoint.limits.lock.0;
        let mut pause = FIRST_PAUSE;
        loop {
            let is_taken = try_lock(&mut session, key).await;
            if is_taken.map_err(|error| session.failure(&error, "take the lock on migrating"))? {
                return Ok(Self { session });
            }
            if !patience.is_zero() {
                let left = patience.saturating_sub(started.elapsed());
                if left.is_zero() {
                    return Err(is_held(endpoint, key).await);
                }
                // One more try at the very end of the wait.
                pause = pause.min(left);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
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
    /// [`FailureKind::Refused`] when the migration fails; what stays of it is told: nothing,
    /// unless its file runs outside a transaction or ends the transaction itself. The
    /// session is of no use then.
    pub async fn apply(&mut self, file: &MigrationFile) -> Result<Duration, Failure> {
        let started = Instant::now();
        let _at_work = self.session.note_backend().await?;
        if file.no_transaction() {
            let applied = self.apply_outside(file, started).await;
            applied.map_err(|cause| self.failed(file, &cause).hint(AFTER_NO_TRANSACTION))?;
        } else {
            let begun = self.begin().await;
            let id = begun.map_err(|error| self.failed(file, &Cause::Around(error)))?;
            if let Err(cause) = self.apply_inside(file, id, started).await {
                let stayed = what_stayed(&cause, self.fate(file, id).await);
                return Err(self.failed(file, &cause).hint(stayed));
            }
        }
        Ok(started.elapsed())
    }

    /// Opens the transaction of a migration and returns its id.
    async fn begin(&mut self) -> Result<i64, sqlx::Error> {
        let limits = self.session.limits();
        self.session.run(statement::begin_migration(&limits)).await?;
        transaction_id(self.session.connection()).await
    }

    /// Runs a file and its row of the ledger in the transaction that was opened for them.
    async fn apply_inside(
        &mut self,
        file: &MigrationFile,
        transaction: i64,
        started: Instant,
    ) -> Result<(), Cause> {
        let limits = self.session.limits();
        let ran = self.session.run(statement::vouch_for_migration(file.sql())).await;
        ran.map_err(Cause::InTheFile)?;
        if transaction_id(self.session.connection()).await? != transaction {
            return Err(Cause::EndsItsTransaction);
        }
        // A file may leave settings or a role behind. Its row is written without them, and
        // the next file does the same whether it is deployed alone or after this one.
        self.session.run(statement::resettle_migration(&limits)).await?;
        record(self.session.connection(), &self.ledger, file, started.elapsed()).await?;
        Ok(self.session.run("COMMIT").await?)
    }

    /// Runs a file outside a transaction, then writes its row of the ledger in one.
    async fn apply_outside(&mut self, file: &MigrationFile, started: Instant) -> Result<(), Cause> {
        let limits = self.session.limits();
        // Without a transaction the limits have to be the session's. It is ours alone and is
        // closed when the migrations are done; a pooler may hand the server's side of it to
        // somebody else, so they are taken back as soon as the file has run, or failed.
        self.session.run(statement::settle_session(&limits)).await?;
        let ran = self.session.run(statement::vouch_for_migration(file.sql())).await;
        if let Err(error) = ran {
            // That the file failed is what has to be told, whatever comes of this.
            let _ = self.session.run("ROLLBACK").await;
            let _ = self.session.run(statement::RESET_SESSION).await;
            return Err(Cause::InTheFile(error));
        }
        self.session.run(statement::RESET_SESSION).await?;
        self.session.run(statement::begin_migration(&limits)).await?;
        record(self.session.connection(), &self.ledger, file, started.elapsed()).await?;
        Ok(self.session.run("COMMIT").await?)
    }

    /// Asks what became of the transaction that a file was to run in.
    async fn fate(&mut self, file: &MigrationFile, transaction: i64) -> Fate {
        let asked = async {
            // Ends what the failure left open, so that the server can be asked.
            self.session.run("ROLLBACK").await?;
            sqlx::raw_sql(statement::transaction_fate(transaction))
                .fetch_one(self.session.connection())
                .await?
                .try_get::<Option<String>, _>("fate")
        };
        match asked.await.ok().flatten().as_deref() {
            Some("committed") => Fate::Committed,
            // A file that rolls back itself may have gone on and committed something else.
            Some("aborted") if !names_a_rollback(file.sql()) => Fate::RolledBack,
            _ => Fate::Unknown,
        }
    }

    fn failed(&self, file: &MigrationFile, cause: &Cause) -> Failure {
        let doing = format!("apply {}", file.file);
        match cause {
            Cause::EndsItsTransaction => {
                Failure::new(FailureKind::Refused, format!("could not {doing}")).cause(
                    "the file ends its transaction itself, with COMMIT or ROLLBACK; that is for \
                     this program to do",
                )
            }
            Cause::InTheFile(error) | Cause::Around(error) => {
                let mut failure = self.session.failure(error, &doing);
                if failure.sqlstate.is_some() {
                    failure.kind = FailureKind::Refused;
                }
                match (cause, server_error::position(error)) {
                    (Cause::InTheFile(_), Some(position)) => {
                        let line = sql::line_of(file.sql(), position);
                        failure.cause(format!("at {}:{line}", file.file))
                    }
                    _ => failure,
                }
            }
        }
    }
}

/// Why a migration did not get into the ledger.
#[derive(Debug)]
enum Cause {
    /// A statement of the file failed.
    InTheFile(sqlx::Error),
    /// What goes with every file failed: its transaction, or its row of the ledger.
    Around(sqlx::Error),
    /// The file ran to its end, and its transaction was not open any more.
    EndsItsTransaction,
}

impl From<sqlx::Error> for Cause {
    fn from(error: sqlx::Error) -> Self {
        Self::Around(error)
    }
}

/// What became of the transaction that a file was to run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Committed,
    RolledBack,
    /// The server could not be asked, or its answer does not tell.
    Unknown,
}

const AFTER_NO_TRANSACTION: &str = "it runs outside a transaction: see what it left, such as an \
    index that is not valid; one statement a file is the rule there";

/// Returns what an operator finds of a migration that failed.
const fn what_stayed(cause: &Cause, fate: Fate) -> &'static str {
    match (cause, fate) {
        (Cause::EndsItsTransaction, _) => {
            "what it committed stays and is not in the ledger: undo that by hand, take the \
             statement out of the file, and run this again"
        }
        (_, Fate::Committed) => {
            "it had committed a part, which stays and is not in the ledger: undo that by hand, \
             take the COMMIT out of the file, and run this again"
        }
        (_, Fate::RolledBack) => "it was rolled back; what was applied before it stays",
        (_, Fate::Unknown) => {
            "whether anything of it stayed is not known: look at the database, and at \
             `driftgate migrate status`, before this is run again"
        }
    }
}

fn names_a_rollback(sql: &str) -> bool {
    let sql = sql.to_ascii_uppercase();
    sql.contains("ROLLBACK") || sql.contains("ABORT")
}

/// Tries to take the lock; the transaction that got it stays open, every other one is over.
async fn try_lock(session: &mut Session, key: i64) -> Result<bool, sqlx::Error> {
    let trying = sqlx::raw_sql(statement::try_migration_lock(key));
    let rows = trying.fetch_all(session.connection()).await?;
    let row = rows.last().ok_or(sqlx::Error::RowNotFound)?;
    let is_taken: bool = row.try_get("is_taken")?;
    if !is_taken {
        // The comment is what `pg_stat_activity` shows of a run that waits.
        session.run("ROLLBACK -- waiting for the advisory lock on migrating").await?;
    }
    Ok(is_taken)
}

/// Returns the failure for a wait that ran out.
async fn is_held(endpoint: &Endpoint, key: i64) -> Failure {
    let holder = holder(endpoint, key).await.unwrap_or_else(|_| "somebody".to_owned());
    Failure::new(FailureKind::LockHeld, "another run is migrating this database")
        .cause(format!(
            "{holder} held the lock for longer than {}",
            crate::wording::duration(endpoint.limits.lock.0)
        ))
        .hint("wait for it and run this again, or wait longer with --lock-timeout")
        .hint("nothing was changed")
}

async fn record(
    connection: &mut PgConnection,
    ledger: &QualifiedName,
    file: &MigrationFile,
    elapsed: Duration,
) -> Result<(), sqlx::Error> {
    // Whoever loaded the file made its id of such a number.
    let version: i64 = file.id.parse().map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query(statement::ledgers::record_migration(ledger))
        .persistent(false)
        .bind(version)
        .bind(&file.description)
        .bind(&file.checksum)
        .bind(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

async fn transaction_id(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::raw_sql("SELECT pg_current_xact_id()::text::int8 AS id")
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

#[cfg(test)]
mod tests {
    use sqlx::migrate::{MigrationType, Migrator};

    use crate::migrations::sql::load::load;

    #[tokio::test]
    async fn files_are_to_us_what_they_are_to_sqlx() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for (name, text) in [
            ("0001_roles.sql", "CREATE ROLE a;\r\n"),
            ("2_ünï çode.sql", "-- no-transaction\nVACUUM;"),
            ("10_a_b.up.sql", ""),
            ("10_a_b.down.sql", "DROP"),
            ("0010_same.sql", " -- no-transaction\n"),
            ("+11_plus.sql", "SELECT 1"),
            ("20261123101010_x.sql.sql", "SELECT 2"),
            ("README.md", "no SQL"),
            ("notes.sql", "no version"),
        ] {
            std::fs::write(folder.path().join(name), text).expect("it can be written");
        }
        let migrator = Migrator::new(folder.path()).await.expect("sqlx reads them");
        let mut theirs: Vec<_> = migrator
            .iter()
            .filter(|one| one.migration_type != MigrationType::ReversibleDown)
            .map(|one| {
                let words = one.description.to_string();
                (one.version.to_string(), words, one.checksum.to_vec(), one.no_tx)
            })
            .collect();
        let ours = load(folder.path(), "migrations").expect("we read them").files.into_iter();
        let mut ours: Vec<_> = ours
            .map(|file| {
                let no_transaction = file.no_transaction();
                (file.id, file.description, file.checksum, no_transaction)
            })
            .collect();
        assert_eq!(ours.len(), 6);
        theirs.sort();
        ours.sort();
        assert_eq!(ours, theirs);
    }
}
