//! Failures: the program could not do its work. Each has a kind (who must act), its
//! causes, and hints that say what to type next. Findings live in `finding.rs`.

use std::fmt;

use serde::Serialize;

use crate::exit::Exit;
use crate::wording::printable;

/// Who must act on a failure, and with it the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// What was typed, or an environment variable: the caller.
    Usage,
    /// The registry: whoever edits `registry.toml`.
    Registry,
    /// The project's own files, such as its migrations: the developer.
    Project,
    /// The server cannot be reached, refuses, or went away.
    Connection,
    /// The server answered with an error.
    Database,
    /// The role lacks a right.
    Permission,
    /// A time limit ran out.
    Timeout,
    /// A program or file of this machine is missing or does not work.
    Machine,
    /// Somebody else holds the lock.
    LockHeld,
    /// A change was tried, and failed or was refused; nothing of it was kept.
    Refused,
    /// SIGINT.
    Interrupted,
    /// SIGTERM or SIGHUP.
    Terminated,
    /// A defect of this program.
    Internal,
}

impl FailureKind {
    /// Returns the exit that this kind of failure leads to.
    pub const fn exit(self) -> Exit {
        match self {
            Self::Usage | Self::Registry => Exit::Usage,
            Self::Refused => Exit::Failed,
            Self::LockHeld => Exit::LockHeld,
            Self::Interrupted => Exit::Interrupted,
            Self::Terminated => Exit::Terminated,
            Self::Project
            | Self::Connection
            | Self::Database
            | Self::Permission
            | Self::Timeout
            | Self::Machine
            | Self::Internal => Exit::Undecided,
        }
    }
}

/// One of several mistakes that a failure lists, with the place to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The file as the user would name it.
    pub file: String,
    /// The line, counted from 1; `None` when the mistake is not on one line.
    pub line: Option<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// The program could not do its work.
///
/// Messages are lower-case sentences without a full stop. No part of a failure ever
/// holds a password or row data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Who must act.
    pub kind: FailureKind,
    /// What could not be done, with the object named.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// SQLSTATE of the server's error, where the server sent one.
    pub sqlstate: Option<String>,
    /// Every mistake found, where several can be found at once.
    pub mistakes: Vec<Mistake>,
    /// What to type or change next.
    pub hints: Vec<String>,
}

impl Failure {
    /// Makes a failure of a kind with its message.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            sqlstate: None,
            mistakes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Makes a failure that the caller mends by typing something else.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, message)
    }

    /// Makes a failure that is a defect of this program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Internal, message)
            .hint("this is a defect of driftgate; please report it with the command that you ran")
    }

    /// Adds the reason for what has been said so far.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the mistakes that were found.
    #[must_use]
    pub fn mistakes(mut self, mistakes: Vec<Mistake>) -> Self {
        self.mistakes = mistakes;
        self
    }

    /// Puts a wider statement in front; what was the message becomes the first cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.message, message.into());
        self.causes.insert(0, inner);
        self
    }

    /// Returns the exit that this failure leads to.
    pub const fn exit(&self) -> Exit {
        self.kind.exit()
    }
}

impl fmt::Display for Failure {
    /// Writes the whole failure as an operator reads it: `error:`, then its mistakes,
    /// causes and hints, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable(&self.message))?;
        for mistake in &self.mistakes {
            write!(f, "\n  {}", printable(&mistake.file))?;
            if let Some(line) = mistake.line {
                write!(f, ":{line}")?;
            }
            write!(f, ": {}", printable(&mistake.message))?;
            if let Some(hint) = &mistake.hint {
                write!(f, "\n      hint: {}", printable(hint))?;
            }
        }
        for cause in &self.causes {
            write!(f, "\n  cause: {}", printable(cause))?;
        }
        for hint in &self.hints {
            write!(f, "\n  hint: {}", printable(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
