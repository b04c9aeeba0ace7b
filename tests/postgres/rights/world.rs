//! A database made up from a number: roles, memberships and grants of every kind.

use crate::support::TestDatabase;
use crate::support::poll::until;
use crate::support::session::Session;

/// A made-up database, and the roles that were made for it.
pub(super) struct World {
    pub(super) database: TestDatabase,
    pub(super) roles: Vec<String>,
    pub(super) major: i32,
    dice: Dice,
    session: Session,
    script: Vec<String>,
}

/// The schemas that the relations are in.
pub(super) const SCHEMAS: [&str; 3] = ["one", "two", "public"];

/// What can be granted on a relation, before MAINTAIN.
pub(super) const ON_RELATIONS: [&str; 6] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER"];

const TABLES: [&str; 4] = ["one.t", "one.u", "two.t", "public.t"];

const VIEWS: [&str; 5] = ["one.v", "one.m", "two.m", "public.v", "public.w"];

const FUNCTIONS: [&str; 3] = ["one.f(int)", "two.f(int)", "public.f(int)"];

/// What the generator decides by: the same numbers for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("less than a usize")
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut database = TestDatabase::empty();
        let roles = (0..9).map(|number| database.role(&format!("r{number}"))).collect();
        let mut session = database.session();
        let major = super::major(&mut session);
        let dice = Dice(seed);
        let mut world = Self { database, roles, major, dice, session, script: Vec::new() };
        world.make_roles();
        world.make_objects();
        world.change_grants();
        world
    }

    pub(super) fn tables(&self) -> Vec<&'static str> {
        TABLES.to_vec()
    }

    pub(super) fn script(&self) -> String {
        self.script.join(";\n")
    }

    fn run(&mut self, sql: String) {
        self.session.run(&sql);
        self.script.push(sql);
    }

    /// Runs what the server may refuse: a membership in a circle, a grant nobody may give.
    fn attempt(&mut self, sql: String) {
        if self.session.try_run(&sql).is_ok() {
            self.script.push(sql);
        }
    }

    fn role(&mut self) -> String {
        let at = self.dice.below(self.roles.len());
        self.roles[at].clone()
    }

    fn grantee(&mut self) -> String {
        if self.dice.one_in(6) { "PUBLIC".to_owned() } else { self.role() }
    }

    fn make_roles(&mut self) {
        for role in self.roles.clone() {
            if self.dice.one_in(9) {
                self.run(format!("ALTER ROLE {role} SUPERUSER"));
            }
            if self.dice.one_in(3) {
                self.run(format!("ALTER ROLE {role} NOINHERIT"));
            }
            if self.dice.one_in(9) {
                self.run(format!("ALTER ROLE {role} BYPASSRLS"));
            }
        }
        for _ in 0..12 {
            let group = self.role();
            self.join(&group);
        }
        let predefined: &[(i32, &str)] =
            &[(14, "pg_read_all_data"), (14, "pg_write_all_data"), (17, "pg_maintain")];
        for (since, group) in predefined {
            if *since <= self.major {
                self.join(group);
            }
        }
        let owner = self.role();
        let name = self.database.name().to_owned();
        self.run(format!("ALTER DATABASE {name} OWNER TO {owner}"));
    }

    fn join(&mut self, group: &str) {
        let member = self.role();
        let options = match self.major {
            16.. => self.dice.of(&[
                "",
                "WITH INHERIT TRUE",
                "WITH INHERIT FALSE",
                "WITH SET FALSE",
                "WITH INHERIT FALSE, SET FALSE",
                "WITH INHERIT TRUE, SET FALSE",
                "WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
            ]),
            _ => self.dice.of(&["", "", "WITH ADMIN OPTION"]),
        };
        self.attempt(format!("GRANT {group} TO {member} {options}"));
        if self.dice.one_in(3) {
            // A second grantor, whose grant has options of its own.
            let grantor = self.role();
            self.attempt(format!("SET ROLE {grantor}; GRANT {group} TO {member}"));
            self.run("RESET ROLE".to_owned());
        }
    }

    fn make_objects(&mut self) {
        self.run("CREATE SCHEMA one; CREATE SCHEMA two".to_owned());
        for table in TABLES {
            self.run(format!("CREATE TABLE {table} (a int, b int, gone int, c text)"));
            self.run(format!("ALTER TABLE {table} DROP COLUMN gone"));
        }
        for function in FUNCTIONS {
            self.run(format!("CREATE FUNCTION {function} RETURNS int LANGUAGE sql AS 'SELECT $1'"));
        }
        self.run("CREATE VIEW one.v AS SELECT a, one.f(b) FROM one.t".to_owned());
        self.run("CREATE VIEW public.v AS SELECT a, public.f(a) FROM one.v, two.t t(x)".to_owned());
        // Nothing is ever granted on this one.
        self.run("CREATE FUNCTION one.g() RETURNS int LANGUAGE sql AS 'SELECT 1'".to_owned());
        self.run("CREATE VIEW public.w AS SELECT count(*), one.g() FROM one.u".to_owned());
        for matview in ["one.m", "two.m"] {
            self.run(format!(
                "CREATE MATERIALIZED VIEW {matview} AS SELECT two.f(a) FROM public.v WITH NO DATA"
            ));
        }
        for table in TABLES {
            if !self.dice.one_in(3) {
                self.run(format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"));
            }
            if self.dice.one_in(2) {
                self.run(format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"));
            }
        }
        self.change_owners();
    }

    fn change_owners(&mut self) {
        for relation in TABLES.into_iter().chain(VIEWS) {
            let owner = self.role();
            self.run(format!("ALTER TABLE {relation} OWNER TO {owner}"));
        }
        for function in FUNCTIONS {
            let owner = self.role();
            self.run(format!("ALTER FUNCTION {function} OWNER TO {owner}"));
        }
        for schema in ["one", "two"] {
            let owner = self.role();
            self.run(format!("ALTER SCHEMA {schema} OWNER TO {owner}"));
        }
    }

    fn change_grants(&mut self) {
        let name = self.database.name().to_owned();
        // Few in some worlds, so that objects without any grant are among them.
        for _ in 0..self.dice.below(160) {
            let what = match self.dice.below(10) {
                0 => {
                    let privilege = self.dice.of(&["TEMPORARY", "CONNECT", "ALL"]);
                    format!("{privilege} ON DATABASE {name}")
                }
                1 | 2 => {
                    let schema = self.dice.of(&SCHEMAS);
                    let privilege = self.dice.of(&["USAGE", "CREATE", "ALL"]);
                    format!("{privilege} ON SCHEMA {schema}")
                }
                3 | 4 => {
                    let function = self.dice.of(&FUNCTIONS);
                    format!("EXECUTE ON FUNCTION {function}")
                }
                5 | 6 => {
                    let table = self.dice.of(&TABLES);
                    let privilege = self.dice.of(&["SELECT", "INSERT", "UPDATE"]);
                    let column = self.dice.of(&["a", "b", "c", "ctid", "a, c"]);
                    format!("{privilege} ({column}) ON {table}")
                }
                _ => self.on_relation(),
            };
            self.give_or_take(&what);
        }
        self.grant_parameter();
    }

    fn on_relation(&mut self) -> String {
        let all: Vec<&str> = TABLES.into_iter().chain(VIEWS).collect();
        let relation = self.dice.of(&all);
        let privilege = match self.dice.below(9) {
            0 => "ALL",
            1 if self.major >= 17 => "MAINTAIN",
            _ => self.dice.of(&ON_RELATIONS),
        };
        format!("{privilege} ON {relation}")
    }

    fn give_or_take(&mut self, what: &str) {
        let grantee = self.grantee();
        match self.dice.below(6) {
            0 => self.attempt(format!("REVOKE {what} FROM PUBLIC")),
            1 => self.attempt(format!("REVOKE {what} FROM {grantee} CASCADE")),
            2 => {
                self.attempt(format!("GRANT {what} TO {grantee} WITH GRANT OPTION"));
                let next = self.role();
                if grantee != "PUBLIC" {
                    self.attempt(format!("SET ROLE {grantee}; GRANT {what} TO {next}"));
                    self.run("RESET ROLE".to_owned());
                }
            }
            _ => self.attempt(format!("GRANT {what} TO {grantee}")),
        }
    }

    /// Privileges on settings belong to the whole server, which other tests share.
    fn grant_parameter(&mut self) {
        if self.major >= 15 {
            let role = self.role();
            let sql = format!("GRANT SET ON PARAMETER session_replication_role TO {role}");
            let session = &mut self.session;
            until("a grant that no other test disturbs", || session.try_run(&sql).ok());
            self.script.push(sql);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for role in self.roles.clone().into_iter().filter(|_| self.major >= 15) {
            let sql = format!("REVOKE SET ON PARAMETER session_replication_role FROM {role}");
            let session = &mut self.session;
            until("a grant that no other test disturbs", || session.try_run(&sql).ok());
        }
        if self.major >= 16 {
            // Whoever granted a membership cannot be dropped.
            let memberships = self.session.column(&format!(
                "SELECT format('REVOKE %I FROM %I GRANTED BY %I CASCADE',
                               roleid::regrole, member::regrole, grantor::regrole)
                   FROM pg_auth_members WHERE grantor::regrole::text IN ('{}')",
                self.roles.join("','")
            ));
            self.session.run(&memberships.join(";"));
        }
    }
}
