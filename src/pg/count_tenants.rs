//! Counts the rows of each tenant in some views, so that a finding can say whose rows a
//! refresh would lose. Bounded: a view that takes longer is left out, with the reason.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Row;

use super::session::{Endpoint, Limits, SearchPath, Session, StatementTimeout};
use super::statement;
use crate::failure::Failure;
use crate::grants::TenantRows;
use crate::ident::{Identifier, QualifiedName};

/// How long counting one view may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How many tenants are listed.
pub(super) const MOST_TENANTS: usize = 1_000;

/// Counts rows by tenant; `wanted` names views with their tenant column, and for those that
/// the role may not read the reason in place of the column.
///
/// # Errors
///
/// When the server cannot be reached. A view that cannot be counted is told by its reason.
pub async fn count_tenants(
    endpoint: &Endpoint,
    wanted: Vec<(QualifiedName, Result<Identifier, String>)>,
) -> Result<BTreeMap<QualifiedName, Result<TenantRows, String>>, Failure> {
    let mut session = Session::connect(&limited(endpoint)).await?;
    let mut counted = BTreeMap::new();
    for (view, column) in wanted {
        let rows = match column {
            Ok(column) => count(&mut session, &view, &column).await?,
            Err(reason) => Err(reason),
        };
        counted.insert(view, rows);
    }
    session.close().await;
    Ok(counted)
}

/// Counts the tenants that the registry's query lists, or says why it could not.
///
/// # Errors
///
/// When the server cannot be reached.
pub async fn count_listed(
    endpoint: &Endpoint,
    tenants: &str,
) -> Result<Result<u64, String>, Failure> {
    let mut session = Session::connect(&limited(endpoint)).await?;
    let mut transaction = session.begin_read_only(SearchPath::OfTheRole).await?;
    let mut listed = 0;
    let counting = transaction
        .rows_for(statement::count_listed(tenants), &[], "count the tenants", |row| {
            listed = row.try_get::<i64, _>("tenants")?.unsigned_abs();
            Ok(())
        })
        .await;
    let counted = match counting {
        Ok(()) => Ok(listed),
        Err(error) => match error.sqlstate {
            Some(sqlstate) => Err(format!("the tenants query fails with {sqlstate}")),
            None => return Err(error.failure),
        },
    };
    transaction.finish().await?;
    session.close().await;
    Ok(counted)
}

/// Returns the endpoint with the limit on counting.
fn limited(endpoint: &Endpoint) -> Endpoint {
    let statement = StatementTimeout(match endpoint.limits.statement.0 {
        Duration::ZERO => LIMIT,
        limit => limit.min(LIMIT),
    });
    Endpoint { limits: Limits { statement, ..endpoint.limits }, ..endpoint.clone() }
}

async fn count(
    session: &mut Session,
    view: &QualifiedName,
    column: &Identifier,
) -> Result<Result<TenantRows, String>, Failure> {
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let mut rows = TenantRows::default();
    let counting = transaction
        .rows(
            statement::count_by_tenant(view, column, MOST_TENANTS + 1),
            "count rows by tenant",
            |row| {
                let tenant: Option<String> = row.try_get("tenant")?;
                let count: i64 = row.try_get("rows")?;
                let tenant = tenant.unwrap_or_else(|| "(none)".to_owned());
                rows.tenants.push((tenant, count.unsigned_abs()));
                Ok(())
            },
        )
        .await;
    let counted = match counting {
        Ok(()) => {
            rows.more = rows.tenants.len() > MOST_TENANTS;
            rows.tenants.truncate(MOST_TENANTS);
            Ok(rows)
        }
        Err(error) => match error.sqlstate.as_deref() {
            Some("57014") => Err(format!("counting took longer than {} s", LIMIT.as_secs())),
            Some("55P03") => Err("another session holds a lock on it".to_owned()),
            Some("55000") => Err("it is not populated".to_owned()),
            Some(sqlstate) => Err(format!("the server refused with {sqlstate}")),
            None => return Err(error.failure),
        },
    };
    transaction.finish().await?;
    Ok(counted)
}
