//! What stands in the way of refreshes now: keys that are held, and users of views whose
//! refresh would have to wait for them. For plans; nothing is taken or changed.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row;

use super::session::{Endpoint, SearchPath, Session};
use super::statement::refreshing as statement;
use crate::failure::Failure;
use crate::lock_key::LockPlace;
use crate::refresh::Plan;
use crate::wording::{self, plural};

/// Returns, for each place of a plan, what would make it wait or be skipped, in words.
///
/// # Errors
///
/// When the server cannot be reached, refuses or does not answer.
pub async fn read_hindrances(
    endpoint: &Endpoint,
    plan: &Plan,
) -> Result<Vec<Vec<String>>, Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let mut held: HashMap<LockPlace, i32> = HashMap::new();
    transaction
        .rows(statement::KEYS_HELD, "read which keys are held", |row| {
            let number =
                |name| row.try_get::<i64, _>(name).map(|n| u32::try_from(n).unwrap_or_default());
            let place = LockPlace {
                classid: number("classid")?,
                objid: number("objid")?,
                objsubid: row.try_get("objsubid")?,
            };
            held.insert(place, row.try_get("pid")?);
            Ok(())
        })
        .await?;
    let mut hindrances = Vec::with_capacity(plan.tasks.len());
    for task in &plan.tasks {
        let mut told: Vec<String> = task
            .keys
            .iter()
            .filter_map(|key| Some((key, held.get(&key.key.place())?)))
            .map(|(key, pid)| format!("the key of {} is held by process {pid}", key.name))
            .collect();
        if let (true, Some(oid)) = (task.mode.blocks_readers(), task.oid) {
            transaction
                .rows(statement::readers_of(oid, 0), "see who uses a view", |row| {
                    let users: i64 = row.try_get("readers")?;
                    if users > 0 {
                        let oldest: Option<f64> = row.try_get("oldest")?;
                        let pid: Option<i32> = row.try_get("oldest_pid")?;
                        let age = Duration::from_secs_f64(oldest.unwrap_or_default().max(0.0));
                        told.push(format!(
                            "it would wait for {}; the oldest, process {}, is in a transaction \
                             of {}",
                            plural(usize::try_from(users).unwrap_or_default(), "user"),
                            pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string()),
                            wording::duration(age)
                        ));
                    }
                    Ok(())
                })
                .await?;
        }
        hindrances.push(told);
    }
    transaction.finish().await?;
    session.close().await;
    Ok(hindrances)
}
