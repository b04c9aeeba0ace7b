//! Options that programs other than libpq read from a URL: one URL often serves an
//! application and driftgate.
//!
//! Source: the documentation of each program.

use super::parameters::{Parameter, Treatment, parameter, refused};

/// The options that programs other than libpq read from a URL, by who reads them.
pub(super) const DROPPED: &[(&str, &[&str])] = &[
    (
        "asyncpg",
        &[
            "async_creator_fn",
            "async_fallback",
            "command_timeout",
            "direct_tls",
            "max_cacheable_statement_size",
            "max_cached_statement_lifetime",
            "prepared_statement_cache_size",
            "prepared_statement_name_func",
            "record_class",
            "server_settings",
            "statement_cache_size",
            "timeout",
        ],
    ),
    (
        "psycopg",
        &[
            "async",
            "autocommit",
            "connection_factory",
            "cursor_factory",
            "executemany_batch_page_size",
            "executemany_mode",
            "executemany_values_page_size",
            "prepare_threshold",
            "row_factory",
            "use_native_hstore",
            "use_native_unicode",
            "use_native_uuid",
        ],
    ),
    ("pg8000", &["native_inet_types", "startup_params", "tcp_keepalive"]),
    (
        "SQLAlchemy",
        &[
            "echo",
            "isolation_level",
            "max_overflow",
            "plugin",
            "pool_pre_ping",
            "pool_recycle",
            "pool_size",
            "pool_timeout",
        ],
    ),
    ("Django", &["conn_health_checks", "conn_max_age"]),
    ("Prisma", &["connection_limit", "pgbouncer", "schema", "socket_timeout"]),
    (
        "Rails",
        &[
            "advisory_locks",
            "checkout_timeout",
            "encoding",
            "idle_timeout",
            "min_messages",
            "pool",
            "prepared_statements",
            "reaping_frequency",
            "schema_search_path",
            "statement_limit",
        ],
    ),
    (
        "pgx",
        &[
            "default_query_exec_mode",
            "description_cache_capacity",
            "pool_health_check_period",
            "pool_max_conn_idle_time",
            "pool_max_conn_lifetime",
            "pool_max_conns",
            "pool_min_conns",
            "search_path",
            "statement_cache_capacity",
        ],
    ),
    ("sqlx", &["statement-cache-capacity"]),
    ("node-postgres", &["uselibpqcompat"]),
    (
        "JDBC",
        &[
            "ApplicationName",
            "currentSchema",
            "loginTimeout",
            "prepareThreshold",
            "preparedStatementCacheQueries",
            "reWriteBatchedInserts",
            "socketTimeout",
            "stringtype",
            "tcpKeepAlive",
        ],
    ),
];

/// The options of other programs that cannot be dropped without connecting elsewhere, or
/// with less care.
pub(super) const REFUSED: &[Parameter] = &[
    parameter(
        "unix_sock",
        None,
        Treatment::Refused(refused(
            "names a socket as pg8000 does",
            "write `host=` with the directory of the socket",
        )),
    ),
    parameter(
        "sslaccept",
        None,
        Treatment::Unless(
            &["accept_invalid_certs"],
            refused(
                "asks Prisma to check the server's certificate",
                "write `sslmode=verify-full` in its place",
            ),
        ),
    ),
];
