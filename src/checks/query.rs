//! The SQL that lets a reader falsify a finding: short, and pasted into `psql` as it is.

use crate::ident::{QualifiedName, literal};

/// Returns the query that shows a view with its owner and whether it is populated.
///
/// No row means that there is no such materialized view.
pub(super) fn matview(name: &QualifiedName) -> String {
    format!(
        "SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner) AS owner, c.relispopulated \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'm' AND n.nspname = {} AND c.relname = {}",
        literal(name.schema.as_str()),
        literal(name.name.as_str()),
    )
}

/// Returns the query that shows whether a view is there: one row, `t` or `f`.
pub(super) fn exists(name: &QualifiedName) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'm' AND n.nspname = {} AND c.relname = {}) AS is_there",
        literal(name.schema.as_str()),
        literal(name.name.as_str()),
    )
}

/// Returns the query that shows whether a view has an index that a concurrent refresh can
/// use: one row, `t` or `f`.
pub(super) fn usable_index(name: &QualifiedName) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND i.indisunique AND i.indimmediate \
         AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS has_usable_index",
        literal(name.schema.as_str()),
        literal(name.name.as_str()),
    )
}

/// Returns the query that lists the valid unique keys of a view: no row, no key.
pub(super) fn unique_keys(name: &QualifiedName) -> String {
    format!(
        "SELECT coalesce(array_agg(k.key), '{{}}') AS unique_keys FROM (\
         SELECT (SELECT string_agg(a.attname, ', ' ORDER BY a.attname) FROM pg_attribute a \
         WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])) AS key \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND i.indisunique AND i.indisvalid \
         AND i.indpred IS NULL AND i.indexprs IS NULL) k",
        literal(name.schema.as_str()),
        literal(name.name.as_str()),
    )
}
