//! The rules that are easy to get wrong, without a server; tests/postgres/rights.rs compares
//! all of them with what the server says.

use std::collections::BTreeMap;

use super::*;

const OWNER: Oid = 10;
const OWNERS: Oid = 6171;
const TABLE: Oid = 100;

/// A server where one role owns the database, and a table that grants it nothing.
fn rights(version_num: i32, inherit: bool) -> Rights {
    let role = |name: &str| Role {
        name: RoleName::from_catalog(name),
        superuser: false,
        inherit,
        bypass_rls: false,
        can_login: true,
        create_role: false,
    };
    let table = Relation {
        name: QualifiedName::from_catalog("public", "t"),
        schema: 2200,
        kind: RelationKind::Table,
        owner: 1,
        grants: Vec::new(),
        column_grants: BTreeMap::new(),
        columns: BTreeMap::new(),
        row_security: false,
        force_row_security: false,
        security_invoker: false,
        policies: Vec::new(),
        triggers: Vec::new(),
    };
    Rights {
        version_num,
        database_owner: OWNER,
        roles: [(OWNER, role("owner")), (OWNERS, role("pg_database_owner"))].into(),
        relations: [(TABLE, table)].into(),
        ..Rights::default()
    }
}

#[test]
fn who_owns_the_database_is_in_the_role_for_its_owner() {
    for (version_num, inherit, has_rights) in [
        (150_000, true, true),
        (150_000, false, false),
        (160_000, true, true),
        (160_000, false, true),
    ] {
        let rights = rights(version_num, inherit).indexed();
        assert_eq!(rights.inherits(OWNER, OWNERS), has_rights, "{version_num}, {inherit}");
        assert!(rights.may_become(OWNER, OWNERS));
        assert!(!rights.may_become(OWNERS, OWNER));
    }
}

#[test]
fn a_column_of_the_system_is_no_column_like_others() {
    let mut rights = rights(180_000, true);
    let grant = Grant { grantee: OWNER, privilege: Privilege::Select, grantor: 1 };
    let table = rights.relations.get_mut(&TABLE).expect("just made");
    table.column_grants.insert(-1, vec![grant]);
    let mut rights = rights.indexed();
    assert!(rights.has_on_column(OWNER, TABLE, -1, Privilege::Select));
    assert!(!rights.has_on_column(OWNER, TABLE, 1, Privilege::Select));
    assert!(!rights.has_on_any_column(OWNER, TABLE, Privilege::Select));
    let table = rights.relations.get_mut(&TABLE).expect("just made");
    table.column_grants.insert(1, vec![grant]);
    assert!(rights.has_on_any_column(OWNER, TABLE, Privilege::Select));
    assert!(!rights.has_on_relation(OWNER, TABLE, Privilege::Select));
}
