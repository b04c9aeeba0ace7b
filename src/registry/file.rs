//! The registry's file: read whole and bounded, and named as its user would.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::failure::{Failure, FailureKind, Mistake};

/// The largest registry that is read, in bytes: some hundred thousand views.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The file that a registry was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrySource {
    /// Where it is.
    pub path: PathBuf,
    /// Its path as the user would name it: relative to the current directory when below
    /// it, else absolute.
    pub display: String,
    /// The folder that it is in, which the paths in it start from.
    pub directory: PathBuf,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

impl RegistrySource {
    /// Describes a text that was read from a file in a directory.
    pub(super) fn of(text: &str, file: &str, directory: &Path) -> Self {
        Self {
            path: directory.join(file),
            display: file.to_owned(),
            directory: directory.to_owned(),
            sha256: sha256(text.as_bytes()),
        }
    }
}

/// Reads a registry's text.
///
/// # Errors
///
/// [`FailureKind::Usage`] when there is no such file; [`FailureKind::Registry`] when it
/// cannot be read, is empty, too large, or is not text in UTF-8.
pub(super) fn load(path: &Path) -> Result<(String, RegistrySource), Failure> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let display = display(&path);
    let bytes = read(&path, &display)?;
    let refused = |message: String| Failure::new(FailureKind::Registry, message);
    if bytes.len() as u64 > MAX_BYTES {
        let limit = MAX_BYTES / 1024 / 1024;
        return Err(refused(format!("`{display}` is larger than {limit} MB"))
            .hint("`--registry FILE` names the registry to use"));
    }
    if bytes.is_empty() {
        return Err(refused(format!("`{display}` is empty"))
            .hint("the shortest registry is `version = 1`")
            .hint("`version = 1` is enough to begin"));
    }
    let sha256 = sha256(&bytes);
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let message = match bytes.get(at) {
            Some(byte) => format!("the byte 0x{byte:02x} is not UTF-8"),
            None => "the text is not UTF-8".to_owned(),
        };
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let hint = Some("save the file as UTF-8".to_owned());
        let mistake = Mistake { file: display.clone(), line: Some(line), message, hint };
        refused(format!("`{display}` is not text in UTF-8")).mistakes(vec![mistake])
    })?;
    let directory = path.parent().unwrap_or(&path).to_owned();
    Ok((text, RegistrySource { path, display, directory, sha256 }))
}

/// Reads a file up to a little more than the limit.
fn read(path: &Path, display: &str) -> Result<Vec<u8>, Failure> {
    if path.is_dir() {
        let failure =
            Failure::new(FailureKind::Registry, format!("`{display}` is a folder, not a file"));
        let within = path.join(super::REGISTRY_FILE);
        return Err(match within.is_file() {
            true => failure.hint(format!("did you mean `{}`?", within.display())),
            false => failure.hint("`--registry FILE` names the registry to use"),
        });
    }
    let mut bytes = Vec::new();
    let outcome =
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match outcome {
        Ok(_) => Ok(bytes),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let message = match path.is_symlink() {
                true => format!("the registry `{display}` is a link that leads nowhere"),
                false => format!("the registry `{display}` does not exist"),
            };
            Err(Failure::usage(message).hint("`--registry FILE` names the registry to use"))
        }
        Err(error) => {
            Err(Failure::new(FailureKind::Registry, format!("`{display}` cannot be read"))
                .cause(error.to_string()))
        }
    }
}

/// Returns an absolute path as the user would name it.
fn display(path: &Path) -> String {
    let below =
        |path: &Path, folder: Option<PathBuf>| path.strip_prefix(folder?).ok().map(Path::to_owned);
    let here = std::env::current_dir().ok();
    // The folder alone is resolved: a linked registry goes by the name of the link.
    let resolved = path.parent().and_then(|folder| folder.canonicalize().ok());
    let resolved = resolved.zip(path.file_name()).map(|(folder, name)| folder.join(name));
    let resolved = resolved.as_deref().unwrap_or(path);
    below(resolved, here.as_ref().and_then(|here| here.canonicalize().ok()))
        .unwrap_or_else(|| resolved.to_owned())
        .display()
        .to_string()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn loaded(bytes: &[u8]) -> Result<(String, RegistrySource), Failure> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("registry.toml");
        fs::write(&path, bytes).expect("a file");
        load(&path)
    }

    #[test]
    fn a_file_is_described_by_its_bytes_and_its_folder() {
        let (text, source) = loaded(b"version = 1\n").expect("valid");
        assert_eq!(text, "version = 1\n");
        assert_eq!(
            source.sha256,
            "dbab12665d98aef021ba64953c61b0ed8a908cfb56a1c01e2fcb4b052b71a2a1"
        );
        assert_eq!(source.path, source.directory.join("registry.toml"));
        assert!(Path::new(&source.display).is_absolute(), "{}", source.display);
    }

    #[test]
    fn what_is_no_text_is_refused_with_one_sentence() {
        for (bytes, message, line) in [
            (&b""[..], "is empty", None),
            (b"version = 1\n# caf\xe9\n", "is not text in UTF-8", Some(2)),
            (b"\xff\xfev\0e\0", "is not text in UTF-8", Some(1)),
        ] {
            let failure = loaded(bytes).expect_err("no registry");
            assert_eq!(failure.kind, FailureKind::Registry);
            assert!(failure.message.ends_with(message), "{failure}");
            assert_eq!(failure.mistakes.first().and_then(|mistake| mistake.line), line);
        }
        let large = vec![b'#'; MAX_BYTES as usize + 1];
        let failure = loaded(&large).expect_err("too large");
        assert!(failure.message.ends_with("is larger than 16 MB"), "{failure}");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let failure = load(folder.path()).expect_err("a folder");
        assert_eq!(failure.kind, FailureKind::Registry);
        assert!(failure.message.ends_with("is a folder, not a file"), "{failure}");
        fs::write(folder.path().join("registry.toml"), "").expect("a file");
        let failure = load(folder.path()).expect_err("a folder");
        assert!(failure.hints[0].contains("registry.toml"), "{failure}");
        let failure = load(&folder.path().join("none.toml")).expect_err("nothing");
        assert_eq!(failure.kind, FailureKind::Usage);
    }

    #[test]
    fn files_below_the_current_directory_are_named_from_there() {
        let here = std::env::current_dir().expect("tests run somewhere");
        assert_eq!(display(&here.join("registry.toml")), "registry.toml");
        assert_eq!(display(&here.join("src/../registry.toml")), "registry.toml");
        assert_eq!(display(Path::new("/registry.toml")), "/registry.toml");
    }
}
