//! A project in a folder of its own: a registry and migrations that a test may change.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::server::repository;

/// A project in a folder of its own, which goes with it.
#[derive(Debug)]
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// Makes a project with a registry.
    pub(crate) fn new(registry: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a folder can be made") };
        project.write("registry.toml", registry);
        project
    }

    /// Makes a project with no registry.
    pub(crate) fn without_registry() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder can be made") }
    }

    /// Makes a project with migrations and nothing registered.
    pub(crate) fn with_migrations(files: &[(&str, &str)]) -> Self {
        let project =
            Self::new("version = 1\n\n[migrations]\nkind = \"sql\"\npath = \"migrations\"\n");
        fs::create_dir(project.path().join("migrations")).expect("the folder can be made");
        for (name, sql) in files {
            project.write(&format!("migrations/{name}"), sql);
        }
        project
    }

    /// Copies the reference project of this repository.
    pub(crate) fn reference() -> Self {
        let project = Self::without_registry();
        for file in ["registry.toml", "demo/seed.sql"] {
            project.copy(file);
        }
        for file in names_in(&repository().join("migrations")) {
            project.copy(&format!("migrations/{file}"));
        }
        project
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with the folders on the way.
    pub(crate) fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("a file is in a folder"))
            .expect("folders can be made");
        fs::write(&path, text).expect("the file can be written");
        path
    }

    /// Adds to the registry.
    pub(crate) fn register(&self, text: &str) {
        let registry = self.file("registry.toml");
        self.write("registry.toml", &format!("{registry}\n{text}\n"));
    }

    /// Changes the registry: the text must be there exactly once.
    pub(crate) fn change(&self, file: &str, before: &str, after: &str) {
        let text = self.file(file);
        assert_eq!(text.matches(before).count(), 1, "{before} in {file}");
        self.write(file, &text.replace(before, after));
    }

    /// Removes a file.
    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.path().join(file)).expect("the file is there");
    }

    /// Returns a file's text.
    pub(crate) fn file(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).expect("the file can be read")
    }

    /// Returns the names of the migrations, in order.
    pub(crate) fn migrations(&self) -> Vec<String> {
        names_in(&self.path().join("migrations"))
    }

    fn copy(&self, file: &str) {
        let text = fs::read_to_string(repository().join(file)).expect("the file is there");
        self.write(file, &text);
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("its entries too").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
