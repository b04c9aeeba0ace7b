//! driftgate: an operator's command line for PostgreSQL materialized views.

pub mod exit;
pub mod failure;
pub mod ident;
