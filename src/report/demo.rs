//! The rows of `demo`: the commands of the tour, and how they ended.

use serde::Serialize;

/// What the tour did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoRows {
    /// The commands, in order.
    pub steps: Vec<DemoStep>,
}

/// One command of the tour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoStep {
    /// The command as a reader would type it.
    pub command: String,
    /// How it ended.
    pub exit_code: i32,
    /// How it should end.
    pub expected_exit_code: i32,
}
