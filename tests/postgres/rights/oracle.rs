//! The server's own answers, asked for every role and object of a made-up database.

use driftgate::rights::{Oid, Privilege, Rights};

use super::world::{ON_RELATIONS, SCHEMAS, World};
use crate::support::session::{Session, TextRow};

/// Compares all answers; returns those that differ.
pub(super) fn differences(world: &World, rights: &Rights) -> Vec<String> {
    let mut session = world.database.session();
    let names: Vec<String> = world.roles.iter().map(|role| format!("'{role}'")).collect();
    // What is asked about; each role is asked about each.
    let mine =
        format!("(SELECT oid, rolname FROM pg_roles WHERE rolname IN ({})) r", names.join(","));
    let mut asked = Asked { rights, session: &mut session, mine, wrong: Vec::new(), count: 0 };
    asked.memberships(world.major);
    asked.schemas_and_functions();
    asked.relations(world.major);
    asked.columns();
    asked.row_security(&world.roles);
    asked.replication_role(world.major);
    assert!(asked.count > 1_500, "{} questions are too few", asked.count);
    asked.wrong
}

struct Asked<'a> {
    rights: &'a Rights,
    session: &'a mut Session,
    mine: String,
    wrong: Vec<String>,
    count: usize,
}

impl Asked<'_> {
    /// Asks the server; a row is role, object, what, answer. No answer (the object has no
    /// such column) is not compared.
    fn compare(&mut self, sql: &str, ours: impl Fn(&Rights, Oid, Oid, &str) -> bool) {
        for row in self.session.rows(&sql.replace("{mine}", &self.mine)) {
            let [Some(role), Some(object), Some(what), answer]: [Option<String>; 4] =
                TextRow::try_into(row).expect("four columns")
            else {
                panic!("a question of {sql} is null");
            };
            let Some(answer) = answer else { continue };
            let number = |oid: &str| oid.parse::<Oid>().expect("an oid");
            let is = ours(self.rights, number(&role), number(&object), &what);
            self.count += 1;
            if is != (answer == "t") {
                let name = self.rights.role_name(number(&role));
                self.wrong.push(format!("{name}, {what}, object {object}: {is}, not {answer}"));
            }
        }
    }

    fn memberships(&mut self, major: i32) {
        let others = "(SELECT oid FROM pg_roles WHERE rolname LIKE 'pg\\_%' \
                       OR oid IN (SELECT oid FROM {mine})) o";
        self.compare(
            &format!(
                "SELECT r.oid, o.oid, 'USAGE', pg_has_role(r.oid, o.oid, 'USAGE')
                   FROM {{mine}}, {others}"
            ),
            |rights, role, other, _| rights.has_rights_of(role, other),
        );
        let how = if major < 16 { "MEMBER" } else { "SET" };
        self.compare(
            &format!(
                "SELECT r.oid, o.oid, 'SET', pg_has_role(r.oid, o.oid, '{how}')
                   FROM {{mine}}, {others}"
            ),
            |rights, role, other, _| rights.may_become(role, other),
        );
    }

    fn schemas_and_functions(&mut self) {
        let schemas: Vec<String> = SCHEMAS.iter().map(|name| format!("'{name}'")).collect();
        self.compare(
            &format!(
                "SELECT r.oid, n.oid, 'USAGE', has_schema_privilege(r.oid, n.oid, 'USAGE')
                   FROM {{mine}}, pg_namespace n WHERE n.nspname IN ({})",
                schemas.join(",")
            ),
            |rights, role, schema, _| rights.may_use_schema(role, schema),
        );
        self.compare(
            "SELECT r.oid, p.oid, 'EXECUTE', has_function_privilege(r.oid, p.oid, 'EXECUTE')
               FROM {mine}, pg_proc p WHERE p.proname IN ('f', 'g')",
            |rights, role, function, _| rights.may_call(role, function),
        );
        self.compare(
            "SELECT r.oid, d.oid, 'TEMPORARY', has_database_privilege(r.oid, d.oid, 'TEMPORARY')
               FROM {mine}, pg_database d WHERE d.datname = current_database()",
            |rights, role, _, _| rights.may_make_temporary(role),
        );
    }

    fn relations(&mut self, major: i32) {
        let mut privileges = ON_RELATIONS.to_vec();
        if major >= 17 {
            privileges.push("MAINTAIN");
        }
        for privilege in privileges {
            self.compare(
                &format!(
                    "SELECT r.oid, c.oid, '{privilege}',
                            has_table_privilege(r.oid, c.oid, '{privilege}')
                       FROM {{mine}}, {OURS}"
                ),
                |rights, role, relation, what| rights.has_on_relation(role, relation, word(what)),
            );
        }
    }

    fn columns(&mut self) {
        for privilege in ["SELECT", "INSERT", "UPDATE"] {
            self.compare(
                &format!(
                    "SELECT r.oid, c.oid, '{privilege}',
                            has_any_column_privilege(r.oid, c.oid, '{privilege}')
                       FROM {{mine}}, {OURS}"
                ),
                |rights, role, relation, what| rights.has_on_any_column(role, relation, word(what)),
            );
            for column in [-1_i16, 1, 2, 4] {
                self.compare(
                    &format!(
                        "SELECT r.oid, c.oid, '{privilege}', has_column_privilege(
                                    r.oid, c.oid, {column}::int2, '{privilege}')
                           FROM {{mine}}, {OURS} AND EXISTS (
                                    SELECT FROM pg_attribute a
                                     WHERE a.attrelid = c.oid AND a.attnum = {column})"
                    ),
                    |rights, role, relation, what| {
                        rights.has_on_column(role, relation, column, word(what))
                    },
                );
            }
        }
    }

    fn row_security(&mut self, roles: &[String]) {
        for role in roles {
            self.session.run(&format!("SET ROLE {role}"));
            self.compare(
                &format!(
                    "SELECT r.oid, c.oid, 'row security', row_security_active(c.oid)
                       FROM {{mine}}, {OURS} AND r.rolname = current_user"
                ),
                |rights, role, relation, _| rights.is_bound_by(role, &rights.relations[&relation]),
            );
            self.session.run("RESET ROLE");
        }
    }

    fn replication_role(&mut self, major: i32) {
        let asking = match major {
            15.. => "has_parameter_privilege(r.oid, 'session_replication_role', 'SET')",
            _ => "(SELECT rolsuper FROM pg_roles s WHERE s.oid = r.oid)",
        };
        self.compare(
            &format!("SELECT r.oid, 0, 'session_replication_role', {asking} FROM {{mine}}"),
            |rights, role, _, _| {
                rights.is_superuser(role) || rights.may_set_replication_role.contains(&role)
            },
        );
    }
}

/// The relations of the made-up database.
const OURS: &str = "(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname IN ('one', 'two', 'public') AND c.relkind IN ('r', 'v', 'm')) c WHERE true";

fn word(privilege: &str) -> Privilege {
    Privilege::of_word(privilege).expect("a privilege")
}
