//! The SQL that lets a reader falsify a finding: short, and pasted into `psql` as it is.

use crate::ident::{QualifiedName, RoleName, literal};
use crate::lock_key::LockKey;
use crate::registry::LockScheme;
use crate::serialization::Taker;

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

/// Returns the query that shows the last successful refresh of a view on record, how old its
/// rows are, and whether nobody touched it since: no row, none of this very relation is.
pub(super) fn last_refresh(name: &QualifiedName) -> String {
    format!(
        "SELECT r.as_of, clock_timestamp() - r.as_of AS age, r.view_xmin = c.xmin AS untouched \
         FROM driftgate.refreshes r JOIN pg_class c ON c.oid = r.view_oid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         AND n.nspname = r.view_schema AND c.relname = r.view_name \
         WHERE r.view_schema = {} AND r.view_name = {} AND r.outcome = 'SUCCESS' \
         ORDER BY r.finished_at DESC LIMIT 1",
        literal(name.schema.as_str()),
        literal(name.name.as_str()),
    )
}

/// Returns the query that shows the newest tick of a class: no row, none was ever claimed.
pub(super) fn last_tick(class: &str) -> String {
    format!(
        "SELECT tick, claimed_at, clock_timestamp() - tick AS age, outcome \
         FROM driftgate.ticks WHERE class = {} ORDER BY tick DESC LIMIT 1",
        literal(class)
    )
}

/// Returns the query that shows the jobs of a class in pg_cron.
pub(super) fn cron_jobs(class: &str) -> String {
    let prefix = format!("{}{class}:", crate::schedule::CronJob::PREFIX);
    format!(
        "SELECT jobname, schedule, active, command FROM cron.job \
         WHERE starts_with(jobname::text, {}) ORDER BY jobname",
        literal(&prefix)
    )
}
/// Returns the query that shows the definition of a view as the server prints it.
pub(super) fn definition(name: &QualifiedName) -> String {
    format!(
        "SELECT pg_get_viewdef(c.oid, true) AS definition \
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

/// Returns the query that shows whether a role exists: one row, `t` or `f`.
pub(super) fn role_exists(role: &RoleName) -> String {
    let role = literal(role.as_str());
    format!("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = {role}) AS is_there")
}

/// Returns the query that shows whether a role has the rights of a view's owner, may use
/// the schema, and whether the owner may make temporary tables.
pub(super) fn refresh_rights(role: &RoleName, view: &QualifiedName) -> String {
    format!(
        "SELECT pg_get_userbyid(c.relowner) AS owner, \
         pg_has_role({role}, c.relowner, 'USAGE') AS has_rights_of_owner, \
         has_schema_privilege({role}, n.oid, 'USAGE') AS may_use_schema, \
         has_database_privilege(c.relowner, current_database(), 'TEMP') AS owner_has_temp \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {}",
        literal(view.schema.as_str()),
        literal(view.name.as_str()),
        role = literal(role.as_str()),
    )
}

/// Returns the query that shows whether a role can read a relation: one row.
pub(super) fn can_select(role: &RoleName, relation: &QualifiedName) -> String {
    format!(
        "SELECT has_any_column_privilege({role}, c.oid, 'SELECT') AS has_select, \
         has_schema_privilege({role}, n.oid, 'USAGE') AS may_use_schema, \
         pg_get_userbyid(c.relowner) AS owner, c.relacl \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {}",
        literal(relation.schema.as_str()),
        literal(relation.name.as_str()),
        role = literal(role.as_str()),
    )
}

/// Returns the query that shows what a role can write of a table: one row.
pub(super) fn can_write(role: &RoleName, table: &QualifiedName) -> String {
    format!(
        "SELECT has_any_column_privilege({role}, c.oid, 'INSERT') AS can_insert, \
         has_any_column_privilege({role}, c.oid, 'UPDATE') AS can_update, \
         has_table_privilege({role}, c.oid, 'DELETE') AS can_delete, \
         has_table_privilege({role}, c.oid, 'TRUNCATE') AS can_truncate, \
         pg_has_role({role}, c.relowner, 'MEMBER') AS member_of_owner, c.relacl \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {}",
        literal(table.schema.as_str()),
        literal(table.name.as_str()),
        role = literal(role.as_str()),
    )
}

/// Returns the query that shows whether a view passes writes on: a number above zero, of
/// which 8 stands for INSERT, 4 for UPDATE and 16 for DELETE.
pub(super) fn updatable(view: &QualifiedName) -> String {
    format!(
        "SELECT pg_relation_is_updatable(c.oid, true) AS passes_on, c.relacl \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {}",
        literal(view.schema.as_str()),
        literal(view.name.as_str()),
    )
}

/// Returns the query that shows the tables a view names, with row-level security and what
/// the view's owner is exempt by.
pub(super) fn row_security(view: &QualifiedName) -> String {
    format!(
        "SELECT DISTINCT o.rolname AS refreshes_as, o.rolsuper, o.rolbypassrls, \
         t.oid::regclass AS reads, t.relrowsecurity, t.relforcerowsecurity, \
         pg_has_role(o.oid, t.relowner, 'USAGE') AS has_rights_of_table_owner \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_roles o ON o.oid = c.relowner \
         JOIN pg_rewrite r ON r.ev_class = c.oid \
         JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid \
         AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid \
         JOIN pg_class t ON t.oid = d.refobjid \
         WHERE n.nspname = {} AND c.relname = {}",
        literal(view.schema.as_str()),
        literal(view.name.as_str()),
    )
}

/// Returns the query that lists the columns of a relation in one row.
pub(super) fn columns(relation: &QualifiedName) -> String {
    format!(
        "SELECT array_agg(a.attname ORDER BY a.attnum) AS columns FROM pg_attribute a \
         JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND a.attnum > 0 AND NOT a.attisdropped",
        literal(relation.schema.as_str()),
        literal(relation.name.as_str()),
    )
}

/// Returns the query that shows a function's own settings and its body.
pub(super) fn function_path(signature: &str) -> String {
    format!(
        "SELECT p.proconfig, p.prosrc FROM pg_proc p \
         WHERE p.oid = {}::regprocedure",
        literal(signature)
    )
}

/// Returns the query that makes the keys of two refreshes from their texts: two rows.
pub(super) fn lock_keys(scheme: LockScheme, takers: [&Taker; 2]) -> String {
    let (bytes, bits, number) = match scheme {
        LockScheme::Int32 | LockScheme::Int32Pair => (4, 32, "int4"),
        LockScheme::Int64 => (8, 64, "int8"),
    };
    let key = |column: &str| {
        format!(
            "('x' || encode(substring(sha256(convert_to({column}, 'UTF8')) FROM 1 FOR {bytes}), \
             'hex'))::bit({bits})::{number}"
        )
    };
    let row = |taker: &Taker| {
        let texts = taker.texts(scheme);
        let values = std::iter::once(taker.told()).chain(texts).map(|text| literal(&text));
        format!("({})", values.collect::<Vec<_>>().join(", "))
    };
    let (keys, columns) = match scheme {
        LockScheme::Int32Pair => {
            (format!("{} AS key_1, {} AS key_2", key("view"), key("tenant")), "view, tenant")
        }
        LockScheme::Int32 | LockScheme::Int64 => (format!("{} AS key", key("text")), "text"),
    };
    let rows = takers.map(row).join(", ");
    format!("SELECT name, {keys} FROM (VALUES {rows}) AS takers (name, {columns})")
}

/// Returns the steps in two sessions that show whether a lock's key keeps one of them out.
pub(super) fn exclusion(key: LockKey) -> String {
    let take = format!("SELECT pg_try_advisory_xact_lock({key})");
    format!(
        "/* session 1, wants t */ BEGIN; {take}; /* session 2, wants f */ BEGIN; {take}; \
         /* session 1 */ ROLLBACK; /* session 2, wants t */ {take}; ROLLBACK"
    )
}

/// Returns the steps in two sessions that show whether a pooler gives away the process of a
/// session: without one, each session has one number, and the other session another one.
pub(super) fn processes() -> String {
    const PROCESS: &str = "SELECT pg_backend_pid()";
    format!(
        "/* session 1 */ {PROCESS}; /* session 2 */ BEGIN; {PROCESS}; \
         /* session 1, as before */ {PROCESS}; /* session 2 */ ROLLBACK"
    )
}
