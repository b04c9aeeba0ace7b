//! A new database on a PostgreSQL of this machine, which is started for it: with the roles
//! that the registry names, and with the role that migrates as it is in truth.

use super::{FreshDatabase, Place, to_database};
use crate::failure::{Failure, FailureKind};
use crate::fresh::{FreshSource, Migrator};
use crate::ident::{Identifier, RoleName};
use crate::pg::session::{Endpoint, Session};
use crate::pg::statement::fresh as statement;
use crate::target::Target;
use crate::throwaway::{Programs, Throwaway};

/// The database that every new server has, and the role that every one has.
const FIRST: &str = "postgres";

/// What the migrations expect to find.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The name of the database; migrations may name it.
    pub database: String,
    /// The role that migrates.
    pub migrator: Migrator,
    /// The roles that are made first.
    pub roles: Vec<RoleName>,
    /// What the reader should know of the role that migrates.
    pub notes: Vec<String>,
}

/// Starts a server and makes a database in it; `like` lends its limits and its names.
///
/// # Errors
///
/// When the server does not start or refuses; nothing stays behind.
pub async fn local(
    programs: &Programs,
    wanted: Wanted,
    like: &Endpoint,
) -> Result<FreshDatabase, Failure> {
    let server = Throwaway::start(programs, &[]).await?;
    let first = {
        let mut endpoint = like.clone();
        endpoint.resolved.target =
            Target::throwaway(server.socket_dir(), Throwaway::PORT, FIRST, FIRST);
        endpoint.resolved.notes = Vec::new();
        endpoint
    };
    let database = make(&first, &wanted).await?;
    let time_zone = wanted.migrator.time_zone.clone();
    let platform = to_database(&first, database.as_str());
    let mut endpoint = platform.clone();
    endpoint.resolved.target.user = wanted.migrator.name.as_str().to_owned();
    Ok(FreshDatabase {
        source: FreshSource::Local,
        endpoint,
        platform,
        notes: wanted.notes,
        time_zone,
        place: Place::Own(Box::new(server)),
    })
}

/// Makes roles and database, and returns the name of the database.
async fn make(first: &Endpoint, wanted: &Wanted) -> Result<Identifier, Failure> {
    let mut session = Session::connect(first).await?;
    let migrator = &wanted.migrator;
    let roles: Vec<RoleName> =
        wanted.roles.iter().filter(|role| may_be_made(role, migrator)).cloned().collect();
    if let Some(sql) = statement::make_roles(&roles, migrator) {
        let made = session.run(sql).await;
        made.map_err(|error| session.failure(&error, "make the roles of a new server"))?;
    }
    let doing = "make a new database";
    let name = database_name(&wanted.database)?;
    let made = if is_there(&wanted.database) {
        session.run(statement::hand_over_database(&name, &migrator.name)).await
    } else {
        session.run(statement::create_database(&name, &migrator.name, None)).await
    };
    made.map_err(|error| session.failure(&error, doing))?;
    if let Some(schemas) = &migrator.search_path {
        let set = session.run(statement::set_search_path(&name, schemas)).await;
        set.map_err(|error| session.failure(&error, doing))?;
    }
    if let Some(zone) = &migrator.time_zone {
        let set = session.run(statement::set_time_zone(&name, zone)).await;
        set.map_err(|error| session.failure(&error, doing))?;
    }
    session.close().await;
    Ok(name)
}

/// Returns the name that a new server gives the database.
fn database_name(wanted: &str) -> Result<Identifier, Failure> {
    let name = if is_there(wanted) { FIRST } else { wanted };
    Identifier::new(name).map_err(|error| {
        Failure::new(FailureKind::Usage, format!("`{wanted}` is no name of a database"))
            .cause(error.to_string())
    })
}

/// Tells whether a new server has a database of this name from the start.
fn is_there(database: &str) -> bool {
    [FIRST, "template0", "template1"].contains(&database)
}

/// Tells whether a role can and must be made: the server has some of its own.
fn may_be_made(role: &RoleName, migrator: &Migrator) -> bool {
    let is_reserved =
        role.as_str().starts_with("pg_") || ["public", "none"].contains(&role.as_str());
    !is_reserved && role.as_str() != FIRST && *role != migrator.name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_server_has_is_not_made() {
        let app = Migrator::assumed(RoleName::from_catalog("app"), []);
        for (name, expected) in [
            ("owner", true),
            ("app", false),
            ("postgres", false),
            ("pg_monitor", false),
            ("public", false),
        ] {
            assert_eq!(may_be_made(&RoleName::from_catalog(name), &app), expected, "{name}");
        }
        assert_eq!(database_name("template1").expect("a name").as_str(), "postgres");
        assert_eq!(database_name("My App").expect("a name").as_str(), "My App");
        assert!(database_name(&"x".repeat(64)).is_err());
    }
}
