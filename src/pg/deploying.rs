//! Sees whether somebody is migrating a database: this program, or sqlx's own tool.

use sqlx::Row;

use super::session::{Endpoint, SearchPath, Session};
use super::statement;
use crate::failure::Failure;
use crate::migrations::sql::{lock_key, lock_key_of_tools};

/// Returns who holds a lock on migrating, in words; `None`: nobody does.
///
/// # Errors
///
/// When the server cannot be reached or does not answer.
pub async fn who_is_deploying(endpoint: &Endpoint) -> Result<Option<String>, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let database = transaction.server().database.clone();
    let mut holder = None;
    for key in [lock_key(&database), lock_key_of_tools(&database)] {
        let doing = "see whether somebody is migrating";
        transaction
            .rows(statement::lock_holder(key), doing, |row| {
                let (pid, role): (i32, String) = (row.try_get("pid")?, row.try_get("role")?);
                let application: String = row.try_get("application")?;
                holder = Some(match application.as_str() {
                    "" => format!("process {pid} of {role}"),
                    application => format!("process {pid} of {role} ({application})"),
                });
                Ok(())
            })
            .await?;
    }
    transaction.finish().await?;
    session.close().await;
    Ok(holder)
}
