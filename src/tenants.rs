//! The tenants, as the registry's own query lists them.

use std::collections::BTreeMap;

/// One tenant.
///
/// Source: one row of `tenants` of `[tenancy]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tenant {
    /// The first column; in lower case with hyphens where it is a UUID.
    pub id: String,
    /// Every column by its name, as text; those that are null are left out.
    pub columns: BTreeMap<String, String>,
}
