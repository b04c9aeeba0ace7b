//! Revisions as Alembic prints them.
//!
//! Source: `Script._head_only` of Alembic 1.20. Its labels have no order; here they are
//! sorted.

use crate::migrations::MigrationFile;
use crate::migrations::graph::Graph;

/// What of a revision is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its id.
    pub id: String,
    /// What it follows.
    pub parents: Vec<String>,
    /// What it depends on besides.
    pub depends_on: Vec<String>,
    /// The branches that it is on.
    pub branches: Vec<String>,
    /// Whether nothing follows it.
    pub is_head: bool,
    /// Whether nothing follows it, but something depends on it.
    pub is_effective_head: bool,
    /// Whether several follow it.
    pub is_branch_point: bool,
    /// Whether it follows several.
    pub is_merge_point: bool,
    /// The first paragraph of its docstring.
    pub description: String,
}

impl Revision {
    /// Returns a line as `alembic heads` prints it.
    pub fn of_heads(&self) -> String {
        format!("{}{}{}", self.id, self.on_branches(), self.head())
    }

    /// Returns a line as `alembic current` prints it.
    pub fn of_current(&self) -> String {
        format!("{}{}{}", self.id, self.head(), self.tree())
    }

    /// Returns a line as `alembic history` prints it.
    pub fn of_history(&self) -> String {
        let from =
            if self.parents.is_empty() { "<base>".to_owned() } else { self.parents.join(", ") };
        let needs = match &self.depends_on[..] {
            [] => String::new(),
            needed => format!(" ({})", needed.join(", ")),
        };
        format!(
            "{from}{needs} -> {}{}{}{}, {}",
            self.id,
            self.on_branches(),
            self.head(),
            self.tree(),
            self.description
        )
    }

    fn on_branches(&self) -> String {
        if self.branches.is_empty() {
            return String::new();
        }
        format!(" ({})", self.branches.join(", "))
    }

    const fn head(&self) -> &'static str {
        match (self.is_head, self.is_effective_head) {
            (true, true) => " (effective head)",
            (true, false) => " (head)",
            _ => "",
        }
    }

    const fn tree(&self) -> &'static str {
        match (self.is_branch_point, self.is_merge_point) {
            (true, true) => " (branchpoint) (mergepoint)",
            (true, false) => " (branchpoint)",
            (false, true) => " (mergepoint)",
            (false, false) => "",
        }
    }
}

/// Returns what is printed of each revision, in the order of the files.
pub fn revisions(files: &[MigrationFile]) -> Vec<Revision> {
    let graph = Graph::of(files);
    let labels = graph.labels();
    let of = |(at, file): (usize, &MigrationFile)| Revision {
        id: file.id.clone(),
        parents: file.parents.clone(),
        depends_on: file.depends_on.clone(),
        branches: labels[at].iter().map(|label| (*label).to_owned()).collect(),
        is_head: graph.is_head(at),
        is_effective_head: graph.is_head(at) && !graph.is_real_head(at),
        is_branch_point: graph.is_branch_point(at),
        is_merge_point: graph.is_merge_point(at),
        description: file.description.clone(),
    };
    files.iter().enumerate().map(of).collect()
}
