//! Reads the tenants by the registry's own query: one statement, in a transaction that
//! cannot write. A list that may not be whole is no list.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::session::{Endpoint, ReadError, SearchPath, Session};
use super::statement;
use crate::failure::{Failure, FailureKind};
use crate::lock_key::normal_tenant;
use crate::tenants::Tenant;

/// Reads the tenants, in the order of the query; `query` is `tenants` of `[tenancy]`.
///
/// Every column is taken as the server's text, and those that are null are left out.
///
/// # Errors
///
/// When the server cannot be reached or the query fails, also because row-level security
/// would filter it; and when it gives no tenant, a tenant without an id, the same id twice
/// or a column twice. Values of the rows are not told, ids apart.
pub async fn read_tenants(endpoint: &Endpoint, query: &str) -> Result<Vec<Tenant>, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::OfTheRole).await?;
    // Whoever is bound by a policy is refused: tenants that it hides would be looked for by
    // nobody.
    transaction.rows("SET LOCAL row_security = off", SAYING, |_row| Ok(())).await?;
    let mut rows = Vec::new();
    let reading = transaction
        .rows_for(statement::read_tenants(query), &[], READING, |row| {
            rows.push(columns(row)?);
            Ok(())
        })
        .await;
    reading.map_err(query_failed)?;
    transaction.finish().await?;
    session.close().await;
    listed(rows)
}

const SAYING: &str = "ask for every tenant";
const READING: &str = "read the tenants";

type Columns = Vec<(String, Option<String>)>;

fn columns(row: &PgRow) -> Result<Columns, sqlx::Error> {
    let columns: Option<Json<Columns>> = row.try_get("columns")?;
    Ok(columns.map(|columns| columns.0).unwrap_or_default())
}

/// Makes tenants of the rows.
fn listed(rows: Vec<Columns>) -> Result<Vec<Tenant>, Failure> {
    if rows.is_empty() {
        return Err(unusable("the tenants query gives no tenant")
            .hint("is this the right database, and may this role see the tenants?"));
    }
    let mut ids = BTreeSet::new();
    let mut tenants = Vec::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        let id = row.first().and_then(|(_, id)| id.as_deref()).filter(|id| !id.is_empty());
        let Some(id) = id.map(normal_tenant) else {
            let message = format!("row {} of the tenants query has no id", at + 1);
            return Err(unusable(message).hint("the first column is the id: it may not be null"));
        };
        if !ids.insert(id.clone()) {
            let message = format!("the tenants query gives the tenant {id} twice");
            return Err(unusable(message).hint("its first column must tell the tenants apart"));
        }
        let mut columns = BTreeMap::new();
        for (name, value) in row {
            if columns.insert(name.clone(), value).is_some() {
                let message = format!("the tenants query gives two columns the name `{name}`");
                return Err(unusable(message).hint("name each column once, with AS"));
            }
        }
        let columns = columns.into_iter().filter_map(|(name, value)| Some((name, value?)));
        tenants.push(Tenant { id, columns: columns.collect() });
    }
    Ok(tenants)
}

fn unusable(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Database, message).hint(WHERE)
}

const WHERE: &str = "the query is `tenants` below [tenancy] in the registry";

/// Tells that the query failed. What the server says of the statement's text is told
/// (class 42), and what it says of values, which are the rows', is not.
fn query_failed(error: ReadError) -> Failure {
    let ReadError { sqlstate, mut failure } = error;
    match sqlstate.as_deref() {
        None | Some("55P03" | "57014") => failure,
        Some("42501") => failure.hint(WHERE).hint(
            "row-level security may not filter the list: ask as a role that it does not bind, or \
             list the tenants by a SECURITY DEFINER function",
        ),
        Some(code) if code.starts_with("42") => failure.hint(WHERE),
        Some(code) => {
            failure.causes = vec![format!("the tenants query fails with {code}")];
            failure.hints = vec![WHERE.to_owned()];
            failure
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[(&str, Option<&str>)]) -> Columns {
        let owned =
            |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
        columns.iter().map(owned).collect()
    }

    #[test]
    fn the_first_column_is_the_id_and_null_columns_are_left_out() {
        let id = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11";
        let rows = vec![row(&[("z", Some(id)), ("slug", Some("acme")), ("a", None)])];
        let tenants = listed(rows).expect("a list");
        assert_eq!(tenants[0].id, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
        let columns: Vec<_> = tenants[0].columns.iter().collect();
        let expected = [("slug", "acme"), ("z", id)];
        assert_eq!(columns.len(), 2);
        for ((name, value), expected) in columns.into_iter().zip(expected) {
            assert_eq!((name.as_str(), value.as_str()), expected);
        }
    }

    #[test]
    fn a_list_that_is_none_is_refused() {
        let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        for rows in [
            vec![],
            vec![row(&[])],
            vec![row(&[("id", None), ("slug", Some("a"))])],
            vec![row(&[("id", Some(""))])],
            vec![row(&[("id", Some("1"))]), row(&[("id", Some("1"))])],
            vec![row(&[("id", Some(uuid))]), row(&[("id", Some(&uuid.to_uppercase()))])],
            vec![row(&[("id", Some("1")), ("x", Some("a")), ("x", None)])],
        ] {
            let failure = listed(rows).expect_err("no list");
            assert_eq!(failure.kind, FailureKind::Database, "{failure}");
            assert!(!failure.to_string().contains("slug"), "{failure}");
        }
    }
}
