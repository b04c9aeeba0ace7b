//! What a scheduler tells Prometheus, as text. Labels are bounded: classes, tasks, views as
//! the registry names them (a template is one), and the outcomes that there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::TickOutcome;

/// What a scheduler has seen since it began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    classes: BTreeMap<String, ClassNumbers>,
    views: BTreeMap<(String, String), WorkNumbers>,
    tasks: BTreeMap<(String, String), WorkNumbers>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct ClassNumbers {
    last_tick: Option<DateTime<Utc>>,
    outcomes: BTreeMap<&'static str, u64>,
    missed: u64,
    duration_ms: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct WorkNumbers {
    outcomes: BTreeMap<&'static str, u64>,
    duration_ms: Option<u64>,
    /// The instant whose rows it holds; of several tenants' views the oldest of a tick.
    as_of: Option<DateTime<Utc>>,
    tick: Option<DateTime<Utc>>,
}

/// What came of one view or task of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work<'w> {
    /// The class.
    pub class: &'w str,
    /// The view or template, or the task.
    pub name: &'w str,
    /// The tick.
    pub tick: DateTime<Utc>,
    /// The outcome, as reports spell it.
    pub outcome: &'static str,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The instant whose rows a view holds.
    pub as_of: Option<DateTime<Utc>>,
}

impl Metrics {
    /// Starts with the classes that there are, so that each has its numbers from the start.
    pub fn of<'n>(classes: impl IntoIterator<Item = &'n str>) -> Self {
        let classes =
            classes.into_iter().map(|name| (name.to_owned(), ClassNumbers::default())).collect();
        Self { classes, ..Self::default() }
    }

    /// Notes that a tick has ended.
    pub fn tick(
        &mut self,
        class: &str,
        tick: DateTime<Utc>,
        missed: u64,
        outcome: TickOutcome,
        duration_ms: u64,
    ) {
        let numbers = self.classes.entry(class.to_owned()).or_default();
        numbers.last_tick = numbers.last_tick.max(Some(tick));
        numbers.missed += missed;
        numbers.duration_ms = Some(duration_ms);
        *numbers.outcomes.entry(outcome.word()).or_default() += 1;
    }

    /// Notes what came of a view.
    pub fn view(&mut self, work: &Work<'_>) {
        note(&mut self.views, work);
    }

    /// Notes what came of a task.
    pub fn task(&mut self, work: &Work<'_>) {
        note(&mut self.tasks, work);
    }

    /// Returns the text, with ages as they are now.
    pub fn text(&self, now: DateTime<Utc>) -> String {
        let mut page = Page(String::new());
        page.family("driftgate_scheduler_seen_seconds", "gauge", "When this was written.");
        page.sample("driftgate_scheduler_seen_seconds", &[], &seconds(now));
        page.family("driftgate_class_last_tick_seconds", "gauge", "The last tick dispatched here.");
        for (class, numbers) in &self.classes {
            if let Some(tick) = numbers.last_tick {
                page.sample(
                    "driftgate_class_last_tick_seconds",
                    &[("class", class)],
                    &seconds(tick),
                );
            }
        }
        page.family("driftgate_class_ticks_total", "counter", "Ticks dispatched here.");
        for (class, numbers) in &self.classes {
            for outcome in TickOutcome::ALL {
                let count = numbers.outcomes.get(outcome.word()).copied().unwrap_or_default();
                let labels = [("class", class.as_str()), ("outcome", outcome.word())];
                page.sample("driftgate_class_ticks_total", &labels, &count.to_string());
            }
        }
        page.family(
            "driftgate_class_missed_ticks_total",
            "counter",
            "Ticks that nobody dispatched.",
        );
        for (class, numbers) in &self.classes {
            let labels = [("class", class.as_str())];
            page.sample("driftgate_class_missed_ticks_total", &labels, &numbers.missed.to_string());
        }
        page.family("driftgate_class_duration_seconds", "gauge", "How long the last tick took.");
        for (class, numbers) in &self.classes {
            if let Some(took) = numbers.duration_ms {
                let labels = [("class", class.as_str())];
                page.sample("driftgate_class_duration_seconds", &labels, &thousandths(took));
            }
        }
        page.work("view", "refreshes", &self.views);
        page.family("driftgate_view_age_seconds", "gauge", "How old the rows of a view are.");
        for ((class, view), numbers) in &self.views {
            if let Some(as_of) = numbers.as_of {
                let age = (now - as_of).num_milliseconds().max(0);
                let labels = [("class", class.as_str()), ("view", view)];
                page.sample(
                    "driftgate_view_age_seconds",
                    &labels,
                    &thousandths(age.unsigned_abs()),
                );
            }
        }
        page.work("task", "runs", &self.tasks);
        page.0
    }
}

fn note(all: &mut BTreeMap<(String, String), WorkNumbers>, work: &Work<'_>) {
    let numbers = all.entry((work.class.to_owned(), work.name.to_owned())).or_default();
    *numbers.outcomes.entry(work.outcome).or_default() += 1;
    let is_same_tick = numbers.tick == Some(work.tick);
    numbers.tick = Some(work.tick);
    let took = numbers.duration_ms.filter(|_| is_same_tick).unwrap_or_default();
    numbers.duration_ms = Some(took.max(work.duration_ms));
    numbers.as_of = match (numbers.as_of, work.as_of) {
        (Some(before), Some(now)) if is_same_tick => Some(before.min(now)),
        (before, now) => now.or(before),
    };
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
            .expect("writing to a string cannot fail");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let labels: Vec<_> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        writeln!(self.0, "{name}{labels} {value}").expect("writing to a string cannot fail");
    }

    fn work(&mut self, kind: &str, runs: &str, all: &BTreeMap<(String, String), WorkNumbers>) {
        let total = format!("driftgate_{kind}_{runs}_total");
        self.family(&total, "counter", &format!("The {runs} of a {kind} here, by outcome."));
        for ((class, name), numbers) in all {
            for (outcome, count) in &numbers.outcomes {
                let labels = [("class", class.as_str()), (kind, name), ("outcome", outcome)];
                self.sample(&total, &labels, &count.to_string());
            }
        }
        let duration = format!("driftgate_{kind}_duration_seconds");
        self.family(&duration, "gauge", "How long the last one took; of several the longest.");
        for ((class, name), numbers) in all {
            if let Some(took) = numbers.duration_ms {
                let labels = [("class", class.as_str()), (kind, name.as_str())];
                self.sample(&duration, &labels, &thousandths(took));
            }
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(time: DateTime<Utc>) -> String {
    let milliseconds = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    thousandths(milliseconds)
}

fn thousandths(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).expect("a time")
    }

    #[test]
    fn numbers_of_classes_and_views_are_written_with_bounded_labels() {
        let mut metrics = Metrics::of(["a"]);
        let work = Work {
            class: "a",
            name: "t_{slug}.\"mv\"",
            tick: at(60),
            outcome: "SUCCESS",
            duration_ms: 1_500,
            as_of: Some(at(61)),
        };
        metrics.view(&work);
        // Another tenant's view of the same template.
        metrics.view(&Work { duration_ms: 20, as_of: Some(at(58)), ..work });
        metrics.tick("a", at(60), 2, TickOutcome::Success, 2_000);
        let text = metrics.text(at(70));
        for line in [
            "driftgate_class_last_tick_seconds{class=\"a\"} 60.000\n",
            "driftgate_class_ticks_total{class=\"a\",outcome=\"SUCCESS\"} 1\n",
            "driftgate_class_ticks_total{class=\"a\",outcome=\"FAILED\"} 0\n",
            "driftgate_class_missed_ticks_total{class=\"a\"} 2\n",
            "driftgate_view_refreshes_total{class=\"a\",view=\"t_{slug}.\\\"mv\\\"\",outcome=\"SUCCESS\"} 2\n",
            "driftgate_view_duration_seconds{class=\"a\",view=\"t_{slug}.\\\"mv\\\"\"} 1.500\n",
            "driftgate_view_age_seconds{class=\"a\",view=\"t_{slug}.\\\"mv\\\"\"} 12.000\n",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn every_family_is_named_once_and_before_its_samples() {
        let text = Metrics::of(["a", "b"]).text(at(1));
        let mut seen = std::collections::BTreeSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(seen.insert(rest.split(' ').next().expect("a name").to_owned()), "{line}");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().expect("a name");
                assert!(seen.contains(name), "{line}");
            }
        }
    }
}
