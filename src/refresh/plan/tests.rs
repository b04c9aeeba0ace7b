use std::collections::BTreeSet;

use super::*;
use crate::history::Records;
use crate::refresh::select::{Wanted, WantedTenants};
use crate::registry::LockScheme;
use crate::testing::{registry, snapshot, view};

/// Makes a task that nothing stands in the way of.
pub(in crate::refresh) fn task(name: &str) -> Task {
    let view: QualifiedName = name.parse().expect("a qualified name");
    let scheme = LockScheme::Int64;
    Task {
        oid: Some(1),
        tenant: None,
        serves: None,
        declared: RefreshMode::Concurrently,
        mode: Mode::Concurrently,
        keys: vec![NamedKey {
            scheme,
            key: LockKey::of(scheme, &view, None, None),
            name: name.to_owned(),
        }],
        next_in_line: LockKey::waiting(scheme, &view, None, None),
        settings: BTreeMap::new(),
        safety: Safety { class: SafetyClass::Clear, guard: true, counted: false },
        rules: SafetyRules::default(),
        unique_key: None,
        analyze: false,
        fresh_for: None,
        last: None,
        after: Vec::new(),
        turn: 0,
        refusal: None,
        view,
    }
}

fn clear() -> TenantSafety {
    TenantSafety {
        class: SafetyClass::Clear,
        own_class: SafetyClass::Clear,
        because_of: vec![],
        filtered_by: vec![],
        reads_setting: false,
        reads_user: false,
        touches_row_security: false,
        functions: vec![],
        foreign_tables: vec![],
        open_policies: vec![],
        missing: vec![],
        guard_usable: true,
    }
}

fn of_class(class: SafetyClass) -> TenantSafety {
    TenantSafety { class, own_class: class, ..clear() }
}

fn all() -> Wanted {
    Wanted { views: vec![], all: true, classes: vec![], tenants: WantedTenants::Unsaid }
}

fn planned<const N: usize>(text: &str, views: [ViewState; N], found: TenantSafety) -> Plan {
    planned_with(text, views, found, &History::NotInstalled, Options::default())
}

fn planned_with<const N: usize>(
    text: &str,
    views: [ViewState; N],
    found: TenantSafety,
    history: &History,
    options: Options,
) -> Plan {
    let registry = registry(&format!("version = 1\n{text}"));
    let snapshot = snapshot(views);
    let safety = BTreeMap::from([(1, found)]);
    let sources = Sources { registry: &registry, snapshot: &snapshot, safety: &safety, history };
    let selection = all().pick(&registry, None).expect("something is selected");
    plan(&selection, sources, options)
}

const ONE: &str = "[[matview]]\nname = 'public.mv'\ntenant_column = 'tenant_id'";

#[test]
fn a_view_is_refreshed_as_declared_or_not_at_all() {
    let keyed = || view("public.mv").unique_on(&["id"]);
    let plain = "[[matview]]\nname = 'public.mv'\nrefresh = 'plain'";
    for (text, live, mode) in [
        (ONE, keyed(), Some(Mode::Concurrently)),
        (ONE, keyed().unpopulated(), Some(Mode::FirstFill)),
        (ONE, view("public.mv").unpopulated(), Some(Mode::FirstFill)),
        (plain, keyed(), Some(Mode::Plain)),
        (ONE, view("public.mv"), None),
    ] {
        let plan = planned(text, [live], clear());
        let task = &plan.tasks[0];
        assert_eq!(task.refusal.is_none().then_some(task.mode), mode, "{task:?}");
    }
}

#[test]
fn an_unfit_view_is_told_with_the_index_to_create() {
    let text = "[[matview]]\nname = 'public.mv'\nunique_key = ['tenant_id', '\"Code\"']";
    let plan = planned(text, [view("public.mv")], clear());
    let refusal = plan.tasks[0].refusal.as_ref().expect("it is refused");
    assert_eq!(refusal.outcome, RefreshOutcome::RefusedUnfit);
    assert_eq!(
        refusal.hint.as_deref(),
        Some("CREATE UNIQUE INDEX CONCURRENTLY ON public.mv (tenant_id, \"Code\")")
    );
}

#[test]
fn a_shared_view_that_loses_rows_is_refused_with_or_without_a_tenant_column() {
    for text in [ONE, "[[matview]]\nname = 'public.mv'"] {
        for class in [SafetyClass::Rls, SafetyClass::Setting] {
            let plan = planned(text, [view("public.mv").unique_on(&["id"])], of_class(class));
            let refusal = plan.tasks[0].refusal.as_ref().expect("it is refused");
            assert_eq!(refusal.outcome, RefreshOutcome::RefusedUnsafe);
        }
    }
}

#[test]
fn an_opaque_view_with_tenants_is_counted_and_a_clear_one_only_when_asked() {
    let keyed = || view("public.mv").unique_on(&["id"]);
    let counted = |class, count| {
        let options = Options { count, ..Options::default() };
        let plan = planned_with(ONE, [keyed()], of_class(class), &History::NotInstalled, options);
        plan.tasks[0].safety.counted
    };
    assert!(counted(SafetyClass::Opaque, false));
    assert!(!counted(SafetyClass::Clear, false));
    assert!(counted(SafetyClass::Clear, true));
}

#[test]
fn a_view_that_is_not_there_is_refused() {
    let plan = planned(ONE, [], clear());
    let refusal = plan.tasks[0].refusal.as_ref().expect("it is refused");
    assert_eq!(refusal.outcome, RefreshOutcome::RefusedUnfit);
}

#[test]
fn dependencies_come_first_by_the_catalog_and_by_the_registry() {
    let text = "[[matview]]\nname = 'public.a'\ndepends_on = ['public.c']\n\
                [[matview]]\nname = 'public.b'\n[[matview]]\nname = 'public.c'";
    let key = |name: &str| view(name).unique_on(&["id"]);
    let views = [key("public.a"), key("public.b"), key("public.c").reads("public.b")];
    let plan = planned(text, views, clear());
    let names: Vec<String> = plan.tasks.iter().map(|task| task.view.to_string()).collect();
    assert_eq!(names, ["public.b", "public.c", "public.a"]);
    assert_eq!(plan.tasks[1].after, [0]);
    assert_eq!(plan.tasks[2].after, [1]);
}

#[test]
fn the_members_of_a_cycle_are_refused_and_named() {
    let text = "[[matview]]\nname = 'public.a'\n[[matview]]\nname = 'public.b'\n\
                [[matview]]\nname = 'public.c'";
    let key = |name: &str| view(name).unique_on(&["id"]);
    let views = [
        key("public.a").reads("public.b"),
        key("public.b").reads("public.a"),
        key("public.c").reads("public.a"),
    ];
    let plan = planned(text, views, clear());
    let refused: BTreeSet<String> = plan
        .tasks
        .iter()
        .filter(|task| task.refusal.is_some())
        .map(|task| task.view.to_string())
        .collect();
    assert_eq!(refused, BTreeSet::from(["public.a".to_owned(), "public.b".to_owned()]));
    let reader = plan.tasks.iter().find(|task| task.refusal.is_none()).expect("c is not");
    assert_eq!(reader.after.len(), 1, "c waits for a, and is skipped with it");
}

#[test]
fn freshness_without_history_is_not_known_and_said() {
    let options = Options { fresh: Some(Freshness::AsDeclared), ..Options::default() };
    let live = [view("public.mv").unique_on(&["id"])];
    let plan = planned_with(ONE, live, clear(), &History::NotInstalled, options);
    assert!(plan.notes[0].contains("history install"), "{:?}", plan.notes);
    let known = History::Known(Records {
        writable: Ok(()),
        read_at: DateTime::UNIX_EPOCH,
        last_success: BTreeMap::new(),
        failed_since: BTreeMap::new(),
    });
    let live = [view("public.mv").unique_on(&["id"])];
    assert!(planned_with(ONE, live, clear(), &known, options).notes.is_empty());
}

#[test]
fn a_shared_view_takes_its_own_key_and_those_of_the_tenants_asked_for() {
    let registry = registry(&format!("version = 1\n{ONE}"));
    let snapshot = snapshot([view("public.mv").unique_on(&["id"])]);
    let (safety, history) = (BTreeMap::from([(1, clear())]), History::NotInstalled);
    let sources =
        Sources { registry: &registry, snapshot: &snapshot, safety: &safety, history: &history };
    let wanted = |tenants| Wanted { tenants, ..all() };
    let keys = |tenants| {
        let wanted = wanted(tenants);
        let selection = wanted.pick(&registry, None).expect("something is selected");
        plan(&selection, sources, Options::default()).tasks.remove(0)
    };
    let these = WantedTenants::These(["a".to_owned(), "b".to_owned()].into());
    let task = keys(these);
    assert_eq!((task.keys.len(), task.serves), (3, Some(2)));
    assert_eq!(task.keys[0].name, "public.mv");
    assert_eq!(task.keys[1].name, "public.mv for tenant a");
    assert_eq!(keys(WantedTenants::All).keys.len(), 1);
}
