//! The rules of tenant safety on facts that are made by hand.

use super::*;
use crate::rights::{Function, Membership, Role, Rule};

const TABLE_OWNER: Oid = 1;
const OWNER: Oid = 2;
const EXEMPT: Oid = 3;
const ROOT: Oid = 4;
const MEMBER: Oid = 5;
const GROUP: Oid = 6;

/// Facts to which a test adds relations, queries and functions.
#[derive(Debug, Default)]
struct Facts {
    rights: Rights,
    next: Oid,
}

fn facts() -> Facts {
    let mut rights = Rights::default();
    for (oid, name) in [
        (TABLE_OWNER, "table_owner"),
        (OWNER, "owner"),
        (EXEMPT, "exempt"),
        (ROOT, "root"),
        (MEMBER, "member"),
        (GROUP, "group"),
    ] {
        let role = Role {
            name: RoleName::from_catalog(name),
            superuser: oid == ROOT,
            inherit: true,
            bypass_rls: oid == EXEMPT,
            can_login: false,
            create_role: false,
        };
        rights.roles.insert(oid, role);
    }
    for (member, group) in [(MEMBER, TABLE_OWNER), (OWNER, GROUP)] {
        rights.memberships.push(Membership {
            group,
            member,
            inherit: true,
            set: true,
            admin: false,
            grantor: ROOT,
        });
    }
    Facts { rights, next: 100 }
}

impl Facts {
    fn relation(&mut self, name: &str, kind: RelationKind, owner: Oid) -> Oid {
        self.next += 1;
        let relation = Relation {
            name: QualifiedName::from_catalog("s", name),
            schema: 10,
            kind,
            owner,
            grants: Vec::new(),
            column_grants: BTreeMap::new(),
            columns: BTreeMap::new(),
            row_security: false,
            force_row_security: false,
            security_invoker: false,
            policies: Vec::new(),
            triggers: Vec::new(),
        };
        self.rights.relations.insert(self.next, relation);
        self.next
    }

    fn with(&mut self, relation: Oid, change: impl FnOnce(&mut Relation)) {
        change(self.rights.relations.get_mut(&relation).expect("it was made"));
    }

    /// A table without row-level security.
    fn table(&mut self, name: &str) -> Oid {
        self.relation(name, RelationKind::Table, TABLE_OWNER)
    }

    /// A table with row-level security and these policies.
    fn secured(&mut self, name: &str, policies: Vec<Policy>) -> Oid {
        let table = self.table(name);
        self.with(table, |table| (table.row_security, table.policies) = (true, policies));
        table
    }

    fn view(&mut self, name: &str, owner: Oid, reads: &[Oid]) -> Oid {
        let view = self.relation(name, RelationKind::View, owner);
        self.reading(view, reads)
    }

    fn invoker_view(&mut self, name: &str, owner: Oid, reads: &[Oid]) -> Oid {
        let view = self.view(name, owner, reads);
        self.with(view, |view| view.security_invoker = true);
        view
    }

    fn matview(&mut self, name: &str, owner: Oid, reads: &[Oid]) -> Oid {
        let matview = self.relation(name, RelationKind::Matview, owner);
        self.reading(matview, reads)
    }

    fn reading(&mut self, view: Oid, reads: &[Oid]) -> Oid {
        self.rule(view).reads.extend(reads.iter().map(|read| (*read, BTreeSet::from([1]))));
        view
    }

    fn rule(&mut self, view: Oid) -> &mut Rule {
        self.rights.rules.entry(view).or_default()
    }

    fn calling(&mut self, view: Oid, change: impl FnOnce(&mut Function)) -> Oid {
        self.next += 1;
        let mut function = Function {
            signature: "s.f(integer)".into(),
            schema: Identifier::from_catalog("s"),
            unqualified: Vec::new(),
            owner: OWNER,
            grants: Vec::new(),
            security_definer: false,
            language: "sql".into(),
            reads_setting: false,
            touches_row_security: false,
            sets_search_path: false,
            has_text_body: true,
        };
        change(&mut function);
        self.rights.functions.insert(self.next, function);
        let oid = self.next;
        self.rule(view).calls.insert(oid);
        view
    }

    fn judge(&self, matview: Oid) -> TenantSafety {
        let rights = self.rights.clone().indexed();
        classify(&rights).remove(&matview).expect("every materialized view is classified")
    }
}

fn policy(name: &str) -> Policy {
    Policy {
        name: Identifier::from_catalog(name),
        permissive: true,
        roles: vec![PUBLIC],
        always_true: false,
        reads_setting: true,
    }
}

fn open(name: &str) -> Policy {
    Policy { always_true: true, reads_setting: false, ..policy(name) }
}

fn restrictive(policy: Policy) -> Policy {
    Policy { permissive: false, ..policy }
}

fn only_for(policy: Policy, role: Oid) -> Policy {
    Policy { roles: vec![role], ..policy }
}

fn tables(safety: &TenantSafety) -> Vec<String> {
    let word = |filter: &FilteredBy| format!("{} as {}", filter.table, filter.as_role);
    safety.filtered_by.iter().map(word).collect()
}

#[test]
fn who_owns_the_view_decides_whether_a_table_is_filtered() {
    for (owner, forced, class) in [
        (OWNER, false, SafetyClass::Rls),
        (EXEMPT, false, SafetyClass::Clear),
        (EXEMPT, true, SafetyClass::Clear),
        (ROOT, true, SafetyClass::Clear),
        (TABLE_OWNER, false, SafetyClass::Clear),
        (TABLE_OWNER, true, SafetyClass::Rls),
        (MEMBER, false, SafetyClass::Clear),
        (MEMBER, true, SafetyClass::Rls),
        // A role that is gone is exempt from nothing.
        (999, false, SafetyClass::Rls),
    ] {
        let mut facts = facts();
        let table = facts.secured("t", vec![policy("p")]);
        facts.with(table, |table| table.force_row_security = forced);
        let matview = facts.matview("m", owner, &[table]);
        let safety = facts.judge(matview);
        assert_eq!((owner, forced, safety.class), (owner, forced, class));
        assert_eq!(safety.reads_setting, class == SafetyClass::Rls);
        assert!(safety.guard_usable);
    }
}

#[test]
fn the_view_that_names_a_table_decides_as_whom_it_is_read() {
    for (view_owner, invoker, filtered) in [
        (OWNER, false, vec!["s.t as owner"]),
        (EXEMPT, false, vec![]),
        (TABLE_OWNER, false, vec![]),
        (EXEMPT, true, vec!["s.t as owner"]),
    ] {
        let mut facts = facts();
        let table = facts.secured("t", vec![policy("p")]);
        let view = if invoker {
            facts.invoker_view("v", view_owner, &[table])
        } else {
            facts.view("v", view_owner, &[table])
        };
        let matview = facts.matview("m", OWNER, &[view]);
        assert_eq!(tables(&facts.judge(matview)), filtered);
    }
}

#[test]
fn the_way_to_a_view_does_not_change_as_whom_it_reads() {
    let mut facts = facts();
    let table = facts.secured("t", vec![policy("p")]);
    let inner = facts.invoker_view("inner", EXEMPT, &[table]);
    let outer = facts.view("outer", EXEMPT, &[inner]);
    let by_invoker = facts.matview("m1", OWNER, &[outer]);
    let exempt = facts.matview("m2", EXEMPT, &[outer]);
    let bound = facts.view("bound", OWNER, &[table]);
    let over = facts.view("over", EXEMPT, &[bound]);
    let by_owner = facts.matview("m3", EXEMPT, &[over]);
    assert_eq!(tables(&facts.judge(by_invoker)), ["s.t as owner"]);
    assert_eq!(facts.judge(exempt).class, SafetyClass::Clear);
    assert_eq!(tables(&facts.judge(by_owner)), ["s.t as owner"]);
}

#[test]
fn a_table_read_as_two_roles_is_named_with_the_one_it_is_filtered_for() {
    let mut facts = facts();
    let table = facts.secured("t", vec![policy("p")]);
    let view = facts.view("v", OWNER, &[table]);
    let matview = facts.matview("m", EXEMPT, &[view, table]);
    assert_eq!(tables(&facts.judge(matview)), ["s.t as owner"]);
}

#[test]
fn policies_decide_between_filtered_and_open() {
    let rls = SafetyClass::Rls;
    for (policies, class, applied) in [
        (vec![], rls, vec![]),
        (vec![only_for(policy("p"), EXEMPT)], rls, vec![]),
        (vec![only_for(open("p"), EXEMPT)], rls, vec![]),
        (vec![open("p")], SafetyClass::Opaque, vec![]),
        (vec![only_for(open("p"), OWNER), policy("q")], SafetyClass::Opaque, vec![]),
        (vec![only_for(open("p"), GROUP)], SafetyClass::Opaque, vec![]),
        (vec![open("p"), restrictive(policy("q"))], rls, vec!["p", "q"]),
        (vec![open("p"), restrictive(open("q"))], SafetyClass::Opaque, vec![]),
        (vec![open("p"), only_for(restrictive(policy("q")), EXEMPT)], SafetyClass::Opaque, vec![]),
        (vec![restrictive(open("p"))], rls, vec!["p"]),
        (vec![policy("b"), policy("a")], rls, vec!["a", "b"]),
    ] {
        let mut facts = facts();
        let table = facts.secured("t", policies);
        let matview = facts.matview("m", OWNER, &[table]);
        let safety = facts.judge(matview);
        assert_eq!(safety.class, class, "{safety:?}");
        assert_eq!(safety.guard_usable, class == rls);
        assert_eq!(safety.open_policies.is_empty(), class == rls);
        let named: Vec<_> = safety.filtered_by.iter().flat_map(|by| &by.policies).collect();
        assert_eq!(named.iter().map(|name| name.as_str()).collect::<Vec<_>>(), applied);
    }
}

#[test]
fn a_policy_that_does_not_bind_reads_no_setting_for_the_view() {
    let mut facts = facts();
    let table = facts.secured("t", vec![only_for(policy("p"), EXEMPT)]);
    let matview = facts.matview("m", OWNER, &[table]);
    assert!(!facts.judge(matview).reads_setting);
}

#[test]
fn a_setting_read_by_the_query_a_view_or_a_function_is_not_for_the_guard_to_catch() {
    let mut facts = facts();
    let table = facts.table("t");
    let direct = facts.matview("direct", OWNER, &[table]);
    facts.rule(direct).reads_setting = true;
    let view = facts.view("v", EXEMPT, &[table]);
    facts.rule(view).reads_setting = true;
    let by_view = facts.matview("by_view", OWNER, &[view]);
    let by_function = facts.matview("by_function", OWNER, &[table]);
    facts.calling(by_function, |function| function.reads_setting = true);
    let switching = facts.matview("switching", OWNER, &[table]);
    facts.calling(switching, |function| function.touches_row_security = true);
    for (matview, reads_setting) in
        [(direct, true), (by_view, true), (by_function, true), (switching, false)]
    {
        let safety = facts.judge(matview);
        assert_eq!(safety.class, SafetyClass::Setting);
        assert_eq!(safety.reads_setting, reads_setting);
        assert_eq!(safety.touches_row_security, !reads_setting);
    }
}

#[test]
fn what_cannot_be_looked_into_is_opaque() {
    let mut facts = facts();
    let table = facts.table("t");
    let foreign = facts.relation("f", RelationKind::ForeignTable, TABLE_OWNER);
    let calls = facts.matview("calls", OWNER, &[table]);
    facts.calling(calls, |_| ());
    let elsewhere = facts.matview("elsewhere", OWNER, &[foreign]);
    let parted = facts.table("parted");
    facts.rights.foreign_parts.insert(parted, vec![QualifiedName::from_catalog("s", "part")]);
    let by_parts = facts.matview("by_parts", OWNER, &[parted]);
    let by_user = facts.matview("by_user", OWNER, &[table]);
    facts.rule(by_user).reads_user = true;
    for matview in [calls, elsewhere, by_parts, by_user] {
        assert_eq!(facts.judge(matview).class, SafetyClass::Opaque);
    }
    assert_eq!(facts.judge(calls).functions, ["s.f(integer)"]);
    assert_eq!(facts.judge(elsewhere).foreign_tables[0].to_string(), "s.f");
    assert_eq!(facts.judge(by_parts).foreign_tables[0].to_string(), "s.part");
    assert!(facts.judge(by_user).reads_user);
}

#[test]
fn what_was_not_read_is_never_clear() {
    let mut facts = facts();
    let relation = facts.matview("relation", OWNER, &[7]);
    let function = facts.matview("function", OWNER, &[]);
    facts.rule(function).calls.insert(8);
    let view = facts.relation("v", RelationKind::View, OWNER);
    let query = facts.matview("query", OWNER, &[view]);
    let own = facts.relation("own", RelationKind::Matview, OWNER);
    for (matview, missing) in [
        (relation, Missing::Relation(7)),
        (function, Missing::Function(8)),
        (query, Missing::Query(QualifiedName::from_catalog("s", "v"))),
        (own, Missing::Query(QualifiedName::from_catalog("s", "own"))),
    ] {
        let safety = facts.judge(matview);
        assert_eq!(safety.class, SafetyClass::Opaque);
        assert_eq!(safety.missing, [missing]);
    }
}

#[test]
fn the_worst_reason_gives_the_class() {
    let mut facts = facts();
    let table = facts.secured("t", vec![policy("p")]);
    let matview = facts.matview("m", OWNER, &[table, 7]);
    facts.calling(matview, |function| function.reads_setting = true);
    assert_eq!(facts.judge(matview).class, SafetyClass::Rls);
    facts.with(table, |table| table.row_security = false);
    assert_eq!(facts.judge(matview).class, SafetyClass::Setting);
    assert!(SafetyClass::Clear < SafetyClass::Opaque);
    assert!(SafetyClass::Opaque < SafetyClass::Setting && SafetyClass::Setting < SafetyClass::Rls);
}

#[test]
fn a_view_inherits_the_worst_class_of_what_it_reads_at_any_depth() {
    let mut facts = facts();
    let table = facts.secured("t", vec![policy("p")]);
    let reduced = facts.matview("reduced", OWNER, &[table]);
    let opaque = facts.matview("opaque", EXEMPT, &[7]);
    let between = facts.view("between", EXEMPT, &[reduced]);
    let next = facts.matview("next", EXEMPT, &[between]);
    let last = facts.matview("last", EXEMPT, &[next, opaque]);
    let only_opaque = facts.matview("only_opaque", EXEMPT, &[opaque]);
    for (matview, class, because) in [
        (reduced, SafetyClass::Rls, vec![]),
        (next, SafetyClass::Rls, vec!["s.reduced"]),
        (last, SafetyClass::Rls, vec!["s.reduced"]),
        (only_opaque, SafetyClass::Opaque, vec!["s.opaque"]),
    ] {
        let safety = facts.judge(matview);
        assert_eq!(safety.class, class);
        let names: Vec<_> = safety.because_of.iter().map(ToString::to_string).collect();
        assert_eq!(names, because);
    }
    assert_eq!(facts.judge(last).own_class, SafetyClass::Clear);
    assert!(facts.judge(last).filtered_by.is_empty());
}

#[test]
fn a_class_of_its_own_is_not_blamed_on_others() {
    let mut facts = facts();
    let table = facts.secured("t", vec![policy("p")]);
    let upstream = facts.matview("upstream", OWNER, &[table]);
    let matview = facts.matview("m", OWNER, &[table, upstream]);
    let safety = facts.judge(matview);
    assert_eq!((safety.class, safety.because_of), (SafetyClass::Rls, vec![]));
}

#[test]
fn cycles_end_and_every_member_has_the_class_of_the_worst() {
    let mut facts = facts();
    let table = facts.secured("t", vec![policy("p")]);
    // first reads second through a view that reads itself; second reads first.
    let view = facts.view("v", EXEMPT, &[]);
    let first = facts.matview("first", EXEMPT, &[view]);
    let second = facts.matview("second", OWNER, &[first, table]);
    facts.reading(view, &[view, second]);
    let to_itself = facts.matview("to_itself", EXEMPT, &[]);
    facts.reading(to_itself, &[to_itself]);
    assert_eq!(facts.judge(first).class, SafetyClass::Rls);
    assert_eq!(facts.judge(second).own_class, SafetyClass::Rls);
    assert_eq!(facts.judge(to_itself).class, SafetyClass::Clear);
}

#[test]
fn classes_are_spelt_in_small_letters() {
    for class in [SafetyClass::Clear, SafetyClass::Opaque, SafetyClass::Setting, SafetyClass::Rls] {
        assert_eq!(serde_json::json!(class), class.word());
    }
}
