//! Who reads what, and where several tenants show.

use super::*;

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
