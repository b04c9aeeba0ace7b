//! `schedule export`: what is printed is taken by the programs that it is for.

use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use crate::support::{Project, driftgate};

const REGISTRY: &str = "version = 1\n[schedules]\n\
    realtime = { every = \"10s\" }\nodd = { every = \"7m\" }\n\
    hourly = { cron = \"5 * * * *\", jitter = \"20s\" }\n\
    Week_End = { cron = \"30 2 1,15 * sat,sun\", timezone = \"Europe/Berlin\" }\n\
    [[matview]]\nname = \"public.mv_a\"\nschedule = \"realtime\"\n\
    [[matview]]\nname = \"public.mv_b\"\nschedule = \"hourly\"\n\
    [[task]]\nname = \"odd\"\nsql = \"SELECT 1\"\nschedule = \"odd\"\n\
    [[task]]\nname = \"weekly\"\nsql = \"SELECT 1\"\nschedule = \"Week_End\"\n";

fn export(scheduler: &str, folder: &Path) {
    driftgate(["schedule", "export", scheduler, "--dir"])
        .arg(folder)
        .arg("--program")
        .arg(cargo_bin!("driftgate"))
        .project(&Project::new(REGISTRY))
        .run()
        .exits(0)
        .shows("written: ");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").path().display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    export("systemd", folder.path());
    let units = names(folder.path());
    assert_eq!(units.len(), 8, "{units:?}");
    let timers: Vec<_> = units.iter().filter(|name| name.ends_with(".timer")).collect();
    let verified = Command::new("systemd-analyze").arg("verify").args(&units).output();
    let Ok(verified) = verified else {
        // Where systemd is not, its calendar lines are held against a table in the library.
        assert_eq!(timers.len(), 4);
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // What it says of the machine's own units is no matter of ours.
    let of_ours: Vec<_> = said.lines().filter(|line| line.contains("driftgate")).collect();
    assert!(verified.status.success() && of_ours.is_empty(), "{said}");
}

#[test]
fn a_cron_job_is_yaml_with_the_fields_that_kubernetes_wants() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    export("kubernetes", folder.path());
    let files = names(folder.path());
    assert_eq!(files.len(), 3, "what ticks every ten seconds is left out: {files:?}");
    for file in &files {
        let parse = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
        let parsed = Command::new("python3").args(["-c", parse, file]).output();
        let parsed = parsed.expect("python3 runs; scripts/test names what is missing");
        let said = String::from_utf8_lossy(&parsed.stderr).into_owned();
        assert!(parsed.status.success(), "{said}");
        let job: Value = serde_json::from_slice(&parsed.stdout).expect("JSON");
        assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"CronJob".into()));
        let spec = &job["spec"];
        assert_eq!(spec["concurrencyPolicy"], "Forbid");
        assert!(spec["startingDeadlineSeconds"].as_i64() >= Some(10), "{spec:#}");
        assert!(["UTC", "Europe/Berlin"].contains(&spec["timeZone"].as_str().expect("a zone")));
        assert_eq!(spec["schedule"].as_str().map(|text| text.split(' ').count()), Some(5));
        let job = &spec["jobTemplate"]["spec"];
        assert!(job["activeDeadlineSeconds"].is_i64() && job["backoffLimit"] == 0, "{job:#}");
        let pod = &job["template"]["spec"];
        assert_eq!(pod["restartPolicy"], "Never");
        let arguments = pod["containers"][0]["args"].as_array().expect("arguments");
        assert!(arguments.contains(&"--once".into()), "{arguments:?}");
    }
}

#[test]
fn a_crontab_says_the_time_zone_of_each_line() {
    let run = driftgate(["schedule", "export", "crontab"]).project(&Project::new(REGISTRY)).run();
    let run = run.exits(0).shows("\nCRON_TZ=Europe/Berlin\n30 2 1,15 * sat,sun ");
    let run = run.shows("\nCRON_TZ=UTC\n").shows("# Left out: the class realtime");
    // Every line is a comment, a setting, or five fields and a command.
    for line in run.stdout.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<_> = line.split(' ').collect();
        assert!(
            line.starts_with("CRON_TZ=") || words.len() > 6 && words[5].starts_with('/'),
            "{line}"
        );
    }
}

#[test]
fn a_registry_with_nothing_to_dispatch_is_told() {
    let project = Project::new("version = 1\n[schedules]\na = { every = \"1s\" }\n");
    let run = driftgate(["schedule", "export", "systemd"]).project(&project).run();
    run.exits(1).says("there is nothing to export");
}
