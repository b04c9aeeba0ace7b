//! The statements that make, build and remove a new database.

use sqlx::AssertSqlSafe;

use super::{RESET_SESSION, milliseconds};
use crate::fresh::{Marker, Migrator};
use crate::ident::{Identifier, RoleName, literal};
use crate::pg::session::Limits;

/// How a database sorts and spells, to be given to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pg) struct Locale {
    pub(in crate::pg) encoding: String,
    pub(in crate::pg) collate: String,
    pub(in crate::pg) ctype: String,
    /// `libc`, `icu` or `builtin`; `None` before PostgreSQL 15.
    pub(in crate::pg) provider: Option<String>,
    /// The locale of a provider other than `libc`.
    pub(in crate::pg) locale: Option<String>,
}

/// Returns the statement that makes a database with nothing in it.
pub(in crate::pg) fn create_database(
    name: &Identifier,
    owner: &RoleName,
    like: Option<&Locale>,
) -> AssertSqlSafe<String> {
    let mut sql = format!("CREATE DATABASE {name} OWNER {owner} TEMPLATE template0");
    if let Some(like) = like {
        sql += &format!(
            " ENCODING {} LC_COLLATE {} LC_CTYPE {}",
            literal(&like.encoding),
            literal(&like.collate),
            literal(&like.ctype)
        );
        match (like.provider.as_deref(), &like.locale) {
            (Some("icu"), Some(locale)) => {
                sql += &format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", literal(locale));
            }
            (Some("builtin"), Some(locale)) => {
                sql += &format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", literal(locale));
            }
            (Some("libc"), _) => sql += " LOCALE_PROVIDER libc",
            _ => {}
        }
    }
    AssertSqlSafe(sql)
}

/// Returns the statement that hands a database over.
pub(in crate::pg) fn hand_over_database(
    name: &Identifier,
    owner: &RoleName,
) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("ALTER DATABASE {name} OWNER TO {owner}"))
}

/// Returns the statement that marks a database as ours.
pub(in crate::pg) fn mark_database(name: &Identifier, marker: &Marker) -> AssertSqlSafe<String> {
    let marker = literal(&marker.to_string());
    AssertSqlSafe(format!("COMMENT ON DATABASE {name} IS {marker}"))
}

/// Returns the statement that removes a database; `by_force` ends every session in it.
pub(in crate::pg) fn drop_database(name: &Identifier, by_force: bool) -> AssertSqlSafe<String> {
    let force = if by_force { " WITH (FORCE)" } else { "" };
    AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}{force}"))
}

/// Returns the statement that says where sessions of a database look names up.
pub(in crate::pg) fn set_search_path(
    database: &Identifier,
    schemas: &[Identifier],
) -> AssertSqlSafe<String> {
    let schemas = match schemas {
        [] => "''".to_owned(),
        schemas => schemas.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    AssertSqlSafe(format!("ALTER DATABASE {database} SET search_path = {schemas}"))
}

/// Returns the statement that says in which time zone sessions of a database read literals.
pub(in crate::pg) fn set_time_zone(database: &Identifier, zone: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("ALTER DATABASE {database} SET \"TimeZone\" = {}", literal(zone)))
}

/// Returns the statements that make the roles of a server of our own, and the role that
/// migrates with what it may do.
pub(in crate::pg) fn make_roles(
    roles: &[RoleName],
    migrator: &Migrator,
) -> Option<AssertSqlSafe<String>> {
    let mut statements: Vec<String> =
        roles.iter().map(|role| format!("CREATE ROLE {role} NOLOGIN")).collect();
    if !migrator.is_bootstrap() {
        let mut attributes = String::from("LOGIN");
        for (has, attribute) in [
            (migrator.superuser, " SUPERUSER"),
            (migrator.create_role, " CREATEROLE"),
            (migrator.create_database, " CREATEDB"),
            (migrator.bypass_row_security, " BYPASSRLS"),
        ] {
            if has {
                attributes.push_str(attribute);
            }
        }
        statements.push(format!("CREATE ROLE {} {attributes}", migrator.name));
        for membership in migrator.member_of.iter().filter(|one| roles.contains(&one.role)) {
            let admin = if membership.admin { " WITH ADMIN OPTION" } else { "" };
            statements.push(format!("GRANT {} TO {}{admin}", membership.role, migrator.name));
        }
    }
    (!statements.is_empty()).then(|| AssertSqlSafe(statements.join("; ")))
}

/// Returns the statements that mark a role as ours, and keep everybody from logging in as it.
pub(in crate::pg) fn mark_role(role: &RoleName, marker: &Marker) -> AssertSqlSafe<String> {
    let marker = literal(&marker.to_string());
    AssertSqlSafe(format!("ALTER ROLE {role} NOLOGIN; COMMENT ON ROLE {role} IS {marker}"))
}

/// Returns the statement that removes a role; it fails while anything depends on it.
pub(in crate::pg) fn drop_role(role: &RoleName) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("DROP ROLE IF EXISTS {role}"))
}

/// Settles the session that looks: its query is planned once, and never compiled.
pub(in crate::pg) const SETTLE_LOOKING: &str =
    "SET plan_cache_mode = force_generic_plan; SET jit = off";

/// What a transaction has written of the catalog so far, as the server counts it: one row
/// with the transaction's id. A count goes on from transaction to transaction, so only its
/// growth tells something.
///
/// Source: the object ids of catalogs are the same in every version: 1249 `pg_attribute`,
/// 1259 `pg_class`, 2610 `pg_index`, 2615 `pg_namespace`, 2618 `pg_rewrite`; shared by all
/// databases: 1213 `pg_tablespace`, 1260 `pg_authid`, 1261 `pg_auth_members`,
/// 1262 `pg_database`, 2396 `pg_shdescription`, 2964 `pg_db_role_setting`,
/// 3592 `pg_shseclabel`, 6000 `pg_replication_origin`, 6100 `pg_subscription`,
/// 6243 `pg_parameter_acl`.
const COUNT_WRITES: &str = "SELECT pg_current_xact_id()::text AS xact_of_step, \
    pg_stat_get_xact_tuples_inserted(2618) + pg_stat_get_xact_tuples_deleted(2618) AS rules, \
    pg_stat_get_xact_tuples_updated(1259) + pg_stat_get_xact_tuples_inserted(2610) \
    + pg_stat_get_xact_tuples_updated(2610) AS relations, \
    pg_stat_get_xact_tuples_deleted(2610) + pg_stat_get_xact_tuples_updated(1249) \
    + pg_stat_get_xact_tuples_updated(2615) AS traceless, \
    current_setting('track_counts')::bool AS is_counting";

/// Added where the server is not our own: writes to what all databases share, and to roles.
const COUNT_SHARED: &str = ", (SELECT sum(pg_stat_get_xact_tuples_inserted(shared) \
    + pg_stat_get_xact_tuples_updated(shared) + pg_stat_get_xact_tuples_deleted(shared))::int8 \
    FROM unnest(ARRAY[1213, 1260, 1261, 1262, 2396, 2964, 3592, 6000, 6100, 6243]::oid[]) \
    AS shared) AS shared, pg_stat_get_xact_tuples_updated(1260) AS accounts";

/// What holds for every step on one server.
#[derive(Debug, Clone, Copy)]
pub(in crate::pg) struct Settled<'a> {
    pub(in crate::pg) limits: Limits,
    /// From 14 on the server notices that its client is gone.
    pub(in crate::pg) version_num: i32,
    /// Whether the server is somebody else's.
    pub(in crate::pg) is_shared: bool,
    /// In which time zone literals are read; `None`: in the driver's.
    pub(in crate::pg) time_zone: Option<&'a str>,
}

impl Settled<'_> {
    /// Returns the statements that settle a transaction, or the session, for a step, with the
    /// count of what it has written behind them.
    fn settings(&self, set: &str) -> String {
        let mut sql = format!(
            "{set} lock_timeout = {}; {set} statement_timeout = {}; ",
            milliseconds(self.limits.lock.0),
            milliseconds(self.limits.statement.0),
        );
        if self.version_num >= 140_000 && self.is_shared {
            sql += &format!("{set} client_connection_check_interval = '1s'; ");
        }
        if let Some(zone) = self.time_zone {
            sql += &format!("{set} \"TimeZone\" = {}; ", literal(zone));
        }
        sql + &self.count()
    }

    fn count(&self) -> String {
        format!("{COUNT_WRITES}{}", if self.is_shared { COUNT_SHARED } else { "" })
    }

    /// Returns the statements that open the transaction of a step and run it, and how many
    /// characters stand before the step's own.
    pub(in crate::pg) fn run_step(&self, sql: &str) -> (AssertSqlSafe<String>, usize) {
        let settings = self.settings("SET LOCAL");
        let before = format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {settings};\n");
        let length = before.chars().count();
        (AssertSqlSafe(before + sql), length)
    }

    /// Returns the statements that settle the session for a step outside a transaction.
    pub(in crate::pg) fn before_lone_step(&self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.settings("SET"))
    }

    /// Returns the statements that undo what a step left of roles and settings, tell what it
    /// has written, and commit where nothing has to be seen to before.
    pub(in crate::pg) fn end_step(&self) -> AssertSqlSafe<String> {
        let (count, commit) = (self.count(), if self.is_shared { "" } else { "; COMMIT" });
        // What the step deferred to the commit still runs under its role and settings.
        AssertSqlSafe(format!("SET CONSTRAINTS ALL IMMEDIATE; {RESET_SESSION}; {count}{commit}"))
    }
}

/// Vouches for a statement that the server itself has put together from quoted names.
pub(in crate::pg) fn vouch_for_undoing(sql: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql)
}

/// Returns the query that reads what belongs to all databases of a server, but for what
/// belongs to this one.
pub(in crate::pg) fn read_shared(superuser: bool, version_num: i32) -> AssertSqlSafe<String> {
    let mut sql = include_str!("../sql/read_shared.sql").to_owned();
    if version_num >= 150_000 {
        sql += " UNION ALL SELECT 'parameter', p.parname, p.paracl::text, '[]'::json \
                FROM pg_parameter_acl p";
    }
    if superuser {
        sql += " UNION ALL SELECT 'password', a.rolname::text, md5(a.rolpassword), \
                json_build_array(a.rolname) FROM pg_authid a WHERE a.rolpassword IS NOT NULL";
    }
    AssertSqlSafe(sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> RoleName {
        RoleName::from_catalog(name)
    }

    #[test]
    fn names_are_quoted_and_values_are_literals() {
        let name = Identifier::from_catalog("we\"ird");
        let like = Locale {
            encoding: "UTF8".into(),
            collate: "de'DE".into(),
            ctype: "C".into(),
            provider: Some("icu".into()),
            locale: Some("und".into()),
        };
        assert_eq!(
            create_database(&name, &role("App"), Some(&like)).0,
            "CREATE DATABASE \"we\"\"ird\" OWNER \"App\" TEMPLATE template0 ENCODING 'UTF8' \
             LC_COLLATE 'de''DE' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'und'"
        );
        let path = [Identifier::from_catalog("$user"), Identifier::from_catalog("rpt")];
        assert_eq!(
            set_search_path(&name, &path).0,
            "ALTER DATABASE \"we\"\"ird\" SET search_path = \"$user\", rpt"
        );
        assert!(set_search_path(&name, &[]).0.ends_with("= ''"));
    }

    #[test]
    fn roles_are_made_with_what_is_known_of_them_and_no_more() {
        let named = [role("owner"), role("reader")];
        assert_eq!(
            make_roles(&named, &Migrator::bootstrap()).map(|sql| sql.0).as_deref(),
            Some("CREATE ROLE owner NOLOGIN; CREATE ROLE reader NOLOGIN")
        );
        assert!(make_roles(&[], &Migrator::bootstrap()).is_none());
        let assumed = Migrator::assumed(role("app"), [role("owner"), role("made_later")]);
        assert_eq!(
            make_roles(&named, &assumed).map(|sql| sql.0).as_deref(),
            Some(
                "CREATE ROLE owner NOLOGIN; CREATE ROLE reader NOLOGIN; CREATE ROLE app LOGIN; \
                 GRANT owner TO app"
            )
        );
    }

    #[test]
    fn a_step_begins_behind_what_is_counted() {
        let settled = Settled {
            limits: Limits {
                connect: std::time::Duration::from_secs(1),
                lock: crate::pg::session::LockTimeout(std::time::Duration::from_secs(5)),
                statement: crate::pg::session::StatementTimeout(std::time::Duration::ZERO),
            },
            version_num: 150_018,
            is_shared: true,
            time_zone: Some("Europe/Berlin"),
        };
        let (sql, before) = settled.run_step("SELECT 'ü'");
        assert_eq!(sql.0.chars().skip(before).collect::<String>(), "SELECT 'ü'");
        assert!(!settled.end_step().0.contains("COMMIT"), "{}", settled.end_step().0);
        assert!(Settled { is_shared: false, ..settled }.end_step().0.ends_with("; COMMIT"));
    }
}
