//! `pg_cron`: one job for each view and task that plain SQL can carry out safely. The same
//! jobs are what `schedule check` expects to find.

use sha2::{Digest, Sha256};

use super::{Exported, ExportedFile, LeftOut, MADE, commented};
use crate::ident::{QualifiedName, literal};
use crate::lock_key::LockKey;
use crate::registry::{EntryName, RefreshMode, Registry, RegistryEntry, Rhythm, TaskRules};
use crate::schedule::fields::{grid, whole_seconds};
use crate::schedule::{Class, CronJob, task_key};

/// A job as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The class that it is of.
    pub class: String,
    /// Its name, which `cron.job` has too.
    pub name: String,
    /// When it runs.
    pub schedule: String,
    /// What it runs.
    pub command: String,
}

/// Returns the jobs of some classes, and what cannot be a job.
pub fn jobs(registry: &Registry, classes: &[Class<'_>]) -> (Vec<Job>, Vec<LeftOut>) {
    let (mut jobs, mut left_out) = (Vec::new(), Vec::new());
    for class in classes {
        let schedule = match schedule(&class.rules.rhythm) {
            Ok(schedule) => schedule,
            Err(why) => {
                left_out.push(LeftOut::class(class, why));
                continue;
            }
        };
        let mut add = |what: String, command: Result<String, &str>| match command {
            Ok(command) => jobs.push(Job {
                class: class.name.to_owned(),
                name: name_of(class.name, &what),
                schedule: schedule.clone(),
                command,
            }),
            Err(why) => left_out.push(LeftOut {
                class: class.name.to_owned(),
                what: Some(what),
                why: why.to_owned(),
            }),
        };
        for entry in &class.views {
            add(entry.name.to_string(), refresh(registry, entry));
        }
        for task in &class.tasks {
            add(format!("task {}", task.name), Ok(run(task)));
        }
    }
    (jobs, left_out)
}

pub(super) fn export(registry: &Registry, classes: &[Class<'_>]) -> Exported {
    let (jobs, left_out) = jobs(registry, classes);
    let mut text = commented(MADE, "--");
    text += &commented(
        "Run it in the database where pg_cron is (cron.database_name), as the role that \
         refreshes. The times are in UTC: cron.timezone must be GMT, its default. A job of the \
         same name is replaced.",
        "--",
    );
    for left in &left_out {
        text += "--\n";
        text += &commented(&format!("Left out: {}.", left.told()), "--");
    }
    for job in &jobs {
        text += &format!(
            "\nSELECT cron.schedule({}, {}, {});\n",
            literal(&job.name),
            literal(&job.schedule),
            quoted("job", &job.command),
        );
    }
    Exported { files: vec![ExportedFile { name: "driftgate.sql".to_owned(), text }], left_out }
}

/// Returns a rhythm as `pg_cron` takes it.
fn schedule(rhythm: &Rhythm) -> Result<String, String> {
    if let Rhythm::Every(interval) = rhythm
        && let Some(seconds @ 1..=59) = whole_seconds(*interval)
    {
        return Ok(match seconds {
            1 => "1 second".to_owned(),
            seconds => format!("{seconds} seconds"),
        });
    }
    match grid(rhythm) {
        Some(grid) if !["UTC", "GMT", "Etc/UTC"].contains(&grid.timezone.as_str()) => {
            let zone = grid.timezone;
            Err(format!("its clock is that of {zone}, and that of pg_cron is UTC for all jobs"))
        }
        Some(grid) if grid.is_exact => Ok(grid.expression),
        _ => Err("pg_cron cannot say when it is due".to_owned()),
    }
}

/// Returns the name of a job; `pg_cron` keeps 63 bytes of it, and takes two that begin alike
/// for one.
fn name_of(class: &str, what: &str) -> String {
    const MOST: usize = 63;
    const MARK: usize = 9;
    let name = format!("{}{class}:{what}", CronJob::PREFIX);
    if name.len() <= MOST {
        return name;
    }
    let digest = Sha256::digest(name.as_bytes());
    let mut room = MOST - MARK;
    while !name.is_char_boundary(room) {
        room -= 1;
    }
    let [a, b, c, d] = [digest[0], digest[1], digest[2], digest[3]];
    format!("{}~{a:02x}{b:02x}{c:02x}{d:02x}", &name[..room])
}

/// Returns the command that refreshes a view under its key, or why plain SQL cannot.
fn refresh(registry: &Registry, entry: &RegistryEntry) -> Result<String, &'static str> {
    let view = match &entry.name {
        EntryName::Fixed(view) if entry.tenant.is_none() => view,
        _ => {
            return Err(
                "its views are one for each tenant, and SQL does not know the tenants' keys",
            );
        }
    };
    if entry.tenant_column.is_some() {
        return Err(
            "it holds tenants' rows, and what keeps them from being lost cannot run in pg_cron",
        );
    }
    Ok(refresh_command(registry, entry, view))
}

fn refresh_command(registry: &Registry, entry: &RegistryEntry, view: &QualifiedName) -> String {
    let key = LockKey::of(registry.lock_scheme, view, entry.lock_name.as_deref(), None);
    let how = match entry.refresh {
        RefreshMode::Concurrently => "CONCURRENTLY ",
        RefreshMode::Plain => "",
    };
    // Off: what a policy would filter is an error, and never a refresh that loses rows.
    let body = format!(
        "BEGIN PERFORM set_config('row_security', 'off', true), \
         set_config('lock_timeout', '5s', true); \
         IF pg_try_advisory_xact_lock({}) THEN \
         REFRESH MATERIALIZED VIEW {how}{view}; END IF; END",
        typed(key)
    );
    format!("DO {}", quoted("driftgate", &body))
}

/// Returns the command that runs a task under its key.
fn run(task: &TaskRules) -> String {
    let key = typed(task_key(&task.name));
    let sql = task.sql.trim().trim_end_matches(';');
    format!("SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock({key}); {sql}")
}

fn typed(key: LockKey) -> String {
    match key {
        LockKey::One([key]) => format!("'{key}'::int8"),
        LockKey::Two([first, second]) => format!("'{first}'::int4, '{second}'::int4"),
    }
}

/// Quotes a text by dollars, so that it can be read; by quotes where it holds the mark.
fn quoted(tag: &str, text: &str) -> String {
    let mark = format!("${tag}$");
    if text.contains(&mark) { literal(text) } else { format!("{mark}{text}{mark}") }
}

#[cfg(test)]
mod tests {
    use super::super::ExportFormat;
    use super::super::tests::exported;
    use super::*;

    #[test]
    fn views_without_tenants_and_tasks_are_jobs_and_the_rest_is_left_out() {
        let export = exported("a = { cron = '*/5 * * * *' }", ExportFormat::PgCron);
        let text = &export.files[0].text;
        assert!(
            text.contains("'driftgate:a:public.mv_a', '*/5 * * * *', $job$DO $driftgate$BEGIN")
        );
        assert!(text.contains("REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_a; END IF; END"));
        assert!(text.contains("'driftgate:a:task scan'"), "{text}");
        assert!(text.contains("; SELECT 'it''s %'$job$);"), "{text}");
        let [left] = &export.left_out[..] else { panic!("{export:?}") };
        assert_eq!(left.what.as_deref(), Some("public.mv_t"));
        assert!(
            text.contains("-- Left out: public.mv_t of the class a: it holds tenants' rows"),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_said_is_left_out_whole() {
        for (schedule, expected) in [
            ("a = { every = '30s' }", Some("30 seconds")),
            ("a = { every = '1s' }", Some("1 second")),
            ("a = { every = '2h' }", Some("0 */2 * * *")),
            ("a = { every = '90s' }", None),
            ("a = { every = '1500ms' }", None),
            ("a = { cron = '0 3 * * *', timezone = 'Europe/Berlin' }", None),
            ("a = { cron = '0 3 L * *' }", None),
        ] {
            let export = exported(schedule, ExportFormat::PgCron);
            let text = &export.files[0].text;
            match expected {
                Some(expected) => assert!(text.contains(&format!("', '{expected}', ")), "{text}"),
                None => assert!(!text.contains("cron.schedule("), "{text}"),
            }
        }
    }

    #[test]
    fn long_names_stay_apart() {
        let long = |end: &str| name_of("hourly", &format!("public.{}{end}", "mv_ü".repeat(30)));
        assert!(long("a").len() <= 63 && long("a").starts_with("driftgate:hourly:public.mv_"));
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn a_text_that_holds_the_mark_is_quoted_otherwise() {
        assert_eq!(quoted("job", "SELECT $job$1$job$"), "'SELECT $job$1$job$'");
        assert_eq!(quoted("job", "SELECT 1"), "$job$SELECT 1$job$");
    }
}
