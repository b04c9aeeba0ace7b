//! `check-grants`: who can really refresh, who can write what they must not, and what a
//! refresh would do to tenants; judged by EG-4 and EG-7.

use crate::checks::Facts;
use crate::commands::{Context, judge, judged_outcome, target_facts};
use crate::failure::Failure;
use crate::gate::GateId;
use crate::grants::{self, Chosen, Grants};
use crate::ident::{QualifiedName, RoleName};
use crate::pg::count_tenants;
use crate::pg::read_rights::{self, Scope};
use crate::pg::session::Endpoint;
use crate::project;
use crate::registry::Registry;
use crate::report::{Data, Outcome, TargetFacts, check_grants};
use crate::snapshot::ServerFacts;

/// Tell who can really refresh, who can write what they must not, and what a refresh
/// would do to tenants.
///
/// Reads the catalog once, with no right beyond CONNECT.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look at this role alone; repeatable. It need not be registered
    #[arg(long, value_name = "ROLE")]
    pub role: Vec<RoleName>,

    /// Look at this view alone; repeatable. It need not be registered
    #[arg(long, value_name = "VIEW")]
    pub view: Vec<QualifiedName>,
}

/// What was read and compared, with the database that it was read from.
pub(super) struct Read {
    pub(super) grants: Grants,
    pub(super) server: ServerFacts,
    pub(super) target: TargetFacts,
}

/// Compares and judges.
///
/// # Errors
///
/// When there is no usable registry or URL. A database that cannot be read is told in the
/// outcome, with the gates undecided.
pub async fn run(context: &Context, args: &Args) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    let endpoint = context.endpoint()?;
    let chosen = Chosen {
        roles: args.role.iter().cloned().collect(),
        views: args.view.iter().cloned().collect(),
    };
    let (read, project) =
        tokio::join!(read(&endpoint, &registry, &chosen), project::facts(&registry));
    let facts = Facts::new(
        &registry,
        Err("the views were not looked at".to_owned()),
        Err("the migrations were not looked at".to_owned()),
    )
    .with_grants(
        read.as_ref().map(|read| &read.grants).map_err(|failure| failure.message.clone()),
        read.as_ref().ok().map(|read| read.server.read_at),
    );
    let judgement = judge(context, &[GateId::Eg4, GateId::Eg7], &facts);
    let data = match &read {
        Ok(read) => Data::CheckGrants(check_grants::rows(&read.grants)),
        Err(_) => Data::Nothing {},
    };
    let mut outcome = Outcome::new(data);
    outcome.target = read.as_ref().ok().map(|read| read.target.clone());
    outcome.notes = endpoint.resolved.notes.clone();
    Ok(judged_outcome(outcome, context, project, judgement, read.err()))
}

/// Reads the rights, compares them with the registry, and counts whose rows a refresh
/// would lose.
///
/// # Errors
///
/// When the database cannot be read.
pub(super) async fn read(
    endpoint: &Endpoint,
    registry: &Registry,
    chosen: &Chosen,
) -> Result<Read, Failure> {
    let tables: Vec<QualifiedName> =
        registry.roles.values().flat_map(|rules| rules.must_not_write.iter().cloned()).collect();
    let (rights, server) = read_rights::read_rights(endpoint, Scope::Everything(&tables)).await?;
    let mut grants = grants::compare(registry, &rights, chosen);
    let wanted = grants::worth_counting(registry, &rights, &grants, &server.role);
    if !wanted.is_empty() {
        grants.tenant_rows = count_tenants::count_tenants(endpoint, wanted).await?;
    }
    let target = target_facts(endpoint, &server);
    Ok(Read { grants, server, target })
}
