//! The registry as the commands compare it: one view per tenant for each template.

use std::borrow::Cow;

use crate::failure::Failure;
use crate::pg::read_tenants::read_tenants;
use crate::pg::session::Endpoint;
use crate::registry::{ExpandMistake, Registry};

/// A registry with its templates filled in, as far as that could be done.
#[derive(Debug)]
pub(crate) struct FilledIn<'r> {
    /// The registry; as it was where the tenants could not be read.
    pub(crate) registry: Cow<'r, Registry>,
    /// Why not every template is filled in for every tenant.
    pub(crate) reasons: Vec<String>,
    /// Why the tenants could not be read.
    pub(crate) failure: Option<Failure>,
}

impl<'r> FilledIn<'r> {
    /// Leaves a registry as it is; its templates are then compared with nothing.
    pub(crate) fn not(registry: &'r Registry) -> Self {
        Self { registry: Cow::Borrowed(registry), reasons: Vec::new(), failure: None }
    }
}

/// Fills the templates of a registry in for the tenants that its query lists; without a
/// template nothing is asked.
pub(crate) async fn fill_in<'r>(endpoint: &Endpoint, registry: &'r Registry) -> FilledIn<'r> {
    let query = registry.tenancy.as_ref().and_then(|tenancy| tenancy.tenants.as_deref());
    let Some(query) = query.filter(|_| registry.has_templates()) else {
        return FilledIn::not(registry);
    };
    match read_tenants(endpoint, query).await {
        Ok(tenants) => {
            let expansion = registry.expand(&tenants);
            FilledIn {
                registry: Cow::Owned(expansion.registry),
                reasons: ExpandMistake::told(&expansion.mistakes),
                failure: None,
            }
        }
        Err(failure) => FilledIn {
            reasons: vec![failure.message.clone()],
            failure: Some(failure),
            ..FilledIn::not(registry)
        },
    }
}
