//! What is predicted from rights made by hand; `tests/postgres/refreshability.rs` tries the
//! same on servers.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::ident::Identifier;
use crate::rights::{Function, Grant, Membership, PUBLIC, Privilege, Role, Rule, Schema};

const OWNER: Oid = 1;
const CALLER: Oid = 2;
const OTHER: Oid = 3;
const BOSS: Oid = 4;
const SCHEMA: Oid = 10;
const TABLE: Oid = 20;
const PLAIN_VIEW: Oid = 21;
const VIEW: Oid = 22;
const FUNCTION: Oid = 30;

fn grants(given: &[(Oid, Privilege)]) -> Vec<Grant> {
    let grant = |(grantee, privilege): &(Oid, Privilege)| Grant {
        grantee: *grantee,
        privilege: *privilege,
        grantor: *grantee,
    };
    given.iter().map(grant).collect()
}

fn role(name: &str) -> Role {
    Role {
        name: RoleName::from_catalog(name),
        superuser: false,
        inherit: true,
        bypass_rls: false,
        can_login: true,
        create_role: false,
    }
}

fn relation(name: &str, kind: RelationKind, owner: Oid) -> Relation {
    use Privilege::{Delete, Insert, Maintain, Select};
    Relation {
        name: QualifiedName::from_catalog("s", name),
        schema: SCHEMA,
        kind,
        owner,
        grants: grants(&[(owner, Select), (owner, Insert), (owner, Delete), (owner, Maintain)]),
        column_grants: BTreeMap::new(),
        columns: ["a", "b"].map(Identifier::from_catalog).into_iter().zip(1..).map(swap).collect(),
        row_security: false,
        force_row_security: false,
        security_invoker: false,
        policies: Vec::new(),
        triggers: Vec::new(),
    }
}

fn swap((name, number): (Identifier, i16)) -> (i16, Identifier) {
    (number, name)
}

fn reads(given: &[(Oid, &[i16])]) -> Rule {
    Rule {
        reads: given
            .iter()
            .map(|(oid, columns)| (*oid, columns.iter().copied().collect()))
            .collect(),
        ..Rule::default()
    }
}

/// A view of `owner` over its own table, in a schema and a database that are open to all.
fn rights(version_num: i32) -> Rights {
    let mut made = Rights::default();
    made.version_num = version_num;
    made.database = Some(Identifier::from_catalog("app"));
    made.database_owner = BOSS;
    made.database_grants = grants(&[(PUBLIC, Privilege::Temporary)]);
    made.roles = BTreeMap::from([
        (OWNER, role("owner")),
        (CALLER, role("caller")),
        (OTHER, role("other")),
        (BOSS, Role { superuser: true, ..role("boss") }),
    ]);
    made.schemas = BTreeMap::from([(
        SCHEMA,
        Schema {
            name: Identifier::from_catalog("s"),
            owner: BOSS,
            grants: grants(&[(PUBLIC, Privilege::Usage)]),
        },
    )]);
    made.relations = BTreeMap::from([
        (TABLE, relation("t", RelationKind::Table, OWNER)),
        (PLAIN_VIEW, relation("v", RelationKind::View, OWNER)),
        (VIEW, relation("mv", RelationKind::Matview, OWNER)),
    ]);
    made.rules =
        BTreeMap::from([(VIEW, reads(&[(TABLE, &[1])])), (PLAIN_VIEW, reads(&[(TABLE, &[1])]))]);
    made.functions = BTreeMap::from([(
        FUNCTION,
        Function {
            signature: "s.f(integer)".to_owned(),
            schema: Identifier::from_catalog("s"),
            unqualified: Vec::new(),
            owner: BOSS,
            grants: Vec::new(),
            security_definer: false,
            language: "sql".to_owned(),
            reads_setting: false,
            touches_row_security: false,
            sets_search_path: false,
            has_text_body: true,
        },
    )]);
    made
}

fn with(version_num: i32, change: impl FnOnce(&mut Rights)) -> Rights {
    let mut made = rights(version_num);
    change(&mut made);
    made.indexed()
}

fn judged(rights: &Rights, role: Oid) -> Refreshability {
    judge(rights, role, VIEW, RefreshMode::Concurrently)
}

fn join(member: Oid, group: Oid, inherit: bool) -> Membership {
    Membership { group, member, inherit, set: true, admin: false, grantor: BOSS }
}

/// Asserts what lets the role ask, what comes of it, and what would have to be run.
#[track_caller]
fn assert_judged(judged: &Refreshability, via: Via, can: Option<bool>, statements: &[&str]) {
    let found: Vec<&str> = judged
        .blockers
        .iter()
        .map(|blocker| blocker.statement.as_deref().unwrap_or("nothing"))
        .collect();
    assert_eq!((judged.via, judged.can_refresh), (via, can), "{judged:#?}");
    assert_eq!(found, statements, "{judged:#?}");
    assert_eq!(judged.unsure.is_some(), can.is_none(), "{judged:#?}");
}

#[test]
fn the_owner_can_and_a_superuser_can() {
    for version in [130_000, 180_000] {
        let rights = with(version, |_| {});
        assert_judged(&judged(&rights, OWNER), Via::Owner, Some(true), &[]);
        assert_judged(&judged(&rights, BOSS), Via::Superuser, Some(true), &[]);
    }
}

#[test]
fn an_inheriting_member_can_and_another_after_set_role() {
    let inherits = with(150_000, |rights| rights.memberships = vec![join(CALLER, OWNER, true)]);
    assert_judged(&judged(&inherits, CALLER), Via::Member, Some(true), &[]);
    assert_eq!(judged(&inherits, CALLER).after_set_role, None);

    let noinherit = with(150_000, |rights| {
        rights.roles.insert(CALLER, Role { inherit: false, ..role("caller") });
        rights.memberships = vec![join(CALLER, OWNER, false)];
    });
    let found = judged(&noinherit, CALLER);
    assert_judged(&found, Via::None_, Some(false), &["ALTER ROLE caller INHERIT"]);
    assert_eq!(found.after_set_role, Some(RoleName::from_catalog("owner")));
}

#[test]
fn who_has_no_right_is_told_the_narrowest_for_the_version() {
    for (version, statement) in [
        (150_000, "GRANT owner TO caller"),
        (160_000, "GRANT owner TO caller WITH INHERIT TRUE"),
        (170_000, "GRANT MAINTAIN ON s.mv TO caller"),
    ] {
        let rights = with(version, |_| {});
        assert_judged(&judged(&rights, CALLER), Via::None_, Some(false), &[statement]);
        assert_eq!(judged(&rights, CALLER).after_set_role, None);
    }
}

#[test]
fn nobody_is_told_to_join_a_superuser_or_its_own_member() {
    let by_superuser = with(150_000, |rights| {
        for relation in rights.relations.values_mut() {
            relation.owner = BOSS;
        }
    });
    assert_judged(&judged(&by_superuser, CALLER), Via::None_, Some(false), &["nothing"]);
    let by_member = with(150_000, |rights| {
        rights.memberships = vec![join(OWNER, OTHER, true), join(OTHER, CALLER, false)];
    });
    assert_judged(&judged(&by_member, CALLER), Via::None_, Some(false), &["nothing"]);
}

#[test]
fn maintain_decides_from_17_on_also_for_the_owner() {
    let granted = |version| {
        with(version, |rights| {
            let view = rights.relations.get_mut(&VIEW).expect("it is there");
            view.grants.retain(|grant| grant.privilege != Privilege::Maintain);
            view.grants.extend(grants(&[(CALLER, Privilege::Maintain)]));
        })
    };
    assert_judged(&judged(&granted(170_000), CALLER), Via::Maintain, Some(true), &[]);
    let grant = "GRANT MAINTAIN ON s.mv TO owner";
    assert_judged(&judged(&granted(170_000), OWNER), Via::None_, Some(false), &[grant]);
    assert_judged(&judged(&granted(160_000), OWNER), Via::Owner, Some(true), &[]);
}

#[test]
fn a_closed_schema_stops_the_caller_and_a_concurrent_refresh_of_the_owner() {
    let rights = with(180_000, |rights| {
        let schema = rights.schemas.get_mut(&SCHEMA).expect("it is there");
        schema.grants.clear();
        let view = rights.relations.get_mut(&VIEW).expect("it is there");
        view.grants.extend(grants(&[(CALLER, Privilege::Maintain)]));
    });
    let (caller, owner) = ("GRANT USAGE ON SCHEMA s TO caller", "GRANT USAGE ON SCHEMA s TO owner");
    assert_judged(&judged(&rights, CALLER), Via::Maintain, Some(false), &[caller, owner]);
    let plain = judge(&rights, CALLER, VIEW, RefreshMode::Plain);
    assert_judged(&plain, Via::Maintain, Some(false), &[caller]);
    let by_superuser = judge(&rights, BOSS, VIEW, RefreshMode::Plain);
    assert_judged(&by_superuser, Via::Superuser, Some(true), &[]);
}

#[test]
fn the_owner_must_read_just_the_columns_that_are_used() {
    let columns = |used: &'static [i16], granted: &'static [i16], whole_rows| {
        with(180_000, move |rights| {
            let table = rights.relations.get_mut(&TABLE).expect("it is there");
            table.grants.clear();
            for column in granted {
                table.column_grants.insert(*column, grants(&[(OWNER, Privilege::Select)]));
            }
            let rule = Rule { uses_whole_rows: whole_rows, ..reads(&[(TABLE, used)]) };
            rights.rules.insert(VIEW, rule);
        })
    };
    let assert = |rights: &Rights, can, statements: &[&str]| {
        assert_judged(&judged(rights, OWNER), Via::Owner, can, statements);
    };
    assert(&columns(&[1], &[1], false), Some(true), &[]);
    assert(&columns(&[1, 2], &[1], false), Some(false), &["GRANT SELECT (b) ON s.t TO owner"]);
    assert(&columns(&[1, 2], &[], false), Some(false), &["GRANT SELECT ON s.t TO owner"]);
    assert(&columns(&[-6], &[1, 2], false), Some(false), &["GRANT SELECT ON s.t TO owner"]);
    assert(&columns(&[], &[2], false), Some(true), &[]);
    assert(&columns(&[], &[], false), Some(false), &["GRANT SELECT (a) ON s.t TO owner"]);
    assert(&columns(&[], &[2], true), None, &["GRANT SELECT ON s.t TO owner"]);
    assert(&columns(&[], &[1, 2], true), Some(true), &[]);
}

#[test]
fn a_plain_view_is_read_as_its_owner_and_a_security_invoker_one_as_the_refreshing_owner() {
    let through = |invoker| {
        with(180_000, move |rights| {
            let view = rights.relations.get_mut(&PLAIN_VIEW).expect("it is there");
            (view.owner, view.security_invoker) = (OTHER, invoker);
            rights.rules.insert(VIEW, reads(&[(PLAIN_VIEW, &[1, 2])]));
        })
    };
    let found = judged(&through(false), OWNER);
    assert_judged(&found, Via::Owner, Some(false), &["GRANT SELECT (a) ON s.t TO other"]);
    assert_eq!(found.blockers[0].on, "s.t (a)");
    assert_judged(&judged(&through(true), OWNER), Via::Owner, Some(true), &[]);
}

#[test]
fn functions_are_called_as_the_owner_and_their_bodies_are_not_followed() {
    let calls = |by: Oid, used: &'static [i16], to: Oid| {
        with(180_000, move |rights| {
            rights.rules.insert(VIEW, reads(&[(PLAIN_VIEW, used)]));
            let rule = rights.rules.get_mut(&by).expect("it is there");
            rule.calls.insert(FUNCTION);
            let function = rights.functions.get_mut(&FUNCTION).expect("it is there");
            function.grants = grants(&[(to, Privilege::Execute)]);
        })
    };
    let grant = "GRANT EXECUTE ON FUNCTION s.f(integer) TO owner";
    let assert = |rights: &Rights, can, statements: &[&str]| {
        let found = judged(rights, OWNER);
        assert_judged(&found, Via::Owner, can, statements);
        assert_eq!(found.unseen, ["function s.f(integer)"]);
    };
    assert(&calls(VIEW, &[1, 2], OWNER), Some(true), &[]);
    assert(&calls(VIEW, &[1], CALLER), Some(false), &[grant]);
    assert(&calls(PLAIN_VIEW, &[1, 2], CALLER), Some(false), &[grant]);
    assert(&calls(PLAIN_VIEW, &[1], CALLER), None, &[grant]);
    assert(&calls(PLAIN_VIEW, &[1], PUBLIC), Some(true), &[]);
}

#[test]
fn what_an_index_calls_is_called_as_the_owner() {
    let rights = with(180_000, |rights| {
        rights.index_calls.insert(VIEW, BTreeSet::from([FUNCTION]));
    });
    let grant = "GRANT EXECUTE ON FUNCTION s.f(integer) TO owner";
    let plain = judge(&rights, BOSS, VIEW, RefreshMode::Plain);
    assert_judged(&plain, Via::Superuser, Some(false), &[grant]);
    assert_judged(&judged(&rights, BOSS), Via::Superuser, None, &[grant]);
}

#[test]
fn a_concurrent_refresh_needs_more_of_the_owner_than_a_plain_one() {
    let rights = with(180_000, |rights| {
        rights.database_grants.clear();
        let view = rights.relations.get_mut(&VIEW).expect("it is there");
        view.grants = grants(&[(OWNER, Privilege::Maintain)]);
    });
    assert_judged(
        &judged(&rights, OWNER),
        Via::Owner,
        Some(false),
        &[
            "GRANT TEMPORARY ON DATABASE app TO owner",
            "GRANT SELECT ON s.mv TO owner",
            "GRANT INSERT ON s.mv TO owner",
            "GRANT DELETE ON s.mv TO owner",
        ],
    );
    let plain = judge(&rights, OWNER, VIEW, RefreshMode::Plain);
    assert_judged(&plain, Via::Owner, Some(true), &[]);
}

#[test]
fn a_superuser_owner_lacks_nothing() {
    let rights = with(180_000, |rights| {
        rights.database_grants.clear();
        for (oid, relation) in &mut rights.relations {
            relation.owner = if *oid == TABLE { OTHER } else { BOSS };
            relation.grants = grants(&[(CALLER, Privilege::Maintain)]);
        }
    });
    assert_judged(&judged(&rights, CALLER), Via::Maintain, Some(true), &[]);
}

#[test]
fn another_role_with_the_right_is_named_where_the_owner_is_out_of_reach() {
    let rights = with(180_000, |rights| {
        rights.memberships = vec![join(CALLER, BOSS, false), join(CALLER, OTHER, false)];
        let view = rights.relations.get_mut(&VIEW).expect("it is there");
        view.grants.extend(grants(&[(OTHER, Privilege::Maintain)]));
    });
    assert_eq!(judged(&rights, CALLER).after_set_role, Some(RoleName::from_catalog("other")));
    let broken = with(180_000, |rights| {
        rights.memberships = vec![join(CALLER, OWNER, false)];
        rights.relations.get_mut(&TABLE).expect("it is there").grants.clear();
    });
    assert_eq!(judged(&broken, CALLER).after_set_role, None);
}

#[test]
fn a_standby_refreshes_nothing() {
    let rights = with(180_000, |rights| rights.in_recovery = true);
    assert_judged(&judged(&rights, BOSS), Via::Superuser, Some(false), &["nothing"]);
}

#[test]
fn what_was_not_read_is_not_judged() {
    let unread = with(180_000, |rights| {
        rights.rules.insert(VIEW, reads(&[(999, &[1])]));
    });
    assert_judged(&judged(&unread, OWNER), Via::Owner, None, &[]);
    assert_judged(&judge(&unread, OWNER, TABLE, RefreshMode::Plain), Via::None_, None, &[]);
    assert_judged(&judge(&unread, 999, VIEW, RefreshMode::Plain), Via::None_, None, &[]);
}
