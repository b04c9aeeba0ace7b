//! The order of refreshes: dependencies first, among the views that were selected; and the
//! members of cycles, which no order can refresh.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::toposort;
use petgraph::graph::DiGraph;

use crate::ident::QualifiedName;
use crate::order::cycles;

/// An order in which views can be refreshed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ordered {
    /// Every view that is in no cycle, dependencies first; by name where that is open.
    pub views: Vec<QualifiedName>,
    /// The members of each cycle, sorted.
    pub cycles: Vec<Vec<QualifiedName>>,
}

/// Orders views by what they read; edges to views that are not given are left aside.
pub fn order(
    views: &BTreeSet<QualifiedName>,
    reads: &BTreeMap<QualifiedName, BTreeSet<QualifiedName>>,
) -> Ordered {
    let edges = || {
        views.iter().flat_map(|view| {
            let upstream = reads.get(view).into_iter().flatten();
            upstream.filter(|upstream| views.contains(*upstream)).map(move |to| (view, to))
        })
    };
    let cycles: Vec<Vec<&QualifiedName>> = cycles(edges());
    let in_cycle: BTreeSet<&QualifiedName> = cycles.iter().flatten().copied().collect();
    let mut graph = DiGraph::<&QualifiedName, ()>::new();
    // Nodes are added backwards by name: among equals the sort then gives them forwards.
    let nodes: BTreeMap<&QualifiedName, _> = views
        .iter()
        .rev()
        .filter(|view| !in_cycle.contains(view))
        .map(|view| (view, graph.add_node(view)))
        .collect();
    for (view, upstream) in edges() {
        if let (Some(view), Some(upstream)) = (nodes.get(view), nodes.get(upstream)) {
            graph.update_edge(*upstream, *view, ());
        }
    }
    let sorted = toposort(&graph, None).expect("members of cycles were left out");
    Ordered {
        views: sorted.into_iter().map(|node| graph[node].clone()).collect(),
        cycles: cycles.into_iter().map(|members| members.into_iter().cloned().collect()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(number: usize) -> QualifiedName {
        QualifiedName::from_catalog("public", format!("mv_{number:03}"))
    }

    fn reads(pairs: &[(usize, usize)]) -> BTreeMap<QualifiedName, BTreeSet<QualifiedName>> {
        let mut reads: BTreeMap<QualifiedName, BTreeSet<QualifiedName>> = BTreeMap::new();
        for (view, upstream) in pairs {
            reads.entry(name(*view)).or_default().insert(name(*upstream));
        }
        reads
    }

    #[test]
    fn dependencies_come_first_and_names_decide_the_rest() {
        let views = (1..=4).map(name).collect();
        let ordered = order(&views, &reads(&[(1, 4), (2, 1)]));
        assert_eq!(ordered.cycles, Vec::<Vec<QualifiedName>>::new());
        let at = |number| ordered.views.iter().position(|view| *view == name(number));
        assert!(at(4) < at(1) && at(1) < at(2), "{:?}", ordered.views);
        let unrelated = order(&views, &BTreeMap::new());
        assert_eq!(unrelated.views, (1..=4).map(name).collect::<Vec<_>>());
    }

    #[test]
    fn members_of_a_cycle_are_named_and_the_rest_is_ordered() {
        let views = (1..=4).map(name).collect();
        let ordered = order(&views, &reads(&[(1, 2), (2, 1), (3, 4), (3, 1)]));
        assert_eq!(ordered.cycles, [vec![name(1), name(2)]]);
        assert_eq!(ordered.views, [name(4), name(3)]);
    }

    proptest! {
        #[test]
        fn whatever_reads_what_each_view_is_ordered_once_or_in_a_cycle(
            pairs in prop::collection::vec((0usize..30, 0usize..30), 0..60)
        ) {
            let views: BTreeSet<_> = (0..30).map(name).collect();
            let ordered = order(&views, &reads(&pairs));
            let all: BTreeSet<_> =
                ordered.views.iter().chain(ordered.cycles.iter().flatten()).cloned().collect();
            prop_assert_eq!(all.len(), ordered.views.len()
                + ordered.cycles.iter().map(Vec::len).sum::<usize>());
            prop_assert_eq!(all, views);
            for (view, upstream) in &pairs {
                let at = |number| ordered.views.iter().position(|view| *view == name(number));
                if let (Some(view), Some(upstream)) = (at(*view), at(*upstream)) {
                    prop_assert!(upstream < view);
                }
            }
        }
    }
}
