//! The project: its registry, and the state of the repository around it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::checks;
use crate::commands::Context;
use crate::failure::Failure;
use crate::registry::{self, Registry, RegistrySource};
use crate::report::{GitFacts, ProjectFacts};

/// Finds and loads the registry that the run is about.
///
/// # Errors
///
/// A usage failure when there is none, and a registry failure with every mistake in it.
pub fn load(context: &Context) -> Result<Registry, Failure> {
    let path = registry::locate(&context.directory, context.settings.registry.as_deref())?;
    Registry::load(&path, &checks::slugs())
}

/// Finds and loads the registry, where there is one; a named one must be there.
///
/// # Errors
///
/// As [`load`], but for a registry that nobody named and that is nowhere.
pub fn load_if_any(context: &Context) -> Result<Option<Registry>, Failure> {
    match registry::locate(&context.directory, context.settings.registry.as_deref()) {
        Err(_nowhere) if context.settings.registry.is_none() => Ok(None),
        Err(failure) => Err(failure),
        Ok(_) => load(context).map(Some),
    }
}

/// Returns what the report says of a project.
pub async fn facts(registry: &RegistrySource) -> ProjectFacts {
    ProjectFacts {
        registry: registry.display.clone(),
        registry_sha256: registry.sha256.clone(),
        git: read_git(&registry.directory).await,
    }
}

/// Asks `git` for branch, commit and whether a tracked file was changed; `None` where
/// there is no repository, no `git`, or no answer within two seconds.
///
/// Optional locks are declined, because checks do not write, not even git's index.
async fn read_git(directory: &Path) -> Option<GitFacts> {
    const LIMIT: Duration = Duration::from_secs(2);
    let asking = Command::new("git")
        .args(["status", "--porcelain=v2", "--branch", "--untracked-files=no"])
        .current_dir(directory)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, asking).await.ok()?.ok()?;
    output.status.success().then(|| parse_git(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_git(status: &str) -> GitFacts {
    let mut facts = GitFacts { branch: None, commit: None, dirty: false };
    for line in status.lines() {
        match line.strip_prefix("# ") {
            None => facts.dirty = true,
            Some(header) => match header.split_once(' ') {
                Some(("branch.oid", oid)) if oid != "(initial)" => {
                    facts.commit = Some(oid.to_owned());
                }
                Some(("branch.head", head)) if head != "(detached)" => {
                    facts.branch = Some(head.to_owned());
                }
                _ => {}
            },
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_the_repository_is_read_from_gits_own_form() {
        assert_eq!(
            parse_git("# branch.oid 1234\n# branch.head main\n# branch.ab +1 -0\n"),
            GitFacts { branch: Some("main".into()), commit: Some("1234".into()), dirty: false }
        );
        assert_eq!(
            parse_git("# branch.oid (initial)\n# branch.head (detached)\n1 .M N... a\n"),
            GitFacts { branch: None, commit: None, dirty: true }
        );
    }
}
