//! The rules of protection on facts that are made by hand.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::ident::Identifier;
use crate::rights::{Function, Grant, Membership, PUBLIC, Relation, Role, Rule, Schema, Trigger};

mod reading;
mod triggers;

const ROOT: Oid = 10;
const OWNER: Oid = 11;
const APP: Oid = 12;
const GROUP: Oid = 13;
const OTHER: Oid = 14;
const WRITE_ALL: Oid = 15;
const READ_ALL: Oid = 16;
const DATABASE_OWNERS: Oid = 17;
const PROGRAMS: Oid = 18;

const SCHEMA: Oid = 20;
const TABLE: Oid = 30;
const VIEW: Oid = 31;
const MATVIEW: Oid = 32;
const SECOND: Oid = 33;

/// A table of `owner` in a schema that everybody uses, and roles without rights.
fn facts() -> Rights {
    let mut rights = Rights::default();
    (rights.version_num, rights.database_owner) = (150_000, ROOT);
    for (oid, name) in [
        (ROOT, "root"),
        (OWNER, "owner"),
        (APP, "app"),
        (GROUP, "group"),
        (OTHER, "other"),
        (WRITE_ALL, "pg_write_all_data"),
        (READ_ALL, "pg_read_all_data"),
        (DATABASE_OWNERS, "pg_database_owner"),
        (PROGRAMS, "pg_execute_server_program"),
    ] {
        let role = Role {
            name: RoleName::from_catalog(name),
            superuser: oid == ROOT,
            inherit: true,
            bypass_rls: false,
            can_login: false,
            create_role: false,
        };
        rights.roles.insert(oid, role);
    }
    let usage = Grant { grantee: PUBLIC, privilege: Privilege::Usage, grantor: ROOT };
    let schema = Schema { name: Identifier::from_catalog("s"), owner: ROOT, grants: vec![usage] };
    rights.schemas.insert(SCHEMA, schema);
    rights.relations.insert(TABLE, relation("t", RelationKind::Table));
    rights
}

fn relation(name: &str, kind: RelationKind) -> Relation {
    let own = |privilege| Grant { grantee: OWNER, privilege, grantor: OWNER };
    let mut grants: Vec<Grant> = Privilege::WRITING.map(own).to_vec();
    grants.push(own(Privilege::Select));
    let column = |(number, name)| (number, Identifier::from_catalog(name));
    Relation {
        name: QualifiedName::from_catalog("s", name),
        schema: SCHEMA,
        kind,
        owner: OWNER,
        grants,
        column_grants: BTreeMap::new(),
        columns: [(1, "id"), (2, "Kept By")].map(column).into(),
        row_security: false,
        force_row_security: false,
        security_invoker: false,
        policies: Vec::new(),
        triggers: Vec::new(),
    }
}

/// A function that only its owner may call.
fn function(reads_setting: bool) -> Function {
    Function {
        signature: "s.f()".to_owned(),
        schema: Identifier::from_catalog("s"),
        unqualified: Vec::new(),
        owner: OWNER,
        grants: Vec::new(),
        security_definer: false,
        language: "sql".to_owned(),
        reads_setting,
        touches_row_security: false,
        sets_search_path: false,
        has_text_body: true,
    }
}

impl Rights {
    fn table(&mut self) -> &mut Relation {
        self.relations.get_mut(&TABLE).expect("it was made")
    }

    fn close_schema(&mut self) {
        self.schemas.get_mut(&SCHEMA).expect("it was made").grants.clear();
    }

    fn grant(&mut self, relation: Oid, privilege: Privilege, grantee: Oid) {
        self.grant_by(relation, privilege, grantee, OWNER);
    }

    fn grant_by(&mut self, relation: Oid, privilege: Privilege, grantee: Oid, grantor: Oid) {
        let relation = self.relations.get_mut(&relation).expect("it was made");
        relation.grants.push(Grant { grantee, privilege, grantor });
    }

    fn grant_column(&mut self, column: i16, privilege: Privilege, grantee: Oid) {
        let grant = Grant { grantee, privilege, grantor: OWNER };
        self.table().column_grants.entry(column).or_default().push(grant);
    }

    fn join(&mut self, member: Oid, group: Oid, options: Options) {
        let Options { inherit, set, admin } = options;
        self.memberships.push(Membership { group, member, inherit, set, admin, grantor: ROOT });
    }

    fn trigger(&mut self, name: &str, events: &[Privilege]) -> &mut Trigger {
        let trigger = Trigger {
            name: Identifier::from_catalog(name),
            events: events.iter().copied().collect(),
            refuses: true,
            reads_setting: false,
            conditional: false,
            always: false,
            function_owner: ROOT,
        };
        let triggers = &mut self.table().triggers;
        triggers.push(trigger);
        triggers.last_mut().expect("just added")
    }

    /// Adds a view or materialized view of the owner that reads these relations.
    fn query(&mut self, oid: Oid, name: &str, kind: RelationKind, reads: &[Oid]) {
        self.relations.insert(oid, relation(name, kind));
        let reads = reads.iter().map(|oid| (*oid, BTreeSet::from([1]))).collect();
        self.rules.insert(oid, Rule { reads, ..Rule::default() });
    }

    fn app_writes(&self) -> Protection {
        writing(&self.clone().indexed(), APP, TABLE)
    }

    fn app_sees(&self, multi_tenant: &[Oid]) -> Vec<UnfilteredRead> {
        let multi_tenant = multi_tenant.iter().copied().collect();
        unfiltered_reads(&self.clone().indexed(), APP, &multi_tenant)
    }
}

#[derive(Clone, Copy)]
struct Options {
    inherit: bool,
    set: bool,
    admin: bool,
}

const INHERIT: Options = Options { inherit: true, set: true, admin: false };
const SET_ONLY: Options = Options { inherit: false, set: true, admin: false };
const INHERIT_ONLY: Options = Options { inherit: true, set: false, admin: false };
const ADMIN_ONLY: Options = Options { inherit: false, set: false, admin: true };

fn words(ways: &[WayIn]) -> Vec<String> {
    ways.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn assert_allowed(judged: &Protection, privileges: &[Privilege], via: &[&str], revoke: &[&str]) {
    assert_eq!(judged.level, Level::Allowed, "{judged:?}");
    assert_eq!(judged.privileges, privileges);
    assert_eq!(words(&judged.via), via);
    assert_eq!(judged.revoke, revoke);
}

#[test]
fn without_a_right_nothing_is_written() {
    let judged = facts().app_writes();
    assert_eq!(judged.level, Level::Denied);
    assert!(judged.via.is_empty() && judged.revoke.is_empty() && judged.latent.is_empty());
}

#[test]
fn an_owner_writes_everything_even_what_was_revoked() {
    let mut rights = facts();
    rights.table().owner = APP;
    rights.table().grants.clear();
    let revoke = ["ALTER TABLE s.t OWNER TO root"];
    assert_allowed(&rights.app_writes(), &Privilege::WRITING, &["owner"], &revoke);
}

#[test]
fn a_table_goes_to_nobody_whom_the_former_owner_reaches() {
    let mut rights = facts();
    rights.table().owner = APP;
    rights.schemas.get_mut(&SCHEMA).expect("it was made").owner = APP;
    rights.database_owner = GROUP;
    rights.join(APP, GROUP, SET_ONLY);
    assert_eq!(rights.app_writes().revoke, ["ALTER TABLE s.t OWNER TO root"]);
}

#[test]
fn grants_are_revoked_together_and_columns_by_name() {
    let mut rights = facts();
    rights.grant(TABLE, Privilege::Update, APP);
    rights.grant(TABLE, Privilege::Truncate, APP);
    rights.grant_column(2, Privilege::Insert, APP);
    assert_allowed(
        &rights.app_writes(),
        &[Privilege::Insert, Privilege::Update, Privilege::Truncate],
        &["grant", "column:\"Kept By\""],
        &["REVOKE UPDATE, TRUNCATE ON s.t FROM app", "REVOKE INSERT (\"Kept By\") ON s.t FROM app"],
    );
}

#[test]
fn what_everybody_has_is_taken_from_everybody() {
    let mut rights = facts();
    rights.grant(TABLE, Privilege::Delete, PUBLIC);
    let revoke = ["REVOKE DELETE ON s.t FROM PUBLIC"];
    assert_allowed(&rights.app_writes(), &[Privilege::Delete], &["PUBLIC"], &revoke);
}

#[test]
fn a_grant_by_another_than_the_owner_is_revoked_as_that_role() {
    let mut rights = facts();
    rights.grant_by(TABLE, Privilege::Insert, APP, GROUP);
    let revoke = ["SET ROLE \"group\"", "REVOKE INSERT ON s.t FROM app", "RESET ROLE"];
    assert_allowed(&rights.app_writes(), &[Privilege::Insert], &["grant"], &revoke);
}

#[test]
fn what_was_passed_on_is_revoked_first_unless_it_has_another_source() {
    let mut rights = facts();
    rights.grant(TABLE, Privilege::Insert, APP);
    rights.grant_by(TABLE, Privilege::Insert, GROUP, APP);
    rights.grant_by(TABLE, Privilege::Insert, OTHER, GROUP);
    let passed_on = [
        "SET ROLE \"group\"",
        "REVOKE INSERT ON s.t FROM other",
        "RESET ROLE",
        "SET ROLE app",
        "REVOKE INSERT ON s.t FROM \"group\"",
        "RESET ROLE",
        "REVOKE INSERT ON s.t FROM app",
    ];
    assert_eq!(rights.app_writes().revoke, passed_on);
    rights.grant(TABLE, Privilege::Insert, GROUP);
    assert_eq!(rights.app_writes().revoke, &passed_on[3..]);
}

#[test]
fn members_inherit_along_chains_and_leave_the_first_group() {
    let mut rights = facts();
    rights.join(APP, GROUP, INHERIT);
    rights.join(GROUP, OWNER, INHERIT);
    rights.grant(TABLE, Privilege::Insert, OTHER);
    rights.join(GROUP, OTHER, INHERIT);
    assert_allowed(
        &rights.app_writes(),
        &Privilege::WRITING,
        &["member:other", "member:owner"],
        &["REVOKE \"group\" FROM app"],
    );
}

#[test]
fn whoever_does_not_inherit_may_still_set_the_role() {
    let mut rights = facts();
    rights.grant(TABLE, Privilege::Insert, GROUP);
    rights.join(APP, GROUP, SET_ONLY);
    let revoke = ["REVOKE \"group\" FROM app"];
    assert_allowed(&rights.app_writes(), &[Privilege::Insert], &["set-role:\"group\""], &revoke);
}

#[test]
fn a_role_that_can_be_set_is_told_for_what_it_inherits_from_one_that_cannot() {
    let mut rights = facts();
    rights.version_num = 160_000;
    rights.grant(TABLE, Privilege::Insert, OTHER);
    rights.join(APP, GROUP, SET_ONLY);
    rights.join(GROUP, OTHER, INHERIT_ONLY);
    let revoke = ["REVOKE \"group\" FROM app GRANTED BY root"];
    assert_allowed(&rights.app_writes(), &[Privilege::Insert], &["set-role:\"group\""], &revoke);
    // Where it can be set as well, it alone is told.
    rights.memberships[1].set = true;
    assert_eq!(words(&rights.app_writes().via), ["set-role:other"]);
}

#[test]
fn an_administrator_of_a_group_lets_itself_join() {
    let mut rights = facts();
    rights.version_num = 160_000;
    rights.join(APP, OWNER, ADMIN_ONLY);
    let revoke = ["REVOKE owner FROM app GRANTED BY root"];
    assert_allowed(&rights.app_writes(), &Privilege::WRITING, &["set-role:owner"], &revoke);
    let mut through_group = facts();
    through_group.join(APP, GROUP, INHERIT_ONLY);
    through_group.join(GROUP, OWNER, ADMIN_ONLY);
    assert_eq!(through_group.app_writes().revoke, ["REVOKE \"group\" FROM app"]);
    // Only a superuser lets others become one.
    let mut superuser = facts();
    superuser.join(APP, ROOT, ADMIN_ONLY);
    assert_eq!(superuser.app_writes().level, Level::Denied);
}

#[test]
fn memberships_of_16_are_revoked_by_grantor_with_what_rests_on_them_first() {
    let mut rights = facts();
    rights.version_num = 160_000;
    rights.join(APP, OWNER, ADMIN_ONLY);
    for member in [APP, GROUP] {
        rights.join(member, OWNER, INHERIT);
        rights.memberships.last_mut().expect("just added").grantor = APP;
    }
    assert_eq!(
        rights.app_writes().revoke,
        [
            "REVOKE owner FROM app GRANTED BY app",
            "REVOKE owner FROM \"group\" GRANTED BY app",
            "REVOKE owner FROM app GRANTED BY root",
        ]
    );
}

#[test]
fn predefined_roles_write_rows_and_do_not_truncate() {
    let mut rights = facts();
    rights.close_schema();
    rights.join(APP, WRITE_ALL, INHERIT);
    assert_allowed(
        &rights.app_writes(),
        &[Privilege::Insert, Privilege::Update, Privilege::Delete],
        &["predefined:pg_write_all_data"],
        &["REVOKE pg_write_all_data FROM app"],
    );
}

#[test]
fn the_owner_of_the_database_loses_at_the_source_what_no_grant_gave() {
    let mut rights = facts();
    rights.database_owner = APP;
    rights.grant(TABLE, Privilege::Insert, DATABASE_OWNERS);
    assert_allowed(
        &rights.app_writes(),
        &[Privilege::Insert],
        &["member:pg_database_owner"],
        &["REVOKE INSERT ON s.t FROM pg_database_owner"],
    );
}

#[test]
fn a_grant_is_latent_until_the_schema_may_be_used() {
    let mut rights = facts();
    rights.close_schema();
    rights.grant(TABLE, Privilege::Insert, APP);
    let judged = rights.app_writes();
    assert_eq!((judged.level, words(&judged.latent)), (Level::Denied, vec!["grant".to_owned()]));
    // Each role that it can act as needs both by itself.
    let usage = Grant { grantee: GROUP, privilege: Privilege::Usage, grantor: ROOT };
    rights.schemas.get_mut(&SCHEMA).expect("it was made").grants.push(usage);
    rights.join(APP, GROUP, SET_ONLY);
    assert_eq!(rights.app_writes().level, Level::Denied);
    rights.grant(TABLE, Privilege::Insert, PUBLIC);
    assert_allowed(
        &rights.app_writes(),
        &[Privilege::Insert],
        &["set-role:\"group\""],
        &["REVOKE \"group\" FROM app"],
    );
    // Who owns the schema lets itself in.
    rights.schemas.get_mut(&SCHEMA).expect("it was made").owner = APP;
    assert_eq!(words(&rights.app_writes().via), ["grant", "PUBLIC"]);
}

#[test]
fn void_says_why_and_revokes_nothing() {
    let mut superuser = facts();
    superuser.roles.get_mut(&APP).expect("it was made").superuser = true;
    let mut member = facts();
    member.join(APP, ROOT, SET_ONLY);
    let mut creator = facts();
    creator.roles.get_mut(&GROUP).expect("it was made").create_role = true;
    creator.join(APP, GROUP, SET_ONLY);
    let mut programs = facts();
    programs.join(APP, PROGRAMS, INHERIT);
    for (mut rights, reason) in [
        (superuser, "it is a superuser"),
        (member, "it can become root, a superuser"),
        (
            creator,
            "\"group\", which it can become, has CREATEROLE, and can join any role before 16",
        ),
        (programs, "it is a member of pg_execute_server_program, as good as a superuser"),
    ] {
        rights.grant(TABLE, Privilege::Insert, APP);
        let judged = rights.app_writes();
        assert_eq!((judged.level, judged.void.as_deref()), (Level::Void, Some(reason)));
        assert!(judged.revoke.is_empty());
    }
    assert_eq!(writing(&facts().indexed(), APP, 99).level, Level::Void);
    assert_eq!(writing(&facts().indexed(), 99, TABLE).level, Level::Void);
}

#[test]
fn creating_roles_opens_nothing_from_16_and_inheriting_from_a_superuser_makes_none() {
    let mut rights = facts();
    rights.version_num = 160_000;
    rights.roles.get_mut(&APP).expect("it was made").create_role = true;
    rights.join(APP, ROOT, INHERIT_ONLY);
    assert_eq!(is_void(&rights.indexed(), APP), None);
}
