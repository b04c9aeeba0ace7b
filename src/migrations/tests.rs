//! What follows from files and ledger, for each way in which ledgers are kept.

use super::*;
use crate::testing;

/// Makes the files of a tool with these versions.
fn of(tool: Tool, ids: &[&str]) -> Migrations {
    let file = |id: &&str| MigrationFile {
        checksum: vec![1],
        repeatable: id.starts_with('R'),
        script: Some(Script::default()),
        ..MigrationFile::of_version(*id, "step", format!("{id}.sql"))
    };
    Migrations::new(tool, "migrations", ids.iter().map(file).collect())
}

fn row(id: &str, covers: Covers) -> AppliedMigration {
    let checksum = vec![1];
    AppliedMigration { id: id.into(), success: true, checksum, covers, ..Default::default() }
}

fn state(project: Migrations, rows: Vec<AppliedMigration>) -> MigrationState {
    MigrationState { project, ledger: Ledger::Read(rows) }
}

fn ids<'a>(files: &[&'a MigrationFile]) -> Vec<&'a str> {
    files.iter().map(|file| file.id.as_str()).collect()
}

#[test]
fn a_row_may_stand_for_all_that_is_older() {
    let files = || of(Tool::GolangMigrate, &["1", "2", "10", "11"]);
    let at_ten = state(files(), vec![row("10", Covers::Older)]);
    assert_eq!(ids(&at_ten.pending().expect("it is known")), ["11"]);
    assert_eq!(at_ten.current(), Ok(vec!["10"]));
    let elsewhere = state(files(), vec![row("7", Covers::Older)]);
    assert_eq!(ids(&elsewhere.pending().expect("it is known")), ["10", "11"]);
    assert_eq!(elsewhere.unknown().expect("it is known").len(), 1);
}

#[test]
fn a_baseline_is_no_migration_and_stands_for_all_that_is_older() {
    let files = of(Tool::Flyway, &["1", "1.5", "2", "R views"]);
    let state = state(files, vec![row("1.5", Covers::OlderAsBaseline), row("2", Covers::Itself)]);
    assert_eq!(ids(&state.pending().expect("it is known")), ["R views"]);
    assert_eq!(state.unknown(), Ok(vec![]));
}

#[test]
fn a_repeatable_file_is_pending_again_when_it_has_changed() {
    let files = || of(Tool::Flyway, &["1", "R views"]);
    let mut edited = row("R views", Covers::Itself);
    edited.checksum = vec![9];
    let applied = state(files(), vec![row("1", Covers::Itself), edited]);
    assert_eq!(ids(&applied.pending().expect("it is known")), ["R views"]);
    assert_eq!(applied.changed(), Ok(vec![]));
    assert_eq!(ids(&applied.project.heads()), ["1"]);
}

#[test]
fn only_a_ledger_with_checksums_shows_an_edit() {
    let mut edited = row("1", Covers::Itself);
    edited.checksum = vec![9];
    for (tool, shows) in [(Tool::Sqlx, 1), (Tool::Flyway, 1), (Tool::Diesel, 0)] {
        let state = state(of(tool, &["1"]), vec![edited.clone()]);
        assert_eq!(state.changed().expect("it is known").len(), shows, "{tool:?}");
    }
}

#[test]
fn scripts_are_in_order_and_only_where_there_is_one() {
    let migrations = of(Tool::Flyway, &["1", "2", "10", "R views"]);
    let scripts = migrations.scripts().expect("there is an order");
    assert_eq!(ids(&scripts), ["1", "2", "10", "R views"]);
    let twice = of(Tool::Sqlx, &["1", "1"]).scripts().expect_err("there is none");
    assert_eq!(twice.kind, FailureKind::Refused);
    let revisions = testing::revisions(&[("a", &[])], Ledger::Missing).project;
    assert_eq!(revisions.scripts().expect_err("no SQL").kind, FailureKind::Project);
}

#[test]
fn revisions_are_in_the_order_in_which_they_are_applied() {
    let shapes = [("c", &["b"][..]), ("a", &[]), ("b", &["a"]), ("a", &[])];
    let state = testing::revisions(&shapes, Ledger::Missing);
    assert_eq!(ids(&state.project.in_order()), ["a", "a", "b", "c"]);
}

#[test]
fn what_is_doubtful_is_not_known_to_be_pending_or_unknown() {
    let mut state =
        testing::revisions(&[("a", &[])], Ledger::Read(vec![testing::at_revision("z")]));
    let doubt = |line| Doubt { file: "x.py".into(), line, reason: "it is computed".into() };
    state.project.doubts.extend([doubt(3), doubt(4)]);
    let reason = "x.py:3: it is computed (and 1 more)";
    assert_eq!(state.pending(), Err(reason.to_owned()));
    assert_eq!(state.unknown(), Err(reason.to_owned()));
}

#[test]
fn the_ledger_is_named_as_sql_spells_it() {
    let mut migrations = of(Tool::Alembic, &[]);
    assert_eq!(migrations.ledger_name(), "alembic_version");
    migrations.ledger =
        LedgerName::Named { schema: Some("My App".into()), table: "versions".into() };
    assert_eq!(migrations.ledger_name(), "\"My App\".versions");
    assert_eq!(of(Tool::Command, &[]).ledger_name(), "");
}
