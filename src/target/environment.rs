//! What a target is settled from besides the URL. It is handed in, so that every rule can be
//! tried without touching the machine.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The variables and files that a target may depend on.
pub trait Environment {
    /// Returns a variable; `None` when it is not set.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Returns the name of the operating system's user.
    fn user(&self) -> Option<String>;

    /// Tells whether a path exists.
    fn exists(&self, path: &Path) -> bool;

    /// Reads a password file, whatever its mode.
    fn passfile(&self, path: &Path) -> PassfileRead;
}

/// What became of reading a password file. It has no `Debug`: the file holds passwords.
pub enum PassfileRead {
    /// There is none.
    Absent,
    /// A directory, a device or a pipe.
    NotPlain,
    /// The operating system's reason.
    Unreadable(String),
    /// A plain file.
    Plain {
        /// The permission bits.
        mode: u32,
        /// The contents.
        text: Vec<u8>,
    },
}

/// The variables and files of this process.
#[derive(Debug, Clone, Copy)]
pub struct ThisMachine;

impl Environment for ThisMachine {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    /// Asks for the effective user, as libpq does; accounts that are not in `/etc/passwd`
    /// (a directory service) are known by the variables of their login.
    fn user(&self) -> Option<String> {
        let uid = rustix::process::geteuid().as_raw();
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        account_name(&accounts, uid).or_else(|| {
            ["LOGNAME", "USER"]
                .iter()
                .filter_map(|name| std::env::var(name).ok())
                .find(|name| !name.is_empty())
        })
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn passfile(&self, path: &Path) -> PassfileRead {
        // Opening a pipe would wait for its writer, so the kind is looked at first.
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return PassfileRead::NotPlain,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return PassfileRead::Absent,
            Err(error) => return PassfileRead::Unreadable(error.to_string()),
        }
        let read = || {
            let mut file = fs::File::open(path)?;
            let mode = file.metadata()?.mode();
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            Ok::<_, std::io::Error>(PassfileRead::Plain { mode, text })
        };
        read().unwrap_or_else(|error| PassfileRead::Unreadable(error.to_string()))
    }
}

/// Returns the name of a user id in the text of `/etc/passwd`.
fn account_name(accounts: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

/// An environment made by hand, for tests.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Fixed {
    variables: std::collections::BTreeMap<String, OsString>,
    user: Option<String>,
    paths: std::collections::BTreeSet<std::path::PathBuf>,
    passfiles: std::collections::BTreeMap<std::path::PathBuf, (u32, Vec<u8>)>,
}

#[cfg(test)]
impl Fixed {
    /// Makes an environment that holds nothing but the operating system's user `os_user`.
    pub(crate) fn new() -> Self {
        Self { user: Some("os_user".to_owned()), ..Self::default() }
    }

    /// Sets a variable.
    pub(crate) fn set(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Forgets the operating system's user.
    pub(crate) fn without_user(mut self) -> Self {
        self.user = None;
        self
    }

    /// Lets a path exist.
    pub(crate) fn path(mut self, path: &str) -> Self {
        self.paths.insert(path.into());
        self
    }

    /// Lets a password file exist.
    pub(crate) fn passfile(mut self, path: &str, mode: u32, text: &str) -> Self {
        self.passfiles.insert(path.into(), (mode, text.as_bytes().to_vec()));
        self
    }
}

#[cfg(test)]
impl Environment for Fixed {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn user(&self) -> Option<String> {
        self.user.clone()
    }

    fn exists(&self, path: &Path) -> bool {
        self.paths.contains(path)
    }

    fn passfile(&self, path: &Path) -> PassfileRead {
        match self.passfiles.get(path) {
            Some((mode, text)) => PassfileRead::Plain { mode: *mode, text: text.clone() },
            None if self.paths.contains(path) => PassfileRead::NotPlain,
            None => PassfileRead::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let accounts =
            "root:x:0:0:root:/root:/bin/bash\n\nbroken\napp:x:1000:1000::/home/app:/bin/sh\n";
        assert_eq!(account_name(accounts, 1000).as_deref(), Some("app"));
        assert_eq!(account_name(accounts, 0).as_deref(), Some("root"));
        assert_eq!(account_name(accounts, 7), None);
    }

    #[test]
    fn a_password_file_is_read_with_its_mode_and_a_directory_is_none() {
        let directory = tempfile::tempdir().expect("a directory for this test");
        let path = directory.path().join("pgpass");
        fs::write(&path, "*:*:*:*:pw\n").expect("the directory can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("the file is ours");
        match ThisMachine.passfile(&path) {
            PassfileRead::Plain { mode, text } => {
                assert_eq!(mode & 0o777, 0o640);
                assert_eq!(text, b"*:*:*:*:pw\n");
            }
            _ => panic!("a plain file was not read as one"),
        }
        assert!(matches!(ThisMachine.passfile(directory.path()), PassfileRead::NotPlain));
        assert!(matches!(ThisMachine.passfile(&directory.path().join("x")), PassfileRead::Absent));
    }
}
