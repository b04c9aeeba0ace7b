//! A session beside the program: plants faults, holds locks, and looks at what is left.

use std::thread::JoinHandle;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, PgConnection, Row, ValueRef};
use tokio::runtime::{Builder, Runtime};

/// A row: each column's text as the server sends it.
pub(crate) type TextRow = Vec<Option<String>>;

/// A connection that a test uses without waiting for futures.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Option<PgConnection>,
    runtime: Runtime,
}

impl Session {
    /// Connects.
    pub(crate) fn connect(url: &str) -> Self {
        let runtime =
            Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        // The driver wants a host, and then goes by the socket behind the question mark.
        let url = url.replacen("@/", "@localhost/", 1);
        let options: PgConnectOptions = url.parse().expect("the URL of a test is sound");
        // Poolers refuse the driver's own parameter.
        let options = options.application_name("test").extra_float_digits(None);
        let options = options.disable_statement_logging();
        let connection =
            runtime.block_on(options.connect()).expect("the test server lets the test in");
        Self { connection: Some(connection), runtime }
    }

    /// Runs one or more statements.
    ///
    /// # Errors
    ///
    /// The SQLSTATE and the message.
    pub(crate) fn try_run(&mut self, sql: &str) -> Result<(), (String, String)> {
        let Self { connection, runtime } = self;
        let connection = connection.as_mut().expect("open until dropped");
        let running = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection);
        runtime.block_on(running).map(|_| ()).map_err(|error| {
            let code = error
                .as_database_error()
                .and_then(|error| error.code())
                .map(|code| code.into_owned())
                .unwrap_or_default();
            (code, error.to_string())
        })
    }

    /// Runs one or more statements that must succeed.
    pub(crate) fn run(&mut self, sql: &str) {
        if let Err((code, message)) = self.try_run(sql) {
            panic!("{message} ({code}) in: {sql}");
        }
    }

    /// Returns the rows of one or more queries.
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<TextRow> {
        let Self { connection, runtime } = self;
        let connection = connection.as_mut().expect("open until dropped");
        let asking = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(connection);
        let rows = runtime.block_on(asking).unwrap_or_else(|error| panic!("{error} in: {sql}"));
        rows.iter()
            .map(|row| {
                row.columns()
                    .iter()
                    .map(|column| {
                        let value = row.try_get_raw(column.ordinal()).expect("the column is there");
                        if value.is_null() {
                            return None;
                        }
                        Some(value.as_str().expect("the server sends text").to_owned())
                    })
                    .collect()
            })
            .collect()
    }

    /// Returns the first column of each row.
    pub(crate) fn column(&mut self, sql: &str) -> Vec<String> {
        let first = |row: TextRow| row.into_iter().next().flatten().unwrap_or_default();
        self.rows(sql).into_iter().map(first).collect()
    }

    /// Returns the one value of a query.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        let mut column = self.column(sql);
        assert_eq!(column.len(), 1, "one row: {sql}");
        column.remove(0)
    }

    /// Returns the session's process on the server.
    pub(crate) fn pid(&mut self) -> String {
        self.value("SELECT pg_backend_pid()")
    }

    /// Runs statements in a thread of its own; they may wait for a lock.
    pub(crate) fn run_aside(mut self, sql: &str) -> JoinHandle<(Self, Result<(), String>)> {
        let sql = sql.to_owned();
        std::thread::spawn(move || {
            let ran = self.try_run(&sql).map_err(|(code, _)| code);
            (self, ran)
        })
    }

    /// Uses the driver's connection itself.
    pub(crate) fn with<T>(&mut self, work: impl AsyncFnOnce(&mut PgConnection) -> T) -> T {
        let Self { connection, runtime } = self;
        runtime.block_on(work(connection.as_mut().expect("open until dropped")))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The server ends the session by itself where this does not arrive.
            let _ = self.runtime.block_on(connection.close());
        }
    }
}
