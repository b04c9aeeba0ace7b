//! Keeps passwords out of the list of processes: a URL with a password on the command line
//! is moved to the environment, and the program starts anew without it.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::failure::{Failure, FailureKind};

/// The options that carry a URL, with the variables that mean the same.
const OPTIONS: [(&str, &str); 3] = [
    ("--database-url", "DRIFTGATE_DATABASE_URL"),
    ("--migration-database-url", "DRIFTGATE_MIGRATION_DATABASE_URL"),
    ("--fresh", "DRIFTGATE_FRESH"),
];

/// Starts the program anew where an argument holds a password; returns where none does.
///
/// # Errors
///
/// When the program cannot be started; nothing was done until then.
pub fn hide_passwords(arguments: &[OsString]) -> Result<(), Failure> {
    let (kept, moved) = split(arguments);
    if moved.is_empty() {
        return Ok(());
    }
    let error = match std::env::current_exe() {
        Ok(program) => {
            let mut command = Command::new(program);
            if let Some(name) = kept.first() {
                command.arg0(name);
            }
            command.args(&kept[1..]).envs(moved).exec()
        }
        Err(error) => error,
    };
    Err(Failure::new(FailureKind::Machine, "could not take the password off the command line")
        .cause(error.to_string())
        .hint("set DATABASE_URL instead of --database-url"))
}

/// Splits arguments into those that may be seen, and variables for those that may not.
fn split(arguments: &[OsString]) -> (Vec<OsString>, Vec<(&'static str, OsString)>) {
    let mut kept: Vec<OsString> = Vec::with_capacity(arguments.len());
    let mut moved = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            kept.push(argument.clone());
            break;
        }
        let text = argument.to_string_lossy();
        let attached = OPTIONS.iter().find_map(|(option, variable)| {
            Some((*variable, text.strip_prefix(option)?.strip_prefix('=')?.to_owned()))
        });
        if let Some((variable, url)) = attached.filter(|(_, url)| may_hold_password(url)) {
            moved.push((variable, OsString::from(url)));
            continue;
        }
        kept.push(argument.clone());
        let Some((_, variable)) = OPTIONS.iter().find(|(option, _)| argument == OsStr::new(option))
        else {
            continue;
        };
        match rest.next() {
            Some(url) if may_hold_password(&url.to_string_lossy()) => {
                kept.pop();
                moved.push((*variable, url.clone()));
            }
            other => kept.extend(other.cloned()),
        }
    }
    kept.extend(rest.cloned());
    (kept, moved)
}

/// Tells whether a URL or keyword string may hold a password; in doubt it does.
fn may_hold_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, behind)| behind);
    let before_at = authority.rsplit_once('@').map(|(before, _)| before);
    before_at.is_some_and(|before| before.contains(':')) || url.contains("password")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(texts: &[&str]) -> Vec<OsString> {
        texts.iter().map(OsString::from).collect()
    }

    #[test]
    fn urls_with_a_password_are_moved_in_both_spellings() {
        for typed in [
            &["driftgate", "--database-url", "postgres://u:p@h/d", "inventory"][..],
            &["driftgate", "--database-url=postgres://u:p@h/d", "inventory"],
        ] {
            let (kept, moved) = split(&arguments(typed));
            assert_eq!(kept, arguments(&["driftgate", "inventory"]));
            let expected = ("DRIFTGATE_DATABASE_URL", OsString::from("postgres://u:p@h/d"));
            assert_eq!(moved, [expected]);
        }
    }

    #[test]
    fn what_holds_no_password_stays() {
        let typed = arguments(&[
            "driftgate",
            "--database-url",
            "postgres://u@h:5432/d",
            "inventory",
            "--",
            "--database-url=postgres://u:p@h/d",
        ]);
        assert_eq!(split(&typed), (typed.clone(), vec![]));
        let unfinished = arguments(&["driftgate", "--database-url"]);
        assert_eq!(split(&unfinished), (unfinished.clone(), vec![]));
    }

    #[test]
    fn keyword_strings_and_queries_count_too() {
        assert!(may_hold_password("host=h password=p"));
        assert!(may_hold_password("postgres://h/d?password=p"));
        assert!(may_hold_password("postgres://u:p%40@h/d"));
        assert!(!may_hold_password("postgres://h:5432/d"));
    }
}
