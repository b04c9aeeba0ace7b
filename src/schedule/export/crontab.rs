//! crontab: a line for each class, below a line that says the time zone.

use std::collections::BTreeMap;

use super::{Exported, ExportedFile, LeftOut, MADE, Setting, arguments, commented};
use crate::registry::Rhythm;
use crate::schedule::Class;
use crate::schedule::fields::grid;

pub(super) fn export(classes: &[Class<'_>], setting: &Setting) -> Exported {
    let mut left_out = Vec::new();
    let mut by_zone: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for class in classes {
        let (expression, zone) = match when(&class.rules.rhythm) {
            Some(found) => found,
            None => {
                let why = "cron has nothing shorter than a minute: let `driftgate schedule run` \
                           dispatch it";
                left_out.push(LeftOut::class(class, why));
                continue;
            }
        };
        let words: Vec<String> = std::iter::once(setting.program.clone())
            .chain(["--quiet".to_owned(), "--registry".to_owned()])
            .chain([format!("{}/{}", setting.folder, setting.registry)])
            .chain(arguments(class))
            .map(|word| word_of(&word))
            .collect();
        by_zone.entry(zone).or_default().push(format!("{expression} {}", words.join(" ")));
    }
    let mut text = commented(MADE, "#");
    text += &commented(
        "Each line of times means the zone above it. CRON_TZ is heeded by cronie and by systemd's \
         own cron; Debian's cron passes it over and goes by the clock of the machine, which must \
         then be in that zone. DATABASE_URL must be in the environment of the job.",
        "#",
    );
    for left in &left_out {
        text += "#\n";
        text += &commented(&format!("Left out: {}.", left.told()), "#");
    }
    for (zone, lines) in by_zone {
        text += &format!("\nCRON_TZ={zone}\n{}\n", lines.join("\n"));
    }
    Exported { files: vec![ExportedFile { name: "driftgate.crontab".to_owned(), text }], left_out }
}

/// Returns the times and their zone; a class that cron cannot say exactly is asked for every
/// minute, and the command knows when it is due.
pub(super) fn when(rhythm: &Rhythm) -> Option<(String, String)> {
    match (grid(rhythm), rhythm) {
        (Some(grid), _) => Some((grid.expression, grid.timezone)),
        (None, Rhythm::Cron { .. }) => Some(("* * * * *".to_owned(), "UTC".to_owned())),
        (None, Rhythm::Every(interval)) => {
            (interval.as_secs() > 60).then(|| ("* * * * *".to_owned(), "UTC".to_owned()))
        }
    }
}

/// Quotes a word for the shell; cron takes a percent sign for the end of the line.
fn word_of(word: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_./:=@+".contains(one);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''").replace('%', "\\%"))
}

#[cfg(test)]
mod tests {
    use super::super::ExportFormat;
    use super::super::tests::exported;
    use super::*;

    #[test]
    fn each_line_stands_below_its_time_zone() {
        let schedule = "a = { cron = '0 3 * * *', timezone = 'Europe/Berlin' }";
        let export = exported(schedule, ExportFormat::Crontab);
        let text = &export.files[0].text;
        let expected = "\nCRON_TZ=Europe/Berlin\n0 3 * * * /usr/local/bin/driftgate --quiet \
                        --registry /etc/driftgate/registry.toml schedule run --once --class a\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn what_is_shorter_than_a_minute_is_left_out() {
        for (schedule, left) in [
            ("a = { every = '30s' }", 1),
            ("a = { every = '90s' }", 0),
            ("a = { every = '1m' }", 0),
        ] {
            let export = exported(schedule, ExportFormat::Crontab);
            assert_eq!(export.left_out.len(), left, "{schedule}");
            assert_eq!(export.files[0].text.contains("\n* * * * * /usr"), left == 0, "{schedule}");
        }
    }

    #[test]
    fn words_are_quoted_for_the_shell_and_cron() {
        assert_eq!(word_of("it's 5%"), "'it'\\''s 5\\%'");
    }
}
