//! The session: the only way to the server. It connects once, within a limit, and hands
//! out transactions; nothing is set outside one, so a pooler in between does no harm.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{Stream, TryStreamExt};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{ConnectOptions, Connection, Row};

use super::{server_error, statement};
use crate::failure::{Failure, FailureKind};
use crate::ident::RoleName;
use crate::snapshot::ServerFacts;
use crate::target::{Host, Resolved, RootCertificates, SslMode, Target};

/// How long to wait for a lock, as the server's `lock_timeout`; zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockTimeout(pub Duration);

/// How long a statement may run, as the server's `statement_timeout`; zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementTimeout(pub Duration);

/// The limits that every transaction of a session carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The time for connecting, authentication included.
    pub connect: Duration,
    /// The time to wait for a lock.
    pub lock: LockTimeout,
    /// The time that one statement may take.
    pub statement: StatementTimeout,
}

/// The server processes that work for this run, so that an interrupt can cancel them.
#[derive(Debug, Clone, Default)]
pub struct Backends(Arc<Mutex<Vec<Arc<Backend>>>>);

/// A server process at work, with the way to its server: a run may use several roles, and
/// only the role that a process works for is sure to be allowed to cancel it.
#[derive(Debug)]
pub struct Backend {
    pid: i32,
    endpoint: Endpoint,
}

impl Backends {
    /// Returns the server processes that are at work now.
    pub fn at_work(&self) -> Vec<Arc<Backend>> {
        self.lock().clone()
    }

    fn add(&self, backend: Backend) -> AtWork {
        let backend = Arc::new(backend);
        self.lock().push(Arc::clone(&backend));
        AtWork { backends: self.clone(), backend }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Backend>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Backend {
    /// Cancels what the process is doing, from a connection of its own.
    ///
    /// How long the server may take to answer is for the caller to limit.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses; the statement then ends by its own
    /// limits.
    pub async fn cancel(&self) -> Result<(), Failure> {
        let mut session = Session::connect(&self.endpoint).await?;
        let cancelled = session.run(statement::cancel_backend(self.pid)).await;
        cancelled.map_err(|error| session.failure(&error, "cancel a statement"))?;
        session.close().await;
        Ok(())
    }
}

/// Keeps a server process in [`Backends`] as long as it lives.
#[derive(Debug)]
pub(super) struct AtWork {
    backends: Backends,
    backend: Arc<Backend>,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut backends = self.backends.lock();
        let at = backends.iter().position(|backend| Arc::ptr_eq(backend, &self.backend));
        if let Some(at) = at {
            backends.swap_remove(at);
        }
    }
}

/// How names without a schema are looked up in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchPath {
    /// Not at all; definitions are then printed with every schema.
    Empty,
    /// As the role and the database have it set.
    OfTheRole,
}

/// Where and how to connect: a target with the limits of the run.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The server and database, and how their secrets are kept out of messages.
    pub resolved: Resolved,
    /// The limits of every transaction.
    pub limits: Limits,
    /// What the sessions are called in `pg_stat_activity`; the server keeps 63 bytes.
    pub application_name: String,
    /// Where the server processes at work are noted.
    pub backends: Backends,
}

/// A connection to the server.
#[derive(Debug)]
pub struct Session {
    connection: PgConnection,
    endpoint: Endpoint,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    ///
    /// A connection or timeout failure that names the target; nothing is left open.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, Failure> {
        let options = connect_options(&endpoint.resolved.target, &endpoint.application_name);
        Self::connect_by(endpoint, &options).await
    }

    /// Connects with a setting of the session, which poolers refuse or drop.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`], and where the setting is refused.
    pub(super) async fn connect_marked(
        endpoint: &Endpoint,
        setting: &str,
        value: &str,
    ) -> Result<Self, Failure> {
        let options = connect_options(&endpoint.resolved.target, &endpoint.application_name);
        Self::connect_by(endpoint, &options.options([(setting, value)])).await
    }

    async fn connect_by(endpoint: &Endpoint, options: &PgConnectOptions) -> Result<Self, Failure> {
        let (resolved, limits) = (&endpoint.resolved, endpoint.limits);
        let connecting = PgConnection::connect_with(options);
        let connection = match tokio::time::timeout(limits.connect, connecting).await {
            Ok(connected) => {
                connected.map_err(|error| server_error::connect_failure(&error, resolved))?
            }
            Err(_elapsed) => {
                return Err(server_error::no_answer("connect", limits.connect, resolved));
            }
        };
        Ok(Self { connection, endpoint: endpoint.clone() })
    }

    /// Opens a read-only transaction that sees one instant, and describes the server.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer; the session is of no use then.
    pub async fn begin_read_only(
        &mut self,
        path: SearchPath,
    ) -> Result<ReadTransaction<'_>, Failure> {
        let message = statement::begin_read_only(&self.endpoint.limits, path);
        let limit = self.answer_limit();
        let doing = "open a read-only transaction";
        let beginning = sqlx::raw_sql(message).fetch_all(&mut self.connection);
        let rows = match tokio::time::timeout(limit, beginning).await {
            Ok(rows) => {
                rows.map_err(|error| server_error::failure(&error, doing, &self.endpoint.resolved))?
            }
            Err(_elapsed) => {
                return Err(server_error::no_answer(doing, limit, &self.endpoint.resolved));
            }
        };
        let row = rows.last().ok_or_else(|| Failure::internal("the server described nothing"))?;
        let server = server_facts(row).map_err(|error| {
            server_error::failure(&error, "read the server's version", &self.endpoint.resolved)
        })?;
        let (pid, pg_snapshot) = (row.get("pid"), row.get("pg_snapshot"));
        let at_work = self.is_at_work(pid);
        Ok(ReadTransaction { session: self, server, pg_snapshot, _at_work: at_work })
    }

    /// Makes sure that the server takes changes, and returns the database's name.
    ///
    /// # Errors
    ///
    /// On a standby, and where the role or database is set to read only.
    pub(super) async fn prepare_for_writing(&mut self) -> Result<String, Failure> {
        let asking = sqlx::raw_sql(
            "SELECT current_database()::text AS database, pg_is_in_recovery() AS in_recovery, \
             current_setting('default_transaction_read_only')::bool AS read_only",
        );
        let doing = "ask whether the server takes changes";
        let row = asking
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| server_error::failure(&error, doing, &self.endpoint.resolved))?;
        let name = self.endpoint.resolved.target.masked_url();
        if row.get("in_recovery") {
            return Err(Failure::new(FailureKind::Connection, format!("{name} is a standby"))
                .cause("nothing can be changed there")
                .hint("connect to the primary"));
        }
        if row.get("read_only") {
            return Err(Failure::new(FailureKind::Connection, format!("{name} is read only"))
                .cause("default_transaction_read_only is on for this role or database")
                .hint("connect with the role that may change it, or to the primary"));
        }
        Ok(row.get("database"))
    }

    /// Runs a message of one or more statements for its effect.
    pub(super) async fn run(
        &mut self,
        message: impl sqlx::SqlSafeStr + Send + 'static,
    ) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(message).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Runs a message of one or more statements, and gives up after a while.
    pub(super) async fn run_within(
        &mut self,
        message: impl sqlx::SqlSafeStr + Send + 'static,
        limit: Duration,
    ) -> Result<(), sqlx::Error> {
        match tokio::time::timeout(limit, self.run(message)).await {
            Ok(ran) => ran,
            Err(_elapsed) => Err(no_answer()),
        }
    }

    /// Runs a message of one or more statements and returns its rows, of which there are
    /// few.
    pub(super) async fn rows(
        &mut self,
        message: impl sqlx::SqlSafeStr + Send + 'static,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        sqlx::raw_sql(message).fetch_all(&mut self.connection).await
    }

    /// As [`Session::rows`], and gives up after a while; the session is of no use then.
    pub(super) async fn rows_within(
        &mut self,
        message: impl sqlx::SqlSafeStr + Send + 'static,
        limit: Duration,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        match tokio::time::timeout(limit, self.rows(message)).await {
            Ok(rows) => rows,
            Err(_elapsed) => Err(no_answer()),
        }
    }

    /// Notes the server process as being at work, until the returned value is dropped.
    pub(super) async fn note_backend(&mut self) -> Result<AtWork, Failure> {
        let asking =
            sqlx::raw_sql("SELECT pg_backend_pid() AS pid").fetch_one(&mut self.connection);
        let row = asking.await.map_err(|error| self.failure(&error, "ask for the process id"))?;
        Ok(self.is_at_work(row.get("pid")))
    }

    pub(super) fn is_at_work(&self, pid: i32) -> AtWork {
        self.endpoint.backends.add(Backend { pid, endpoint: self.endpoint.clone() })
    }

    /// Turns an error of this session into a failure.
    pub(super) fn failure(&self, error: &sqlx::Error, doing: &str) -> Failure {
        server_error::failure(error, doing, &self.endpoint.resolved)
    }

    /// Returns the driver's connection.
    pub(super) const fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Returns where it is connected, and how.
    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the limits of the session's transactions.
    pub(super) const fn limits(&self) -> Limits {
        self.endpoint.limits
    }

    /// Says goodbye to the server.
    pub async fn close(self) {
        // Nothing depends on the answer: the server ends the session by itself.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.connection.close()).await;
    }

    /// Returns how long one answer may take: a little longer than the server's own limit,
    /// so that a server which vanished is noticed and one that is slow says so itself.
    pub(super) fn answer_limit(&self) -> Duration {
        const GRACE: Duration = Duration::from_secs(5);
        const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);
        let limit = self.endpoint.limits.statement.0;
        if limit.is_zero() { FOREVER } else { limit + GRACE }
    }
}

/// A read-only transaction; the server itself refuses to write in it.
///
/// It ends when it is dropped with its session, or by [`ReadTransaction::finish`].
#[derive(Debug)]
pub struct ReadTransaction<'s> {
    session: &'s mut Session,
    server: ServerFacts,
    pg_snapshot: String,
    _at_work: AtWork,
}

impl ReadTransaction<'_> {
    /// Returns what the server said of itself when the transaction began.
    pub const fn server(&self) -> &ServerFacts {
        &self.server
    }

    /// Returns the transaction's snapshot as `pg_current_snapshot()` spells it.
    pub(super) fn pg_snapshot(&self) -> &str {
        &self.pg_snapshot
    }

    /// Runs a message of one or more statements and hands each row to `take`.
    pub(super) async fn rows(
        &mut self,
        message: impl sqlx::SqlSafeStr + Send + 'static,
        doing: &str,
        take: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
    ) -> Result<(), ReadError> {
        let limit = self.session.answer_limit();
        let rows = sqlx::raw_sql(message).fetch(&mut self.session.connection);
        let end = take_all(rows, limit, take).await;
        end.map_err(|end| end.told(doing, limit, &self.session.endpoint.resolved))
    }

    /// Runs one statement with text parameters and hands each row to `take`.
    pub(super) async fn rows_for(
        &mut self,
        sql: impl sqlx::SqlSafeStr + Send + 'static,
        parameters: &[&str],
        doing: &str,
        take: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
    ) -> Result<(), ReadError> {
        let limit = self.session.answer_limit();
        // Unnamed, and inside a transaction: a pooler cannot mix it up with another client's.
        let mut query = sqlx::query(sql).persistent(false);
        for parameter in parameters {
            query = query.bind((*parameter).to_owned());
        }
        let end = take_all(query.fetch(&mut self.session.connection), limit, take).await;
        end.map_err(|end| end.told(doing, limit, &self.session.endpoint.resolved))
    }

    /// Ends the transaction.
    ///
    /// # Errors
    ///
    /// When the connection is lost; nothing was written that could be.
    pub async fn finish(self) -> Result<(), Failure> {
        let limit = self.session.answer_limit();
        let ending = sqlx::raw_sql("ROLLBACK").execute(&mut self.session.connection);
        match tokio::time::timeout(limit, ending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(server_error::failure(
                &error,
                "end the transaction",
                &self.session.endpoint.resolved,
            )),
            Err(_elapsed) => Err(server_error::no_answer(
                "end the transaction",
                limit,
                &self.session.endpoint.resolved,
            )),
        }
    }
}

/// Hands each row of an answer to `take`; the server may take `limit` for each, since its
/// own limit is on a statement, and a message may hold many.
async fn take_all(
    mut rows: impl Stream<Item = Result<PgRow, sqlx::Error>> + Unpin,
    limit: Duration,
    mut take: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
) -> Result<(), ReadingEnded> {
    loop {
        match tokio::time::timeout(limit, rows.try_next()).await {
            Ok(Ok(Some(row))) => take(&row).map_err(ReadingEnded::Error)?,
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(ReadingEnded::Error(error)),
            Err(_elapsed) => return Err(ReadingEnded::NoAnswer),
        }
    }
}

/// Why reading an answer ended early.
enum ReadingEnded {
    Error(sqlx::Error),
    NoAnswer,
}

impl ReadingEnded {
    fn told(&self, doing: &str, limit: Duration, at: &Resolved) -> ReadError {
        match self {
            Self::Error(error) => ReadError {
                sqlstate: server_error::sqlstate(error),
                failure: server_error::failure(error, doing, at),
            },
            Self::NoAnswer => {
                ReadError { sqlstate: None, failure: server_error::no_answer(doing, limit, at) }
            }
        }
    }
}

/// A read that failed, with the SQLSTATE where the server sent one.
#[derive(Debug)]
pub(super) struct ReadError {
    pub(super) sqlstate: Option<String>,
    pub(super) failure: Failure,
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        error.failure
    }
}

pub(super) fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time"))
}

pub(super) fn server_facts(row: &PgRow) -> Result<ServerFacts, sqlx::Error> {
    let version: String = row.try_get("version")?;
    Ok(ServerFacts {
        database: row.try_get("database")?,
        role: RoleName::from_catalog(row.try_get::<String, _>("role")?),
        // Packagers add their own words behind the number.
        version: version.split_whitespace().next().unwrap_or_default().to_owned(),
        version_num: row.try_get("version_num")?,
        in_recovery: row.try_get("in_recovery")?,
        read_only: row.try_get("read_only")?,
        read_at: row.try_get("read_at")?,
        database_oid: u32::try_from(row.try_get::<i64, _>("database_oid")?).unwrap_or_default(),
        server_started: row.try_get("server_started")?,
    })
}

/// Settles every option of the driver, so that it looks up nothing by itself.
fn connect_options(target: &Target, application_name: &str) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .port(target.port)
        .username(&target.user)
        .database(&target.database)
        .password(target.password.as_ref().map_or("", |password| password.expose()))
        .ssl_mode(match target.sslmode {
            // libpq ignores the mode on a socket; the driver would fail.
            _ if matches!(target.host, Host::Socket(_)) => PgSslMode::Disable,
            SslMode::Disable => PgSslMode::Disable,
            SslMode::Allow => PgSslMode::Allow,
            SslMode::Prefer => PgSslMode::Prefer,
            SslMode::Require => PgSslMode::Require,
            SslMode::VerifyCa => PgSslMode::VerifyCa,
            SslMode::VerifyFull => PgSslMode::VerifyFull,
        })
        .application_name(application_name)
        // Poolers refuse it.
        .extra_float_digits(None)
        .disable_statement_logging();
    if let Some(RootCertificates::File(file)) = &target.sslrootcert {
        options = options.ssl_root_cert(file);
    }
    if let Some(client) = &target.client_certificate {
        options = options.ssl_client_cert(&client.certificate).ssl_client_key(&client.key);
    }
    match (&target.host, target.hostaddr) {
        (Host::Socket(directory), _) => options.socket(directory),
        (Host::Name(_), Some(address)) => options.host(&address.to_string()),
        (Host::Name(name), None) => options.host(name),
    }
}
