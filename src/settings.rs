//! Settings: flags, then environment, then defaults. What was typed may be missing; what
//! was decided is not, and each value that can be wrong knows where it came from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::{self, ColorChoice, GlobalArgs, ReportFile};
use crate::failure::Failure;
use crate::gate::FailOn;
use crate::render::{Appearance, Detail, Format};

/// The environment, read once; a variable that is set to nothing counts as unset.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the environment of this process; values that are not UTF-8 are left out.
    pub fn of_this_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Returns a variable that is set to something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// How the streams of this process look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
    /// The width of the terminal at stdout in columns; `None` where it is none.
    pub width: Option<usize>,
}

/// Everything that holds for the whole run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The registry that was named, if one was.
    pub registry: Option<PathBuf>,
    /// The form of the output.
    pub format: Format,
    /// Further outputs.
    pub reports: Vec<ReportFile>,
    /// From which severity on a finding fails the run.
    pub fail_on: FailOn,
    /// How the output looks.
    pub appearance: Appearance,
    /// Whether bars may be drawn on stderr.
    pub progress_bars: bool,
    /// Whether to leave out everything but the result.
    pub quiet: bool,
    /// How much more to say.
    pub verbose: u8,
    /// The time for connecting; `None` leaves it to the URL, and then to the default.
    pub connect_timeout: Option<Duration>,
    /// The time to wait for a lock.
    pub lock_timeout: Duration,
    /// The time for one statement; `None` leaves it to the command.
    pub statement_timeout: Option<Duration>,
}

/// The time for connecting where nothing else is said.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time to wait for a lock where nothing else is said.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for one statement of a command that looks, where nothing else is said.
pub const LOOKING_STATEMENT_TIMEOUT: Duration = Duration::from_secs(300);

impl Settings {
    /// Settles flags and environment.
    ///
    /// # Errors
    ///
    /// A usage failure that names the variable whose value is wrong.
    pub fn resolve(
        typed: &GlobalArgs,
        environment: &Environment,
        streams: Streams,
    ) -> Result<Self, Failure> {
        let mut reports = typed.report.clone();
        if reports.is_empty() {
            reports.extend(variable(environment, "DRIFTGATE_REPORT", cli::parse_report)?);
        }
        let format = settle(typed.format, environment, "DRIFTGATE_FORMAT", value_enum)?;
        let color = settle(typed.color, environment, "DRIFTGATE_COLOR", value_enum)?;
        let fail_on = settle(typed.fail_on, environment, "DRIFTGATE_FAIL_ON", value_enum)?;
        let duration = |typed, name| settle(typed, environment, name, cli::parse_duration);
        let quiet =
            typed.quiet || variable(environment, "DRIFTGATE_QUIET", parse_bool)?.unwrap_or(false);
        let verbose = match typed.verbose {
            0 => variable(environment, "DRIFTGATE_VERBOSE", parse_count)?.unwrap_or(0),
            typed => typed,
        };
        Ok(Self {
            registry: typed
                .registry
                .clone()
                .or_else(|| environment.get("DRIFTGATE_REGISTRY").map(PathBuf::from)),
            format: format.unwrap_or_default(),
            reports,
            fail_on: fail_on.unwrap_or_default(),
            appearance: Appearance {
                color: is_colored(
                    color.unwrap_or_default(),
                    environment,
                    streams.stdout_is_terminal,
                ),
                width: streams.width.unwrap_or(DEFAULT_WIDTH).clamp(40, 200),
                detail: match (quiet, verbose) {
                    (true, _) => Detail::Quiet,
                    (false, 0) => Detail::Normal,
                    (false, _) => Detail::Verbose,
                },
            },
            progress_bars: streams.stderr_is_terminal
                && !quiet
                && environment.get("TERM") != Some("dumb"),
            quiet,
            verbose,
            connect_timeout: duration(typed.connect_timeout, "DRIFTGATE_CONNECT_TIMEOUT")?
                .map(not_zero),
            lock_timeout: duration(typed.lock_timeout, "DRIFTGATE_LOCK_TIMEOUT")?
                .unwrap_or(LOCK_TIMEOUT),
            statement_timeout: duration(typed.statement_timeout, "DRIFTGATE_STATEMENT_TIMEOUT")?,
        })
    }
}

/// The width where the terminal's is not known, in columns.
const DEFAULT_WIDTH: usize = 80;

/// A connection that may take no time at all can never be made; zero asks for the least.
fn not_zero(duration: Duration) -> Duration {
    duration.max(Duration::from_millis(1))
}

/// Decides about colour: flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then the terminal.
fn is_colored(choice: ColorChoice, environment: &Environment, is_terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if environment.get("NO_COLOR").is_some() => false,
        ColorChoice::Auto if environment.get("CLICOLOR_FORCE").is_some_and(|set| set != "0") => {
            true
        }
        ColorChoice::Auto => is_terminal && environment.get("TERM") != Some("dumb"),
    }
}

fn settle<T>(
    typed: Option<T>,
    environment: &Environment,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    match typed {
        Some(typed) => Ok(Some(typed)),
        None => variable(environment, name, parse),
    }
}

fn variable<T>(
    environment: &Environment,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    let Some(value) = environment.get(name) else { return Ok(None) };
    parse(value).map(Some).map_err(|error| {
        Failure::usage(format!("the variable {name} is set to `{value}`"))
            .cause(error)
            .hint(format!("correct it, or unset {name}"))
    })
}

fn value_enum<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_unknown| {
        let values: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
            .collect();
        format!("the values are {}", values.join(", "))
    })
}

fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err("the values are true and false".to_owned()),
    }
}

fn parse_count(text: &str) -> Result<u8, String> {
    match parse_bool(text) {
        Ok(yes) => Ok(u8::from(yes)),
        Err(_) => text.parse().map_err(|_| "write a small number, such as 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Streams =
        Streams { stdout_is_terminal: false, stderr_is_terminal: false, width: None };
    const TERMINAL: Streams =
        Streams { stdout_is_terminal: true, stderr_is_terminal: true, width: Some(120) };

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn resolve(variables: &[(&str, &str)]) -> Result<Settings, Failure> {
        Settings::resolve(&GlobalArgs::default(), &environment(variables), PIPE)
    }

    #[test]
    fn flags_come_before_the_environment_and_that_before_defaults() {
        let typed = GlobalArgs { fail_on: Some(FailOn::Warning), ..GlobalArgs::default() };
        let set = environment(&[("DRIFTGATE_FAIL_ON", "never"), ("DRIFTGATE_LOCK_TIMEOUT", "2s")]);
        let settings = Settings::resolve(&typed, &set, PIPE).expect("valid");
        assert_eq!(settings.fail_on, FailOn::Warning);
        assert_eq!(settings.lock_timeout, Duration::from_secs(2));
        assert_eq!(settings.format, Format::Human);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let settings =
            resolve(&[("DRIFTGATE_FORMAT", ""), ("DRIFTGATE_QUIET", "")]).expect("valid");
        assert_eq!(settings.format, Format::Human);
        assert!(!settings.quiet);
    }

    #[test]
    fn a_bad_variable_is_named() {
        for (name, value) in [
            ("DRIFTGATE_FORMAT", "pdf"),
            ("DRIFTGATE_FAIL_ON", "maybe"),
            ("DRIFTGATE_COLOR", "pink"),
            ("DRIFTGATE_LOCK_TIMEOUT", "5"),
            ("DRIFTGATE_QUIET", "perhaps"),
            ("DRIFTGATE_REPORT", "json"),
        ] {
            let failure = resolve(&[(name, value)]).expect_err(name);
            assert_eq!(failure.exit(), crate::exit::Exit::Usage);
            assert!(failure.message.contains(name), "{failure}");
        }
    }

    #[test]
    fn colour_is_decided_by_flag_then_no_color_then_force_then_terminal() {
        use ColorChoice::{Always, Auto, Never};
        for (choice, set, is_terminal, expected) in [
            (Auto, vec![], true, true),
            (Auto, vec![], false, false),
            (Auto, vec![("NO_COLOR", "1")], true, false),
            (Auto, vec![("NO_COLOR", "")], true, true),
            (Auto, vec![("CLICOLOR_FORCE", "1")], false, true),
            (Auto, vec![("CLICOLOR_FORCE", "0")], false, false),
            (Auto, vec![("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true, false),
            (Auto, vec![("TERM", "dumb")], true, false),
            (Always, vec![("NO_COLOR", "1")], false, true),
            (Never, vec![("CLICOLOR_FORCE", "1")], true, false),
        ] {
            assert_eq!(is_colored(choice, &environment(&set), is_terminal), expected, "{set:?}");
        }
    }

    #[test]
    fn bars_are_for_terminals() {
        let typed = GlobalArgs::default();
        let none = environment(&[]);
        assert!(Settings::resolve(&typed, &none, TERMINAL).expect("valid").progress_bars);
        assert!(!Settings::resolve(&typed, &none, PIPE).expect("valid").progress_bars);
    }
}
