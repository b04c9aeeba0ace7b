//! Graphs drawn by chance, as the real Alembic and as we print, order and judge them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use driftgate::migrations::alembic::lines::revisions;
use driftgate::migrations::graph::Graph;
use driftgate::migrations::load::load;
use driftgate::migrations::{AppliedMigration, Covers, Ledger, MigrationState, Migrations};
use driftgate::registry::Registry;
use serde_json::{Value, json};

use super::{programs, project};
use crate::support::Project;
use crate::support::server::repository;

/// Numbers that look random and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        // Source: xorshift64, by Marsaglia.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("below the limit")
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, from: &'a [String]) -> &'a str {
        &from[self.below(from.len())]
    }
}

/// Returns the sources of revisions that follow, or depend on, earlier ones.
fn drawn(chance: &mut Chance) -> Vec<(String, String)> {
    let count = 1 + chance.below(10);
    let mut ids: Vec<String> = Vec::new();
    let mut files = Vec::new();
    for at in 0..count {
        let id = format!("{:06x}{at:02x}", chance.below(0xff_ffff));
        let mut parents = BTreeSet::new();
        let mut needed = None;
        if !ids.is_empty() && !chance.one_in(6) {
            // The newest, most of the time; branches and merges now and then.
            let newest = ids.last().expect("there is one").clone();
            let parent = if chance.one_in(3) { chance.pick(&ids).to_owned() } else { newest };
            parents.insert(parent);
            if chance.one_in(4) {
                parents.insert(chance.pick(&ids).to_owned());
            }
        }
        if !ids.is_empty() && chance.one_in(5) {
            needed = Some(chance.pick(&ids).to_owned()).filter(|one| !parents.contains(one));
        }
        let label = chance.one_in(5).then(|| format!("label{at}"));
        let source = spelled(chance, &id, &parents.into_iter().collect::<Vec<_>>(), needed, label);
        // The names of the files are in another order than the revisions.
        files.push((format!("{}_{id}.py", chance.below(1_000)), source));
        ids.push(id);
    }
    files
}

/// Writes a revision down in one of the ways that people and templates do.
fn spelled(
    chance: &mut Chance,
    id: &str,
    parents: &[String],
    needed: Option<String>,
    label: Option<String>,
) -> String {
    let quoted = |text: &str, style: usize| match style {
        0 => format!("'{text}'"),
        1 => format!("\"{text}\""),
        2 => format!("r'{text}'"),
        3 => format!("\"\"\"{text}\"\"\""),
        _ => format!("'{}' \"{}\"", &text[..3], &text[3..]),
    };
    let mut text = |text: &str| quoted(text, chance.below(5));
    let mut of = |texts: &[String]| -> String {
        let texts: Vec<String> = texts.iter().map(|one| text(one)).collect();
        match &texts[..] {
            [] => "None".to_owned(),
            [one] => format!("({one})"),
            several => format!("(\n    {},  # merged\n)", several.join(",\n    ")),
        }
    };
    let (revision, parents) = (of(&[id.to_owned()]), of(parents));
    let (needed, label) = (of(needed.as_slice()), of(label.as_slice()));
    let hint = if chance.one_in(2) { ": Union[str, None]" } else { "" };
    format!(
        "\"\"\"what {id} does\n\nrevision = 'not this one'\n\"\"\"\nfrom typing import Union\n\
         down_revision{hint} = {parents}\nrevision{hint} = {revision}\n\
         branch_labels{hint} = {label}\ndepends_on{hint} = {needed}\n\n\n\
         def upgrade():\n    revision = 'nor this one'\n"
    )
}

/// Breaks a project in one way or another.
fn broken(chance: &mut Chance, mut files: Vec<(String, String)>) -> Vec<(String, String)> {
    let at = chance.below(files.len());
    let (name, source) = files[at].clone();
    match chance.below(4) {
        0 => files.push((format!("x{name}"), source.replace("def upgrade", "def other"))),
        1 => files[at].1 = source + "\ndown_revision = 'nowhere'\n",
        2 => files[at].1 = source + "\ndepends_on = 'nowhere'\n",
        _ => files[at].1 = source + "\ndown_revision = revision\n",
    }
    files
}

fn made(files: &[(String, String)]) -> Project {
    let files: Vec<_> =
        files.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
    project(&files)
}

fn loaded(project: &Project) -> Migrations {
    let registry = Registry::load(&project.path().join("registry.toml"), &[]).expect("a registry");
    load(&registry).expect("the project can be read")
}

/// Asks the real Alembic about projects, each with the rows of its ledger.
fn ask(cases: &[(&Path, Vec<String>)]) -> Vec<Value> {
    let cases: Vec<Value> =
        cases.iter().map(|(folder, rows)| json!({ "folder": folder, "rows": rows })).collect();
    let mut python = Command::new(programs().join("python"))
        .arg(repository().join("tests/data/alembic_oracle.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = python.stdin.take().expect("a pipe");
    stdin.write_all(json!(cases).to_string().as_bytes()).expect("it listens");
    drop(stdin);
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// Picks revisions of which none is reached from another: what a ledger may hold.
fn rows(chance: &mut Chance, migrations: &Migrations) -> Vec<String> {
    let graph = Graph::of(&migrations.files);
    let picks: BTreeSet<&str> = (0..chance.below(4))
        .map(|_| migrations.files[chance.below(migrations.files.len())].id.as_str())
        .collect();
    let is_beneath = |one: &&str| {
        let others = picks.iter().filter(|other| *other != one);
        let reached = |other: &&str| {
            graph.ancestors(&[other]).iter().any(|at| migrations.files[*at].id == **one)
        };
        others.into_iter().any(reached)
    };
    picks.iter().filter(|one| !is_beneath(one)).map(|one| (*one).to_owned()).collect()
}

#[test]
fn revisions_are_read_as_alembic_reads_them() {
    let mut chance = Chance(0x5eed_0001);
    let projects: Vec<Project> = (0..150).map(|_| made(&drawn(&mut chance))).collect();
    let read: Vec<Migrations> = projects.iter().map(loaded).collect();
    let rows: Vec<Vec<String>> = read.iter().map(|one| rows(&mut chance, one)).collect();
    let cases: Vec<_> =
        projects.iter().zip(&rows).map(|(one, rows)| (one.path(), rows.clone())).collect();
    let answers = ask(&cases);
    let (mut branched, mut merged) = (0, 0);
    for ((migrations, rows), answer) in read.into_iter().zip(rows).zip(answers) {
        assert_eq!(migrations.doubts, []);
        let printed = revisions(&migrations.files);
        let graph = Graph::of(&migrations.files);
        assert_eq!(graph.problems(), [], "{answer}");
        branched += printed.iter().filter(|one| one.is_branch_point).count();
        merged += printed.iter().filter(|one| one.is_merge_point).count();
        let heads: Vec<String> = graph.heads().map(|at| printed[at].of_heads()).collect();
        assert_eq!(json!(heads), answer["heads"], "{answer:#}");
        let history: Vec<String> =
            graph.newest_first().into_iter().map(|at| printed[at].of_history()).collect();
        assert_eq!(json!(history), answer["history"], "{answer:#}");
        let ids: Vec<&str> = rows.iter().map(String::as_str).collect();
        let mut current: Vec<String> =
            graph.current(&ids).into_iter().map(|at| printed[at].of_current()).collect();
        current.sort();
        assert_eq!(json!(current), answer["current"], "{rows:?} {answer:#}");
        let row = |id: &String| AppliedMigration {
            id: id.clone(),
            success: true,
            covers: Covers::Ancestors,
            ..AppliedMigration::default()
        };
        let ledger = Ledger::Read(rows.iter().map(row).collect());
        let state = MigrationState { project: migrations.clone(), ledger };
        let pending: Vec<&str> =
            state.pending().expect("it is known").iter().map(|file| file.id.as_str()).collect();
        assert_eq!(json!(pending), answer["pending"], "{rows:?} {answer:#}");
    }
    assert!(branched > 50 && merged > 20, "{branched} branch points, {merged} merges");
}

#[test]
fn what_alembic_gives_up_on_is_a_problem() {
    let mut chance = Chance(0x5eed_0002);
    let projects: Vec<Project> = (0..60)
        .map(|_| {
            let files = drawn(&mut chance);
            made(&broken(&mut chance, files))
        })
        .collect();
    let cases: Vec<_> = projects.iter().map(|one| (one.path(), vec![])).collect();
    let mut refused = 0;
    for (project, answer) in projects.iter().zip(ask(&cases)) {
        let migrations = loaded(project);
        let problems = Graph::of(&migrations.files).problems();
        // Of two files with one revision Alembic only warns, and takes the last.
        if answer.get("error").is_some() {
            refused += 1;
        }
        assert!(!problems.is_empty(), "{answer:#}");
    }
    assert!(refused > 30, "{refused}");
}
