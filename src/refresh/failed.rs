//! What an error of the server means for a refresh: outcome and hint by SQLSTATE, and a
//! message that holds no row data.

use super::{RefreshError, RefreshOutcome};

/// What was known when the error came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Around {
    /// This run was asked to stop.
    pub asked_to_stop: bool,
    /// This run cancelled it, because readers queued behind it.
    pub convoy: bool,
    /// The statement had run for as long as it may.
    pub time_is_up: bool,
    /// It came of the query of the view.
    pub in_query: bool,
    /// It came out of a function that the query calls.
    pub in_function: bool,
}

/// Returns the outcome that an error leads to.
///
/// One code stands for a cancel and for a time limit: what this run did decides.
pub fn outcome(sqlstate: Option<&str>, around: Around) -> RefreshOutcome {
    match sqlstate {
        Some("55P03") => RefreshOutcome::LockTimeout,
        Some("57014") if around.convoy => RefreshOutcome::LockTimeout,
        Some("57014") if around.asked_to_stop => RefreshOutcome::Cancelled,
        Some("57014") if around.time_is_up => RefreshOutcome::TimedOut,
        Some("57014" | "57P01") => RefreshOutcome::Cancelled,
        Some("25P04") => RefreshOutcome::TimedOut,
        _ => RefreshOutcome::Failed,
    }
}

/// Makes the error of a result from the server's code, message and hint.
///
/// A value of a row may stand in the message of a data exception, in that of a name which
/// is not known, and in whatever comes out of a function, which may give it any code; all
/// of those are left to the server's log.
pub fn error(sqlstate: &str, message: &str, hint: Option<&str>, around: Around) -> RefreshError {
    let may_hold_rows = around.in_function || tells_values(sqlstate, around);
    let message = match sqlstate {
        "57014" if around.convoy => "readers queued behind it for too long".to_owned(),
        "57014" if around.asked_to_stop => "the run was asked to stop".to_owned(),
        _ if may_hold_rows => format!(
            "{}; the server's log has its message, which may hold row data",
            condition(sqlstate, around)
        ),
        _ => message.to_owned(),
    };
    let hint = own_hint(sqlstate, around)
        .map(str::to_owned)
        .or_else(|| hint.filter(|_| !may_hold_rows).map(str::to_owned));
    RefreshError { sqlstate: Some(sqlstate.to_owned()), message, hint }
}

/// Tells whether the server's own message for a code may hold a value.
fn tells_values(sqlstate: &str, around: Around) -> bool {
    match sqlstate {
        // Of a division by zero and a missing right it is the same for every row.
        "22012" | "42501" => false,
        // A stored query has no unknown name but in a value.
        code if code.starts_with("42") => around.in_query,
        code => ["22", "P0", "HV"].iter().any(|class| code.starts_with(class)),
    }
}

fn condition(sqlstate: &str, around: Around) -> &'static str {
    match sqlstate.get(..2).unwrap_or_default() {
        _ if around.in_function => "a function that the query calls raised an error",
        "42" => "a value of some row names nothing that the server knows",
        "22" => "a value of some row cannot be computed",
        "HV" => "a foreign server refused",
        _ => "a function that the query calls raised an error",
    }
}

fn own_hint(sqlstate: &str, around: Around) -> Option<&'static str> {
    Some(match sqlstate {
        "55P03" => {
            "another session holds a lock on the view or on what it reads; \
                    `driftgate lock-status` shows who"
        }
        "57014" if around.convoy => {
            "run it when fewer read, raise --max-convoy, or declare \
                                     refresh = \"concurrently\""
        }
        "57014" if around.time_is_up => "raise --statement-timeout, or see what slows it down",
        "57014" if around.asked_to_stop => return None,
        "57014" | "57P01" => "somebody cancelled it on the server",
        "21000" => "the query gives the same row twice: make it give each row once",
        "23505" => "the query gives two rows with the same key: mend the query, or the key",
        "42501" => {
            "`driftgate check-grants` tells which right the owner lacks, or which \
                    policy binds it"
        }
        "42P01" | "42883" => {
            "a function that the query calls finds a name by the search path: \
                              write the name with its schema"
        }
        "53100" => "the server's disk is full; nothing was changed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_means_what_this_run_did() {
        let nothing = Around::default();
        for (around, outcome_) in [
            (Around { convoy: true, ..nothing }, RefreshOutcome::LockTimeout),
            (Around { asked_to_stop: true, ..nothing }, RefreshOutcome::Cancelled),
            (Around { time_is_up: true, ..nothing }, RefreshOutcome::TimedOut),
            (nothing, RefreshOutcome::Cancelled),
        ] {
            assert_eq!(outcome(Some("57014"), around), outcome_);
        }
        assert_eq!(outcome(Some("55P03"), nothing), RefreshOutcome::LockTimeout);
        assert_eq!(outcome(Some("23505"), nothing), RefreshOutcome::Failed);
        assert_eq!(outcome(None, nothing), RefreshOutcome::Failed);
    }

    #[test]
    fn no_message_holds_a_value_of_a_row() {
        let of_function = Around { in_function: true, ..Around::default() };
        let of_query = Around { in_query: true, ..Around::default() };
        for (code, around) in [
            ("22P02", Around::default()),
            ("22003", Around::default()),
            ("42P01", of_query),
            ("P0001", Around::default()),
            ("HV00L", Around::default()),
            ("23505", of_function),
            ("42501", of_function),
            ("AB123", of_function),
            ("", of_function),
        ] {
            let error = error(code, "invalid input: \"secret\"", Some("secret"), around);
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
        let shown = error("42602", "invalid name of a setting", Some("try y"), Around::default());
        assert_eq!(shown.message, "invalid name of a setting");
        assert_eq!(shown.hint.as_deref(), Some("try y"));
    }
}
