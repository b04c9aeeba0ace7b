//! What EG-6 is judged from: the keys of the registry's locks, compared, and one key tried
//! in two sessions.

use crate::commands::Context;
use crate::failure::Failure;
use crate::pg::prove_exclusion::prove_exclusion;
use crate::pg::read_tenants::read_tenants;
use crate::pg::session::Endpoint;
use crate::registry::{LockScheme, Registry};
use crate::serialization::{Serialization, collisions};

/// What was found out, and what kept the rest from being found out.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) serialization: Serialization,
    pub(crate) failure: Option<Failure>,
}

/// Compares the keys of a registry whose templates are filled in, and tries one.
pub(crate) async fn read(context: &Context, endpoint: &Endpoint, registry: &Registry) -> Read {
    let run = context.run.run_id.to_string();
    // One after the other: a pool in between may have no third connection to give.
    let tenants = tenants(endpoint, registry).await;
    let exclusion = prove_exclusion(endpoint, registry.lock_scheme, &run).await;
    let told = |failure: &Failure| failure.message.clone();
    let serialization = Serialization {
        database: endpoint.resolved.target.database.clone(),
        collisions: collisions::find(registry, tenants.as_deref().map_err(told)),
        exclusion: exclusion.as_ref().map_err(told).cloned(),
    };
    Read { serialization, failure: exclusion.err().or(tenants.err()) }
}

/// Returns the ids of the tenants, for whom keys are made.
///
/// Where nothing says who they are, keys of eight bytes need not be looked at: they are the
/// same for two tenants where they are the same for the views.
async fn tenants(endpoint: &Endpoint, registry: &Registry) -> Result<Vec<String>, Failure> {
    let query = registry.tenancy.as_ref().and_then(|tenancy| tenancy.tenants.as_deref());
    match query {
        Some(query) => {
            let tenants = read_tenants(endpoint, query).await?;
            Ok(tenants.into_iter().map(|tenant| tenant.id).collect())
        }
        None if registry.lock_scheme == LockScheme::Int64 || !has_tenants(registry) => {
            Ok(Vec::new())
        }
        None => Err(Failure::usage("the registry does not say who the tenants are")
            .hint("add `tenants = \"SELECT id, ...\"` to [tenancy] in registry.toml")),
    }
}

fn has_tenants(registry: &Registry) -> bool {
    registry.tenancy.is_some() || registry.matviews.iter().any(|entry| entry.is_shared())
}
