//! The events of a run as JSON lines, for a pipeline that follows a long one. That they
//! cannot be written any more stops no refresh.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde_json::{Value, json};

use crate::failure::{Failure, FailureKind};
use crate::refresh::{RefreshResult, Task};
use crate::report::{RunFacts, timestamp};

/// Where the events go.
#[derive(Debug)]
pub(super) struct Events {
    file: Option<(File, PathBuf)>,
    run_id: String,
    trouble: Option<String>,
}

impl Events {
    /// Opens the file, to add to what is in it; `None`: nobody listens.
    pub(super) fn open(path: Option<&Path>, run: &RunFacts) -> Result<Self, Failure> {
        let file = match path {
            None => None,
            Some(path) => {
                let opened = OpenOptions::new().create(true).append(true).open(path);
                let file = opened.map_err(|error| {
                    let told = format!("could not write events to {}", path.display());
                    Failure::new(FailureKind::Machine, told)
                        .cause(error.to_string())
                        .hint("nothing was refreshed; name a file that can be written")
                })?;
                Some((file, path.to_owned()))
            }
        };
        Ok(Self { file, run_id: run.run_id.to_string(), trouble: None })
    }

    /// Tells that a run has begun.
    pub(super) fn run_started(&mut self, views: usize) {
        self.write("run-started", json!({ "refreshes": views }));
    }

    /// Tells that a refresh has begun.
    pub(super) fn started(&mut self, task: &Task) {
        let told = json!({ "view": task.view, "tenant": task.tenant, "mode": task.mode });
        self.write("refresh-started", told);
    }

    /// Tells what came of a refresh.
    pub(super) fn ended(&mut self, result: &RefreshResult) {
        self.write("refresh-ended", json!({ "result": result }));
    }

    /// Tells that a run has ended.
    pub(super) fn run_ended(&mut self, results: &[RefreshResult]) {
        let mut outcomes = std::collections::BTreeMap::new();
        for result in results {
            *outcomes.entry(result.outcome.word()).or_insert(0usize) += 1;
        }
        self.write("run-ended", json!({ "outcomes": outcomes }));
    }

    /// Returns what kept events from being written.
    pub(super) fn finish(self) -> Option<String> {
        self.trouble
    }

    fn write(&mut self, event: &str, mut told: Value) {
        let Some((file, path)) = &mut self.file else { return };
        told["event"] = json!(event);
        told["at"] = json!(timestamp(Utc::now()));
        told["run_id"] = json!(self.run_id);
        // One write for each line: two runs may add to one file.
        if let Err(error) = file.write_all(format!("{told}\n").as_bytes()) {
            self.trouble = Some(format!("events to {} ended early: {error}", path.display()));
            self.file = None;
        }
    }
}
