//! Which registry is used: the nearest one, from wherever the command is typed, and none
//! beyond the repository.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Project, driftgate};

fn project() -> Project {
    let project = Project::with_migrations(&[("0001_one.sql", "SELECT 1;")]);
    fs::create_dir_all(project.path().join("sub/deeper")).expect("folders can be made");
    project
}

#[test]
fn it_is_found_from_below_and_paths_stay_relative_to_it() {
    let project = project();
    fs::create_dir(project.path().join(".git")).expect("the folder can be made");
    for folder in ["", "sub", "sub/deeper", "migrations"] {
        driftgate(["migrate", "heads"])
            .folder(&project.path().join(folder))
            .run()
            .exits(0)
            .shows("migrations/0001_one.sql");
    }
}

#[test]
fn it_is_found_through_a_symbolic_link() {
    let (project, elsewhere) = (project(), Project::without_registry());
    fs::create_dir(project.path().join(".git")).expect("the folder can be made");
    let link = elsewhere.path().join("link");
    symlink(project.path().join("sub/deeper"), &link).expect("a link can be made");
    driftgate(["migrate", "heads"]).folder(&link).run().exits(0).shows("0001_one.sql");
    let whole = elsewhere.path().join("whole");
    symlink(project.path(), &whole).expect("a link can be made");
    driftgate(["migrate", "heads"])
        .folder(&whole.join("sub"))
        .env("PWD", whole.join("sub"))
        .run()
        .exits(0)
        .shows("0001_one.sql");
}

#[test]
fn the_nearest_one_is_used() {
    let project = project();
    fs::create_dir(project.path().join(".git")).expect("the folder can be made");
    project.write("sub/registry.toml", "version = 1\n[migrations]\npath = \"own\"\n");
    project.write("sub/own/0007_own.sql", "SELECT 1;");
    driftgate(["migrate", "heads"])
        .folder(&project.path().join("sub/deeper"))
        .run()
        .exits(0)
        .shows("0007_own.sql");
}

#[test]
fn nothing_beyond_the_repository_is_used() {
    let project = project();
    for root in ["sub/.git/HEAD", "sub/.git"] {
        // A work tree has a file where a repository has a folder.
        let _ = fs::remove_dir_all(project.path().join("sub/.git"));
        project.write(root, "gitdir: elsewhere\n");
        driftgate(["migrate", "heads"])
            .folder(&project.path().join("sub/deeper"))
            .run()
            .exits(2)
            .says("registry.toml");
    }
}

#[test]
fn one_that_is_named_is_used_wherever_it_is() {
    let (project, elsewhere) = (project(), Project::new("version = 1\n"));
    let registry = project.path().join("registry.toml");
    let named = driftgate(["migrate", "heads", "--registry"]).arg(&registry);
    named.project(&elsewhere).run().exits(0).shows("0001_one.sql");
    let named = driftgate(["migrate", "heads"]).env("DRIFTGATE_REGISTRY", &registry);
    named.project(&elsewhere).run().exits(0).shows("0001_one.sql");
}
