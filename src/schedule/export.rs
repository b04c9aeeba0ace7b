//! The same schedule for a scheduler that is there already: complete and valid as printed,
//! with what it cannot carry said.

use serde::Serialize;

use super::Class;
use crate::registry::Registry;

pub mod crontab;
pub mod kubernetes;
pub mod pg_cron;
pub mod systemd;
mod yaml;

/// The scheduler that is to be fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// Statements for the extension pg_cron
    PgCron,
    /// A service and a timer for each class
    Systemd,
    /// A CronJob for each class
    Kubernetes,
    /// Lines of a crontab
    Crontab,
}

/// What the exported schedule runs, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The path of the program there.
    pub program: String,
    /// The folder of the registry there.
    pub folder: String,
    /// The name of the registry's file.
    pub registry: String,
    /// The image of the container.
    pub image: String,
    /// These classes alone; none: all.
    pub classes: Vec<String>,
}

/// A schedule in another scheduler's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// The files, each complete.
    pub files: Vec<ExportedFile>,
    /// What that scheduler cannot carry.
    pub left_out: Vec<LeftOut>,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedFile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Something that a scheduler cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    /// The class.
    pub class: String,
    /// The view or task; `None`: the whole class.
    pub what: Option<String>,
    /// Why, and what carries it instead.
    pub why: String,
}

impl LeftOut {
    fn class(class: &Class<'_>, why: impl Into<String>) -> Self {
        Self { class: class.name.to_owned(), what: None, why: why.into() }
    }

    /// Says what is left out and why.
    pub fn told(&self) -> String {
        match &self.what {
            Some(what) => format!("{what} of the class {}: {}", self.class, self.why),
            None => format!("the class {}: {}", self.class, self.why),
        }
    }
}

/// Writes a registry's schedule for another scheduler.
pub fn export(registry: &Registry, format: ExportFormat, setting: &Setting) -> Exported {
    let mut classes = super::classes(registry);
    let is_wanted = |class: &Class<'_>| {
        setting.classes.is_empty() || setting.classes.iter().any(|name| name == class.name)
    };
    classes.retain(|class| {
        // A class without views and tasks has nothing to run: `schedule check` says so.
        is_wanted(class) && !(class.views.is_empty() && class.tasks.is_empty())
    });
    match format {
        ExportFormat::PgCron => pg_cron::export(registry, &classes),
        ExportFormat::Systemd => systemd::export(&classes, setting),
        ExportFormat::Kubernetes => kubernetes::export(&classes, setting),
        ExportFormat::Crontab => crontab::export(&classes, setting),
    }
}

/// Returns the command line that dispatches a class once.
fn arguments(class: &Class<'_>) -> Vec<String> {
    ["schedule", "run", "--once", "--class", class.name].map(str::to_owned).to_vec()
}

/// Returns lines of a comment.
fn commented(text: &str, mark: &str) -> String {
    let mark = format!("{mark} ");
    crate::wording::wrapped(text, &mark, &mark, 96).into_iter().map(|line| line + "\n").collect()
}

/// What is said above each export.
const MADE: &str = "Written by `driftgate schedule export`; write it anew when the registry \
                    changes. `driftgate schedule check` tells whether it is loaded and runs.";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::testing::registry;

    pub(crate) fn setting() -> Setting {
        Setting {
            program: "/usr/local/bin/driftgate".to_owned(),
            folder: "/etc/driftgate".to_owned(),
            registry: "registry.toml".to_owned(),
            image: "driftgate:0.1.0".to_owned(),
            classes: Vec::new(),
        }
    }

    pub(crate) fn exported(schedules: &str, format: ExportFormat) -> Exported {
        let registry = registry(&format!(
            "version = 1\n[schedules]\n{schedules}\n[[matview]]\nname = 'public.mv_a'\n\
             schedule = 'a'\n[[matview]]\nname = 'public.mv_t'\nschedule = 'a'\n\
             tenant_column = 'tenant_id'\n[[task]]\nname = 'scan'\nsql = \"SELECT 'it''s %'\"\n\
             schedule = 'a'\n"
        ));
        export(&registry, format, &setting())
    }

    #[test]
    fn only_the_classes_that_are_asked_for_and_do_something_are_written() {
        let registry = registry(
            "version = 1\n[schedules]\na = { every = '1m' }\nb = { every = '1m' }\n\
             c = { every = '1m' }\n[[task]]\nname = 't'\nsql = 'SELECT 1'\nschedule = 'a'\n\
             [[task]]\nname = 'u'\nsql = 'SELECT 1'\nschedule = 'b'\n",
        );
        let names = |classes: &[&str]| {
            let classes = classes.iter().map(|name| (*name).to_owned()).collect();
            let setting = Setting { classes, ..setting() };
            let files = export(&registry, ExportFormat::Systemd, &setting).files;
            files.into_iter().map(|file| file.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]).len(), 4);
        assert_eq!(names(&["b", "c"]), ["driftgate-b.service", "driftgate-b.timer"]);
    }
}
