//! `lock-status --release`: shows who holds a key, asks, and signals exactly that session.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::{Args, Look, Looking, outcome, project_facts};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::ident::QualifiedName;
use crate::lock_key::{LockKey, normal_tenant};
use crate::lock_status::decode::{KeyName, KeyNames};
use crate::lock_status::release::{ReleaseOutcome, Signal, is_futile};
use crate::lock_status::{Lock, Owner, Subject};
use crate::pg::release_lock::{self, Holder};
use crate::pg::session::Endpoint;
use crate::registry::LockScheme;
use crate::render::{self, Format};
use crate::report::lock_status::{LockRows, ReleaseRow};
use crate::report::{Data, Outcome, Report};

/// How long a session may take to let go of the key.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(
    context: &Context,
    args: &Args,
    view: &QualifiedName,
    looking: &mut Looking,
) -> Result<Outcome, Failure> {
    let asks = !args.yes;
    if asks && !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::usage(
            "--release asks before it does anything, and this is no terminal",
        )
        .hint("add --yes to release the key without a question"));
    }
    let signal = if args.terminate { Signal::Terminate } else { Signal::Cancel };
    let found = looking.find(view).await?;
    let tenant = args.tenant.as_deref().map(normal_tenant).or_else(|| found.tenant.clone());
    let names = keys(view, found.lock_name.as_deref(), tenant.as_deref());
    let mut look = looking.look_for(&names).await?;
    looking.close().await;
    // Who waits for the view, and who else holds it, is part of the picture.
    look.status.locks.retain(|lock| lock.view() == Some(view));
    let lock = held(&look, looking.scheme()).cloned();
    let mut row = ReleaseRow {
        view: view.clone(),
        tenant,
        pid: None,
        signal,
        outcome: ReleaseOutcome::NotHeld,
        held_by: Vec::new(),
        is_shown: false,
    };
    let mut failure = None;
    if let Some(lock) = &lock {
        if asks && is_futile(&look.status, lock, signal).is_none() {
            show(context, &look, looking)?;
            row.is_shown = context.settings.format == Format::Human;
        }
        failure = release(&look, lock, looking.endpoint(), &mut row, asks).await?;
    }
    let project = project_facts(context, looking.registry()).await;
    let mut outcome = outcome(looking, look, project);
    if row.is_shown && context.settings.reports.is_empty() {
        // The heading was shown with the question.
        (outcome.target, outcome.project) = (None, None);
    }
    outcome.exit = outcome.exit.or(exit(&row));
    outcome.failure = outcome.failure.or(failure);
    if let Data::LockStatus(LockRows { release, .. }) = &mut outcome.data {
        *release = Some(row);
    }
    Ok(outcome)
}

/// Returns the keys of a view and tenant in every scheme.
fn keys(view: &QualifiedName, lock_name: Option<&str>, tenant: Option<&str>) -> KeyNames {
    let names = LockScheme::ALL.into_iter().map(|(_, scheme)| {
        let name = KeyName {
            view: view.clone(),
            tenant: tenant.map(str::to_owned),
            next_in_line: false,
            scheme,
        };
        (LockKey::of(scheme, view, lock_name, tenant).place(), vec![name])
    });
    names.collect()
}

/// Returns the key that is held: that of the scheme in use, else one of another scheme.
fn held(look: &Look, first: LockScheme) -> Option<&Lock> {
    let held: Vec<&Lock> = look.status.locks.iter().filter(|lock| lock.is_held_key()).collect();
    let is_first = |lock: &&&Lock| lock.key_name().is_some_and(|name| name.scheme == first);
    held.iter().find(is_first).or(held.first()).copied()
}

/// Does what was asked for, unless the answer is no or it would be for nothing; returns
/// the failure to release, where there is one.
async fn release(
    look: &Look,
    lock: &Lock,
    endpoint: &Endpoint,
    row: &mut ReleaseRow,
    asks: bool,
) -> Result<Option<Failure>, Failure> {
    let key = lock.key_name().map(ToString::to_string).unwrap_or_default();
    row.pid = match lock.owner {
        Owner::Session(pid) => Some(pid),
        Owner::Prepared(_) => None,
    };
    row.held_by = vec![row.pid.unwrap_or_default()];
    let still_held = format!("the key of {key} is still held");
    if let Some((why, instead)) = is_futile(&look.status, lock, row.signal) {
        row.outcome = ReleaseOutcome::NotSent;
        let failure = Failure::new(FailureKind::LockHeld, still_held);
        return Ok(Some(failure.cause(why).hint(instead)));
    }
    let (Some(pid), Subject::Key(place, _)) = (row.pid, &lock.subject) else { return Ok(None) };
    if asks && !is_yes(&question(row.signal, pid)).await {
        row.outcome = ReleaseOutcome::Declined;
        return Ok(None);
    }
    let details = look.status.session_of(lock).and_then(|session| session.details.as_ref());
    let backend_start = details.map(|details| details.backend_start);
    let holder = Holder { place: *place, pid, backend_start };
    let is_sent = release_lock::signal(endpoint, holder, row.signal).await?;
    let limit = if is_sent { PATIENCE } else { Duration::ZERO };
    row.held_by = release_lock::wait_until_let_go(endpoint, holder, limit).await?;
    row.outcome = match (is_sent, row.held_by.contains(&pid), row.held_by.is_empty()) {
        (false, ..) => ReleaseOutcome::HolderChanged,
        (true, true, _) => ReleaseOutcome::StillHeld,
        (true, false, true) => ReleaseOutcome::Free,
        (true, false, false) => ReleaseOutcome::HeldByAnother,
    };
    if row.outcome != ReleaseOutcome::StillHeld {
        return Ok(None);
    }
    let cause = format!("the session {pid} was sent {}, and holds it yet", row.signal.function());
    let failure = Failure::new(FailureKind::LockHeld, still_held).cause(cause);
    Ok(Some(match row.signal {
        Signal::Cancel => failure
            .hint("a session that runs no statement is not moved by a cancel: --terminate ends it"),
        Signal::Terminate => failure.hint("it may still be rolling back: look again shortly"),
    }))
}

const fn exit(row: &ReleaseRow) -> Exit {
    match row.outcome {
        ReleaseOutcome::NotHeld | ReleaseOutcome::Free | ReleaseOutcome::HeldByAnother => {
            Exit::Done
        }
        ReleaseOutcome::HolderChanged if row.held_by.is_empty() => Exit::Done,
        ReleaseOutcome::Declined => Exit::Failed,
        ReleaseOutcome::HolderChanged | ReleaseOutcome::NotSent | ReleaseOutcome::StillHeld => {
            Exit::LockHeld
        }
    }
}

fn question(signal: Signal, pid: i32) -> String {
    match signal {
        Signal::Cancel => format!("Cancel what session {pid} is doing? [y/N] "),
        Signal::Terminate => format!("End session {pid}? [y/N] "),
    }
}

/// Shows the locks on stderr, before the question.
fn show(context: &Context, look: &Look, looking: &Looking) -> Result<(), Failure> {
    let rows = LockRows { status: look.status.clone(), release: None };
    let mut outcome = Outcome::new(Data::LockStatus(rows));
    outcome.target = Some(crate::commands::target_facts(looking.endpoint(), &look.server));
    outcome.notes = look.notes(looking);
    let report = Report {
        command: "lock-status".to_owned(),
        run: context.run.clone(),
        duration: Duration::ZERO,
        outcome,
    };
    let appearance = context.settings.appearance;
    let shown = render::render(&report, Format::Human, appearance, &mut std::io::stderr().lock());
    shown.map_err(|error| {
        Failure::new(FailureKind::Machine, "could not show who holds the key")
            .cause(error.to_string())
            .hint("nothing was done")
    })
}

/// Asks on the terminal; whatever is not a clear yes is a no.
async fn is_yes(question: &str) -> bool {
    let mut stderr = std::io::stderr();
    let asked = write!(stderr, "{question}").and_then(|()| stderr.flush());
    if asked.is_err() {
        return false;
    }
    // Beside the runtime, so that Ctrl-C is heard meanwhile.
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    match answer.await {
        Ok(Ok(answer)) => matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
        _ => false,
    }
}
