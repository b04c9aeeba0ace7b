//! The ways in, each set up by itself, with what is to be told of it.

mod triggers;

/// One way in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    /// The statements that set it up.
    pub(super) before: &'static str,
    /// What must not be written: the table `t`, or a view over it.
    pub(super) target: &'static str,
    pub(super) level: &'static str,
    pub(super) privileges: &'static str,
    pub(super) via: &'static str,
    /// A word of each way around the triggers.
    pub(super) sidestep: &'static [&'static str],
    /// It is told to be open although none of the tries gets through.
    pub(super) never_works: bool,
    /// The ways in that open with USAGE on the schema.
    pub(super) latent: &'static str,
    /// The major versions that have it.
    majors: (i32, i32),
}

const ALL: &str = "INSERT UPDATE DELETE TRUNCATE";
const ROWS: &str = "INSERT UPDATE DELETE";

impl Scene {
    const fn allowed(name: &'static str, before: &'static str, privileges: &'static str) -> Self {
        Self {
            name,
            before,
            target: "t",
            level: "allowed",
            privileges,
            via: "grant",
            sidestep: &[],
            never_works: false,
            latent: "",
            majors: (13, 99),
        }
    }

    const fn denied(name: &'static str, before: &'static str) -> Self {
        Self { level: "denied", via: "", ..Self::allowed(name, before, "") }
    }

    const fn void(name: &'static str, before: &'static str, via: &'static str) -> Self {
        Self { level: "void", via, ..Self::allowed(name, before, ALL) }
    }

    /// Every write is granted, and every write refused.
    const fn trigger(name: &'static str, before: &'static str) -> Self {
        Self { level: "trigger", ..Self::allowed(name, before, ALL) }
    }

    const fn via(self, via: &'static str) -> Self {
        Self { via, ..self }
    }

    const fn sidestep(self, sidestep: &'static [&'static str]) -> Self {
        Self { sidestep, ..self }
    }

    const fn of(self, privileges: &'static str) -> Self {
        Self { privileges, ..self }
    }

    const fn on(self, target: &'static str) -> Self {
        Self { target, ..self }
    }

    const fn latent(self, latent: &'static str) -> Self {
        Self { latent, ..self }
    }

    const fn never_works(self) -> Self {
        Self { never_works: true, ..self }
    }

    const fn since(self, major: i32) -> Self {
        Self { majors: (major, self.majors.1), ..self }
    }

    const fn before(self, major: i32) -> Self {
        Self { majors: (self.majors.0, major - 1), ..self }
    }

    /// Returns the statements that set it up, in the spelling of a major version.
    pub(super) fn setup(&self, major: i32) -> String {
        let (no_inherit, membership) = if major < 16 {
            ("ALTER ROLE {app} NOINHERIT;", "")
        } else {
            ("", " WITH INHERIT FALSE")
        };
        self.before
            .replace("{noinherit}", no_inherit)
            .replace("{without inherit}", membership)
            .replace("{guard}", GUARD)
    }
}

/// Refuses every write.
const GUARD: &str = "
    GRANT ALL ON {s}.t TO {app};
    CREATE TRIGGER keep BEFORE INSERT OR UPDATE OR DELETE ON {s}.t
        FOR EACH ROW EXECUTE FUNCTION {s}.refuse();
    CREATE TRIGGER keep_all BEFORE TRUNCATE ON {s}.t
        FOR EACH STATEMENT EXECUTE FUNCTION {s}.refuse();";

/// Returns the scenes that a major version has.
pub(super) fn on(major: i32) -> Vec<Scene> {
    let all = [
        rights(),
        memberships(),
        predefined(),
        schemas(),
        triggers::on_tables(),
        triggers::on_others(),
    ];
    let is_there = |scene: &Scene| (scene.majors.0..=scene.majors.1).contains(&major);
    all.into_iter().flatten().filter(is_there).collect()
}

/// Returns the statements after which the roles can be dropped with the database.
pub(super) fn clean_up(major: i32) -> &'static str {
    if major < 15 {
        ""
    } else {
        "REVOKE SET ON PARAMETER session_replication_role FROM {app}, {group}"
    }
}

fn rights() -> Vec<Scene> {
    vec![
        Scene::denied("nothing", ""),
        Scene::allowed("owner", "ALTER TABLE {s}.t OWNER TO {app}", ALL).via("owner"),
        Scene::allowed(
            "owner_without_acl",
            "ALTER TABLE {s}.t OWNER TO {app}; REVOKE ALL ON {s}.t FROM {app}",
            ALL,
        )
        .via("owner"),
        Scene::allowed("one_grant", "GRANT INSERT, DELETE ON {s}.t TO {app}", "INSERT DELETE"),
        Scene::allowed("truncate", "GRANT TRUNCATE ON {s}.t TO {app}", "TRUNCATE"),
        Scene::allowed(
            "columns",
            "GRANT INSERT (id), UPDATE (v) ON {s}.t TO {app}",
            "INSERT UPDATE",
        )
        .via("column:id column:v"),
        Scene::allowed("public", "GRANT UPDATE ON {s}.t TO PUBLIC", "UPDATE").via("PUBLIC"),
        Scene::allowed(
            "all_together",
            "GRANT INSERT ON {s}.t TO {app}; GRANT UPDATE (v) ON {s}.t TO PUBLIC;
             GRANT DELETE ON {s}.t TO {group}; GRANT {group} TO {app};
             GRANT TRUNCATE ON {s}.t TO {other}; GRANT {other} TO {group}",
            ALL,
        )
        .via("grant PUBLIC member:group member:other"),
        Scene::allowed(
            "by_another_grantor",
            "GRANT INSERT ON {s}.t TO {group} WITH GRANT OPTION;
             SET ROLE {group}; GRANT INSERT ON {s}.t TO {app}; RESET ROLE",
            "INSERT",
        ),
        Scene::allowed(
            "passed_on",
            "GRANT INSERT, UPDATE (v) ON {s}.t TO {app} WITH GRANT OPTION;
             SET ROLE {app};
             GRANT INSERT, UPDATE (v) ON {s}.t TO {group} WITH GRANT OPTION;
             SET ROLE {group}; GRANT INSERT ON {s}.t TO {other}; RESET ROLE",
            "INSERT UPDATE",
        )
        .via("grant column:v"),
        Scene::denied("select_alone", "GRANT SELECT, REFERENCES, TRIGGER ON {s}.t TO {app}"),
    ]
}

fn memberships() -> Vec<Scene> {
    vec![
        Scene::allowed(
            "member",
            "GRANT INSERT ON {s}.t TO {group}; GRANT {group} TO {app}",
            "INSERT",
        )
        .via("member:group"),
        Scene::allowed(
            "chain",
            "GRANT INSERT ON {s}.t TO {other}; GRANT {other} TO {group}; GRANT {group} TO {app}",
            "INSERT",
        )
        .via("member:other"),
        Scene::allowed("member_of_owner", "GRANT {owner} TO {app}", ALL).via("member:owner"),
        Scene::allowed(
            "set_role",
            "{noinherit} GRANT INSERT ON {s}.t TO {group}; GRANT {group} TO {app}{without inherit}",
            "INSERT",
        )
        .via("set-role:group"),
        Scene::allowed(
            "set_role_to_owner",
            "{noinherit} GRANT {owner} TO {group}; GRANT {group} TO {app}{without inherit}",
            ALL,
        )
        .via("set-role:owner"),
        Scene::allowed(
            "inherit_without_set",
            "GRANT INSERT ON {s}.t TO {group}; GRANT {group} TO {app} WITH INHERIT TRUE, SET FALSE",
            "INSERT",
        )
        .via("member:group")
        .since(16),
        Scene::denied(
            "neither_inherit_nor_set",
            "GRANT INSERT ON {s}.t TO {group};
             GRANT {group} TO {app} WITH INHERIT FALSE, SET FALSE",
        )
        .since(16),
        Scene::allowed(
            "set_role_that_inherits_alone",
            "GRANT INSERT ON {s}.t TO {other}; GRANT {other} TO {group} WITH INHERIT TRUE, SET FALSE;
             GRANT {group} TO {app} WITH INHERIT FALSE, SET TRUE",
            "INSERT",
        )
        .via("set-role:group")
        .since(16),
        Scene::denied(
            "inherit_does_not_lead_to_set",
            "GRANT INSERT ON {s}.t TO {other}; GRANT {other} TO {group} WITH INHERIT FALSE, SET TRUE;
             GRANT {group} TO {app} WITH INHERIT TRUE, SET FALSE",
        )
        .since(16),
        Scene::allowed(
            "administrator",
            "GRANT {owner} TO {app} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
            ALL,
        )
        .via("set-role:owner")
        .since(16),
        Scene::allowed(
            "administrator_by_group",
            "GRANT {owner} TO {group} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
             GRANT {group} TO {app} WITH INHERIT TRUE, SET FALSE",
            ALL,
        )
        .via("set-role:owner")
        .since(16),
        Scene::allowed(
            "membership_passed_on",
            "GRANT {owner} TO {app} WITH ADMIN OPTION;
             SET ROLE {app}; GRANT {owner} TO {group} WITH ADMIN OPTION;
             SET ROLE {group}; GRANT {owner} TO {other}; RESET ROLE",
            ALL,
        )
        .via("member:owner"),
        Scene::allowed(
            "two_grantors",
            "GRANT {group} TO {other} WITH ADMIN OPTION; GRANT INSERT ON {s}.t TO {group};
             GRANT {group} TO {app}; SET ROLE {other}; GRANT {group} TO {app}; RESET ROLE",
            "INSERT",
        )
        .via("member:group"),
        Scene::void("superuser", "ALTER ROLE {app} SUPERUSER", ""),
        Scene::void(
            "member_of_superuser",
            "ALTER ROLE {group} SUPERUSER; GRANT {group} TO {app}",
            "set-role:group",
        ),
        Scene::void("creates_roles", "ALTER ROLE {app} CREATEROLE", "").before(16),
        Scene::denied("creates_roles", "ALTER ROLE {app} CREATEROLE").since(16),
    ]
}

fn predefined() -> Vec<Scene> {
    const ROLE: &str = "predefined:pg_write_all_data";
    vec![
        Scene::allowed(
            "write_all",
            "REVOKE USAGE ON SCHEMA {s} FROM {app}; GRANT pg_write_all_data TO {app}",
            ROWS,
        )
        .via(ROLE)
        .since(14),
        Scene::allowed(
            "write_all_by_group",
            "GRANT pg_write_all_data TO {group}; GRANT {group} TO {app}",
            ROWS,
        )
        .via(ROLE)
        .since(14),
        Scene::allowed(
            "write_all_by_set_role",
            "{noinherit} GRANT pg_write_all_data TO {app}{without inherit}",
            ROWS,
        )
        .via("set-role:pg_write_all_data")
        .since(14),
        Scene::void("programs", "GRANT pg_execute_server_program TO {app}", "").never_works(),
    ]
}

fn schemas() -> Vec<Scene> {
    vec![
        Scene::denied(
            "no_usage",
            "REVOKE USAGE ON SCHEMA {s} FROM {app}; GRANT INSERT ON {s}.t TO {app}",
        )
        .latent("grant"),
        Scene::denied(
            "owner_without_usage",
            "REVOKE USAGE ON SCHEMA {s} FROM {app}; ALTER TABLE {s}.t OWNER TO {app}",
        )
        .latent("owner"),
        Scene::denied(
            "usage_and_grant_of_two_roles",
            "{noinherit} REVOKE USAGE ON SCHEMA {s} FROM {app}; GRANT INSERT ON {s}.t TO {app};
             GRANT {group} TO {app}{without inherit}",
        )
        .latent("grant"),
        Scene::allowed(
            "usage_by_group",
            "REVOKE USAGE ON SCHEMA {s} FROM {app}; GRANT INSERT ON {s}.t TO {app};
             GRANT {group} TO {app}",
            "INSERT",
        ),
        Scene::allowed(
            "usage_by_set_role",
            "{noinherit} REVOKE USAGE ON SCHEMA {s} FROM {app}; GRANT INSERT ON {s}.t TO PUBLIC;
             GRANT {group} TO {app}{without inherit}",
            "INSERT",
        )
        .via("set-role:group")
        .latent("PUBLIC"),
        Scene::allowed(
            "owner_of_the_schema",
            "ALTER SCHEMA {s} OWNER TO {app}; REVOKE ALL ON SCHEMA {s} FROM {app};
             GRANT INSERT ON {s}.t TO {app}",
            "INSERT",
        ),
        Scene::allowed(
            "owner_of_both",
            "ALTER SCHEMA {s} OWNER TO {app}; ALTER TABLE {s}.t OWNER TO {app}",
            ALL,
        )
        .via("owner"),
    ]
}

/// Returns scenes in which the role owns the database; it can have one owner alone.
pub(super) fn of_the_database_owner() -> [Scene; 2] {
    [
        Scene::allowed(
            "grant_to_database_owner",
            "ALTER DATABASE {database} OWNER TO {app}; GRANT INSERT ON {s}.t TO pg_database_owner",
            "INSERT",
        )
        .via("member:pg_database_owner"),
        Scene::allowed(
            "table_of_database_owner",
            "ALTER DATABASE {database} OWNER TO {app};
             ALTER TABLE {s}.t OWNER TO pg_database_owner",
            ALL,
        )
        .via("member:pg_database_owner"),
    ]
}
