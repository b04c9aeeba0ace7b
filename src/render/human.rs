//! The report as text for a reader: it fits the width, says everything without colour, and
//! never cuts a name. The verdict comes last, where a terminal leaves the reader.

use std::io::{self, Write};

use owo_colors::{OwoColorize, Style};

use crate::exit::Exit;
use crate::finding::{Finding, Severity};
use crate::gate::{GateResult, Verdict};
use crate::render::{Appearance, Detail};
use crate::report::{Data, Report};
use crate::wording::{plural, printable, wrapped};

mod alike;
mod check_grants;
mod diff;
mod diff_registry;
mod explain;
mod history;
mod inventory;
mod lock_status;
mod migrate;
mod refresh;
mod schedule;
mod table;
mod verify;

/// Where the text goes, and how it looks.
struct Page<'a> {
    out: &'a mut dyn Write,
    appearance: Appearance,
}

/// Writes the report.
pub(super) fn render(
    report: &Report,
    appearance: Appearance,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page { out, appearance };
    let outcome = &report.outcome;
    let is_quiet = appearance.detail == Detail::Quiet;
    if !is_quiet {
        page.header(report)?;
    }
    match &outcome.data {
        Data::Nothing {} | Data::Demo(_) => {}
        Data::Inventory(rows) => inventory::render(rows, &mut page)?,
        Data::DiffRegistry(rows) => diff_registry::render(rows, &mut page)?,
        Data::Explain(rows) => explain::render(rows, &mut page)?,
        Data::CheckGrants(rows) => check_grants::render(rows, &mut page)?,
        Data::LockStatus(rows) => lock_status::render(rows, &mut page)?,
        Data::Refresh(rows) => refresh::render(rows, outcome.exit, &mut page)?,
        Data::Schedule(rows) => schedule::render(rows, &mut page)?,
        Data::History(rows) => history::render(rows, &mut page)?,
        Data::Verify(rows) => verify::render(rows, &mut page)?,
        Data::Migrate(rows) => migrate::render(rows, &report.command, &mut page)?,
    }
    for finding in outcome.findings.iter().filter(|_| !is_quiet) {
        page.finding(finding)?;
    }
    page.gates(&outcome.gates)?;
    page.conclusion(report)
}

/// How many reasons, and how many subjects of each, are listed of what was not judged: a
/// list of tenants may be long, and it says the same of each.
const MOST_UNJUDGED: usize = 10;

fn first_of(subjects: &[&str]) -> String {
    match subjects.len().checked_sub(MOST_UNJUDGED) {
        None | Some(0) => subjects.join(", "),
        Some(further) => format!("{} and {further} more", subjects[..MOST_UNJUDGED].join(", ")),
    }
}

impl Page<'_> {
    /// Writes a line; what a terminal would obey in it is spelt out.
    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", printable(text))
    }

    /// Writes a line of which the part in the middle has a style.
    fn styled_line(
        &mut self,
        before: &str,
        word: &str,
        style: Style,
        after: &str,
    ) -> io::Result<()> {
        let (before, word, after) = (printable(before), printable(word), printable(after));
        if self.appearance.color {
            writeln!(self.out, "{before}{}{after}", word.style(style))
        } else {
            writeln!(self.out, "{before}{word}{after}")
        }
    }

    /// Writes a text, wrapped, with an indent for its first and for its further lines.
    fn paragraph(&mut self, first: &str, further: &str, text: &str) -> io::Result<()> {
        for line in wrapped(&printable(text), first, further, self.appearance.width) {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn is_verbose(&self) -> bool {
        self.appearance.detail == Detail::Verbose
    }

    fn header(&mut self, report: &Report) -> io::Result<()> {
        let outcome = &report.outcome;
        let mut parts = Vec::new();
        if let Some(target) = &outcome.target {
            let standby = if target.in_recovery { ", a standby" } else { "" };
            parts.push(format!(
                "{} as {} (PostgreSQL {}{standby})",
                target.url, target.role, target.server_version
            ));
        }
        if let Some(project) = &outcome.project {
            parts.push(format!("registry {}", project.registry));
        }
        if parts.is_empty() {
            return Ok(());
        }
        self.paragraph("", "  ", &parts.join(", "))?;
        for note in &outcome.notes {
            self.paragraph("note: ", "  ", note)?;
        }
        self.line("")
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let (word, style) = match (&finding.exception, finding.severity) {
            (Some(_), _) => ("excepted", Style::new().dimmed()),
            (None, Severity::Error) => ("error", Style::new().red().bold()),
            (None, Severity::Warning) => ("warning", Style::new().yellow().bold()),
            (None, Severity::Info) => ("info", Style::new().cyan()),
        };
        let about = format!(" [{}] {}", finding.check, finding.subject.name);
        self.styled_line("", word, style, &about)?;
        self.paragraph("  ", "  ", &finding.message)?;
        if let Some(location) = &finding.location {
            self.line(&format!("  at {}:{}", location.file, location.line))?;
        }
        let diff = finding.evidence.observed.get("diff").and_then(serde_json::Value::as_str);
        if let Some(diff) = diff.filter(|_| finding.exception.is_none()) {
            diff::write(self, diff)?;
        }
        if let Some(exception) = &finding.exception {
            let text = format!("accepted until {}: {}", exception.until, exception.reason);
            self.paragraph("  ", "    ", &text)?;
        }
        if let Some(remedy) = finding.remedy.as_ref().filter(|_| finding.exception.is_none()) {
            self.paragraph("  remedy: ", "    ", &remedy.summary)?;
            for statement in &remedy.sql {
                self.line(&format!("    {statement};"))?;
            }
            if let Some(command) = &remedy.command {
                self.line(&format!("    $ {command}"))?;
            }
        }
        if let Some(query) = finding.evidence.query.as_ref().filter(|_| self.is_verbose()) {
            self.line("  see for yourself:")?;
            self.line(&format!("    {query};"))?;
        }
        self.line("")
    }

    fn gates(&mut self, gates: &[GateResult]) -> io::Result<()> {
        for gate in gates {
            let style = match gate.verdict {
                Verdict::Pass => Style::new().green().bold(),
                Verdict::Fail => Style::new().red().bold(),
                Verdict::Undecided => Style::new().yellow().bold(),
            };
            let text = match gate.verdict {
                Verdict::Pass => format!("{}: {}", gate.title, gate.reason),
                _ => format!("{}; wanted: {}", gate.reason, gate.title),
            };
            // Colour takes no columns, so the lines are measured without it.
            let indent = " ".repeat(15);
            let lines = wrapped(&printable(&text), &indent, &indent, self.appearance.width);
            let (first, further) = lines.split_first().expect("a text has a line");
            let verdict = format!("{:<9}", gate.verdict.word());
            let first = format!(" {}", first.trim_start());
            self.styled_line(&format!("{} ", gate.id), &verdict, style, &first)?;
            further.iter().try_for_each(|line| self.line(line))?;
            self.unjudged(gate)?;
        }
        Ok(())
    }

    /// Lists what a gate could not judge, each reason once with its subjects. What the gate's
    /// own reason says is not said again, nor a subject with which the reason begins.
    fn unjudged(&mut self, gate: &GateResult) -> io::Result<()> {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for one in &gate.unjudged {
            let subject = one.subject.as_ref().map(|subject| subject.name.as_str());
            let is_named = |subject: &&str| {
                one.reason.strip_prefix(*subject).is_some_and(|behind| behind.starts_with(' '))
            };
            let subject = subject.filter(|subject| !is_named(subject));
            match reasons.iter_mut().find(|(reason, _)| *reason == one.reason) {
                Some((_, subjects)) => subjects.extend(subject),
                None => reasons.push((&one.reason, subject.into_iter().collect())),
            }
        }
        let further = reasons.len().saturating_sub(MOST_UNJUDGED);
        for (reason, subjects) in reasons.into_iter().take(MOST_UNJUDGED) {
            let reason = if gate.reason.contains(reason) { "" } else { reason };
            let separator = if subjects.is_empty() || reason.is_empty() { "" } else { ": " };
            let text = format!("{}{separator}{reason}", first_of(&subjects));
            if !text.is_empty() {
                self.not_judged(&text)?;
            }
        }
        match further {
            0 => Ok(()),
            further => self.not_judged(&format!("{further} more; --format json lists them")),
        }
    }

    fn not_judged(&mut self, text: &str) -> io::Result<()> {
        let indent = " ".repeat(15);
        self.paragraph(&format!("{indent}not judged: "), &indent, text)
    }

    fn conclusion(&mut self, report: &Report) -> io::Result<()> {
        let Some(verdict) = report.verdict().filter(|_| !report.outcome.gates.is_empty()) else {
            return Ok(());
        };
        let summary = report.summary();
        let mut parts = vec![plural(summary.errors, "error"), plural(summary.warnings, "warning")];
        for (count, word) in [(summary.infos, "info"), (summary.excepted, "excepted")] {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        if summary.unjudged > 0 {
            parts.push(format!("{} not judged", summary.unjudged));
        }
        let style = match verdict {
            Verdict::Pass => Style::new().green().bold(),
            Verdict::Fail => Style::new().red().bold(),
            Verdict::Undecided => Style::new().yellow().bold(),
        };
        let spared = match (verdict, report.outcome.exit) {
            (Verdict::Fail, Exit::Done | Exit::Undecided) => ", spared by --fail-on never",
            _ => "",
        };
        let exit = report.outcome.exit.code();
        self.line("")?;
        let rest = format!(": {} (exit {exit}{spared})", parts.join(", "));
        self.styled_line("", verdict.word(), style, &rest)
    }
}
