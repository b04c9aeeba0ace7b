//! A scratch database on the server of the target: made from template0 as the role that
//! migrates, with a marker by which a later run knows it if this one is killed.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{FreshDatabase, Place, leftovers, to_database};
use crate::failure::{Failure, FailureKind};
use crate::fresh::{self, FreshSource, Marker};
use crate::ident::{Identifier, RoleName};
use crate::pg::scratch::Scratch;
use crate::pg::session::{Endpoint, Session};
use crate::pg::statement::fresh::{self as statement, Locale};

/// Says what cannot be undone where roles are shared.
pub(super) const SHARED: &str = "roles belong to the whole server: those that a migration makes \
    are kept from logging in, and are removed with the new database";

/// Makes a scratch database beside the one that `target` leads to, as its role.
///
/// What earlier runs have left is removed first.
///
/// # Errors
///
/// [`FailureKind::Permission`] without CREATEDB, and when the server cannot be reached, is a
/// standby or refuses; nothing stays behind.
pub async fn server(target: &Endpoint, scratch: &Scratch) -> Result<FreshDatabase, Failure> {
    let mut session = Session::connect(target).await?;
    session.prepare_for_writing().await?;
    let surroundings = look_around(&mut session).await?;
    if !surroundings.may_create {
        let role = &surroundings.role;
        let message = format!("{role} may not create a database on the server of the target");
        return Err(Failure::new(FailureKind::Permission, message)
            .hint(format!("ALTER ROLE {role} CREATEDB would let it; or --fresh local")));
    }
    let mut notes = vec![SHARED.to_owned()];
    notes.extend(leftovers::remove(&mut session, surroundings.now).await?);
    let name = Identifier::from_catalog(fresh::database_name(surroundings.now));
    let made = scratch.database(target.clone(), name.clone());
    let created = create(&mut session, &name, &surroundings).await;
    if let Err(failure) = created {
        // What is there of it goes; that it could not be made is what has to be told.
        let _ = scratch.take_away(&made).await;
        return Err(failure);
    }
    session.close().await;
    let endpoint = to_database(target, name.as_str());
    Ok(FreshDatabase {
        source: FreshSource::Server,
        platform: endpoint.clone(),
        endpoint,
        notes,
        time_zone: Some(surroundings.time_zone),
        place: Place::Shared { scratch: scratch.clone(), made, lock: None },
    })
}

async fn create(
    session: &mut Session,
    name: &Identifier,
    like: &Surroundings,
) -> Result<(), Failure> {
    let _at_work = session.note_backend().await?;
    let doing = "make a new database";
    let created = session.run(statement::create_database(name, &like.role, Some(&like.locale)));
    created.await.map_err(|error| session.failure(&error, doing))?;
    let marked = session.run(statement::mark_database(name, &Marker { made_at: like.now })).await;
    marked.map_err(|error| session.failure(&error, doing))?;
    if let Some(schemas) = fresh::schemas(&like.search_path) {
        let set = session.run(statement::set_search_path(name, &schemas)).await;
        set.map_err(|error| session.failure(&error, doing))?;
    }
    let set = session.run(statement::set_time_zone(name, &like.time_zone)).await;
    set.map_err(|error| session.failure(&error, doing))
}

/// What a scratch database has to be like, and whether it can be.
struct Surroundings {
    may_create: bool,
    role: RoleName,
    now: DateTime<Utc>,
    locale: Locale,
    search_path: String,
    time_zone: String,
}

async fn look_around(session: &mut Session) -> Result<Surroundings, Failure> {
    let doing = "ask how a new database can be made";
    let rows = session.rows(include_str!("../sql/read_place_for_database.sql")).await;
    let rows = rows.map_err(|error| session.failure(&error, doing))?;
    let row = rows.first().ok_or_else(|| Failure::internal("the server described nothing"))?;
    surroundings(row).map_err(|error| session.failure(&error, doing))
}

fn surroundings(row: &PgRow) -> Result<Surroundings, sqlx::Error> {
    Ok(Surroundings {
        may_create: row.try_get("may_create")?,
        role: RoleName::from_catalog(row.try_get::<String, _>("role")?),
        now: row.try_get("now")?,
        locale: Locale {
            encoding: row.try_get("encoding")?,
            collate: row.try_get("collate")?,
            ctype: row.try_get("ctype")?,
            provider: row.try_get("provider")?,
            locale: row.try_get("locale")?,
        },
        search_path: row.try_get("search_path")?,
        time_zone: row.try_get("time_zone")?,
    })
}
