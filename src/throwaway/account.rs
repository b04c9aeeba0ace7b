//! Who runs the server: PostgreSQL refuses root and user ids without an account, so a
//! process that is one of these starts it as somebody else.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::find::Programs;
use super::keeper::folder_serves;
use crate::failure::{Failure, FailureKind};

/// The whole environment of the server: none of `PG*`, `LANG` or the operator's secrets.
const ENVIRONMENT: [(&str, &str); 3] =
    [("PATH", "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin"), ("LC_ALL", "C"), ("TZ", "UTC")];

/// Where the private directory goes when the temporary folder does not serve.
const LAST_RESORT: &str = "/tmp";

/// Asks, as the account in question, whether it may run the programs in `$1`, and which
/// of the other folders it may write into.
const PROBE: &str = r#"
for program in initdb postgres; do
    [ -x "$1/$program" ] || { echo "program $program"; exit; }
done
shift
n=0
for folder; do
    [ -d "$folder" ] && [ -w "$folder" ] && [ -x "$folder" ] && { echo "folder $n"; exit; }
    n=$((n + 1))
done
echo nowhere
"#;

/// One way to run the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// As the account of this process.
    Own,
    /// As another account, which root may become.
    Named { name: &'static str, uid: u32, gid: u32 },
    /// In a user namespace in which this process is `nobody`.
    Mapped,
}

/// Why an account cannot run the server.
#[derive(Debug)]
pub(super) enum Refusal {
    /// This machine does not let us run anything so; another account may do.
    Closed(String),
    /// No other account would mend it.
    Final(Failure),
}

impl Account {
    /// Returns the accounts to try, the best one first.
    pub(super) fn candidates() -> Vec<Self> {
        let uid = rustix::process::geteuid();
        candidates(uid.is_root(), || has_account(uid.as_raw()), ids_of)
    }

    /// Returns `sh -c SCRIPT` run as this account, with arguments still to be added.
    pub(super) fn shell(&self, script: &str) -> Command {
        let mut command = match self {
            Self::Own | Self::Named { .. } => Command::new("/bin/sh"),
            Self::Mapped => {
                let mut command = Command::new("unshare");
                command.args(["-U", "--map-user=65534", "--map-group=65534", "/bin/sh"]);
                command
            }
        };
        if let Self::Named { uid, gid, .. } = self {
            use std::os::unix::process::CommandExt as _;
            command.uid(*uid).gid(*gid);
        }
        command.args(["-c", script, "driftgate-keeper"]).current_dir("/");
        command.env_clear().envs(ENVIRONMENT);
        command
    }

    /// Returns the folder in which this account may make the private directory.
    pub(super) fn folder(&self, programs: &Programs) -> Result<PathBuf, Refusal> {
        let temp = temp_folder().map_err(Refusal::Final)?;
        let folders = self.folders(&temp);
        let mut probe = self.shell(PROBE);
        let output = probe.arg(programs.folder()).args(&folders).output();
        let output = output.map_err(|error| Refusal::Closed(format!("{self}: {error}")))?;
        let answer = String::from_utf8_lossy(&output.stdout);
        match answer.trim().split_once(' ') {
            Some(("folder", n)) => {
                let chosen = n.parse().ok().and_then(|n: usize| folders.get(n).cloned());
                chosen.ok_or_else(|| Refusal::Closed(format!("{self}: {answer}")))
            }
            Some(("program", program)) => {
                Err(Refusal::Final(self.may_not_run(&programs.folder().join(program))))
            }
            _ if answer.trim() == "nowhere" => Err(Refusal::Final(self.may_not_write(&folders))),
            _ => {
                let complaint = String::from_utf8_lossy(&output.stderr);
                Err(Refusal::Closed(format!("{self}: {}", complaint.trim())))
            }
        }
    }

    /// Returns the folders to try: the temporary one, unless clients could not name a
    /// socket there. Root's own may be closed to another account, so that one has a
    /// second choice.
    fn folders(&self, temp: &Path) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        if folder_serves(temp) {
            folders.push(temp.to_path_buf());
        }
        if folders.is_empty() || (matches!(self, Self::Named { .. }) && temp != LAST_RESORT) {
            folders.push(PathBuf::from(LAST_RESORT));
        }
        folders
    }

    fn may_not_run(&self, program: &Path) -> Failure {
        let message = format!("{self} may not run `{}`", program.display());
        Failure::new(FailureKind::Machine, message)
            .hint("choose programs that every account may reach: --pg-bin, DRIFTGATE_PG_BIN")
            .hint("or run driftgate as an account that may run them")
    }

    fn may_not_write(&self, folders: &[PathBuf]) -> Failure {
        let names: Vec<_> =
            folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
        let message = format!("{self} may not write in {}", names.join(" or "));
        Failure::new(FailureKind::Machine, message)
            .hint("set TMPDIR to a folder in which that account may make files")
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own => f.write_str("this account"),
            Self::Named { name, .. } => write!(f, "account `{name}`"),
            Self::Mapped => f.write_str("`nobody` in a user namespace (unshare -U)"),
        }
    }
}

/// Returns the failure of a process that no account can help.
pub(super) fn all_closed(reasons: Vec<String>) -> Failure {
    let who = match rustix::process::geteuid() {
        uid if uid.is_root() => "root".to_owned(),
        uid => format!("user id {}, which has no account", uid.as_raw()),
    };
    let message = format!("PostgreSQL does not run as {who}, and no other account can be taken");
    let mut failure = Failure::new(FailureKind::Machine, message);
    failure.causes = reasons;
    failure
        .hint("run driftgate as an ordinary account of this machine")
        .hint("or use a server that already runs: the URL of an empty database, --fresh URL")
}

fn candidates(
    is_root: bool,
    has_account: impl FnOnce() -> bool,
    ids_of: impl Fn(&str) -> Option<(u32, u32)>,
) -> Vec<Account> {
    if !is_root {
        return vec![if has_account() { Account::Own } else { Account::Mapped }];
    }
    let named = ["postgres", "nobody"].into_iter().find_map(|name| {
        let (uid, gid) = ids_of(name)?;
        Some(Account::Named { name, uid, gid })
    });
    named.into_iter().chain([Account::Mapped]).collect()
}

/// Returns the temporary folder as an absolute path.
fn temp_folder() -> Result<PathBuf, Failure> {
    let named = std::env::var_os("TMPDIR").filter(|value| !value.is_empty());
    let named = named.map_or_else(|| PathBuf::from(LAST_RESORT), PathBuf::from);
    let refuse = |cause: String| {
        let message = format!("`{}` cannot be used as temporary folder", named.display());
        Failure::new(FailureKind::Machine, message)
            .cause(cause)
            .hint("set TMPDIR to a folder that exists, or unset it to use /tmp")
    };
    let folder = std::path::absolute(&named).map_err(|error| refuse(error.to_string()))?;
    match folder.metadata() {
        Ok(found) if found.is_dir() => Ok(folder),
        Ok(_) => Err(refuse("it is not a folder".to_owned())),
        Err(error) => Err(refuse(error.to_string())),
    }
}

/// Tells whether a user id has an account, in `/etc/passwd` or a directory service.
fn has_account(uid: u32) -> bool {
    let passwd = read_passwd();
    let listed = passwd.lines().filter_map(entry).any(|(_, of_entry, _)| of_entry == uid);
    // Some systems answer with the number itself where there is no name.
    listed || ask_id("-un", None).is_some_and(|name| name.parse::<u32>().is_err())
}

/// Returns user and group id of an account that is not root's.
fn ids_of(name: &str) -> Option<(u32, u32)> {
    let passwd = read_passwd();
    let listed = passwd.lines().filter_map(entry).find(|(of_entry, ..)| *of_entry == name);
    let ids = listed.map(|(_, uid, gid)| (uid, gid)).or_else(|| {
        let uid = ask_id("-u", Some(name))?.parse().ok()?;
        Some((uid, ask_id("-g", Some(name))?.parse().ok()?))
    });
    ids.filter(|(uid, _)| *uid != 0)
}

fn read_passwd() -> String {
    let bytes = std::fs::read("/etc/passwd").unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a line of `passwd(5)`: name, user id, group id.
fn entry(line: &str) -> Option<(&str, u32, u32)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let uid = fields.nth(1)?.parse().ok()?;
    Some((name, uid, fields.next()?.parse().ok()?))
}

fn ask_id(option: &str, name: Option<&str>) -> Option<String> {
    let output = Command::new("id").arg(option).args(name).current_dir("/").output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !answer.trim().is_empty()).then(|| answer.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTGRES: Account = Account::Named { name: "postgres", uid: 101, gid: 104 };
    const NOBODY: Account = Account::Named { name: "nobody", uid: 65534, gid: 65534 };

    fn as_root(accounts: &[(&str, u32, u32)]) -> Vec<Account> {
        candidates(
            true,
            || true,
            |wanted| {
                let found = accounts.iter().find(|(name, ..)| *name == wanted);
                found.map(|(_, uid, gid)| (*uid, *gid))
            },
        )
    }

    #[test]
    fn root_becomes_postgres_else_nobody_else_goes_into_a_namespace() {
        let both = [("nobody", 65534, 65534), ("postgres", 101, 104)];
        assert_eq!(as_root(&both), [POSTGRES, Account::Mapped]);
        assert_eq!(as_root(&both[..1]), [NOBODY, Account::Mapped]);
        assert_eq!(as_root(&[]), [Account::Mapped]);
    }

    #[test]
    fn others_stay_what_they_are_unless_they_have_no_account() {
        assert_eq!(candidates(false, || true, |_| None), [Account::Own]);
        assert_eq!(candidates(false, || false, |_| None), [Account::Mapped]);
    }

    #[test]
    fn a_temporary_folder_that_does_not_serve_gives_way_to_tmp() {
        let deep = PathBuf::from(format!("/{}", "d".repeat(80)));
        assert_eq!(Account::Own.folders(&deep), [PathBuf::from("/tmp")]);
        assert_eq!(Account::Own.folders(Path::new("/var/tmp")), [PathBuf::from("/var/tmp")]);
        assert_eq!(
            POSTGRES.folders(Path::new("/root/tmp")),
            [PathBuf::from("/root/tmp"), PathBuf::from("/tmp")]
        );
    }

    #[test]
    fn lines_of_passwd_are_read_and_others_ignored() {
        assert_eq!(
            entry("postgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash"),
            Some(("postgres", 101, 104))
        );
        for line in ["", "# comment", "+::::::", "short:x:1"] {
            assert_eq!(entry(line), None, "{line}");
        }
    }

    #[test]
    fn the_failure_of_root_names_both_ways_out() {
        let failure = all_closed(vec!["account `nobody`: not permitted".to_owned()]);
        assert_eq!(failure.kind, FailureKind::Machine);
        assert_eq!(failure.hints.len(), 2);
        assert_eq!(failure.causes, ["account `nobody`: not permitted"]);
    }
}
