//! Finds the registry of the project that a folder belongs to.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, FailureKind};

/// The name of the file that is looked for.
pub const REGISTRY_FILE: &str = "registry.toml";

/// Returns the registry to use: the one that was named, or else the project's.
///
/// A relative `explicit` starts from `start`.
///
/// # Errors
///
/// [`FailureKind::Usage`] when the named file does not exist, or the project has none;
/// [`FailureKind::Machine`] when a folder may not be looked at.
pub fn locate(start: &Path, explicit: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(explicit) = explicit {
        let path = start.join(explicit);
        if is_there(&path)? {
            return Ok(path);
        }
        let message = format!("the registry `{}` does not exist", explicit.display());
        let failure = Failure::usage(message);
        return Err(match explicit.is_relative() {
            true => failure.hint(format!("it was looked for in `{}`", start.display())),
            false => failure,
        });
    }
    let search = search(start)?;
    search.found.ok_or_else(|| {
        let place = match &search.repository {
            Some(root) if *root == search.start => {
                format!("`{}`, the root of its repository", search.start.display())
            }
            Some(root) => format!(
                "`{}` and its parents up to the repository root `{}`",
                search.start.display(),
                root.display()
            ),
            None => format!("`{}` and all its parents", search.start.display()),
        };
        Failure::usage(format!("no `{REGISTRY_FILE}` was found"))
            .cause(format!("it was looked for in {place}"))
            .hint("`--registry FILE` names one")
            .hint("the file `docs/registry.md` tells how to write one; `version = 1` is enough to begin")
    })
}

/// Returns the registry of the project that a folder belongs to; `None` when it has none.
///
/// The nearest of the folder and its parents that holds a `registry.toml`, no further up
/// than the repository's root, which is the first folder with a `.git` in it. Symbolic
/// links in the folder's own path are resolved first, so that the outcome does not depend
/// on the way by which the folder was entered.
///
/// # Errors
///
/// [`FailureKind::Machine`] when a folder may not be looked at.
pub fn find(start: &Path) -> Result<Option<PathBuf>, Failure> {
    search(start).map(|search| search.found)
}

/// How a search went.
struct Search {
    found: Option<PathBuf>,
    start: PathBuf,
    repository: Option<PathBuf>,
}

fn search(start: &Path) -> Result<Search, Failure> {
    let start = start.canonicalize().map_err(|error| unreadable(start, &error))?;
    for folder in start.ancestors() {
        let candidate = folder.join(REGISTRY_FILE);
        if is_there(&candidate)? {
            return Ok(Search { found: Some(candidate), repository: None, start });
        }
        // A linked worktree and a submodule have a file of that name.
        if is_there(&folder.join(".git"))? {
            let repository = Some(folder.to_owned());
            return Ok(Search { found: None, repository, start });
        }
    }
    Ok(Search { found: None, repository: None, start })
}

/// Tells whether there is anything at a path, be it a link that leads nowhere: what is
/// there but cannot be used must not be passed over for another registry further up.
fn is_there(path: &Path) -> Result<bool, Failure> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("could not look at `{}`", path.display());
    Failure::new(FailureKind::Machine, message)
        .cause(error.to_string())
        .hint("`--registry FILE` names the registry to use")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Makes a folder with the folders and files named; those that end in `/` are folders.
    fn tree(paths: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("it exists");
        for path in paths {
            let whole = root.join(path);
            let parent = if path.ends_with('/') { Some(whole.as_path()) } else { whole.parent() };
            fs::create_dir_all(parent.expect("below the root")).expect("a folder");
            if !path.ends_with('/') {
                fs::write(whole, "version = 1\n").expect("a file");
            }
        }
        (folder, root)
    }

    #[test]
    fn the_nearest_registry_is_found_from_any_folder_of_the_repository() {
        for git in ["repo/.git/", "repo/.git"] {
            let (_folder, root) = tree(&[git, "repo/registry.toml", "repo/a/b/", "registry.toml"]);
            let repo = root.join("repo");
            for start in [repo.clone(), repo.join("a"), repo.join("a/b")] {
                assert_eq!(locate(&start, None), Ok(repo.join(REGISTRY_FILE)), "{git}");
            }
        }
        let (_folder, root) =
            tree(&["repo/.git/", "repo/registry.toml", "repo/a/registry.toml", "repo/a/b/"]);
        assert_eq!(locate(&root.join("repo/a/b"), None), Ok(root.join("repo/a/registry.toml")));
    }

    #[test]
    fn the_search_ends_at_the_repository_root_and_says_where_it_looked() {
        for git in ["repo/.git/", "repo/.git"] {
            let (_folder, root) = tree(&[git, "repo/a/b/", "registry.toml"]);
            let start = root.join("repo/a/b");
            assert_eq!(find(&start), Ok(None));
            let failure = locate(&start, None).expect_err("there is none");
            assert_eq!(failure.kind, FailureKind::Usage);
            let told = failure.to_string();
            for part in [&start.display().to_string(), "repo`", "--registry FILE"] {
                assert!(told.contains(part), "{told}");
            }
        }
        let (_folder, root) = tree(&["outer/.git/", "outer/inner/.git", "outer/registry.toml"]);
        assert_eq!(find(&root.join("outer/inner")), Ok(None));
    }

    #[test]
    fn without_a_repository_every_parent_is_looked_at() {
        let (_folder, root) = tree(&["registry.toml", "a/b/c/"]);
        assert_eq!(find(&root.join("a/b/c")), Ok(Some(root.join(REGISTRY_FILE))));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_resolved_before_parents_are_looked_at() {
        let (_folder, root) = tree(&["repo/.git/", "repo/registry.toml", "repo/a/", "elsewhere/"]);
        let link = root.join("elsewhere/link");
        std::os::unix::fs::symlink(root.join("repo/a"), &link).expect("a link");
        assert_eq!(find(&link), Ok(Some(root.join("repo/registry.toml"))));
    }

    #[cfg(unix)]
    #[test]
    fn a_registry_that_cannot_be_used_is_not_passed_over() {
        let (_folder, root) = tree(&["repo/.git/", "repo/registry.toml", "repo/a/"]);
        let dangling = root.join("repo/a/registry.toml");
        std::os::unix::fs::symlink("nowhere", &dangling).expect("a link");
        assert_eq!(find(&root.join("repo/a")), Ok(Some(dangling)));
    }

    #[test]
    fn a_named_registry_is_used_or_refused() {
        let (_folder, root) = tree(&["registry.toml", "other.toml"]);
        let other = root.join("other.toml");
        assert_eq!(locate(&root, Some(Path::new("other.toml"))), Ok(other.clone()));
        assert_eq!(locate(Path::new("/"), Some(&other)), Ok(other));
        let failure = locate(&root, Some(Path::new("none.toml"))).expect_err("there is none");
        assert_eq!(failure.kind, FailureKind::Usage);
        assert!(failure.message.contains("`none.toml` does not exist"), "{failure}");
    }
}
