//! The rules of protection on facts that are made by hand.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::ident::Identifier;
use crate::rights::{Function, Grant, Membership, PUBLIC, Relation, Role, Rule, Schema, Trigger};

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

#[test]
fn a_trigger_protects_the_events_that_it_refuses() {
    let mut rights = facts();
    rights.grant(TABLE, Privilege::Insert, APP);
    rights.trigger("keep", &[Privilege::Insert]);
    let judged = rights.app_writes();
    assert_eq!((judged.level, judged.sidestep.as_slice()), (Level::Trigger, &[][..]));
    assert_eq!(judged.revoke, ["REVOKE INSERT ON s.t FROM app"]);
    rights.grant(TABLE, Privilege::Truncate, APP);
    let judged = rights.app_writes();
    assert_eq!((judged.level, judged.refused), (Level::Allowed, vec![Privilege::Insert]));
    assert_eq!(judged.sidestep, ["no trigger refuses TRUNCATE"]);
    rights.table().triggers[0].refuses = false;
    assert_eq!(rights.app_writes().sidestep, [""; 0]);
}

#[test]
fn each_way_around_a_trigger_is_told() {
    type Change = fn(&mut Rights);
    let cases: [(Change, &str); 6] = [
        (|rights| rights.table().triggers[0].conditional = true, "some writes only"),
        (|rights| rights.table().triggers[0].reads_setting = true, "reads a setting"),
        (|rights| rights.table().triggers[0].function_owner = APP, "replace or drop the function"),
        (|rights| _ = rights.may_set_replication_role.insert(APP), "session_replication_role"),
        (|rights| _ = rights.may_set_replication_role.insert(PUBLIC), "session_replication_role"),
        (|rights| rights.join(APP, OWNER, SET_ONLY), "owner owns the table"),
    ];
    for (change, expected) in cases {
        let mut rights = facts();
        rights.grant(TABLE, Privilege::Insert, APP);
        rights.trigger("keep", &Privilege::WRITING);
        assert_eq!(rights.app_writes().sidestep, [""; 0]);
        change(&mut rights);
        let judged = rights.app_writes();
        assert_eq!(judged.level, Level::Trigger);
        assert_eq!(judged.sidestep.len(), 1, "{:?}", judged.sidestep);
        assert!(judged.sidestep[0].contains(expected), "{:?}", judged.sidestep);
    }
}

#[test]
fn one_trigger_that_holds_is_enough() {
    let mut rights = facts();
    rights.grant(TABLE, Privilege::Insert, APP);
    rights.may_set_replication_role.insert(APP);
    rights.trigger("first", &[Privilege::Insert]);
    rights.trigger("second", &[Privilege::Insert]).always = true;
    assert_eq!(rights.app_writes().sidestep, [""; 0]);
    rights.table().triggers[1].conditional = true;
    assert_eq!(rights.app_writes().sidestep.len(), 2);
}

#[test]
fn a_view_is_not_truncated_and_a_materialized_one_not_written() {
    for (kind, count) in [(RelationKind::View, 3), (RelationKind::Matview, 0)] {
        let mut rights = facts();
        rights.table().kind = kind;
        rights.grant(TABLE, Privilege::Insert, APP);
        rights.join(APP, OWNER, INHERIT);
        assert_eq!(rights.app_writes().privileges.len(), count, "{kind:?}");
    }
}

#[test]
fn views_that_may_pass_writes_on_are_named() {
    let mut rights = facts();
    rights.query(VIEW, "v", RelationKind::View, &[TABLE]);
    rights.query(SECOND, "w", RelationKind::View, &[VIEW]);
    rights.grant(SECOND, Privilege::Insert, APP);
    assert_eq!(rights.app_writes().level, Level::Denied);
    assert_eq!(rights.app_writes().through, [QualifiedName::from_catalog("s", "w")]);
    // With the rights of whoever writes, there are none on the table.
    rights.relations.get_mut(&VIEW).expect("it was made").security_invoker = true;
    assert!(rights.app_writes().through.is_empty());
}

#[test]
fn reading_takes_any_column_and_names_the_ways() {
    let mut rights = facts();
    let app_reads = |rights: &Rights| reading(&rights.clone().indexed(), APP, TABLE);
    assert_eq!(app_reads(&rights), None);
    rights.grant_column(1, Privilege::Select, APP);
    rights.join(APP, READ_ALL, INHERIT);
    let ways = app_reads(&rights).expect("it can read");
    assert_eq!(words(&ways), ["column:id", "predefined:pg_read_all_data"]);
    let readers = roles_that_can_read(&rights.indexed(), TABLE);
    assert_eq!(readers, ["app", "owner"].map(RoleName::from_catalog));
}

#[test]
fn a_view_of_several_tenants_is_shown_by_itself_and_by_what_is_built_on_it() {
    let mut rights = facts();
    rights.query(MATVIEW, "mv", RelationKind::Matview, &[TABLE]);
    rights.query(VIEW, "v", RelationKind::View, &[MATVIEW]);
    rights.query(SECOND, "totals", RelationKind::Matview, &[VIEW]);
    for relation in [MATVIEW, VIEW, SECOND] {
        rights.grant(relation, Privilege::Select, APP);
    }
    let found = rights.app_sees(&[MATVIEW]);
    let names: Vec<&str> = found.iter().map(|read| read.relation.name.as_str()).collect();
    assert_eq!(names, ["mv", "totals", "v"]);
    assert!(found.iter().all(|read| read.holds == [QualifiedName::from_catalog("s", "mv")]));
    let path: Vec<&str> = found[1].path.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(path, ["totals", "v", "mv"]);
    // The filter of a view binds whoever reads the view, not what was stored from it.
    rights.rules.get_mut(&VIEW).expect("it was made").reads_setting = true;
    assert_eq!(rights.app_sees(&[MATVIEW]).len(), 2);
}

#[test]
fn each_kind_of_filter_counts_for_a_plain_view() {
    type Change = fn(&mut Rule);
    let changes: [Change; 3] = [
        |rule| rule.reads_setting = true,
        |rule| rule.reads_user = true,
        |rule| _ = rule.calls.insert(50),
    ];
    for change in changes {
        let mut rights = facts();
        rights.query(MATVIEW, "mv", RelationKind::Matview, &[TABLE]);
        rights.query(VIEW, "v", RelationKind::View, &[MATVIEW]);
        let everybody = Grant { grantee: PUBLIC, privilege: Privilege::Execute, grantor: OWNER };
        let called = Function { grants: vec![everybody], ..function(true) };
        rights.functions.insert(50, called);
        rights.grant(VIEW, Privilege::Select, APP);
        assert_eq!(rights.app_sees(&[MATVIEW]).len(), 1);
        change(rights.rules.get_mut(&VIEW).expect("it was made"));
        assert!(rights.app_sees(&[MATVIEW]).is_empty());
        // A second way past the filter is found.
        rights.query(SECOND, "both", RelationKind::View, &[VIEW, MATVIEW]);
        rights.grant(SECOND, Privilege::Select, APP);
        assert_eq!(rights.app_sees(&[MATVIEW]).len(), 1);
    }
}

#[test]
fn a_read_that_would_fail_is_not_told() {
    let mut rights = facts();
    rights.query(MATVIEW, "mv", RelationKind::Matview, &[TABLE]);
    rights.query(VIEW, "v", RelationKind::View, &[MATVIEW]);
    rights.grant(VIEW, Privilege::Select, APP);
    let view = |rights: &mut Rights, change: fn(&mut Relation)| {
        change(rights.relations.get_mut(&VIEW).expect("it was made"));
    };
    // Beneath the view its owner's rights count, or with security_invoker the reader's.
    view(&mut rights, |view| view.owner = OTHER);
    assert!(rights.app_sees(&[MATVIEW]).is_empty());
    rights.grant(MATVIEW, Privilege::Select, OTHER);
    assert_eq!(rights.app_sees(&[MATVIEW]).len(), 1);
    view(&mut rights, |view| view.security_invoker = true);
    assert!(rights.app_sees(&[MATVIEW]).is_empty());
    view(&mut rights, |view| view.security_invoker = false);
    // A function is called with the rights of whoever reads.
    rights.functions.insert(50, function(false));
    rights.rules.get_mut(&VIEW).expect("it was made").calls.insert(50);
    assert!(rights.app_sees(&[MATVIEW]).is_empty());
    let execute = Grant { grantee: APP, privilege: Privilege::Execute, grantor: OWNER };
    rights.functions.get_mut(&50).expect("it was made").grants.push(execute);
    assert_eq!(rights.app_sees(&[MATVIEW]).len(), 1);
}

#[test]
fn views_that_read_each_other_come_to_an_end() {
    let mut rights = facts();
    rights.query(MATVIEW, "mv", RelationKind::Matview, &[VIEW]);
    rights.query(VIEW, "v", RelationKind::View, &[SECOND, MATVIEW]);
    rights.query(SECOND, "w", RelationKind::Matview, &[VIEW]);
    rights.grant(SECOND, Privilege::Select, APP);
    assert_eq!(rights.app_sees(&[MATVIEW]).len(), 1);
}
