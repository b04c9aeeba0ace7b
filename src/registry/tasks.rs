//! `[[task]]`: other database work on the same schedules.

use std::collections::BTreeMap;

use super::matviews::known_schedule;
use super::schedules::ScheduleRules;
use super::section::Section;
use super::text::Text;

/// Work that is not a refresh.
///
/// Source: one `[[task]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRules {
    /// What it is called, once in a registry. Source: `name`.
    pub name: String,
    /// The statement that does it. Source: `sql`.
    pub sql: String,
    /// A key of [`Registry::schedules`](super::Registry::schedules). Source: `schedule`.
    pub schedule: String,
    /// The line of the header, counted from 1.
    pub line: usize,
}

/// Reads the list of `[[task]]`; `schedules` is `None` when they could not be read.
pub(super) fn read(
    sections: Vec<Section<'_, '_>>,
    schedules: Option<&BTreeMap<String, ScheduleRules>>,
) -> Vec<TaskRules> {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut tasks = Vec::with_capacity(sections.len());
    for mut section in sections {
        let line = section.line();
        let name = section.require_text("name");
        if let Some(text) = &name {
            match lines.get(text.value.as_ref()) {
                Some(first) => {
                    let message =
                        format!("the task `{}` is declared on line {first} already", text.value);
                    let hint = "give one of the two another name".to_owned();
                    text.mistakes.add(text.at, message, Some(hint));
                }
                None => {
                    lines.insert(text.value.to_string(), line);
                }
            }
        }
        let name = name.and_then(Text::label);
        let sql = section.require_text("sql").map(Text::into_string);
        let schedule =
            section.require_text("schedule").and_then(|text| known_schedule(text, schedules));
        section.finish();
        if let (Some(name), Some(sql), Some(schedule)) = (name, sql, schedule) {
            tasks.push(TaskRules { name, sql, schedule, line });
        }
    }
    tasks
}
