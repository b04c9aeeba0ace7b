//! Runs a constant script for its effect: the tour's own changes, on the tour's own server.

use super::session::{Endpoint, Session};
use crate::failure::Failure;

/// Runs the statements of a script in one implicit transaction; `doing` says what for.
///
/// # Errors
///
/// When the server cannot be reached or refuses; nothing of the script is kept then.
pub async fn run_script(
    endpoint: &Endpoint,
    script: &'static str,
    doing: &str,
) -> Result<(), Failure> {
    let mut session = Session::connect(endpoint).await?;
    let ran = session.run(script).await;
    ran.map_err(|error| session.failure(&error, doing))?;
    session.close().await;
    Ok(())
}
