//! `refresh`: refreshes views, safely, and tells what came of each.

mod events;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::parse_duration;
use crate::commands::{Context, target_facts};
use crate::exit::Exit;
use crate::failure::{Failure, FailureKind};
use crate::history::History;
use crate::ident::QualifiedName;
use crate::pg::history::read_history;
use crate::pg::look_ahead::read_hindrances;
use crate::pg::read_rights::{Scope, read_rights};
use crate::pg::read_snapshot::read_snapshot;
use crate::pg::read_tenants::read_tenants;
use crate::pg::safety_inputs::read_digests;
use crate::pg::session::Endpoint;
use crate::project;
use crate::refresh::plan::{self, Freshness, Options, Sources};
use crate::refresh::select::{Selection, Wanted, WantedTenants, typed_tenants};
use crate::refresh::{Plan, RefreshResult};
use crate::registry::{EntryName, ExpandMistake, Registry, RegistryEntry};
use crate::report::refresh::{RefreshRows, plan_rows};
use crate::report::{Data, Outcome};
use crate::rights::Oid;
use crate::snapshot::{Depth, Snapshot};
use crate::tenant_safety;
use crate::tenants::Tenant;

/// Refresh views, safely.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// The views, as SQL spells them; or a template, as the registry spells it
    #[arg(value_name = "VIEW")]
    pub views: Vec<String>,

    /// Every view of the registry
    #[arg(long)]
    pub all: bool,

    /// The views of a class of `[schedules]`; repeatable
    #[arg(long, value_name = "NAME")]
    pub class: Vec<String>,

    /// For this tenant: its own views alone; a shared view is refreshed whole; repeatable
    #[arg(long, value_name = "ID", conflicts_with = "all_tenants")]
    pub tenant: Vec<String>,

    /// For every tenant of the tenants query
    #[arg(long)]
    pub all_tenants: bool,

    /// How many refreshes may run at once, each on a connection of its own [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,

    /// Skip what holds rows younger than this, by the history
    #[arg(long, value_name = "AGE", value_parser = parse_duration, conflicts_with = "if_stale")]
    pub if_older_than: Option<Duration>,

    /// Skip what holds rows younger than its max_staleness, by the history
    #[arg(long)]
    pub if_stale: bool,

    /// Wait this long for a view that somebody else is refreshing
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub wait: Option<Duration>,

    /// Wait for the one that is running and refresh again, unless somebody waits already
    #[arg(long)]
    pub coalesce: bool,

    /// Begin nothing new after this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub deadline: Option<Duration>,

    /// ANALYZE each view after its commit
    #[arg(long)]
    pub analyze: bool,

    /// Count rows and tenants before and after, whatever the view
    #[arg(long)]
    pub count: bool,

    /// How long readers may queue behind a plain refresh that waits [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub max_convoy: Option<Duration>,

    /// Show the plan, and send nothing that changes anything
    #[arg(long)]
    pub dry_run: bool,

    /// What joins the results with your own logs [default: the run's id]
    #[arg(long, value_name = "ID")]
    pub correlation_id: Option<String>,

    /// Exit 4 when a view was skipped because somebody else was refreshing it
    #[arg(long)]
    pub fail_on_skip: bool,

    /// Add a JSON line to this file for everything that happens
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
}

/// How long readers may queue where nothing else is said.
const MAX_CONVOY: Duration = Duration::from_secs(1);

impl Args {
    fn wanted(&self) -> Result<Wanted, Failure> {
        let name = |text: &String| {
            text.parse::<EntryName>().map_err(|error| {
                Failure::usage(format!("`{text}` is no name of a view: {error}"))
                    .hint("write schema.name, as SQL spells it")
            })
        };
        let wanted = Wanted {
            views: self.views.iter().map(name).collect::<Result<_, _>>()?,
            all: self.all,
            classes: self.class.clone(),
            tenants: match (self.all_tenants, self.tenant.is_empty()) {
                (true, _) => WantedTenants::All,
                (false, true) => WantedTenants::Unsaid,
                (false, false) => WantedTenants::These(typed_tenants(&self.tenant)),
            },
        };
        if wanted.is_nothing() {
            return Err(Failure::usage("nothing to refresh was selected")
                .hint("name views, or say --all, --class NAME or --tenant ID"));
        }
        Ok(wanted)
    }

    fn options(&self) -> Options {
        Options {
            fresh: match (self.if_older_than, self.if_stale) {
                (Some(age), _) => Some(Freshness::YoungerThan(age)),
                (None, true) => Some(Freshness::AsDeclared),
                (None, false) => None,
            },
            analyze: self.analyze,
            count: self.count,
        }
    }

    fn max_convoy(&self) -> Duration {
        self.max_convoy.unwrap_or(MAX_CONVOY)
    }
}

/// Everything that was read to make a plan.
struct Read {
    snapshot: Snapshot,
    history: History,
    judged_by: BTreeMap<Oid, String>,
    plan: Plan,
    notes: Vec<String>,
    templates: BTreeMap<QualifiedName, String>,
}

/// What became of the views of a run.
#[derive(Debug)]
pub(crate) struct CarriedOut {
    /// What came of each refresh.
    pub(crate) results: Vec<RefreshResult>,
    /// The templates of tenants' own views, as the registry spells them.
    pub(crate) templates: BTreeMap<QualifiedName, String>,
}

/// Plans and refreshes, for whoever reports in words of its own.
///
/// # Errors
///
/// As [`run`].
pub(crate) async fn carry_out(
    context: &Context,
    args: &Args,
    registry: Registry,
) -> Result<CarriedOut, Failure> {
    let wanted = args.wanted()?;
    let endpoint = context.refresh_endpoint()?;
    let mut events = events::Events::open(args.events.as_deref(), &context.run)?;
    let read = read(&context.endpoint()?, registry, &wanted, args.options()).await?;
    let results = run::run(context, args, &endpoint, &read, &mut events).await;
    Ok(CarriedOut { results, templates: read.templates })
}

/// Refreshes what was asked for.
///
/// # Errors
///
/// When nothing was begun: bad usage, no database, a standby, a tenants query that fails.
/// What came of each refresh is told in the outcome.
pub async fn run(context: &Context, args: &Args) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    let wanted = args.wanted()?;
    let source = registry.source.clone();
    let looking = context.endpoint()?;
    let endpoint = context.refresh_endpoint()?;
    let mut events = events::Events::open(args.events.as_deref(), &context.run)?;
    let read = read(&looking, registry, &wanted, args.options()).await?;
    let mut outcome = if args.dry_run {
        let hindrances = read_hindrances(&looking, &read.plan).await?;
        let rows = plan_rows(&read.plan, hindrances, &endpoint.limits, args.max_convoy());
        let mut outcome = Outcome::new(Data::Refresh(rows));
        outcome.exit = planned_exit(&read.plan);
        outcome
    } else {
        let results = run::run(context, args, &endpoint, &read, &mut events).await;
        let mut outcome = Outcome::new(Data::Nothing {});
        outcome.exit = exit_of(&results, args.fail_on_skip, context);
        outcome.data = Data::Refresh(RefreshRows::of(results));
        outcome
    };
    outcome.target = Some(target_facts(&endpoint, &read.snapshot.server));
    outcome.project = Some(project::facts(&source).await);
    outcome.notes = endpoint.resolved.notes;
    outcome.notes.extend(read.notes);
    outcome.notes.extend(read.plan.notes);
    outcome.notes.extend(events.finish());
    Ok(outcome)
}

/// Reads what a plan is made from, and makes it.
///
/// The digests come before the rights that they vouch for.
async fn read(
    endpoint: &Endpoint,
    registry: Registry,
    wanted: &Wanted,
    options: Options,
) -> Result<Read, Failure> {
    let tenants = match wanted.needs_tenants(&registry) {
        true => Some(listed_tenants(endpoint, &registry).await?),
        false => None,
    };
    let (registry, mut notes) = fill_in(registry, tenants.as_deref())?;
    let selection = wanted.pick(&registry, tenants.as_deref())?;
    let snapshot = read_snapshot(endpoint, Depth::Catalog).await?;
    takes_changes(endpoint, &snapshot)?;
    let oids = live(&selection, &snapshot);
    let judged_by = read_digests(endpoint, &oids).await?;
    let ((rights, _server), history) =
        tokio::try_join!(read_rights(endpoint, Scope::TenantSafety), read_history(endpoint))?;
    let safety = tenant_safety::classify(&rights);
    let sources =
        Sources { registry: &registry, snapshot: &snapshot, safety: &safety, history: &history };
    let plan = plan::plan(&selection, sources, options);
    if let History::Known(records) = &history
        && let Err(reason) = &records.writable
    {
        notes.push(format!("the refreshes will not be on record: {reason}"));
    }
    if snapshot.server.major() < 14 {
        notes.push(
            "PostgreSQL 13 does not notice a client that is gone: a refresh would run to its end, \
             and be rolled back"
                .to_owned(),
        );
    }
    let of_a_template =
        |entry: &RegistryEntry| Some((entry.name.fixed()?.clone(), entry.template_spelling()?));
    let templates = selection.entries.iter().filter_map(|entry| of_a_template(entry)).collect();
    Ok(Read { snapshot, history, judged_by, plan, notes, templates })
}

async fn listed_tenants(endpoint: &Endpoint, registry: &Registry) -> Result<Vec<Tenant>, Failure> {
    let tenancy = registry.tenancy.as_ref();
    let Some(query) = tenancy.and_then(|tenancy| tenancy.tenants.as_ref()) else {
        return Err(Failure::usage("the registry does not say who the tenants are")
            .hint("add `tenants = \"SELECT id, ...\"` to [tenancy] in registry.toml"));
    };
    read_tenants(endpoint, query).await
}

/// Fills in the templates; a tenant that has no view by one of them is a note, and the
/// views of all others are refreshed.
fn fill_in(
    registry: Registry,
    tenants: Option<&[Tenant]>,
) -> Result<(Registry, Vec<String>), Failure> {
    match tenants {
        None => Ok((registry, Vec::new())),
        Some(tenants) => {
            let expansion = registry.expand(tenants);
            Ok((expansion.registry, ExpandMistake::told(&expansion.mistakes)))
        }
    }
}

fn live(selection: &Selection<'_>, snapshot: &Snapshot) -> Vec<Oid> {
    let names = selection.entries.iter().filter_map(|entry| entry.name.fixed());
    names.filter_map(|name| Some(snapshot.views.get(name)?.oid)).collect()
}

/// Makes sure that the server takes changes, before anything is sent that makes some.
fn takes_changes(endpoint: &Endpoint, snapshot: &Snapshot) -> Result<(), Failure> {
    let name = endpoint.resolved.target.masked_url();
    if snapshot.server.in_recovery {
        return Err(Failure::new(FailureKind::Connection, format!("{name} is a standby"))
            .cause("a view can only be refreshed on the primary")
            .hint("connect to the primary"));
    }
    if snapshot.server.read_only {
        return Err(Failure::new(FailureKind::Connection, format!("{name} is read only"))
            .cause("default_transaction_read_only is on for this role or database")
            .hint("connect with the role that refreshes, or to the primary"));
    }
    Ok(())
}

/// Returns the exit code of a plan: what would be refused counts as if it had been.
fn planned_exit(plan: &Plan) -> Exit {
    match plan.tasks.iter().any(|task| task.refusal.is_some()) {
        true => Exit::Failed,
        false => Exit::Done,
    }
}

fn exit_of(results: &[RefreshResult], fail_on_skip: bool, context: &Context) -> Exit {
    let of_results = results
        .iter()
        .map(|result| result.outcome.exit(result.waited, fail_on_skip))
        .fold(Exit::Done, Exit::or);
    match context.stop.asked() {
        Some(kind) => kind.exit().or(of_results),
        None => of_results,
    }
}
