//! `check-grants`: who can really refresh, who can write what they must not, and what a
//! refresh would do to tenants; judged by EG-4 and EG-7.

use crate::checks::Facts;
use std::time::Duration;

use crate::commands::tenants::fill_in;
use crate::commands::{Context, judge, judged_outcome, target_facts};
use crate::failure::{Failure, FailureKind};
use crate::gate::GateId;
use crate::grants::{self, Chosen, Grants, Proved};
use crate::ident::{QualifiedName, RoleName};
use crate::pg::count_tenants;
use crate::pg::prove_refresh::{Proof, Proving};
use crate::pg::read_rights::{self, Scope};
use crate::pg::read_snapshot::read_snapshot;
use crate::pg::session::{Endpoint, Limits, LockTimeout, StatementTimeout};
use crate::project;
use crate::registry::Registry;
use crate::report::{Data, Outcome, TargetFacts, check_grants};
use crate::rights::Rights;
use crate::snapshot::{Depth, ServerFacts};
use crate::wording;

/// Tell who can really refresh, who can write what they must not, and what a refresh
/// would do to tenants.
///
/// Reads the catalog once, with no right beyond CONNECT; --prove needs the right to SET
/// ROLE, and is the one thing here that takes locks.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look at this role alone; repeatable. It need not be registered
    #[arg(long, value_name = "ROLE")]
    pub role: Vec<RoleName>,

    /// Look at this view alone; repeatable. It need not be registered
    #[arg(long, value_name = "VIEW")]
    pub view: Vec<QualifiedName>,

    /// Really try each refresh as its role, in a transaction that is rolled back
    #[arg(long)]
    pub prove: bool,

    /// With --prove: leave out views that are larger than this
    #[arg(long, value_name = "SIZE", default_value = "64MB", value_parser = parse_size)]
    pub prove_max_size: i64,
}

/// Reads a size as the server writes it: `500kB`, `64MB`, `2GB`; 1 kB is 1,024 bytes.
fn parse_size(text: &str) -> Result<i64, String> {
    let digits = text.trim_end_matches(|one: char| one.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kb" => Some(1 << 10),
        "mb" => Some(1 << 20),
        "gb" => Some(1 << 30),
        _ => None,
    };
    let number: Option<i64> = digits.parse().ok();
    number
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|bytes| *bytes >= 0)
        .ok_or_else(|| "write a number with its unit, such as 64MB".to_owned())
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
    let (filled_in, rights, project) = tokio::join!(
        fill_in(&endpoint, &registry),
        read(&endpoint, &registry),
        project::facts(&registry.source)
    );
    let registry = &filled_in.registry;
    let mut read = match rights {
        Ok(rights) => compare(&endpoint, registry, rights, &chosen).await,
        Err(failure) => Err(failure),
    };
    if let Ok(read) = &read {
        all_are_there(&chosen, &read.grants)?;
    }
    if let (true, Ok(read)) = (args.prove, &mut read) {
        prove(&endpoint, &mut read.grants, args.prove_max_size).await?;
    }
    let facts = Facts::new(
        registry,
        Err("the views were not looked at".to_owned()),
        Err("the migrations were not looked at".to_owned()),
    )
    .with_grants(
        read.as_ref().map(|read| &read.grants).map_err(|failure| failure.message.clone()),
        read.as_ref().ok().map(|read| read.server.read_at),
    )
    .without_tenants(filled_in.reasons);
    let judgement = judge(context, &[GateId::Eg4, GateId::Eg7], &facts);
    let data = match &read {
        Ok(read) => Data::CheckGrants(check_grants::rows(&read.grants, registry)),
        Err(_) => Data::Nothing {},
    };
    let mut outcome = Outcome::new(data);
    outcome.target = read.as_ref().ok().map(|read| read.target.clone());
    outcome.notes = endpoint.resolved.notes.clone();
    let failure = read.err().or(filled_in.failure);
    Ok(judged_outcome(outcome, context, project, judgement, failure))
}

/// Makes sure that every view asked for was looked at: a pass over none would be no pass.
fn all_are_there(chosen: &Chosen, grants: &Grants) -> Result<(), Failure> {
    match chosen.views.iter().find(|view| grants.safety_of(view).is_none()) {
        None => Ok(()),
        Some(view) => Err(Failure::new(
            FailureKind::Database,
            format!("the database has no materialized view {view}"),
        )
        .hint("`driftgate inventory` lists those that are there")),
    }
}

/// The limits of one trial: a refresh that is only tried keeps nobody waiting for long.
const TRIAL_LOCK: LockTimeout = LockTimeout(Duration::from_millis(500));
const TRIAL_STATEMENT: StatementTimeout = StatementTimeout(Duration::from_secs(30));

/// Tries every refresh that was judged, each in a transaction that is rolled back.
async fn prove(endpoint: &Endpoint, grants: &mut Grants, largest: i64) -> Result<(), Failure> {
    let snapshot = read_snapshot(endpoint, Depth::Whole).await?;
    let limits = Limits { lock: TRIAL_LOCK, statement: TRIAL_STATEMENT, ..endpoint.limits };
    let mut proving = Proving::connect(endpoint).await?;
    for refreshes in &mut grants.refreshes {
        let (role, view) = (&refreshes.judged.role, &refreshes.judged.view);
        let size = snapshot.views.get(view).and_then(|view| view.size_bytes);
        refreshes.proved = Some(match size {
            None => Proved::NotTried("its size could not be read".to_owned()),
            Some(bytes) if bytes > largest => Proved::NotTried(format!(
                "it is larger than {}; see --prove-max-size",
                wording::size(largest)
            )),
            Some(_) => told(proving.prove(role, view, refreshes.mode, &limits).await?),
        });
    }
    proving.close().await;
    Ok(())
}

fn told(proof: Proof) -> Proved {
    match proof {
        Proof::Refreshed => Proved::Refreshed,
        Proof::Denied => Proved::Denied,
        Proof::CannotBecome => Proved::NotTried("this role may not SET ROLE to it".to_owned()),
        Proof::Busy => Proved::NotTried("another session holds a lock on it".to_owned()),
        Proof::TimedOut => Proved::NotTried("it took longer than 30 s".to_owned()),
        Proof::Failed { sqlstate } => Proved::NotTried(format!("it failed with {sqlstate}")),
    }
}

/// Reads the rights, those on the tables that the registry's roles must not write included.
///
/// # Errors
///
/// When the database cannot be read.
pub(super) async fn read(
    endpoint: &Endpoint,
    registry: &Registry,
) -> Result<(Rights, ServerFacts), Failure> {
    let tables: Vec<QualifiedName> =
        registry.roles.values().flat_map(|rules| rules.must_not_write.iter().cloned()).collect();
    read_rights::read_rights(endpoint, Scope::Everything(&tables)).await
}

/// Compares rights with the registry, its templates filled in, and counts whose rows a
/// refresh would lose.
///
/// # Errors
///
/// When the database cannot be read.
pub(super) async fn compare(
    endpoint: &Endpoint,
    registry: &Registry,
    (rights, server): (Rights, ServerFacts),
    chosen: &Chosen,
) -> Result<Read, Failure> {
    let mut grants = grants::compare(registry, &rights, chosen);
    let wanted = grants::worth_counting(registry, &rights, &grants, &server.role);
    if !wanted.is_empty() {
        grants.tenant_rows = count_tenants::count_tenants(endpoint, wanted).await?;
        let tenants = registry.tenancy.as_ref().and_then(|tenancy| tenancy.tenants.as_ref());
        if let Some(tenants) = tenants {
            grants.listed_tenants = Some(count_tenants::count_listed(endpoint, tenants).await?);
        }
    }
    let target = target_facts(endpoint, &server);
    Ok(Read { grants, server, target })
}
