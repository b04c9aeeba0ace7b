//! The definitions that a registry declares, compared for the commands that judge EG-3.

use crate::definitions::{ComparedViews, declared};
use crate::failure::Failure;
use crate::pg::compare_definitions::compare_declared;
use crate::pg::session::Endpoint;
use crate::registry::Registry;

/// Reads the files of a registry whose templates are filled in, and compares them with the
/// live views.
///
/// # Errors
///
/// When the server cannot be reached or does not answer; nothing is contacted where no entry
/// declares a definition.
pub(super) async fn compare_definitions(
    endpoint: &Endpoint,
    registry: &Registry,
) -> Result<ComparedViews, Failure> {
    compare_declared(endpoint, &declared(registry)).await
}
