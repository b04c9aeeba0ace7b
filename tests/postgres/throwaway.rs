//! A throwaway PostgreSQL comes up, answers, and is gone however its program ends.
//! `DRIFTGATE_PG_BIN` selects the programs; `psql` is taken from `PATH`.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use driftgate::failure::{Failure, FailureKind};
use driftgate::throwaway::{Programs, Throwaway};
use rustix::process::{Pid, Signal, getpgid, kill_process, test_kill_process};
use tempfile::TempDir;

/// How soon everything must be gone, by the specification.
const GONE_LIMIT: Duration = Duration::from_secs(10);

/// How long a helper may take to get where a test wants it.
const HELPER_LIMIT: Duration = Duration::from_secs(60);

const HELPER_ROLE: &str = "DRIFTGATE_TEST_HELPER";
const HELPER_NOTE: &str = "DRIFTGATE_TEST_NOTE";

fn programs() -> Programs {
    let named = std::env::var_os("DRIFTGATE_PG_BIN").filter(|value| !value.is_empty());
    match Programs::find(named.map(PathBuf::from).as_deref()) {
        Ok(programs) => programs,
        Err(failure) => panic!("these tests need PostgreSQL\n{failure}"),
    }
}

async fn start(settings: &[(&str, &str)]) -> Throwaway {
    match Throwaway::start(&programs(), settings).await {
        Ok(server) => server,
        Err(failure) => panic!("{failure}"),
    }
}

fn psql(target: impl Into<OsString>, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-XAtc", sql, "-d"]).arg(target.into()).stdin(Stdio::null());
    command
}

fn target(socket_dir: &Path) -> OsString {
    let mut target = OsString::from("user=postgres dbname=postgres port=5432 host='");
    target.push(socket_dir.to_str().expect("the path is UTF-8").replace('\'', "\\'"));
    target.push("'");
    target
}

fn ask(target: impl Into<OsString>, sql: &str) -> String {
    let output = psql(target, sql).output().expect("psql is on PATH");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("psql answers in UTF-8").trim().to_owned()
}

/// Looks again until something is there; panics when the time is over.
fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Everything of a running server that must not be there afterwards.
#[derive(Debug)]
struct Footprint {
    dir: PathBuf,
    processes: Vec<Pid>,
}

impl Footprint {
    /// Takes down the keeper, the postmaster, and its processes with all sessions.
    fn of(dir: &Path) -> Self {
        let pid_of = |text: &str| Pid::from_raw(text.parse().ok()?);
        let lock = std::fs::read_to_string(dir.join("data/postmaster.pid"));
        let lock = lock.expect("a server runs in this directory");
        let postmaster = lock.lines().next().and_then(pid_of).expect("its first line is a pid");
        let keeper = getpgid(Some(postmaster)).expect("the postmaster runs");
        let sessions = ask(target(dir), "SELECT pid FROM pg_stat_activity");
        let mut processes = vec![keeper, postmaster];
        processes.extend(sessions.lines().filter_map(pid_of));
        assert!(processes.len() > 3, "a server has processes of its own: {processes:?}");
        Self { dir: dir.to_path_buf(), processes }
    }

    fn is_gone(&self) -> bool {
        !self.dir.exists() && !self.processes.iter().copied().any(is_alive)
    }

    fn assert_gone(&self) {
        let alive: Vec<_> = self.processes.iter().copied().filter(|pid| is_alive(*pid)).collect();
        assert!(self.is_gone(), "directory: {}, processes: {alive:?}", self.dir.exists());
    }
}

/// Tells whether a process runs; one that only waits to be reaped by init does not.
fn is_alive(pid: Pid) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let is_zombie = state.is_ok_and(|stat| stat.contains(") Z "));
    !is_zombie && test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// A temporary folder of one test, in which any account may make files.
fn private_tmp(name: &str) -> (TempDir, PathBuf) {
    let open = |mode| std::fs::Permissions::from_mode(mode);
    let outer = tempfile::Builder::new().prefix("dg-").tempdir().expect("there is a temp folder");
    std::fs::set_permissions(outer.path(), open(0o755)).expect("it is ours");
    let inner = outer.path().join(name);
    std::fs::create_dir_all(&inner).expect("the outer folder is new");
    std::fs::set_permissions(&inner, open(0o1777)).expect("it is ours");
    (outer, inner)
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("the folder is there").next().is_none()
}

/// This test binary, run again as a process that plays one role of [`own_server::helper`].
struct Helper {
    child: Child,
    note: PathBuf,
    _place: TempDir,
}

impl Helper {
    fn start(role: &str, tmp: &Path) -> Self {
        let place = tempfile::tempdir().expect("there is a temp folder");
        let note = place.path().join("note");
        let cwd = place.path().join("cwd");
        std::fs::create_dir(&cwd).expect("the place is new");
        let mut command = Command::new(std::env::current_exe().expect("a test knows its file"));
        command.args(["--exact", "throwaway::own_server::helper", "--ignored", "--nocapture"]);
        command.env(HELPER_ROLE, role).env(HELPER_NOTE, &note).env("TMPDIR", tmp);
        command.env_remove("HOME").current_dir(cwd);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().expect("this file can be run again");
        Self { child, note, _place: place }
    }

    /// Waits for what the helper has to tell.
    fn told(&mut self) -> String {
        wait_for("a word of the helper", HELPER_LIMIT, || {
            let ended = self.child.try_wait().expect("it is our child");
            let told = std::fs::read_to_string(&self.note).ok();
            assert!(told.is_some() || ended.is_none(), "the helper ended without a word");
            told
        })
    }

    /// Waits for its end as well.
    fn told_and_ended(mut self) -> String {
        let told = self.told();
        assert!(self.child.wait().expect("it is our child").success(), "{told}");
        told
    }
}

/// Tells the test that started this process; the text appears whole or not at all.
fn tell(text: &str) {
    let note = PathBuf::from(std::env::var_os(HELPER_NOTE).expect("the test names a file"));
    let draft = note.with_extension("draft");
    std::fs::write(&draft, text).expect("the folder of the note is ours");
    std::fs::rename(draft, note).expect("the folder of the note is ours");
}

fn tell_failure(failure: &Failure) {
    tell(&format!("{:?}\n{failure}", failure.kind));
}

mod own_server {
    use super::*;

    #[test]
    #[ignore = "no test: the process that other tests start and kill"]
    fn helper() {
        let Ok(role) = std::env::var(HELPER_ROLE) else { return };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime can be made").block_on(play(&role));
    }

    async fn play(role: &str) {
        match role {
            "hold a session" => {
                let server = start(&[]).await;
                let target = target(server.socket_dir());
                let sleeping = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)'";
                let session = psql(&target, "SELECT pg_sleep(600)").spawn();
                wait_for("a sleeping session", HELPER_LIMIT, || {
                    (!ask(&target, &format!("{sleeping} AND pid <> pg_backend_pid()")).is_empty())
                        .then_some(())
                });
                tell(server.socket_dir().to_str().expect("the path is UTF-8"));
                // Until the test kills this process; only then does the session end.
                let _ = session.expect("psql is on PATH").wait();
            }
            "visit without a current directory" => {
                let cwd = std::env::current_dir().expect("it is still there");
                std::fs::remove_dir(cwd).expect("it is empty");
                match Throwaway::start(&programs(), &[]).await {
                    Ok(server) => {
                        let dir = server.socket_dir().to_path_buf();
                        let answer = ask(server.url("postgres"), "SELECT 6 * 7");
                        server.stop().await.expect("nothing stays behind");
                        tell(&format!("{answer} in {}", dir.display()));
                    }
                    Err(failure) => tell_failure(&failure),
                }
            }
            "give up at several moments" => {
                for milliseconds in [0, 20, 100, 250, 450] {
                    let limit = Duration::from_millis(milliseconds);
                    let _ = tokio::time::timeout(limit, start(&[])).await;
                }
                tell("gave up");
            }
            "set nonsense" => {
                let settings = [("shared_buffers", "a great deal")];
                let failure = Throwaway::start(&programs(), &settings).await;
                tell_failure(&failure.expect_err("the server refuses that"));
            }
            other => panic!("no such role: {other}"),
        }
    }

    #[tokio::test]
    async fn answers_and_is_gone_after_stop() {
        let server = start(&[("max_connections", "17")]).await;
        let footprint = Footprint::of(server.socket_dir());
        let here = target(server.socket_dir());
        assert_eq!(ask(&here, "SELECT 1"), "1");
        assert_eq!(ask(&here, "SHOW listen_addresses"), "");
        assert_eq!(ask(&here, "SHOW max_connections"), "17");
        assert_eq!(ask(&here, "SHOW server_encoding"), "UTF8");
        let version = ask(&here, "SHOW server_version");
        assert_eq!(version.split(' ').next(), Some(programs().version().full.as_str()));
        let mode = server.socket_dir().metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(server.log_tail().concat().contains("ready to accept connections"));

        server.stop().await.expect("nothing stays behind");
        footprint.assert_gone();
    }

    #[tokio::test]
    async fn a_url_leads_to_a_database_of_any_name() {
        let server = start(&[]).await;
        let name = "odd /?&#%+'é";
        ask(server.url("postgres"), &format!("CREATE DATABASE \"{name}\""));
        assert_eq!(ask(server.url(name), "SELECT current_database()"), name);
        server.stop().await.expect("nothing stays behind");
    }

    #[test]
    fn is_gone_after_a_panic() {
        let (tell, told) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime can be made");
        let panicked = std::thread::spawn(move || {
            let server = runtime.block_on(start(&[]));
            tell.send(Footprint::of(server.socket_dir())).expect("the test listens");
            panic!("as this test wants it");
        });
        assert!(panicked.join().is_err());
        told.recv().expect("the server was up").assert_gone();
    }

    fn is_gone_after(signal: Signal) {
        let (_outer, tmp) = private_tmp("tmp");
        let mut helper = Helper::start("hold a session", &tmp);
        let footprint = Footprint::of(Path::new(&helper.told()));
        kill_process(Pid::from_child(&helper.child), signal).expect("the helper runs");
        let ended = helper.child.wait().expect("it is our child");
        assert_eq!(ended.signal(), Some(signal.as_raw()), "{ended}");
        wait_for("all gone", GONE_LIMIT, || footprint.is_gone().then_some(()));
        assert!(is_empty(&tmp));
    }

    #[test]
    fn is_gone_after_sigkill_with_an_open_session() {
        is_gone_after(Signal::KILL);
    }

    #[test]
    fn is_gone_after_sigterm_with_an_open_session() {
        is_gone_after(Signal::TERM);
    }

    #[test]
    fn is_gone_after_sigint_with_an_open_session() {
        is_gone_after(Signal::INT);
    }

    #[tokio::test]
    async fn is_gone_after_stop_even_if_somebody_killed_the_keeper() {
        let server = start(&[]).await;
        let footprint = Footprint::of(server.socket_dir());
        kill_process(footprint.processes[0], Signal::KILL).expect("the keeper runs");
        server.stop().await.expect("nothing stays behind");
        wait_for("all gone", GONE_LIMIT, || footprint.is_gone().then_some(()));
    }

    #[test]
    fn leaves_nothing_when_starting_is_given_up() {
        let (_outer, tmp) = private_tmp("tmp");
        let told = Helper::start("give up at several moments", &tmp).told_and_ended();
        assert_eq!(told, "gave up");
        assert!(is_empty(&tmp));
    }

    #[test]
    fn a_setting_that_the_server_refuses_is_told_in_its_words() {
        let (_outer, tmp) = private_tmp("tmp");
        let told = Helper::start("set nonsense", &tmp).told_and_ended();
        assert!(
            told.starts_with("Machine\nerror: could not start a throwaway PostgreSQL"),
            "{told}"
        );
        assert!(told.contains("cause: `postgres` ended with status 1"), "{told}");
        assert!(told.contains(r#"invalid value for parameter "shared_buffers""#), "{told}");
        assert!(told.contains("hint: nothing was left behind"), "{told}");
        assert!(is_empty(&tmp));
    }

    #[test]
    fn a_temporary_folder_may_have_any_name() {
        let (_outer, tmp) = private_tmp("it's \"odd\" $x");
        let told = Helper::start("visit without a current directory", &tmp).told_and_ended();
        assert!(told.starts_with(&format!("42 in {}/", tmp.display())), "{told}");
        assert!(is_empty(&tmp));
    }

    #[test]
    fn a_temporary_folder_that_is_too_deep_gives_way_to_tmp() {
        let (_outer, tmp) = private_tmp(&"deep".repeat(20));
        let told = Helper::start("visit without a current directory", &tmp).told_and_ended();
        assert!(told.starts_with("42 in /tmp/driftgate-"), "{told}");
    }

    #[test]
    fn a_temporary_folder_that_is_not_there_is_named() {
        let (_outer, tmp) = private_tmp("tmp");
        let missing = tmp.join("missing");
        let told = Helper::start("visit without a current directory", &missing).told_and_ended();
        assert!(told.starts_with("Machine\n"), "{told}");
        assert!(told.contains(&format!("`{}` cannot be used", missing.display())), "{told}");
        assert!(told.contains("hint: set TMPDIR"), "{told}");
    }

    #[tokio::test]
    async fn several_live_side_by_side() {
        let (one, two, three) = tokio::join!(start(&[]), start(&[]), start(&[]));
        let servers = [one, two, three];
        for (n, server) in servers.iter().enumerate() {
            ask(server.url("postgres"), &format!("CREATE DATABASE only_{n}"));
        }
        let footprints = servers.each_ref().map(|server| Footprint::of(server.socket_dir()));
        let [one, two, three] = servers;
        one.stop().await.expect("nothing stays behind");
        assert_eq!(ask(two.url("only_1"), "SELECT 1"), "1");
        drop((two, three));
        for footprint in footprints {
            footprint.assert_gone();
        }
    }
}

#[test]
fn a_folder_without_the_programs_is_a_usage_failure() {
    let empty = tempfile::tempdir().expect("there is a temp folder");
    let failure = Programs::find(Some(empty.path())).expect_err("nothing is in there");
    assert_eq!(failure.kind, FailureKind::Usage);
    assert_eq!(failure.causes, ["it holds no program `initdb`"]);
    assert!(failure.hints[0].contains("initdb"));
}
