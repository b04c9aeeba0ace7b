//! Finds the PostgreSQL server programs of this machine: the folder that holds `initdb`
//! and `postgres`, and their version. Downloads nothing; says how to install them instead.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, FailureKind};

/// The folders that packagers use, as parent, name before the major version, and what
/// follows it.
const USUAL_FOLDERS: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
];

/// The package managers that can install the programs: program, what to type in turn,
/// and whether it wants root.
const INSTALLERS: &[(&str, &[&str], bool)] = &[
    ("apt-get", &["apt-get update", "apt-get install -y postgresql"], true),
    ("dnf", &["dnf install -y postgresql-server"], true),
    ("apk", &["apk add postgresql"], true),
    ("zypper", &["zypper install -y postgresql-server"], true),
    ("pacman", &["pacman -S --noconfirm postgresql"], true),
    ("brew", &["brew install postgresql@17"], false),
];

/// The version of a server program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The major version, such as 15.
    pub major: u32,
    /// The version as the program spells it, such as `15.18` or `18beta1`.
    pub full: String,
}

/// The PostgreSQL server programs of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    folder: PathBuf,
    version: Version,
}

impl Programs {
    /// Finds the folder that holds `initdb` and `postgres`.
    ///
    /// `pg_bin` is what the operator named (`--pg-bin`, `DRIFTGATE_PG_BIN`); nothing else
    /// is then looked at. Without it: `PATH`, `pg_config --bindir`, the folders that
    /// packagers use, newest major version first.
    ///
    /// # Errors
    ///
    /// `Usage` if the named folder does not hold both, or they do not run. `Machine` if
    /// nothing usable was found; its first hint is the line that installs them here.
    pub fn find(pg_bin: Option<&Path>) -> Result<Self, Failure> {
        search(&ThisMachine, pg_bin)
    }

    /// Returns the folder that holds `initdb` and `postgres`, as an absolute path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the version that `postgres --version` tells.
    pub const fn version(&self) -> &Version {
        &self.version
    }
}

/// What the search asks of a machine; tests answer from a table.
trait Machine {
    /// Returns the value of `PATH`.
    fn path(&self) -> Option<OsString>;
    /// Tells whether the file exists and may be run.
    fn is_program(&self, file: &Path) -> bool;
    /// Returns the absolute path with every symbolic link followed.
    fn resolve(&self, file: &Path) -> Option<PathBuf>;
    /// Returns the names in a folder; none if it cannot be read.
    fn names_in(&self, folder: &Path) -> Vec<OsString>;
    /// Runs a program with one argument: what it wrote to stdout, or why it failed.
    fn ask(&self, program: &Path, argument: &str) -> Result<String, String>;
    /// Tells whether this process runs as root.
    fn is_root(&self) -> bool;
}

struct ThisMachine;

impl Machine for ThisMachine {
    fn path(&self) -> Option<OsString> {
        std::env::var_os("PATH")
    }

    fn is_program(&self, file: &Path) -> bool {
        file.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    }

    fn resolve(&self, file: &Path) -> Option<PathBuf> {
        file.canonicalize().ok()
    }

    fn names_in(&self, folder: &Path) -> Vec<OsString> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect()
    }

    fn ask(&self, program: &Path, argument: &str) -> Result<String, String> {
        // The programs complain when the current directory has been deleted.
        let output = Command::new(program).arg(argument).current_dir("/").output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(complaint.lines().next().map_or_else(|| output.status.to_string(), str::to_owned))
    }

    fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }
}

fn search(machine: &impl Machine, pg_bin: Option<&Path>) -> Result<Programs, Failure> {
    if let Some(folder) = pg_bin {
        return named(machine, folder);
    }
    let mut broken = Vec::new();
    let mut tried = BTreeSet::new();
    for folder in on_path(machine).chain(from_pg_config(machine)).chain(usual(machine)) {
        if !tried.insert(folder.clone()) || missing(machine, &folder).is_some() {
            continue;
        }
        match read_version(machine, &folder) {
            Ok(version) => return Ok(Programs { folder, version }),
            Err(reason) => broken.push(reason),
        }
    }
    Err(nothing_found(machine, broken))
}

/// Judges the folder that the operator named.
fn named(machine: &impl Machine, folder: &Path) -> Result<Programs, Failure> {
    let refuse = |cause: String| {
        Failure::usage(format!("`{}` cannot be used as --pg-bin", folder.display()))
            .cause(cause)
            .hint("name the folder that holds both `initdb` and `postgres`, such as /usr/lib/postgresql/17/bin")
            .hint("without --pg-bin and DRIFTGATE_PG_BIN the usual folders are searched")
    };
    let found =
        machine.resolve(folder).ok_or_else(|| refuse("there is no such folder".to_owned()))?;
    if let Some(program) = missing(machine, &found) {
        return Err(refuse(format!("it holds no program `{program}`")));
    }
    let version = read_version(machine, &found).map_err(refuse)?;
    Ok(Programs { folder: found, version })
}

/// Returns the first of the programs that the folder lacks.
fn missing(machine: &impl Machine, folder: &Path) -> Option<&'static str> {
    ["initdb", "postgres"].into_iter().find(|program| !machine.is_program(&folder.join(program)))
}

/// Returns the folders of `PATH` that are absolute: a relative one would make the answer
/// depend on where the command was typed.
fn path_folders(machine: &impl Machine) -> Vec<PathBuf> {
    let path = machine.path().unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// Returns the folders of every `initdb` on `PATH`, behind their symbolic links: `initdb`
/// looks for `postgres` beside its own file, not beside the link.
fn on_path(machine: &impl Machine) -> impl Iterator<Item = PathBuf> {
    path_folders(machine).into_iter().filter_map(|folder| {
        let initdb = folder.join("initdb");
        let file = machine.is_program(&initdb).then(|| machine.resolve(&initdb))??;
        file.parent().map(Path::to_path_buf)
    })
}

fn from_pg_config(machine: &impl Machine) -> Option<PathBuf> {
    let mut candidates = path_folders(machine).into_iter().map(|folder| folder.join("pg_config"));
    let pg_config = candidates.find(|file| machine.is_program(file))?;
    let answer = machine.ask(&pg_config, "--bindir").ok()?;
    machine.resolve(Path::new(answer.trim()))
}

/// Returns the folders that packagers use, newest major version first.
fn usual(machine: &impl Machine) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (rank, (parent, before, after)) in USUAL_FOLDERS.iter().enumerate() {
        let parent = Path::new(parent);
        for name in machine.names_in(parent) {
            if let Some(major) = major_after(&name, before) {
                let folder = parent.join(name).join(after).components().collect();
                found.push((Reverse(major), rank, folder));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, _, folder)| folder).collect()
}

fn major_after(name: &OsStr, before: &str) -> Option<u32> {
    name.to_str()?.strip_prefix(before)?.parse().ok()
}

fn read_version(machine: &impl Machine, folder: &Path) -> Result<Version, String> {
    let postgres = folder.join("postgres");
    let name = postgres.display();
    let answer = machine
        .ask(&postgres, "--version")
        .map_err(|reason| format!("`{name} --version` does not work: {reason}"))?;
    parse_version(&answer)
        .ok_or_else(|| format!("`{name} --version` tells no version: {}", answer.trim()))
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` and its like.
fn parse_version(answer: &str) -> Option<Version> {
    let full = answer.split_once(") ")?.1.split_whitespace().next()?;
    let digits = full.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(Version { major: digits.parse().ok()?, full: full.to_owned() })
}

fn nothing_found(machine: &impl Machine, broken: Vec<String>) -> Failure {
    let message = "no PostgreSQL server programs (`initdb`, `postgres`) on this machine";
    let mut failure = Failure::new(FailureKind::Machine, message);
    if broken.is_empty() {
        failure = failure
            .cause("looked on PATH, asked `pg_config --bindir`, looked in the usual folders");
    }
    failure.causes.extend(broken);
    failure
        .hint(install_line(machine))
        .hint("or name the folder that holds them: --pg-bin DIR, or DRIFTGATE_PG_BIN")
}

/// Returns the line that installs the programs, for the first package manager present.
fn install_line(machine: &impl Machine) -> String {
    let folders = path_folders(machine);
    let present = |name: &str| folders.iter().any(|folder| machine.is_program(&folder.join(name)));
    match INSTALLERS.iter().find(|(name, ..)| present(name)) {
        Some((_, commands, as_root)) => {
            let sudo = if *as_root && !machine.is_root() { "sudo " } else { "" };
            let typed: Vec<_> = commands.iter().map(|command| format!("{sudo}{command}")).collect();
            format!("install them: {}", typed.join(" && "))
        }
        None => "install the server package of PostgreSQL".to_owned(),
    }
}

#[cfg(test)]
mod tests;
