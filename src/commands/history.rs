//! `history`: installs, lists and prunes the refreshes on record.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use crate::cli::parse_duration;
use crate::commands::{Context, target_facts};
use crate::failure::Failure;
use crate::history::Filter;
use crate::ident::{QualifiedName, RoleName};
use crate::pg::history::{self, Grantee};
use crate::pg::session::Endpoint;
use crate::project;
use crate::registry::{Registry, Selection};
use crate::report::{Data, Outcome, history as rows};
use crate::snapshot::ServerFacts;

/// The refreshes on record.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make the tables of the history, or bring them up to date, and let workers use them
    ///
    /// Makes the schema driftgate, as the role of --migration-database-url where one is
    /// given, which needs CREATE on the database. The roles that the registry gives
    /// something to refresh may then read and add to the history, and remove nothing. A
    /// second run changes nothing.
    Install(InstallArgs),
    /// List the refreshes on record, newest first
    ///
    /// Times are those of the server, in UTC. Needs the right to read the tables, and
    /// writes nothing.
    List(ListArgs),
    /// Remove old rows, and never the last success of a view
    ///
    /// As the role of --migration-database-url where one is given, which must own the
    /// tables. Removes a batch a transaction, so that nobody waits for it.
    Prune(PruneArgs),
}

/// The options of `history install`.
#[derive(Debug, clap::Args)]
pub struct InstallArgs {
    /// Let this role read and add to the history too; repeatable
    #[arg(long, value_name = "ROLE")]
    pub grant_to: Vec<RoleName>,
}

/// The options of `history list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// These views alone, such as public.mv_x; they need not be there any more
    #[arg(value_name = "VIEW")]
    pub view: Vec<QualifiedName>,

    /// The refreshes of this run alone: the run_id of a report
    #[arg(long, value_name = "ID")]
    pub run: Option<Uuid>,

    /// The views of this tenant alone
    #[arg(long, value_name = "ID")]
    pub tenant: Option<String>,

    /// Those alone that were tried and did not succeed, or were refused
    #[arg(long)]
    pub failed: bool,

    /// Those alone that ended at most so long ago, such as 24h
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    pub since: Option<Duration>,

    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// The options of `history prune`.
#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// Remove what ended longer ago than this, such as 90days
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    pub older_than: Duration,

    /// Say how many rows that would be, and remove none
    #[arg(long)]
    pub dry_run: bool,
}

impl Command {
    /// Returns the command as it was typed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Install(_) => "history install",
            Self::List(_) => "history list",
            Self::Prune(_) => "history prune",
        }
    }
}

/// Runs one of the subcommands.
///
/// # Errors
///
/// When the registry is invalid, the URL cannot be used, or the work could not be done.
pub async fn run(context: &Context, command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Install(args) => install(context, args).await,
        Command::List(args) => list(context, args).await,
        Command::Prune(args) => prune(context, args).await,
    }
}

async fn install(context: &Context, args: &InstallArgs) -> Result<Outcome, Failure> {
    let registry = project::load_if_any(context)?;
    let endpoint = context.migration_endpoint()?;
    let grantees = grantees(args, registry.as_ref());
    let installed = history::install(&endpoint, &grantees).await?;
    let server = installed.server.clone();
    let data = Data::History(rows::installed(installed));
    let mut outcome = outcome(data, endpoint, &server);
    if let Some(registry) = &registry {
        outcome.project = Some(project::facts(&registry.source).await);
    }
    Ok(outcome)
}

/// Returns who is to read and add to the history: whom the registry lets refresh, and who
/// was named.
fn grantees(args: &InstallArgs, registry: Option<&Registry>) -> Vec<Grantee> {
    let named: BTreeSet<&RoleName> = args.grant_to.iter().collect();
    let refreshing = registry.iter().flat_map(|registry| &registry.roles);
    let refreshing = refreshing.filter(|(role, rules)| {
        let something = match &rules.refresh {
            None => false,
            Some(Selection::All) => true,
            Some(Selection::Listed(views)) => !views.is_empty(),
        };
        something && !named.contains(role)
    });
    let of_the_registry = refreshing.map(|(role, _)| (role, false));
    let mut grantees: Vec<_> =
        named.iter().map(|role| (*role, true)).chain(of_the_registry).collect();
    grantees.sort();
    let grantee =
        |(role, must_exist): (&RoleName, bool)| Grantee { role: role.clone(), must_exist };
    grantees.into_iter().map(grantee).collect()
}

async fn list(context: &Context, args: &ListArgs) -> Result<Outcome, Failure> {
    let endpoint = context.endpoint()?;
    let filter = Filter {
        views: args.view.clone(),
        run: args.run,
        tenant: args.tenant.clone(),
        failed: args.failed,
        since: args.since,
        limit: args.limit,
    };
    let listed = history::list(&endpoint, &filter).await?;
    let data = Data::History(rows::list(listed.refreshes, listed.has_more));
    Ok(outcome(data, endpoint, &listed.server))
}

async fn prune(context: &Context, args: &PruneArgs) -> Result<Outcome, Failure> {
    let endpoint = context.migration_endpoint()?;
    let (pruned, server) = history::prune(&endpoint, args.older_than, args.dry_run).await?;
    let data = Data::History(rows::pruned(&pruned, args.older_than, args.dry_run));
    Ok(outcome(data, endpoint, &server))
}

fn outcome(data: Data, endpoint: Endpoint, server: &ServerFacts) -> Outcome {
    let mut outcome = Outcome::new(data);
    outcome.target = Some(target_facts(&endpoint, server));
    outcome.notes = endpoint.resolved.notes;
    outcome
}
