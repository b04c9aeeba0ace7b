//! Kubernetes: a CronJob for each class.

use std::time::Duration;

use chrono::DateTime;
use sha2::{Digest, Sha256};

use super::yaml::Yaml;
use super::{Exported, ExportedFile, LeftOut, MADE, Setting, arguments, commented, crontab};
use crate::schedule::Class;
use crate::schedule::calendar::Calendar;

pub(super) fn export(classes: &[Class<'_>], setting: &Setting) -> Exported {
    let mut exported = Exported::default();
    for class in classes {
        let Some((expression, zone)) = crontab::when(&class.rules.rhythm) else {
            let why = "a CronJob cannot run more often than once a minute: let \
                       `driftgate schedule run` dispatch it, in a Deployment";
            exported.left_out.push(LeftOut::class(class, why));
            continue;
        };
        let job = cron_job(class, &expression, &zone, setting);
        let mut text = commented(MADE, "#");
        text += &commented(
            "Needs a Secret `driftgate` with the key `database-url`, and a ConfigMap \
             `driftgate-registry` with the registry's files.",
            "#",
        );
        text += &job.document();
        exported.files.push(ExportedFile { name: format!("{}.yaml", name_of(class.name)), text });
    }
    exported
}

/// Returns a name that Kubernetes takes: lower case and hyphens, at most 52 characters.
fn name_of(class: &str) -> String {
    const MOST: usize = 52;
    let plain = class.to_ascii_lowercase().replace('_', "-");
    let plain = plain.trim_matches('-');
    let name = format!("driftgate-{plain}");
    if plain == class && name.len() <= MOST {
        return name;
    }
    let digest = Sha256::digest(class.as_bytes());
    let mark = format!("{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2]);
    let room = name.len().min(MOST - mark.len() - 1);
    format!("{}-{mark}", name[..room].trim_end_matches('-'))
}

fn cron_job(class: &Class<'_>, expression: &str, zone: &str, setting: &Setting) -> Yaml {
    let name = name_of(class.name);
    let labels = || {
        Yaml::Map(vec![
            ("app.kubernetes.io/name", "driftgate".into()),
            ("app.kubernetes.io/component", name.clone().into()),
        ])
    };
    let interval = interval(class);
    let job = Yaml::Map(vec![
        ("backoffLimit", 0.into()),
        // Nothing takes a day; what hangs is ended, and rolled back.
        ("activeDeadlineSeconds", interval.clamp(3_600, 86_400).into()),
        ("ttlSecondsAfterFinished", 86_400.into()),
        (
            "template",
            Yaml::Map(vec![
                ("metadata", Yaml::Map(vec![("labels", labels())])),
                ("spec", pod(class, setting)),
            ]),
        ),
    ]);
    Yaml::Map(vec![
        ("apiVersion", "batch/v1".into()),
        ("kind", "CronJob".into()),
        ("metadata", Yaml::Map(vec![("name", name.clone().into()), ("labels", labels())])),
        (
            "spec",
            Yaml::Map(vec![
                ("schedule", expression.into()),
                ("timeZone", zone.into()),
                ("concurrencyPolicy", "Forbid".into()),
                // Below ten seconds the controller may never start it.
                ("startingDeadlineSeconds", interval.clamp(10, 3_600).into()),
                ("successfulJobsHistoryLimit", 1.into()),
                ("failedJobsHistoryLimit", 3.into()),
                ("jobTemplate", Yaml::Map(vec![("spec", job)])),
            ]),
        ),
    ])
}

fn pod(class: &Class<'_>, setting: &Setting) -> Yaml {
    let registry = format!("{}/{}", setting.folder, setting.registry);
    let arguments = ["--registry".to_owned(), registry]
        .into_iter()
        .chain(arguments(class))
        .chain(["--grace".to_owned(), "30s".to_owned()]);
    let url = Yaml::Map(vec![
        ("name", "DATABASE_URL".into()),
        (
            "valueFrom",
            Yaml::Map(vec![(
                "secretKeyRef",
                Yaml::Map(vec![("name", "driftgate".into()), ("key", "database-url".into())]),
            )]),
        ),
    ]);
    let container = Yaml::Map(vec![
        ("name", "driftgate".into()),
        ("image", setting.image.clone().into()),
        ("command", Yaml::List(vec![setting.program.clone().into()])),
        ("args", Yaml::List(arguments.map(Yaml::from).collect())),
        ("env", Yaml::List(vec![url])),
        (
            "securityContext",
            Yaml::Map(vec![
                ("allowPrivilegeEscalation", false.into()),
                ("readOnlyRootFilesystem", true.into()),
                ("runAsNonRoot", true.into()),
            ]),
        ),
        (
            "volumeMounts",
            Yaml::List(vec![Yaml::Map(vec![
                ("name", "registry".into()),
                ("mountPath", setting.folder.clone().into()),
                ("readOnly", true.into()),
            ])]),
        ),
    ]);
    let registry = Yaml::Map(vec![
        ("name", "registry".into()),
        ("configMap", Yaml::Map(vec![("name", "driftgate-registry".into())])),
    ]);
    Yaml::Map(vec![
        ("restartPolicy", "Never".into()),
        ("automountServiceAccountToken", false.into()),
        ("terminationGracePeriodSeconds", 45.into()),
        ("containers", Yaml::List(vec![container])),
        ("volumes", Yaml::List(vec![registry])),
    ])
}

/// Returns the shortest time between ticks in seconds; any day will do to measure it from.
fn interval(class: &Class<'_>) -> i64 {
    let gaps = Calendar::of(&class.rules.rhythm).gaps(DateTime::UNIX_EPOCH);
    let shortest = gaps.map_or(Duration::from_secs(60), |gaps| gaps.shortest);
    i64::try_from(shortest.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::ExportFormat;
    use super::super::tests::exported;
    use super::*;

    #[test]
    fn a_cron_job_forbids_overlap_and_has_deadlines_and_a_time_zone() {
        let schedule = "a = { cron = '0 3 * * *', timezone = 'Europe/Berlin' }";
        let export = exported(schedule, ExportFormat::Kubernetes);
        let [file] = &export.files[..] else { panic!("{export:?}") };
        for line in [
            "apiVersion: batch/v1\nkind: CronJob\n",
            "  schedule: \"0 3 * * *\"\n  timeZone: Europe/Berlin\n  concurrencyPolicy: Forbid\n",
            "  startingDeadlineSeconds: 3600\n",
            "      activeDeadlineSeconds: 86400\n",
            "          - --once\n",
        ] {
            let line = line.replace("- --once", "- \"--once\"");
            assert!(file.text.contains(&line), "{line} in\n{}", file.text);
        }
    }

    #[test]
    fn what_is_shorter_than_a_minute_is_left_out() {
        let export = exported("a = { every = '5s' }", ExportFormat::Kubernetes);
        assert_eq!((export.files.len(), export.left_out.len()), (0, 1));
    }

    #[test]
    fn names_are_such_as_kubernetes_takes() {
        assert_eq!(name_of("hourly"), "driftgate-hourly");
        let odd = name_of("Real_Time");
        assert!(odd.starts_with("driftgate-real-time-"), "{odd}");
        assert_ne!(odd, name_of("real_time"));
        assert!(name_of(&"a".repeat(63)).len() <= 52);
    }
}
