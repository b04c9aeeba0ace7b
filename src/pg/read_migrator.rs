//! Reads what the role that migrates may do in truth.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::session::{Endpoint, SearchPath, Session};
use crate::failure::Failure;
use crate::fresh::{self, Membership, Migrator};
use crate::ident::RoleName;

/// Reads what the role of an endpoint may do there; `named` are the roles of which its
/// memberships are asked.
///
/// # Errors
///
/// When the server cannot be reached or does not answer.
pub async fn read_migrator(
    endpoint: &Endpoint,
    named: &BTreeSet<RoleName>,
) -> Result<Migrator, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::OfTheRole).await?;
    let names: Vec<&str> = named.iter().map(RoleName::as_str).collect();
    let names = serde_json::json!(names).to_string();
    let mut migrator = None;
    let doing = "ask what the role that migrates may do";
    transaction
        .rows_for(include_str!("sql/read_migrator.sql"), &[&names], doing, |row| {
            migrator = Some(read(row)?);
            Ok(())
        })
        .await?;
    transaction.finish().await?;
    session.close().await;
    migrator.ok_or_else(|| Failure::internal("the server does not know its own role"))
}

fn read(row: &PgRow) -> Result<Migrator, sqlx::Error> {
    let member_of: Json<Vec<(String, bool)>> = row.try_get("member_of")?;
    let membership = |(role, admin)| Membership { role: RoleName::from_catalog(role), admin };
    Ok(Migrator {
        name: RoleName::from_catalog(row.try_get::<String, _>("role")?),
        superuser: row.try_get("superuser")?,
        create_role: row.try_get("create_role")?,
        create_database: row.try_get("create_database")?,
        bypass_row_security: row.try_get("bypass_row_security")?,
        member_of: member_of.0.into_iter().map(membership).collect(),
        time_zone: Some(row.try_get("time_zone")?),
        search_path: fresh::schemas(row.try_get("search_path")?),
    })
}
