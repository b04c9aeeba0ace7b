//! The search for the programs, on machines that exist only as tables.

use std::collections::BTreeMap;

use super::*;

/// A machine as a table: its programs, what they answer, and its symbolic links.
#[derive(Default)]
struct Table {
    path: Option<&'static str>,
    programs: BTreeSet<PathBuf>,
    answers: BTreeMap<PathBuf, String>,
    links: BTreeMap<PathBuf, PathBuf>,
    root: bool,
}

impl Table {
    fn path(mut self, path: &'static str) -> Self {
        self.path = Some(path);
        self
    }

    fn program(mut self, file: &str) -> Self {
        self.programs.insert(PathBuf::from(file));
        self
    }

    fn answering(mut self, file: &str, answer: &str) -> Self {
        self.answers.insert(PathBuf::from(file), answer.to_owned());
        self.program(file)
    }

    fn link(mut self, from: &str, to: &str) -> Self {
        self.links.insert(PathBuf::from(from), PathBuf::from(to));
        self.program(from)
    }

    /// Adds a whole server, in a folder.
    fn server(self, folder: &str, version: &str) -> Self {
        self.program(&format!("{folder}/initdb"))
            .answering(&format!("{folder}/postgres"), &format!("postgres (PostgreSQL) {version}\n"))
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.programs
            .iter()
            .any(|file| !path.as_os_str().is_empty() && file.starts_with(path) && file != path)
    }
}

impl Machine for Table {
    fn path(&self) -> Option<OsString> {
        self.path.map(OsString::from)
    }

    fn is_program(&self, file: &Path) -> bool {
        self.programs.contains(file)
    }

    fn resolve(&self, file: &Path) -> Option<PathBuf> {
        let target = self.links.get(file).map_or(file, PathBuf::as_path);
        (self.is_program(target) || self.is_folder(target)).then(|| target.to_path_buf())
    }

    fn names_in(&self, folder: &Path) -> Vec<OsString> {
        let inside = self.programs.iter().filter_map(|file| file.strip_prefix(folder).ok());
        let names: BTreeSet<_> = inside.filter_map(|rest| rest.iter().next()).collect();
        names.into_iter().map(OsStr::to_os_string).collect()
    }

    fn ask(&self, program: &Path, _argument: &str) -> Result<String, String> {
        self.answers.get(program).cloned().ok_or_else(|| "cannot execute".to_owned())
    }

    fn is_root(&self) -> bool {
        self.root
    }
}

fn found(machine: &Table, pg_bin: Option<&str>) -> String {
    let programs = search(machine, pg_bin.map(Path::new)).expect("the programs are there");
    format!("{} {}", programs.folder().display(), programs.version().full)
}

fn not_found(machine: &Table, pg_bin: Option<&str>) -> Failure {
    search(machine, pg_bin.map(Path::new)).expect_err("nothing usable is there")
}

#[test]
fn the_named_folder_comes_before_everything_else() {
    let machine = Table::default()
        .path("/usr/local/bin")
        .server("/usr/local/bin", "17.1")
        .server("/srv/pg/bin", "14.2");
    assert_eq!(found(&machine, Some("/srv/pg/bin")), "/srv/pg/bin 14.2");
}

#[test]
fn a_named_folder_that_is_unusable_is_not_replaced() {
    let machine = Table::default()
        .path("/usr/local/bin")
        .server("/usr/local/bin", "17.1")
        .program("/client/bin/psql")
        .program("/half/bin/initdb")
        .program("/broken/bin/initdb")
        .program("/broken/bin/postgres");
    for (folder, cause) in [
        ("/nowhere", "there is no such folder"),
        ("", "there is no such folder"),
        ("/client/bin", "it holds no program `initdb`"),
        ("/half/bin", "it holds no program `postgres`"),
        ("/broken/bin", "`/broken/bin/postgres --version` does not work: cannot execute"),
    ] {
        let failure = not_found(&machine, Some(folder));
        assert_eq!(failure.kind, FailureKind::Usage, "{folder}");
        assert_eq!(failure.causes, [cause], "{folder}");
        assert!(!failure.hints.is_empty(), "{folder}");
    }
}

#[test]
fn path_is_followed_through_symbolic_links() {
    let machine = Table::default()
        .path("/usr/bin:/usr/local/bin")
        .link("/usr/local/bin/initdb", "/opt/pg/16/bin/initdb")
        .server("/opt/pg/16/bin", "16.3")
        .server("/usr/lib/postgresql/17/bin", "17.1");
    assert_eq!(found(&machine, None), "/opt/pg/16/bin 16.3");
}

#[test]
fn an_initdb_without_postgres_beside_it_is_passed_over() {
    let machine = Table::default()
        .path("/wrappers:/usr/local/bin")
        .link("/wrappers/initdb", "/usr/share/wrappers/initdb")
        .program("/usr/share/wrappers/initdb")
        .server("/usr/local/bin", "15.1");
    assert_eq!(found(&machine, None), "/usr/local/bin 15.1");
}

#[test]
fn relative_folders_of_path_are_passed_over() {
    let machine = Table::default()
        .path("bin::/usr/bin")
        .server("bin", "15.1")
        .server("/usr/lib/postgresql/15/bin", "15.2");
    assert_eq!(found(&machine, None), "/usr/lib/postgresql/15/bin 15.2");
}

#[test]
fn pg_config_comes_before_the_usual_folders() {
    let machine = Table::default()
        .path("/usr/bin")
        .answering("/usr/bin/pg_config", "/opt/own/bin\n")
        .server("/opt/own/bin", "14.9")
        .server("/usr/lib/postgresql/17/bin", "17.1");
    assert_eq!(found(&machine, None), "/opt/own/bin 14.9");
}

#[test]
fn pg_config_of_a_client_package_does_not_end_the_search() {
    let machine = Table::default()
        .path("/usr/bin")
        .answering("/usr/bin/pg_config", "/usr/lib/postgresql/17/bin\n")
        .program("/usr/lib/postgresql/17/bin/psql")
        .server("/usr/lib/postgresql/15/bin", "15.18");
    assert_eq!(found(&machine, None), "/usr/lib/postgresql/15/bin 15.18");
}

#[test]
fn the_newest_major_version_of_the_usual_folders_is_taken_by_number() {
    let machine = Table::default()
        .server("/usr/lib/postgresql/9/bin", "9.6.1")
        .server("/usr/lib/postgresql/15/bin", "15.18")
        .server("/usr/pgsql-18/bin", "18.4")
        .server("/opt/homebrew/opt/postgresql@17/bin", "17.1")
        .program("/usr/lib/postgresql/common/bin/initdb");
    assert_eq!(found(&machine, None), "/usr/pgsql-18/bin 18.4");
}

#[test]
fn each_of_the_usual_folders_is_found() {
    for folder in [
        "/usr/lib/postgresql/16/bin",
        "/usr/pgsql-16/bin",
        "/usr/lib/postgresql16/bin",
        "/usr/libexec/postgresql16",
        "/opt/homebrew/opt/postgresql@16/bin",
        "/usr/local/opt/postgresql@16/bin",
        "/home/linuxbrew/.linuxbrew/opt/postgresql@16/bin",
        "/Applications/Postgres.app/Contents/Versions/16/bin",
        "/Library/PostgreSQL/16/bin",
    ] {
        let machine = Table::default().server(folder, "16.14");
        assert_eq!(found(&machine, None), format!("{folder} 16.14"));
    }
}

#[test]
fn programs_that_do_not_run_are_passed_over_and_told_when_nothing_else_is_there() {
    let broken = Table::default()
        .program("/usr/lib/postgresql/18/bin/initdb")
        .program("/usr/lib/postgresql/18/bin/postgres");
    let failure = not_found(&broken, None);
    assert_eq!(
        failure.causes,
        ["`/usr/lib/postgresql/18/bin/postgres --version` does not work: cannot execute"]
    );

    let machine = broken.server("/usr/lib/postgresql/15/bin", "15.18");
    assert_eq!(found(&machine, None), "/usr/lib/postgresql/15/bin 15.18");
}

#[test]
fn nothing_found_tells_the_line_that_installs() {
    for (installer, root, line) in [
        ("/usr/bin/apt-get", true, "install them: apt-get update && apt-get install -y postgresql"),
        (
            "/usr/bin/apt-get",
            false,
            "install them: sudo apt-get update && sudo apt-get install -y postgresql",
        ),
        ("/usr/bin/dnf", true, "install them: dnf install -y postgresql-server"),
        ("/sbin/apk", true, "install them: apk add postgresql"),
        ("/opt/homebrew/bin/brew", false, "install them: brew install postgresql@17"),
        ("/usr/bin/make", true, "install the server package of PostgreSQL"),
    ] {
        let mut machine =
            Table::default().path("/usr/bin:/sbin:/opt/homebrew/bin").program(installer);
        machine.root = root;
        let failure = not_found(&machine, None);
        assert_eq!(failure.kind, FailureKind::Machine);
        assert_eq!(failure.hints[0], line);
    }
}

#[test]
fn an_empty_machine_without_path_is_a_failure_and_no_panic() {
    assert_eq!(not_found(&Table::default(), None).exit().code(), 3);
}

#[test]
fn versions_are_read_as_the_packagers_spell_them() {
    for (answer, major, full) in [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15, "15.18"),
        ("postgres (PostgreSQL) 18beta1\n", 18, "18beta1"),
        ("postgres (PostgreSQL) 17devel\n", 17, "17devel"),
        ("postgres (EnterpriseDB) 16.2.0\n", 16, "16.2.0"),
    ] {
        let expected = Version { major, full: full.to_owned() };
        assert_eq!(parse_version(answer), Some(expected), "{answer}");
    }
    for answer in ["", "postgres\n", "postgres (PostgreSQL) devel\n"] {
        assert_eq!(parse_version(answer), None, "{answer}");
    }
}
