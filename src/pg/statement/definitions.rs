//! The statements by which the server itself tells what a query is: a temporary view in a
//! transaction that is rolled back, and its print.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::local_settings;
use crate::ident::{Identifier, literal};
use crate::pg::session::{Limits, LockTimeout};

/// The path of names without a schema while the server prints, and reads its own prints: in
/// them every name has its schema. What a pooler's other client left in `pg_temp` comes
/// last.
const PRINTING: &str = "SET LOCAL search_path = pg_catalog, pg_temp; \
     SET LOCAL \"TimeZone\" = 'UTC'";

/// What a role or database may have set otherwise, and which a query is read or printed by.
const READING: &str = "SET LOCAL standard_conforming_strings = on; \
     SET LOCAL transform_null_equals = off; SET LOCAL array_nulls = on; \
     SET LOCAL xmloption = 'content'; SET LOCAL quote_all_identifiers = off; \
     SET LOCAL \"DateStyle\" = 'ISO, MDY'; SET LOCAL \"IntervalStyle\" = 'postgres'; \
     SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; \
     SET LOCAL lc_monetary = 'C'; SET LOCAL client_min_messages = 'warning'";

/// The columns that tell what is printed of a relation `c`: `definition`, `pretty`, `columns`
/// (JSON), and `is_bare`, which is false for a view with options such as WITH CHECK OPTION.
const PRINT: &str = "pg_get_viewdef(c.oid) AS definition, pg_get_viewdef(c.oid, true) AS pretty, \
     c.relkind = 'm' OR c.reloptions IS NULL AS is_bare, \
     (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), \
     l.nspname, l.collname) ORDER BY a.attnum) \
     FROM pg_attribute a LEFT JOIN (SELECT o.oid, n.nspname, o.collname FROM pg_collation o \
     JOIN pg_namespace n ON n.oid = o.collnamespace WHERE o.collname <> 'default') l \
     ON l.oid = a.attcollation \
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns";

/// Returns the statements that open the transaction in which a view is compared, and print
/// the view. Nothing is kept of the transaction; READ WRITE is not asked for, so a session
/// that is set to read only stays so.
pub(in crate::pg) fn begin_and_print(
    limits: &Limits,
    lock: LockTimeout,
    view: u32,
) -> AssertSqlSafe<String> {
    let limits = Limits { lock, ..*limits };
    AssertSqlSafe(format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; {}; {READING}; {PRINTING}; \
         SELECT CASE WHEN current_setting('server_version_num')::int4 >= 140000 \
         THEN set_config('client_connection_check_interval', '1s', true) END; \
         SELECT {PRINT} FROM pg_class c WHERE c.relkind = 'm' AND c.oid = {view}; \
         SAVEPOINT side",
        local_settings(&limits)
    ))
}

/// Returns the query that prints the indexes of a view: for each its name, and its text
/// without the name.
pub(in crate::pg) fn print_indexes(view: u32) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT x.relname::text AS name, \
         CASE WHEN i.indisunique THEN 'CREATE UNIQUE INDEX ON ' ELSE 'CREATE INDEX ON ' END || \
         substr(d.text, 1 + length(format(\
         CASE WHEN i.indisunique THEN 'CREATE UNIQUE INDEX %I ON ' \
         ELSE 'CREATE INDEX %I ON ' END, x.relname))) AS text \
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid \
         CROSS JOIN LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS text) d \
         WHERE i.indrelid = {view}"
    ))
}

/// Returns the statements that forget the views of one side, and settle how the names and
/// times of a query that somebody wrote are read: first in the view's own schema.
pub(in crate::pg) fn read_as(schema: &Identifier, zone: &str) -> AssertSqlSafe<String> {
    let mut statements = FORGET.to_owned();
    write!(
        statements,
        "; SET LOCAL search_path = {}, public, pg_temp; SET LOCAL \"TimeZone\" = {}",
        quoted(schema),
        literal(zone)
    )
    .expect("writing to a string cannot fail");
    AssertSqlSafe(statements)
}

/// Forgets the views of one side, and goes back to the settings for printing.
pub(in crate::pg) const FORGET: &str = "ROLLBACK TO SAVEPOINT side";

/// The statement that makes a temporary view, up to its query.
fn head(number: usize) -> String {
    format!("CREATE TEMPORARY VIEW driftgate_definition_{number} AS\n")
}

/// Returns how many characters stand before the query in [`make`].
pub(in crate::pg) fn before_the_query(number: usize) -> usize {
    head(number).chars().count()
}

/// Returns the statement that makes a temporary view of a query. It is sent so that it can
/// be one statement alone, and a view takes one SELECT alone.
pub(in crate::pg) fn make(number: usize, query: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(head(number) + query)
}

/// Returns the query that prints a temporary view of [`make`].
pub(in crate::pg) fn print_made(number: usize) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "{PRINTING}; SELECT {PRINT} FROM pg_class c \
         WHERE c.oid = 'pg_temp.driftgate_definition_{number}'::regclass"
    ))
}

/// Returns a name in double quotes, as an entry of a search path.
fn quoted(name: &Identifier) -> String {
    format!("\"{}\"", name.as_str().replace('"', "\"\""))
}
