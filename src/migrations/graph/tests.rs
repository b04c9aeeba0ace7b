//! Graphs drawn by hand, and by chance.

use proptest::prelude::*;

use super::*;

/// Makes a revision: its id, what it follows, what it depends on, its labels.
fn revision(id: &str, parents: &[&str], depends_on: &[&str], labels: &[&str]) -> MigrationFile {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    MigrationFile {
        parents: own(parents),
        depends_on: own(depends_on),
        labels: own(labels),
        ..MigrationFile::of_version(id, "", format!("versions/{id}.py"))
    }
}

fn chain(pairs: &[(&str, &[&str])]) -> Vec<MigrationFile> {
    pairs.iter().map(|(id, parents)| revision(id, parents, &[], &[])).collect()
}

fn ids(files: &[MigrationFile], places: impl IntoIterator<Item = usize>) -> Vec<&str> {
    places.into_iter().map(|at| files[at].id.as_str()).collect()
}

#[test]
fn heads_are_what_nothing_follows() {
    let mut files = chain(&[("a", &[]), ("b", &["a"]), ("c", &["a"])]);
    assert_eq!(ids(&files, Graph::of(&files).heads()), ["b", "c"]);
    files.push(revision("d", &["b", "c"], &[], &[]));
    let graph = Graph::of(&files);
    assert_eq!(ids(&files, graph.heads()), ["d"]);
    assert!(graph.is_branch_point(0) && graph.is_merge_point(3));
}

#[test]
fn what_is_only_depended_on_stays_a_head() {
    let files = [revision("a", &[], &[], &[]), revision("b", &[], &["a"], &[])];
    let graph = Graph::of(&files);
    assert_eq!(ids(&files, graph.heads()), ["a", "b"]);
    assert!(!graph.is_real_head(0) && graph.is_real_head(1));
}

#[test]
fn a_dependency_may_be_named_by_a_label_and_a_parent_may_not() {
    let files = [
        revision("a", &[], &[], &["first"]),
        revision("b", &[], &["first"], &[]),
        revision("c", &["first"], &[], &[]),
    ];
    let graph = Graph::of(&files);
    assert_eq!(ids(&files, graph.ancestors(&["b"])), ["a", "b"]);
    let missing: Vec<String> = graph.problems().iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["versions/c.py follows first, which no file has"]);
}

#[test]
fn ids_are_written_out_in_full() {
    let files = chain(&[("1975ea83b712", &[]), ("b", &["1975ea"])]);
    assert_eq!(Graph::of(&files).problems().len(), 1);
}

#[test]
fn the_order_goes_down_one_branch_after_the_other() {
    let files =
        chain(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("x", &["a"]), ("m", &["c", "x"])]);
    assert_eq!(ids(&files, Graph::of(&files).newest_first()), ["m", "c", "b", "x", "a"]);
}

#[test]
fn labels_are_on_the_branch_and_not_beneath_where_it_parts() {
    let files = [
        revision("a", &[], &[], &[]),
        revision("b", &["a"], &[], &[]),
        revision("c", &["b"], &[], &["one"]),
        revision("d", &["c"], &[], &[]),
        revision("x", &["a"], &[], &["two"]),
    ];
    let labels = Graph::of(&files).labels();
    let on: Vec<Vec<&str>> = labels.into_iter().map(|on| on.into_iter().collect()).collect();
    assert_eq!(on, [vec![], vec!["one"], vec!["one"], vec!["one"], vec!["two"]]);
}

#[test]
fn every_problem_is_told() {
    let files = [
        revision("a", &["b"], &[], &["a2", "e"]),
        revision("b", &["a"], &[], &[]),
        revision("c", &["gone"], &["lost"], &["a2"]),
        revision("d", &[], &[], &[]),
        revision("d", &[], &[], &[]),
        revision("e", &["e"], &[], &[]),
    ];
    let problems: Vec<String> =
        Graph::of(&files).problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "the revision d is claimed by versions/d.py and versions/d.py",
            "the branch label a2 is claimed by versions/a.py and versions/c.py",
            "the branch label e is claimed by versions/a.py and versions/e.py",
            "versions/c.py follows gone, which no file has",
            "versions/c.py depends on lost, which no file has",
            "versions/a.py and versions/b.py follow or depend on one another in a circle",
            "versions/e.py follows or depends on itself",
        ]
    );
}

/// Revisions that follow or depend on earlier ones alone, in any order of their files.
fn healthy() -> impl Strategy<Value = Vec<MigrationFile>> {
    let one = (prop::collection::vec(0usize..100, 0..3), prop::collection::vec(0usize..100, 0..2));
    prop::collection::vec(one, 1..14).prop_flat_map(|shapes| {
        let name = |at: usize| format!("r{at}");
        let pick = |at: usize, picked: &[usize]| -> Vec<String> {
            let earlier: BTreeSet<usize> = picked.iter().map(|one| one % at.max(1)).collect();
            if at == 0 { vec![] } else { earlier.into_iter().map(name).collect() }
        };
        let files = shapes.iter().enumerate().map(|(at, (parents, needed))| MigrationFile {
            parents: pick(at, parents),
            depends_on: pick(at, needed),
            ..MigrationFile::of_version(name(at), "", name(at))
        });
        Just(files.collect::<Vec<_>>()).prop_shuffle()
    })
}

/// Revisions of any shape, whole or broken.
fn any() -> impl Strategy<Value = Vec<MigrationFile>> {
    let name = || (0usize..6).prop_map(|at| format!("r{at}"));
    let names = || prop::collection::vec(name(), 0..3);
    let file = (name(), names(), names(), names());
    prop::collection::vec(file, 0..8).prop_map(|files| {
        let made = |(id, parents, depends_on, labels): (String, _, _, Vec<String>)| {
            let labels = labels.into_iter().map(|label| format!("l{label}")).collect();
            MigrationFile { parents, depends_on, labels, ..MigrationFile::of_version(id, "", "f") }
        };
        files.into_iter().map(made).collect()
    })
}

proptest! {
    #[test]
    fn whatever_has_an_order_is_whole(files in healthy()) {
        let graph = Graph::of(&files);
        prop_assert_eq!(graph.problems(), vec![]);
        let order = graph.newest_first();
        prop_assert_eq!(order.len(), files.len());
        let rank = |id: &str| order.iter().position(|at| files[*at].id == id);
        for file in &files {
            for before in file.parents.iter().chain(&file.depends_on) {
                prop_assert!(rank(before) > rank(&file.id), "{} after {}", before, file.id);
            }
        }
        let heads: BTreeSet<usize> = graph.heads().collect();
        let all: Vec<&str> = heads.iter().map(|at| files[*at].id.as_str()).collect();
        prop_assert_eq!(graph.ancestors(&all).len(), files.len());
    }

    #[test]
    fn what_was_applied_and_what_is_pending_are_all(files in healthy(), at in proptest::prelude::any::<prop::sample::Index>()) {
        let graph = Graph::of(&files);
        let row = files[at.index(files.len())].id.as_str();
        let applied = graph.ancestors(&[row]);
        let pending = graph.pending(&applied);
        prop_assert_eq!(applied.len() + pending.len(), files.len());
        for (rank, at) in pending.iter().enumerate() {
            let needed = graph.parents[*at].iter().chain(&graph.depends_on[*at]);
            for before in needed {
                prop_assert!(applied.contains(before) || pending[..rank].contains(before));
            }
        }
        prop_assert!(graph.current(&[row]).iter().all(|at| applied.contains(at)));
    }

    #[test]
    fn a_broken_graph_has_an_order_of_all_that_counts(files in self::any()) {
        let graph = Graph::of(&files);
        let distinct: BTreeSet<&str> = files.iter().map(|file| file.id.as_str()).collect();
        prop_assert_eq!(graph.newest_first().len(), distinct.len());
        let _ = (graph.problems(), graph.labels(), graph.current(&["r0"]));
    }
}
