//! Programs that are run for real: what they get, what is kept of them, and their end.

use std::fs;

use super::*;
use crate::target::{Environment, PassfileRead, Source};

/// A machine on which nothing is set.
struct Bare;

impl Environment for Bare {
    fn variable(&self, _name: &str) -> Option<OsString> {
        None
    }

    fn user(&self) -> Option<String> {
        None
    }

    fn exists(&self, _path: &Path) -> bool {
        false
    }

    fn passfile(&self, _path: &Path) -> PassfileRead {
        PassfileRead::Absent
    }
}

/// Runs a script in a folder of its own, on a database that nobody connects to.
fn run_script(script: &str, url: &str, limit: Duration) -> (ToolEnd, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let end = run_plan(&plan_of(script, folder.path()), url, limit);
    (end, folder)
}

fn plan_of(script: &str, folder: &Path) -> ToolRun {
    ToolRun {
        shown: "bin/migrate".to_owned(),
        program: PathBuf::from("/bin/sh"),
        args: vec!["-c".to_owned(), script.to_owned()],
        folder: folder.to_owned(),
        avoids_percent: false,
    }
}

fn run_plan(plan: &ToolRun, url: &str, limit: Duration) -> ToolEnd {
    let target = resolved(url);
    runtime().block_on(run(plan, &target, limit)).expect("it can be started")
}

fn resolved(url: &str) -> Resolved {
    let given = Some((url, Source::Variable("DATABASE_URL")));
    Target::resolve(given, &Bare).expect("a URL")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

const URL: &str = "postgresql+asyncpg://app:s3cr%2Fet@db.example:5433/shop?sslmode=require";

const SOON: Duration = Duration::from_secs(60);

#[test]
fn the_program_has_the_database_in_its_environment() {
    let script = "echo $DATABASE_URL >d; echo $MIGRATION_DATABASE_URL >m; \
                  echo $PGHOST $PGPORT $PGUSER $PGPASSWORD $PGDATABASE $PGSSLMODE >p; pwd >w";
    let (end, folder) = run_script(script, URL, SOON);
    assert_eq!((end.failure, end.output.as_str()), (None, ""));
    let said = |file: &str| fs::read_to_string(folder.path().join(file)).expect("it was written");
    let url = "postgresql://app:s3cr%2Fet@db.example:5433/shop?sslmode=require\n";
    assert_eq!((said("d").as_str(), said("m").as_str()), (url, url));
    assert_eq!(said("p"), "db.example 5433 app s3cr/et shop require\n");
    let here = fs::canonicalize(folder.path()).expect("it is there");
    assert_eq!(said("w").trim_end(), here.display().to_string());
}

#[test]
fn a_url_without_a_percent_sign_leaves_the_password_to_libpq() {
    for (password, expected) in [
        ("s3cr%2Fet", "postgresql://app@db.example:5432/shop s3cr/et"),
        ("s3cret", "postgresql://app:s3cret@db.example:5432/shop s3cret"),
    ] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let plan = plan_of("echo $DATABASE_URL $PGPASSWORD >u", folder.path());
        let url = format!("postgresql://app:{password}@db.example/shop");
        run_plan(&ToolRun { avoids_percent: true, ..plan }, &url, SOON);
        let said = fs::read_to_string(folder.path().join("u")).expect("it was written");
        assert_eq!(said.trim_end(), expected);
    }
}

#[test]
fn both_streams_are_kept_in_their_order_and_without_the_password() {
    let script = "echo one; echo \"two $PGPASSWORD\" >&2; echo three $DATABASE_URL; exit 3";
    let (end, _folder) = run_script(script, URL, SOON);
    let expected =
        "one\ntwo ***\nthree postgresql://app:***@db.example:5433/shop?sslmode=require\n";
    assert_eq!(end.output, expected);
    let failure = end.failure.expect("it failed");
    assert_eq!(failure.kind, FailureKind::Refused);
    assert_eq!(failure.message, "`bin/migrate` ended with exit code 3");
    assert_eq!(failure.causes, expected.lines().collect::<Vec<_>>());
}

#[test]
fn a_program_that_says_nothing_or_is_killed_is_told_so() {
    let (end, _folder) = run_script("exit 1", URL, SOON);
    assert_eq!(end.failure.expect("it failed").causes, ["it wrote nothing"]);
    let (end, _folder) = run_script("kill -SEGV $$", URL, SOON);
    let message = end.failure.expect("it failed").message;
    assert_eq!(message, "`bin/migrate` was ended by signal 11");
}

#[test]
fn a_missing_module_of_python_is_told() {
    let script = "echo \"ModuleNotFoundError: No module named 'psycopg2'\" >&2; exit 1";
    let (end, _folder) = run_script(script, URL, SOON);
    let hints = end.failure.expect("it failed").hints;
    assert!(hints[0].contains("no module psycopg2"), "{hints:?}");
}

#[test]
fn a_program_reads_nothing_and_its_own_children_do_not_outlive_it() {
    let script = "cat; sleep 1000 & echo $!";
    let (end, _folder) = run_script(script, URL, SOON);
    assert_eq!(end.failure, None);
    assert_gone(end.output.trim());
}

#[test]
fn what_takes_too_long_is_ended_with_all_that_it_started() {
    let script = "sleep 1000 & echo $!; echo $$; wait";
    let (end, _folder) = run_script(script, URL, Duration::from_millis(300));
    let failure = end.failure.expect("it was late");
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(end.output.lines().count(), 2, "{}", end.output);
    end.output.lines().for_each(assert_gone);
}

#[test]
fn what_does_not_listen_is_killed() {
    let script = "trap '' TERM; echo $$; while :; do sleep 1; done";
    let (end, _folder) = run_script(script, URL, Duration::from_millis(300));
    assert!(end.failure.is_some());
    assert_gone(end.output.trim());
}

#[test]
fn a_run_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plan = plan_of("echo $$ >pid; exec sleep 1000", folder.path());
    let target = resolved(URL);
    let pid = folder.path().join("pid");
    runtime().block_on(async {
        let mut running = std::pin::pin!(run(&plan, &target, Duration::ZERO));
        while !fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
            let slice = Duration::from_millis(20);
            assert!(tokio::time::timeout(slice, &mut running).await.is_err(), "it goes on");
        }
    });
    assert_gone(fs::read_to_string(pid).expect("it was written").trim());
}

#[test]
fn programs_are_found_by_path_or_in_the_search_path() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    assert!(find_program("sh", folder.path()).is_ok());
    assert!(find_program("bin/migrate", folder.path()).is_err());
    let program = folder.path().join("bin/migrate");
    fs::create_dir(folder.path().join("bin")).expect("it can be made");
    fs::write(&program, "#!/bin/sh\n").expect("it can be written");
    let failure = find_program("bin/migrate", folder.path()).expect_err("it may not be run");
    assert!(failure.message.contains("cannot be run"), "{failure}");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert_eq!(find_program("bin/migrate", folder.path()).expect("it is there"), program);
    let failure = find_program("no-such-program-anywhere", folder.path()).expect_err("none");
    assert_eq!(failure.kind, FailureKind::Machine);
}

/// Asserts that a process has ended, or is about to.
fn assert_gone(pid: &str) {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let is_there = || {
        // One that nobody has waited for yet is over all the same.
        fs::read_to_string(&path).is_ok_and(|stat| !stat.contains(") Z "))
    };
    let end = Instant::now() + Duration::from_secs(10);
    while is_there() {
        assert!(Instant::now() < end, "process {pid} is still there");
        thread::sleep(Duration::from_millis(10));
    }
}
