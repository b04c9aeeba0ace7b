use std::collections::HashMap;

use chrono::TimeDelta;

use super::decode::{KeyView, decode};
use super::release::{Signal, is_futile};
use super::*;
use crate::lock_key::LockKey;
use crate::registry::LockScheme;

fn now() -> DateTime<Utc> {
    "2026-11-24T10:00:00Z".parse().expect("a time")
}

fn ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn view(name: &str) -> QualifiedName {
    name.parse().expect("a name")
}

fn key(name: &str) -> LockPlace {
    LockKey::of(LockScheme::Int64, &view(name), None, None).place()
}

/// What is read of the locks, put together piece by piece.
struct Scene(LocksRead);

impl Scene {
    fn new() -> Self {
        Self(LocksRead { read_at: now(), locks: Vec::new(), sessions: HashMap::new() })
    }

    /// Adds a session that was in a state for some seconds.
    fn session(mut self, pid: i32, state: &str, seconds: i64) -> Self {
        let details = SessionDetails {
            backend_start: ago(86_400),
            client_addr: None,
            state: Some(state.to_owned()),
            state_change: Some(ago(seconds)),
            xact_start: (state != "idle").then(|| ago(seconds)),
            query: Some("SELECT 1".to_owned()),
        };
        let session = SessionState {
            user: None,
            application_name: None,
            details: Some(details),
            waits_elsewhere: None,
        };
        self.0.sessions.insert(pid, session);
        self
    }

    fn lock(
        mut self,
        pid: i32,
        target: Target,
        mode: LockMode,
        blocked_by: Option<&[i32]>,
    ) -> Self {
        let wait = blocked_by
            .map(|pids| Box::new(Wait { blocked_by: pids.to_vec(), since: Some(ago(1)) }));
        self.0.locks.push(ReadLock { target, owner: Owner::Session(pid), mode, wait });
        self
    }

    fn holds(self, pid: i32, name: &str, mode: LockMode) -> Self {
        self.lock(pid, Target::View(Box::new(view(name))), mode, None)
    }

    fn waits(self, pid: i32, name: &str, mode: LockMode, behind: &[i32]) -> Self {
        self.lock(pid, Target::View(Box::new(view(name))), mode, Some(behind))
    }

    fn holds_key(self, pid: i32, place: LockPlace) -> Self {
        self.lock(pid, Target::Key(place), LockMode::Exclusive, None)
    }

    fn told(self) -> LockStatus {
        let views = [view("public.mv"), view(r#"rpt."Weird Name""#)];
        let views = views.each_ref().map(|view| KeyView { view, lock_name: None, tenant: None });
        let held = self.0.locks.iter().filter_map(|lock| match &lock.target {
            Target::Key(place) => Some(*place),
            Target::View(_) => None,
        });
        let names = decode(&held.collect(), &views, &["acme".to_owned()], LockScheme::Int64);
        tell(self.0, &names, |_| None)
    }
}

/// Returns a status in one line a lock.
fn lines(status: &LockStatus) -> Vec<String> {
    let line = |lock: &Lock| {
        let name = match (lock.key_name(), &lock.subject) {
            (Some(name), _) => name.to_string(),
            (None, Subject::View(view)) => format!("{} {}", view.0, lock.mode.word()),
            (None, Subject::Key(place, _)) => format!("foreign {}", decode::key_at(*place)),
        };
        let Owner::Session(pid) = lock.owner else { return name };
        let behind = lock.wait.as_ref().map(|wait| format!(" behind {:?}", wait.blocked_by));
        let blocks = (!lock.blocks.is_empty()).then(|| format!(" before {:?}", lock.blocks));
        format!("{pid} {name}{}{}", behind.unwrap_or_default(), blocks.unwrap_or_default())
    };
    status.locks.iter().map(line).collect()
}

fn advice(status: &LockStatus, at: usize) -> (Option<&str>, Option<&str>) {
    let advice = status.locks[at].advice.as_ref();
    (
        advice.and_then(|advice| advice.stranded.as_deref()),
        advice.and_then(|advice| advice.next.as_deref()),
    )
}

#[test]
fn a_plain_refresh_that_waits_stands_between_the_reader_and_the_queue() {
    use LockMode::{AccessExclusive, AccessShare};
    let status = Scene::new()
        .session(1, "idle in transaction", 30)
        .session(2, "active", 10)
        .session(3, "active", 5)
        .session(4, "active", 4)
        .session(5, "active", 1)
        .waits(3, "public.mv", AccessShare, &[2])
        .waits(4, "public.mv", AccessShare, &[2])
        .waits(2, "public.mv", AccessExclusive, &[1])
        .holds(1, "public.mv", AccessShare)
        .holds(5, "public.other", AccessShare)
        .told();
    assert_eq!(
        lines(&status),
        [
            "1 public.mv AccessShareLock before [2]",
            "2 public.mv AccessExclusiveLock behind [1] before [3, 4]",
            "3 public.mv AccessShareLock behind [2]",
            "4 public.mv AccessShareLock behind [2]",
        ]
    );
    assert_eq!(status.readers_not_listed, 1);
    assert_eq!(status.sessions.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn of_the_locks_of_one_session_on_a_view_the_strongest_is_listed() {
    use LockMode::{AccessShare, Exclusive, RowExclusive};
    let status = Scene::new()
        .holds(1, "public.mv", AccessShare)
        .holds(1, "public.mv", Exclusive)
        .holds(1, "public.mv", RowExclusive)
        .told();
    assert_eq!(lines(&status), ["1 public.mv ExclusiveLock"]);
    assert_eq!(status.readers_not_listed, 0);
}

#[test]
fn keys_come_before_the_view_and_foreign_ones_last() {
    let foreign = |number: i64| LockKey::One([number]).place();
    let tenants = LockKey::of(LockScheme::Int32, &view("public.mv"), None, Some("acme")).place();
    let next = LockKey::waiting(LockScheme::Int64, &view("public.mv"), None, None).place();
    let status = Scene::new()
        .holds_key(8, foreign(-7))
        .holds_key(1, foreign(7))
        .holds(3, "public.mv", LockMode::Exclusive)
        .holds_key(4, tenants)
        .holds_key(2, next)
        .holds_key(3, key("public.mv"))
        .lock(5, Target::Key(key("public.mv")), LockMode::Exclusive, Some(&[3]))
        .told();
    assert_eq!(
        lines(&status),
        [
            "3 public.mv before [5]",
            "5 public.mv behind [3]",
            "2 public.mv (next in line)",
            "4 public.mv for tenant acme",
            "3 public.mv ExclusiveLock",
            "1 foreign 7",
            "8 foreign -7",
        ]
    );
}

#[test]
fn an_idle_session_that_holds_a_key_is_stranded() {
    let status = Scene::new().session(1, "idle", 2).holds_key(1, key("public.mv")).told();
    let (stranded, next) = advice(&status, 0);
    assert!(stranded.is_some_and(|why| why.contains("in no transaction")), "{stranded:?}");
    assert_eq!(next, Some("driftgate lock-status --release public.mv --terminate"));
}

#[test]
fn a_transaction_is_stranded_once_it_was_idle_for_a_minute() {
    let stranded = |state: &str, seconds| {
        let scene = Scene::new().session(1, state, seconds).holds_key(1, key("public.mv"));
        advice(&scene.told(), 0).0.is_some()
    };
    assert!(!stranded("idle in transaction", 59));
    assert!(stranded("idle in transaction", 60));
    assert!(stranded("idle in transaction (aborted)", 60));
    assert!(!stranded("active", 86_400));
}

#[test]
fn a_state_that_began_after_the_look_says_nothing() {
    let scene = Scene::new().session(1, "idle", -1).holds_key(1, key("public.mv"));
    assert_eq!(advice(&scene.told(), 0), (None, None));

    let mut scene = Scene::new().session(1, "idle", 60).holds_key(1, key("public.mv"));
    let session = scene.0.sessions.get_mut(&1).expect("it was added");
    session.details.as_mut().expect("all is told").backend_start = ago(-1);
    let status = scene.told();
    assert_eq!(advice(&status, 0), (None, None));
    assert!(status.sessions.is_empty(), "another session has the process id now");
}

#[test]
fn what_is_not_told_of_a_session_is_not_judged() {
    let mut scene = Scene::new().session(1, "idle", 60).holds_key(1, key("public.mv"));
    scene.0.sessions.get_mut(&1).expect("it was added").details = None;
    let status = scene.told();
    assert_eq!(advice(&status, 0), (None, None));
    assert!(status.hides_something());
}

#[test]
fn a_foreign_key_of_an_idle_session_is_left_alone() {
    let scene = Scene::new().session(1, "idle", 60).holds_key(1, LockKey::One([7]).place());
    assert_eq!(advice(&scene.told(), 0), (None, None));
}

#[test]
fn the_next_command_takes_a_shells_quotes() {
    let tenant =
        LockKey::of(LockScheme::Int32Pair, &view(r#"rpt."Weird Name""#), None, Some("acme"));
    let status = Scene::new().session(1, "idle", 2).holds_key(1, tenant.place()).told();
    assert_eq!(
        advice(&status, 0).1,
        Some(r#"driftgate lock-status --release 'rpt."Weird Name"' --tenant acme --terminate"#)
    );
}

#[test]
fn the_head_of_a_convoy_is_cancelled_by_its_key_or_by_what_it_does() {
    use LockMode::{AccessExclusive, AccessShare};
    let scene = || {
        Scene::new()
            .session(1, "active", 30)
            .session(2, "active", 10)
            .session(3, "active", 5)
            .holds(1, "public.mv", AccessShare)
            .waits(2, "public.mv", AccessExclusive, &[1])
            .waits(3, "public.mv", AccessShare, &[2])
    };
    let with_key = scene().holds_key(2, key("public.mv")).told();
    assert_eq!(lines(&with_key)[2], "2 public.mv AccessExclusiveLock behind [1] before [3]");
    assert_eq!(advice(&with_key, 2), (None, Some("driftgate lock-status --release public.mv")));
    let next = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
                WHERE pid = 2 AND state_change = '2026-11-24T09:59:50.000000Z'";
    assert_eq!(advice(&scene().told(), 1), (None, Some(next)));
}

#[test]
fn a_prepared_transaction_is_named_and_stranded() {
    let mut scene = Scene::new().holds_key(1, key("public.mv"));
    let prepared = Prepared { gid: "it's two-phase".to_owned(), at: Some(ago(3_600)), user: None };
    scene.0.locks[0].owner = Owner::Prepared(Box::new(prepared));
    let status = scene.told();
    let (stranded, next) = advice(&status, 0);
    assert!(stranded.is_some_and(|why| why.contains("1h ago")), "{stranded:?}");
    assert_eq!(next, Some("ROLLBACK PREPARED 'it''s two-phase'"));
    assert!(is_futile(&status, &status.locks[0], Signal::Terminate).is_some());
}

#[test]
fn cancelling_is_futile_where_no_statement_runs() {
    let futile = |state: &str, signal| {
        let status = Scene::new().session(1, state, 2).holds_key(1, key("public.mv")).told();
        is_futile(&status, &status.locks[0], signal).is_some()
    };
    assert!(futile("idle", Signal::Cancel));
    assert!(futile("idle in transaction", Signal::Cancel));
    assert!(!futile("active", Signal::Cancel));
    assert!(!futile("idle", Signal::Terminate));
}
