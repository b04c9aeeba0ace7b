//! systemd: a service and a timer for each class.

use super::{Exported, ExportedFile, MADE, Setting, arguments, commented};
use crate::registry::Rhythm;
use crate::schedule::Class;
use crate::schedule::fields::{Fields, Set, grid, whole_seconds};

pub(super) fn export(classes: &[Class<'_>], setting: &Setting) -> Exported {
    let mut exported = Exported::default();
    for class in classes {
        let unit = format!("driftgate-{}", class.name);
        exported
            .files
            .push(ExportedFile { name: format!("{unit}.service"), text: service(class, setting) });
        exported.files.push(ExportedFile { name: format!("{unit}.timer"), text: timer(class) });
    }
    exported
}

fn service(class: &Class<'_>, setting: &Setting) -> String {
    let Setting { program, folder, registry, .. } = setting;
    let name = class.name;
    let command: Vec<String> = std::iter::once(program.clone())
        .chain(["--registry".to_owned(), format!("{folder}/{registry}")])
        .chain(arguments(class))
        .map(|word| word_of(&word))
        .collect();
    let note = commented(
        &format!("DATABASE_URL stands in {folder}/environment, which only root may read."),
        "#",
    );
    format!(
        "{}\n[Unit]\nDescription=driftgate: the class {name}\nWants=network-online.target\n\
         After=network-online.target\n\n[Service]\nType=oneshot\n{note}\
         EnvironmentFile={folder}/environment\nExecStart={}\nTimeoutStartSec=infinity\n\
         TimeoutStopSec=45\nDynamicUser=yes\nNoNewPrivileges=yes\nProtectSystem=strict\n\
         ProtectHome=yes\n",
        commented(MADE, "#"),
        command.join(" "),
    )
}

/// Quotes a word of a command line; a percent sign would begin a specifier, a dollar sign a
/// variable.
fn word_of(word: &str) -> String {
    let word = word.replace('%', "%%").replace('$', "$$");
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_./:=@+%$".contains(one);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

fn timer(class: &Class<'_>) -> String {
    let name = class.name;
    let mut lines = when(&class.rules.rhythm);
    let jitter = class.rules.jitter;
    if !jitter.is_zero() {
        lines.push(format!("RandomizedDelaySec={}ms", jitter.as_millis()));
    }
    format!(
        "{}\n[Unit]\nDescription=driftgate: when the class {name} is due\n\n[Timer]\n{}\n\
         AccuracySec=1s\nUnit=driftgate-{name}.service\n\n[Install]\nWantedBy=timers.target\n",
        commented(MADE, "#"),
        lines.join("\n"),
    )
}

/// Returns the lines of a timer that say when.
fn when(rhythm: &Rhythm) -> Vec<String> {
    // What was missed while the machine was off is caught up once.
    const CATCH_UP: &str = "Persistent=true";
    if let Rhythm::Every(interval) = rhythm {
        if let Some(seconds) = whole_seconds(*interval).filter(|one| *one < 60 && 60 % one == 0) {
            return vec![format!("OnCalendar=*-*-* *:*:0/{seconds} UTC"), CATCH_UP.to_owned()];
        }
        if grid(rhythm).is_none_or(|grid| !grid.is_exact) {
            let length = interval.as_millis();
            return vec!["OnActiveSec=1s".to_owned(), format!("OnUnitActiveSec={length}ms")];
        }
    }
    let read = grid(rhythm).and_then(|grid| Some((Fields::read(&grid.expression)?, grid.timezone)));
    let Some((fields, zone)) = read else {
        // The command knows when the class is due, and does nothing else.
        return vec!["OnCalendar=*-*-* *:*:00 UTC".to_owned()];
    };
    let mut lines = calendar(&fields, &zone);
    lines.push(CATCH_UP.to_owned());
    lines
}

/// Cron means the days or the weekdays where both are limited, systemd both at once.
fn calendar(fields: &Fields, zone: &str) -> Vec<String> {
    const NAMES: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let (months, hours) = (listed(&fields.months), listed(&fields.hours));
    let minutes = listed(&fields.minutes);
    let weekdays: Vec<_> =
        fields.weekdays.numbers.iter().map(|day| NAMES[usize::from(*day)]).collect();
    let weekdays = format!("{} ", weekdays.join(","));
    let line = |weekdays: &str, days: &str| {
        format!("OnCalendar={weekdays}*-{months}-{days} {hours}:{minutes}:00 {zone}")
    };
    match (fields.weekdays.is_all, fields.days.is_all) {
        (true, _) => vec![line("", &listed(&fields.days))],
        (false, true) => vec![line(&weekdays, "*")],
        (false, false) => vec![line("", &listed(&fields.days)), line(&weekdays, "*")],
    }
}

fn listed(set: &Set) -> String {
    if set.is_all {
        return "*".to_owned();
    }
    set.numbers.iter().map(|one| format!("{one:02}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::ExportFormat;
    use super::super::tests::exported;
    use super::*;

    fn lines(schedule: &str) -> Vec<String> {
        let export = exported(schedule, ExportFormat::Systemd);
        let timer = export.files.into_iter().find(|file| file.name.ends_with(".timer"));
        let text = timer.expect("there is a timer").text;
        text.lines().filter(|line| line.starts_with("On")).map(str::to_owned).collect()
    }

    #[test]
    fn a_timer_says_the_same_as_the_registry() {
        for (schedule, expected) in [
            ("a = { every = '10s' }", vec!["OnCalendar=*-*-* *:*:0/10 UTC"]),
            ("a = { every = '90s' }", vec!["OnActiveSec=1s", "OnUnitActiveSec=90000ms"]),
            (
                "a = { every = '5m' }",
                vec!["OnCalendar=*-*-* *:00,05,10,15,20,25,30,35,40,45,50,55:00 UTC"],
            ),
            (
                "a = { cron = '30 2 1 * mon', timezone = 'Europe/Berlin' }",
                vec![
                    "OnCalendar=*-*-01 02:30:00 Europe/Berlin",
                    "OnCalendar=Mon *-*-* 02:30:00 Europe/Berlin",
                ],
            ),
            ("a = { cron = '0 0 L * *' }", vec!["OnCalendar=*-*-* *:*:00 UTC"]),
        ] {
            assert_eq!(lines(schedule), expected, "{schedule}");
        }
    }

    #[test]
    fn words_are_quoted_for_systemd() {
        assert_eq!(word_of("/a/b-1"), "/a/b-1");
        assert_eq!(word_of("/a b/50%$"), "\"/a b/50%%$$\"");
    }
}
