//! Reads what dispatches a schedule: our claims, and the jobs and runs of `pg_cron`.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::failure::Failure;
use crate::pg::session::{Endpoint, ReadTransaction, SearchPath, Session};
use crate::schedule::{Claims, CronJob, Dispatched, PgCron};
use crate::snapshot::ServerFacts;

/// Reads claims and jobs in one read-only transaction.
///
/// # Errors
///
/// When the server cannot be reached, refuses or does not answer. That the history or
/// `pg_cron` is not installed, or that this role may not read them, is no error.
pub async fn read_dispatched(endpoint: &Endpoint) -> Result<(Dispatched, ServerFacts), Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let server = transaction.server().clone();
    let claims = match crate::pg::history::usable(&mut transaction).await {
        Ok(_may_insert) => Ok(read_claims(&mut transaction).await?),
        Err(failure) => {
            let hints = failure.hints.join("; ");
            Err(format!("{}: {hints}", failure.message))
        }
    };
    let cron = read_cron(&mut transaction).await?;
    transaction.finish().await?;
    session.close().await;
    Ok((Dispatched { read_at: server.read_at, claims, cron }, server))
}

async fn read_claims(
    transaction: &mut ReadTransaction<'_>,
) -> Result<BTreeMap<String, Claims>, Failure> {
    let mut claims = BTreeMap::new();
    transaction
        .rows(include_str!("../sql/schedule_claims.sql"), "read the claims", |row| {
            let count = |column| {
                row.try_get::<i64, _>(column).map(|count| u64::try_from(count).unwrap_or_default())
            };
            let claim = Claims {
                last_tick: row.try_get("last_tick")?,
                last_claimed_at: row.try_get("last_claimed_at")?,
                last_outcome: row.try_get("last_outcome")?,
                ticks_of_a_day: count("ticks")?,
                missed_of_a_day: count("missed")?,
            };
            claims.insert(row.try_get("class")?, claim);
            Ok(())
        })
        .await?;
    Ok(claims)
}

async fn read_cron(transaction: &mut ReadTransaction<'_>) -> Result<PgCron, Failure> {
    let role = transaction.server().role.clone();
    let mut found = None;
    transaction
        .rows(include_str!("../sql/schedule_find_cron.sql"), "look for pg_cron", |row| {
            found =
                Some((row.try_get::<bool, _>("may_read")?, row.try_get::<bool, _>("has_details")?));
            Ok(())
        })
        .await?;
    match found {
        None => return Ok(PgCron::NotInstalled),
        Some((true, true)) => {}
        Some(_) => {
            return Ok(PgCron::Unreadable(format!(
                "{role} may not read the jobs of pg_cron: GRANT USAGE ON SCHEMA cron TO {role}, \
                 and GRANT SELECT ON cron.job, cron.job_run_details TO {role}, would let it"
            )));
        }
    }
    let mut jobs = Vec::new();
    transaction
        .rows(include_str!("../sql/schedule_cron_jobs.sql"), "read the jobs of pg_cron", |row| {
            jobs.push(job(row)?);
            Ok(())
        })
        .await?;
    Ok(PgCron::Jobs(jobs))
}

fn job(row: &PgRow) -> Result<CronJob, sqlx::Error> {
    Ok(CronJob {
        name: row.try_get("name")?,
        schedule: row.try_get("schedule")?,
        command: row.try_get("command")?,
        active: row.try_get("active")?,
        last_start: row.try_get("last_start")?,
        last_status: row.try_get("last_status")?,
    })
}
