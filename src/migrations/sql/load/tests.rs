//! Folders as people keep them.

use super::*;

/// Loads a folder of these files; each holds its own name.
fn loaded(files: &[&str]) -> Result<Migrations, Failure> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, format!("SELECT '{file}';\n")).expect("it can be written");
    }
    load(folder.path(), "migrations")
}

fn order(files: &[&str]) -> (Tool, Vec<String>) {
    let loaded = loaded(files).expect("they can be loaded");
    let name = |file: &MigrationFile| file.file.replacen("migrations/", "", 1);
    (loaded.tool, loaded.files.iter().map(name).collect())
}

#[test]
fn the_order_is_that_of_the_versions() {
    for (tool, files) in [
        (Tool::Sqlx, &["0001_a.sql", "2_b.up.sql", "10_c.sql", "20240101120000_d.sql"][..]),
        (
            Tool::Flyway,
            &[
                "V1__a.sql",
                "V1.2__b.sql",
                "V1_10__c.sql",
                "sub/V2__d.sql",
                "V10__e.sql",
                "R__a.sql",
                "R__b.sql",
            ],
        ),
        (Tool::Numbered, &["1-a.sql", "1.2-b.sql", "1.10-c.sql", "2 d.sql", "10.sql"]),
        (Tool::Numbered, &["2024-01-31_a.sql", "2024-02-01_b.sql", "2024-10-01_c.sql"]),
        (Tool::Diesel, &["2_a/up.sql", "10_b/up.sql", "2024-01-01-000000_c/up.sql"]),
    ] {
        let backwards: Vec<&str> = files.iter().rev().copied().collect();
        assert_eq!(order(&backwards), (tool, files.iter().map(|s| (*s).to_owned()).collect()));
    }
}

#[test]
fn what_goes_backwards_is_left_out_without_a_word() {
    let files = ["1_a.up.sql", "1_a.down.sql"];
    let migrations = loaded(&files).expect("they can be loaded");
    assert_eq!((migrations.files.len(), migrations.notes), (1, vec![]));
    let files = ["V1__a.sql", "U1__a.sql", "2_b/up.sql/x"];
    assert_eq!(loaded(&files).expect("they can be loaded").files.len(), 1);
    let files = ["1_a/up.sql", "1_a/down.sql"];
    assert_eq!(loaded(&files).expect("they can be loaded").files.len(), 1);
}

#[test]
fn other_files_are_left_out_and_told() {
    let files = ["1_a.sql", "README.md", "schema.sql", ".gitkeep", "a b.txt"];
    let migrations = loaded(&files).expect("they can be loaded");
    assert_eq!(
        migrations.notes,
        [
            "left out of migrations (no SQL): README.md, a b.txt",
            "left out of migrations (no version in the name): schema.sql",
        ]
    );
}

#[test]
fn two_spellings_of_one_version_are_shared() {
    for files in [
        &["1_a.sql", "0001_b.sql"][..],
        &["V1.0__a.sql", "V1__b.sql"],
        &["V1_2__a.sql", "V01.2__b.sql"],
        &["1-a.sql", "01-b.sql"],
        &["R__a_b.sql", "sub/R__a b.sql", "V1__x.sql"],
    ] {
        let migrations = loaded(files).expect("they can be loaded");
        assert_eq!(migrations.shared_versions().len(), 1, "{files:?}");
        assert!(migrations.scripts().is_err());
    }
}

#[test]
fn files_of_several_tools_are_refused() {
    for files in [&["V1__a.sql", "2_b.sql"][..], &["1_a/up.sql", "2_b.sql"]] {
        let failure = loaded(files).expect_err("two tools");
        assert!(failure.causes[0].contains("several tools"), "{failure}");
    }
}

#[test]
fn a_name_that_sqlx_refuses_is_refused() {
    for files in [&["1_a.sql", "x_y.sql"][..], &["x_y.sql"], &["1_a.sql", "1.2_b.sql"]] {
        let failure = loaded(files).expect_err("sqlx fails");
        assert!(failure.causes[0].contains("error parsing migration filename"), "{failure}");
    }
}

#[test]
fn a_file_with_both_directions_is_refused() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let sql = "-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\nDROP TABLE a;\n";
    fs::write(folder.path().join("1_a.sql"), sql).expect("it can be written");
    let failure = load(folder.path(), "migrations").expect_err("it would be undone");
    assert_eq!(failure.causes, ["at migrations/1_a.sql:3: `-- +goose Down`"]);
}

#[test]
fn diesel_and_flyway_say_what_runs_outside_a_transaction() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    };
    write("diesel/1_a/up.sql", "SELECT 1");
    write("diesel/1_a/metadata.toml", "run_in_transaction = false");
    write("diesel/2_b/up.sql", "SELECT 1");
    write("flyway/V1__a.sql", "SELECT 1");
    write("flyway/V1__a.sql.conf", "executeInTransaction = false");
    write("flyway/V2__b.sql", "CREATE INDEX CONCURRENTLY i ON t (c)");
    write("flyway/V3__c.sql", "SELECT 1");
    let outside = |folder: &Path| -> Vec<bool> {
        let migrations = load(folder, "m").expect("it can be loaded");
        assert_eq!(migrations.notes, [] as [String; 0]);
        migrations.files.iter().map(MigrationFile::no_transaction).collect()
    };
    assert_eq!(outside(&folder.path().join("diesel")), [true, false]);
    assert_eq!(outside(&folder.path().join("flyway")), [true, true, false]);
}

#[test]
fn a_folder_that_is_not_there_is_a_failure_and_an_empty_one_is_not() {
    assert!(load(Path::new("/nowhere/at/all"), "migrations").is_err());
    assert_eq!(order(&[]), (Tool::Sqlx, vec![]));
}
