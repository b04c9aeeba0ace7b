//! What triggers and views do to a write.

use super::*;

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
