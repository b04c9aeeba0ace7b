//! `lock-status`: who holds and who waits for which refresh key, in names; it does not
//! judge. `--release` is the one part that changes anything.

mod look;
mod release;
mod watch;

use std::time::Duration;

use crate::cli::parse_duration;
use crate::commands::{Context, target_facts};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ident::QualifiedName;
use crate::project;
use crate::registry::Registry;
use crate::render::Format;
use crate::report::lock_status::LockRows;
use crate::report::{Data, Outcome, ProjectFacts};

use look::{Look, Looking};

/// Who holds or waits for which refresh key, in names.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Look again every so many seconds, until Ctrl-C [default: 2]
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = parse_pause,
        conflicts_with_all = ["fail_if_held", "release"]
    )]
    pub watch: Option<Duration>,

    /// Exit 4 when the key of a refresh is held; or one of this view
    #[arg(long, value_name = "VIEW", num_args = 0..=1, conflicts_with = "release")]
    pub fail_if_held: Option<Option<QualifiedName>>,

    /// Cancel what the holder of this view's key is doing, after showing it and asking
    #[arg(long, value_name = "VIEW")]
    pub release: Option<QualifiedName>,

    /// With --release: the key of this tenant, not that of the view as a whole
    #[arg(long, value_name = "ID", requires = "release")]
    pub tenant: Option<String>,

    /// With --release: end the holder's session
    #[arg(long, requires = "release")]
    pub terminate: bool,

    /// With --release: do not ask
    #[arg(long, requires = "release")]
    pub yes: bool,
}

/// Reads a pause: seconds, or a duration with its unit.
fn parse_pause(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(100);
    let seconds = text.parse::<f64>().ok().and_then(|some| Duration::try_from_secs_f64(some).ok());
    let pause = match seconds {
        Some(pause) => pause,
        None => parse_duration(text)?,
    };
    if pause < LEAST { Err("a tenth of a second is the least".to_owned()) } else { Ok(pause) }
}

/// Looks at the locks, and does what else was asked for.
///
/// # Errors
///
/// When the options do not go together, the registry is invalid, or the database cannot be
/// read.
pub async fn run(context: &Context, args: &Args) -> Result<Outcome, Failure> {
    let registry = project::load_if_any(context)?;
    check(context, args, registry.as_ref())?;
    let endpoint = context.endpoint()?;
    let mut looking = Looking::new(endpoint, registry);
    if let Some(view) = &args.release {
        return release::run(context, args, view, &mut looking).await;
    }
    if let Some(pause) = args.watch {
        return watch::run(context, &mut looking, pause).await;
    }
    if let Some(Some(view)) = &args.fail_if_held {
        looking.find(view).await?;
    }
    let look = looking.look().await?;
    let mut exit = Exit::Done;
    if let Some(view) = &args.fail_if_held
        && look.is_held(view.as_ref())
    {
        exit = Exit::LockHeld;
    }
    let mut outcome = outcome(&looking, look, project_facts(context, looking.registry()).await);
    outcome.exit = outcome.exit.or(exit);
    looking.close().await;
    Ok(outcome)
}

/// Makes sure that the options can be meant, before anything is contacted.
fn check(context: &Context, args: &Args, registry: Option<&Registry>) -> Result<(), Failure> {
    let settings = &context.settings;
    if args.watch.is_some() && (settings.format != Format::Human || !settings.reports.is_empty()) {
        return Err(Failure::usage(
            "--watch is for readers: it has no end that a report could have",
        )
        .hint("a program runs `driftgate lock-status --format json` as often as it wants"));
    }
    if matches!(args.fail_if_held, Some(None)) && registry.is_none() {
        return Err(Failure::usage("without a registry no key can be told from any other")
            .hint("name the registry with --registry, or the view: --fail-if-held VIEW"));
    }
    Ok(())
}

/// Returns what the report says of the project; the repository is looked at only where its
/// state is shown, for that takes longer than all the rest.
async fn project_facts(context: &Context, registry: Option<&Registry>) -> Option<ProjectFacts> {
    let source = &registry?.source;
    if context.settings.format != Format::Human || !context.settings.reports.is_empty() {
        return Some(project::facts(source).await);
    }
    Some(ProjectFacts {
        registry: source.display.clone(),
        registry_sha256: source.sha256.clone(),
        git: None,
    })
}

/// Returns the outcome of a look.
fn outcome(looking: &Looking, look: Look, project: Option<ProjectFacts>) -> Outcome {
    let notes = look.notes(looking);
    let Look { status, server, unread, .. } = look;
    let mut outcome = Outcome::new(Data::LockStatus(LockRows { status, release: None }));
    outcome.target = Some(target_facts(looking.endpoint(), &server));
    outcome.project = project;
    outcome.notes = notes;
    if let Some(failure) = unread {
        outcome.exit = Exit::Undecided;
        outcome.failure = Some(failure);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_in_seconds_or_has_its_unit() {
        assert_eq!(parse_pause("2"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_pause("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_pause("1m"), Ok(Duration::from_secs(60)));
        assert!(parse_pause("0").is_err());
        assert!(parse_pause("-1").is_err());
        assert!(parse_pause("public.mv").is_err());
    }
}
