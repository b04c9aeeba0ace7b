//! Digests of what the tenant safety of views rests on: equal before the rights were read
//! and under the key of a refresh, they say that what was judged still holds.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::session::{Endpoint, SearchPath, Session};
use super::statement::refreshing as statement;
use crate::failure::Failure;
use crate::ident::QualifiedName;
use crate::rights::Oid;

/// What one look at a view tells.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) digest: String,
    pub(super) name: QualifiedName,
    pub(super) is_populated: bool,
    pub(super) has_usable_index: bool,
}

/// Reads the digests of some views; one that is gone has none.
///
/// They must be read before the rights that they vouch for.
///
/// # Errors
///
/// When the server cannot be reached, refuses or does not answer.
pub async fn read_digests(
    endpoint: &Endpoint,
    views: &[Oid],
) -> Result<BTreeMap<Oid, String>, Failure> {
    if views.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let mut digests = BTreeMap::new();
    transaction
        .rows(statement::read_safety_inputs(views), "read what safety rests on", |row| {
            let oid = u32::try_from(row.try_get::<i64, _>("oid")?).unwrap_or_default();
            digests.insert(oid, row.try_get("digest")?);
            Ok(())
        })
        .await?;
    transaction.finish().await?;
    session.close().await;
    Ok(digests)
}

/// Reads a row of the look.
pub(super) fn looked(row: &PgRow) -> Result<Looked, sqlx::Error> {
    Ok(Looked {
        digest: row.try_get("digest")?,
        name: QualifiedName::from_catalog(
            row.try_get::<String, _>("schema_name")?,
            row.try_get::<String, _>("name")?,
        ),
        is_populated: row.try_get("populated")?,
        has_usable_index: row.try_get("usable")?,
    })
}
