//! Turns the driver's errors into failures: by SQLSTATE and kind of error, never by the
//! message, and without DETAIL, which may hold row data.

use std::io::ErrorKind;

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use crate::failure::{Failure, FailureKind};
use crate::target::Resolved;

/// Returns the SQLSTATE of an error that the server sent.
pub(super) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    postgres(error).map(|error| error.code().to_owned())
}

/// What the server sent with an error; DETAIL, which may hold row data, is left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'e> {
    pub(super) sqlstate: &'e str,
    pub(super) message: &'e str,
    pub(super) hint: Option<&'e str>,
    /// It came out of a function that the statement called: its words may be put together
    /// from values, whatever its code says.
    pub(super) is_of_function: bool,
}

/// Returns what the server sent with an error; `None`: it was not the server's.
pub(super) fn said(error: &sqlx::Error) -> Option<Said<'_>> {
    let error = postgres(error)?;
    Some(Said {
        sqlstate: error.code(),
        message: error.message(),
        hint: error.hint(),
        is_of_function: is_of_function(error),
    })
}

/// Tells whether an error came out of a function that the statement called.
///
/// Such an error has a context, whichever code the function gave it. Some codes have one
/// that tells no value wherever they come from, unless a procedural language raised them,
/// which it does from a source file of its own.
fn is_of_function(error: &PgDatabaseError) -> bool {
    if error.r#where().is_none() {
        return false;
    }
    let is_of_language = error.file().is_some_and(|file| {
        let file = file.rsplit('/').next().unwrap_or(file);
        file.starts_with("pl")
    });
    let tells_no_value = match error.code() {
        "21000" | "23505" | "25P04" | "42501" | "55P03" | "57014" | "57P01" => true,
        code => code.starts_with("40") || code.starts_with("53"),
    };
    is_of_language || !tells_no_value
}

/// Turns an error of a running session into a failure; `doing` says what was tried.
pub(super) fn failure(error: &sqlx::Error, doing: &str, at: &Resolved) -> Failure {
    let Some(error) = postgres(error) else {
        return lost(error, doing, at);
    };
    let kind = match error.code() {
        "42501" => FailureKind::Permission,
        "55P03" | "57014" | "25P03" | "25P04" => FailureKind::Timeout,
        code if code.starts_with("08") || code.starts_with("57P") => FailureKind::Connection,
        _ => FailureKind::Database,
    };
    let mut failure = Failure::new(kind, format!("could not {doing}"))
        .cause(at.redactor.redact(&format!("{} ({})", error.message(), error.code())));
    failure.sqlstate = Some(error.code().to_owned());
    if let Some(hint) = error.hint() {
        failure = failure.hint(at.redactor.redact(hint));
    }
    match error.code() {
        "55P03" => {
            failure.hint("another session holds the lock: run it again, or raise --lock-timeout")
        }
        "57014" => failure
            .hint("the statement was cancelled: raise --statement-timeout if it was the limit"),
        "42501" => {
            failure.hint(format!("the role {} lacks a right; ask who grants it", at.target.user))
        }
        _ => failure,
    }
}

/// Turns an error of connecting into a failure that names the target.
pub(super) fn connect_failure(error: &sqlx::Error, at: &Resolved) -> Failure {
    let message = format!("could not connect to {}", at.target.masked_url());
    let Some(error) = postgres(error) else {
        return unreachable(error, message, at);
    };
    let mut failure = Failure::new(FailureKind::Connection, message)
        .cause(at.redactor.redact(&format!("{} ({})", error.message(), error.code())));
    failure.sqlstate = Some(error.code().to_owned());
    match error.code() {
        "28P01" => failure.hint("the password is wrong or missing: set it in the URL, PGPASSWORD or ~/.pgpass"),
        "28000" => failure.hint("the server's pg_hba.conf or role does not let this role in; check user, host and sslmode"),
        "3D000" => failure.hint("the database does not exist: check the name at the end of the URL"),
        "53300" => failure.hint("the server has no connection left: try again, or raise max_connections"),
        "57P03" => failure.hint("the server is starting up or shutting down: try again shortly"),
        _ => failure,
    }
}

/// Returns the failure for a server that did not answer in time.
pub(super) fn no_answer(doing: &str, after: std::time::Duration, at: &Resolved) -> Failure {
    Failure::new(FailureKind::Timeout, format!("could not {doing}"))
        .cause(format!(
            "{} did not answer within {}",
            at.target.masked_url(),
            crate::wording::duration(after)
        ))
        .hint("check the host, the port and what stands in between; --connect-timeout waits longer")
}

/// Returns the place in the statement that the server points at, in characters from 1.
pub(super) fn position(error: &sqlx::Error) -> Option<usize> {
    match postgres(error)?.position()? {
        PgErrorPosition::Original(position) => Some(position),
        PgErrorPosition::Internal { .. } => None,
    }
}

fn postgres(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

fn lost(error: &sqlx::Error, doing: &str, at: &Resolved) -> Failure {
    let doing = format!("could not {doing}");
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Failure::new(FailureKind::Connection, doing)
            .cause(format!("the connection to {} was lost", at.target.masked_url()))
            .cause(at.redactor.redact(&error.to_string()))
            .hint(
                "see whether the server is up, and run it again; what was not committed is undone",
            ),
        sqlx::Error::Protocol(_) => Failure::new(FailureKind::Connection, doing)
            .cause(at.redactor.redact(&error.to_string()))
            .hint("what answers there does not speak PostgreSQL's protocol as expected"),
        _ => Failure::internal(doing).cause(at.redactor.redact(&error.to_string())),
    }
}

fn unreachable(error: &sqlx::Error, message: String, at: &Resolved) -> Failure {
    let failure = Failure::new(FailureKind::Connection, message)
        .cause(at.redactor.redact(&error.to_string()));
    match error {
        sqlx::Error::Io(io) => match io.kind() {
            ErrorKind::ConnectionRefused => {
                failure.hint("nothing listens there: is the server running, and is the port right?")
            }
            ErrorKind::NotFound => {
                failure.hint("there is no such socket: is the server running on this machine?")
            }
            ErrorKind::PermissionDenied => {
                failure.hint("this account may not use the socket's folder")
            }
            _ => failure.hint("check the host name, the port and the network"),
        },
        sqlx::Error::Tls(_) => {
            failure.hint("check sslmode and sslrootcert in the URL, and the server's certificate")
        }
        sqlx::Error::Protocol(_) => {
            failure.hint("what listens there does not speak PostgreSQL's protocol")
        }
        _ => failure,
    }
}
