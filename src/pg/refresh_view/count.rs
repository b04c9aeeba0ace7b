//! Counting rows by tenant, inside the transaction of the refresh.

use sqlx::Row;

use super::{Ended, Work};
use crate::pg::server_error;
use crate::pg::session::Session;
use crate::pg::statement::refreshing as statement;
use crate::refresh::loss::Counted;
use crate::refresh::{Mode, RefreshError, RefreshOutcome, Safety};

impl Work<'_> {
    /// Counts, where the class or the caller asks for it; a view that was never filled
    /// holds nothing.
    pub(super) async fn count(
        &mut self,
        session: &mut Session,
        safety: Safety,
        mode: Mode,
    ) -> Result<Option<Counted>, Ended> {
        if !safety.counted {
            return Ok(None);
        }
        let mut counted = Counted::default();
        if mode == Mode::FirstFill {
            return Ok(Some(counted));
        }
        self.go_on()?;
        self.statement = std::time::Instant::now();
        let column = self.task.rules.tenant_column.as_ref();
        let message = statement::count_rows(&self.task.view, column);
        let rows = self.alive(session.rows(message)).await;
        for row in rows.map_err(|ended| self.could_not_count(ended))? {
            let count: i64 = row.try_get("rows")?;
            counted.rows += count;
            counted.tenants.insert(row.try_get("tenant")?, count);
        }
        Ok(Some(counted))
    }

    /// A refresh whose loss would not be seen is not begun.
    fn could_not_count(&self, ended: Ended) -> Ended {
        let Ended::Server(error) = &ended else { return ended };
        let sqlstate = server_error::sqlstate(error);
        let (view, role) = (&self.task.view, &self.endpoint.resolved.target.user);
        let column = &self.task.rules.tenant_column;
        let (outcome, message, hint) = match (sqlstate.as_deref(), column) {
            (Some("42501"), _) => (
                RefreshOutcome::RefusedUnsafe,
                format!("{role} may not read it, so its tenants cannot be counted"),
                format!("GRANT SELECT ON {view} TO {role}"),
            ),
            (Some("42703"), Some(column)) => (
                RefreshOutcome::RefusedUnfit,
                format!("it has no column {column}, so its tenants cannot be counted"),
                "mend its tenant_column in registry.toml".to_owned(),
            ),
            _ => return ended,
        };
        Ended::As(outcome, Some(RefreshError { sqlstate, message, hint: Some(hint) }))
    }
}
