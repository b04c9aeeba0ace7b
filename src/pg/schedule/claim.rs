//! Claims: one message that lets the server pick the newest tick which is due by its own
//! clock, and adds the row that whoever dispatches it must have added.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::failure::{Failure, FailureKind};
use crate::pg::session::{Endpoint, SearchPath, Session};
use crate::pg::statement::schedule as statement;
use crate::schedule::calendar::Window;
use crate::schedule::{Before, Claimed};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The class.
    pub class: &'a str,
    /// Its ticks around now.
    pub window: &'a Window,
    /// The run of the tick, if it is won.
    pub run_id: Uuid,
    /// The run of this scheduler.
    pub scheduler_id: Uuid,
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its clock.
    pub at: DateTime<Utc>,
    /// The newest tick that is due; `None`: none of those that were asked about is.
    pub newest: Option<DateTime<Utc>>,
    /// The tick, where this scheduler has it now.
    pub claimed: Option<Claimed>,
}

/// A connection on which ticks are claimed; nothing is open on it in between.
#[derive(Debug)]
pub struct Claimer {
    session: Session,
}

impl Claimer {
    /// Connects, and makes sure that ticks can be claimed; returns the server's clock too.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or takes no changes, and when the history is not
    /// installed or this role may not add to it.
    pub async fn connect(endpoint: &Endpoint) -> Result<(Self, DateTime<Utc>), Failure> {
        let mut session = Session::connect(endpoint).await?;
        session.prepare_for_writing().await?;
        let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
        let role = transaction.server().role.clone();
        let rights = crate::pg::history::usable(&mut transaction).await?;
        let mut may_claim = false;
        transaction
            .rows(statement::MAY_CLAIM, "look at the rights on ticks", |row| {
                may_claim = row.try_get("may_claim")?;
                Ok(())
            })
            .await?;
        transaction.finish().await?;
        if !(rights && may_claim) {
            let message = format!("{role} may not claim ticks in the history");
            let hint = format!("`driftgate history install --grant-to {role}` would let it");
            return Err(Failure::new(FailureKind::Permission, message).hint(hint));
        }
        let mut claimer = Self { session };
        let at = claimer.clock().await?;
        Ok((claimer, at))
    }

    /// Asks for the server's clock.
    ///
    /// # Errors
    ///
    /// When it does not answer; the connection is of no use then.
    pub async fn clock(&mut self) -> Result<DateTime<Utc>, Failure> {
        let asking = self.session.rows_within("SELECT clock_timestamp() AS at", LIMIT).await;
        let rows = asking.map_err(|error| self.session.failure(&error, "ask for the clock"))?;
        let at =
            rows.first().ok_or_else(|| sqlx::Error::RowNotFound).and_then(|row| row.try_get("at"));
        at.map_err(|error| self.session.failure(&error, "ask for the clock"))
    }

    /// Claims the newest tick that is due, unless somebody has it already: one round trip.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer; the connection is of no use then, and
    /// whether the tick was claimed is not known: it is then missed, not dispatched twice.
    pub async fn claim(&mut self, ask: &Ask<'_>) -> Result<Said, Failure> {
        let message = statement::claim(ask, &self.session.limits());
        let asking = self.session.rows_within(message, LIMIT).await;
        let rows = asking.map_err(|error| self.session.failure(&error, "claim a tick"))?;
        let row = rows.iter().find(|row| row.try_get::<DateTime<Utc>, _>("at").is_ok());
        let said = row.ok_or(sqlx::Error::RowNotFound).and_then(said);
        said.map_err(|error| self.session.failure(&error, "claim a tick"))
    }

    /// Says goodbye to the server.
    pub async fn close(self) {
        self.session.close().await;
    }
}

/// How long the server may take for what needs no work.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(15);

fn said(row: &PgRow) -> Result<Said, sqlx::Error> {
    let tick: Option<DateTime<Utc>> = row.try_get("tick")?;
    let before: Option<String> = row.try_get("before")?;
    let outcome = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    let missed = row.try_get::<Option<i64>, _>("missed")?.unwrap_or_default();
    Ok(Said {
        at: row.try_get("at")?,
        newest: row.try_get("newest")?,
        claimed: tick.map(|tick| Claimed {
            tick,
            missed: u64::try_from(missed).unwrap_or_default(),
            before: Before(before.iter().flat_map(|text| text.split(',')).map(outcome).collect()),
        }),
    })
}
