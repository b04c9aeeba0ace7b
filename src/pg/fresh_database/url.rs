//! A database that somebody keeps for this: it must be empty, and is left as it was found.

use super::contents::Contents;
use super::server::SHARED;
use super::{FreshDatabase, Place};
use crate::failure::{Failure, FailureKind};
use crate::fresh::{FreshSource, FreshUrl};
use crate::pg::scratch::Scratch;
use crate::pg::session::{Endpoint, Session};

/// How many of the objects that are in the way are named.
const MOST_NAMED: usize = 5;

/// Takes an empty database into use.
///
/// # Errors
///
/// [`FailureKind::Project`] when it is not empty, with some of what it holds; nothing was
/// changed. When it cannot be reached, is a standby or is read only.
pub async fn url(
    endpoint: Endpoint,
    url: FreshUrl,
    scratch: &Scratch,
) -> Result<FreshDatabase, Failure> {
    let mut session = Session::connect(&endpoint).await?;
    session.prepare_for_writing().await?;
    let before = Contents::read(&mut session).await?;
    session.close().await;
    let mut named: Vec<&str> = before.objects().collect();
    if !named.is_empty() {
        let name = endpoint.resolved.target.masked_url();
        let further = named.len().saturating_sub(MOST_NAMED);
        named.truncate(MOST_NAMED);
        let more = if further > 0 { format!(" and {further} more") } else { String::new() };
        let message = format!("{name} is not empty");
        return Err(Failure::new(FailureKind::Project, message)
            .cause(format!("it holds {}{more}", named.join(", ")))
            .hint("--fresh takes an empty database alone; nothing was changed")
            .hint("a run that was killed leaves what it had built: make the database anew then"));
    }
    let made = scratch.contents(endpoint.clone(), before);
    Ok(FreshDatabase {
        source: FreshSource::Url(url),
        platform: endpoint.clone(),
        endpoint,
        notes: vec![SHARED.to_owned()],
        time_zone: None,
        place: Place::Shared { scratch: scratch.clone(), made },
    })
}
