//! Dependencies between materialized views: the nearest neighbours through plain views,
//! and the cycles that `CREATE OR REPLACE VIEW` can make.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

/// A relation that reads another: a plain view or a materialized view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The relation that reads.
    pub from: u32,
    /// The relation that is read.
    pub to: u32,
    /// Whether the relation that is read is itself a plain view.
    pub to_plain_view: bool,
}

/// Returns, for each materialized view, the nearest materialized views that it reads,
/// through plain views at any depth.
///
/// Plain views may form a cycle with a materialized view; each relation is visited once.
pub fn nearest(matviews: impl Iterator<Item = u32>, edges: &[Edge]) -> Vec<(u32, u32)> {
    let mut reads: HashMap<u32, Vec<&Edge>> = HashMap::new();
    for edge in edges {
        reads.entry(edge.from).or_default().push(edge);
    }
    let mut found = Vec::new();
    for matview in matviews {
        if !reads.contains_key(&matview) {
            continue;
        }
        let (mut seen, mut todo) = (BTreeSet::new(), vec![matview]);
        while let Some(at) = todo.pop() {
            for edge in reads.get(&at).into_iter().flatten() {
                if !seen.insert(edge.to) {
                    continue;
                }
                if edge.to_plain_view {
                    todo.push(edge.to);
                } else {
                    found.push((matview, edge.to));
                }
            }
        }
    }
    found
}

/// Returns the members of each cycle, sorted; an edge from a view to itself is one too.
pub fn cycles<N: Ord + Copy>(edges: impl Iterator<Item = (N, N)>) -> Vec<Vec<N>> {
    let mut graph = DiGraph::<N, ()>::new();
    let mut nodes = BTreeMap::new();
    let mut to_itself = BTreeSet::new();
    for (from, to) in edges {
        if from == to {
            to_itself.insert(from);
        }
        let from = *nodes.entry(from).or_insert_with(|| graph.add_node(from));
        let to = *nodes.entry(to).or_insert_with(|| graph.add_node(to));
        graph.update_edge(from, to, ());
    }
    let mut cycles: Vec<Vec<N>> = tarjan_scc(&graph)
        .into_iter()
        .map(|members| {
            let mut members: Vec<N> = members.into_iter().map(|node| graph[node]).collect();
            members.sort();
            members
        })
        .filter(|members| members.len() > 1 || to_itself.contains(&members[0]))
        .collect();
    cycles.sort();
    cycles
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edge(from: u32, to: u32, to_plain_view: bool) -> Edge {
        Edge { from, to, to_plain_view }
    }

    #[test]
    fn plain_views_are_passed_through_and_materialized_views_end_the_way() {
        // 1 reads plain view 10, which reads plain view 11, which reads 2; 2 reads 3.
        let edges = [edge(1, 10, true), edge(10, 11, true), edge(11, 2, false), edge(2, 3, false)];
        assert_eq!(nearest([1, 2, 3].into_iter(), &edges), [(1, 2), (2, 3)]);
    }

    #[test]
    fn a_view_that_reads_itself_through_a_plain_view_is_found() {
        let edges = [edge(1, 10, true), edge(10, 1, false)];
        assert_eq!(nearest([1].into_iter(), &edges), [(1, 1)]);
        assert_eq!(cycles([(1, 1)].into_iter()), [vec![1]]);
    }

    #[test]
    fn cycles_name_their_members_and_nobody_else() {
        let edges = [(1, 2), (2, 3), (3, 1), (4, 1), (5, 5)];
        assert_eq!(cycles(edges.into_iter()), [vec![1, 2, 3], vec![5]]);
    }

    proptest! {
        #[test]
        fn edges_that_go_downwards_have_no_cycle(pairs in prop::collection::vec((0u32..50, 1u32..50), 0..80)) {
            let edges = pairs.into_iter().map(|(to, distance)| (to + distance, to));
            prop_assert_eq!(cycles(edges), Vec::<Vec<u32>>::new());
        }
    }
}
